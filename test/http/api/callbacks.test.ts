import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { nullBackend } from '../../../src/backends/index.ts'
import type { CallbackValues } from '../../../src/store/callback-store.ts'
import { type Asking, askApi, cheapHash, serveApi, users } from '../../support/api.ts'
import { until } from '../../support/until.ts'
import { serveWeb, type Web } from '../../support/web.ts'

const run = promisify(execFile)

const PATH = '/api/v1/account/callbacks'
const DATE = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/

/** The command lines of Vumi's first README ("Specifying Callbacks"), as they are typed there. */
const lines = {
  received: String.raw`curl -u 'username:password' -X POST \
 http://localhost:8000/api/v1/account/callbacks.json \
 -d 'name=sms_received' \
 -d 'url=http://localhost/sms/clickatell/received/callback'`,
  receipt: String.raw`curl -u 'username:password' -X POST \
 http://localhost:8000/api/v1/account/callbacks.json \
 -d 'name=sms_receipt' \
 -d 'url=http://localhost/sms/clickatell/receipt/callback'`,
}

describe('callbacks over the API', () => {
  let web: Web
  const servers: Server[] = []

  afterEach(async () => {
    await web.stop()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  const serve = async (callbacks = {}) => {
    const http = { callbacks: { allow: ['127.0.0.1'], ports: 'any' as const, ...callbacks } }
    web = await serveApi({ http: { users, ...http } })
  }
  const ask = (path: string, asking: Asking = {}) => askApi(web, `${PATH}${path}`, asking)
  const receiver = async () => {
    const got: { readonly type: string; readonly body: string }[] = []
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        got.push({ type: request.headers['content-type'] ?? '', body })
        response.end()
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`, got }
  }

  it('are made by the command lines of the API that ours is like', async () => {
    web = await serveWeb({
      backends: { clickatell: nullBackend({}) },
      http: {
        users: { username: { role: 'sender', password: cheapHash('password') } },
        callbacks: { allow: ['localhost'] },
      },
    })
    const asked = async (line: string) => {
      const { stdout } = await run('sh', [
        '-c',
        line.replaceAll('http://localhost:8000', web.url).replace('curl', 'curl -s'),
      ])
      return JSON.parse(stdout) as Record<string, unknown>
    }
    const received = await asked(lines.received)
    const receipt = await asked(lines.receipt)
    expect(received).to.deep.include({ name: 'sms_received', url: 'http://localhost/sms/clickatell/received/callback' })
    expect(receipt).to.deep.include({ name: 'sms_receipt', url: 'http://localhost/sms/clickatell/receipt/callback' })
    expect(received['created_at']).to.match(DATE)
    expect(received['updated_at']).to.equal(received['created_at'])
    expect(Number(receipt['id'])).to.be.greaterThan(Number(received['id']))
  })

  it('are made, listed, found, changed and removed, each user having their own', async () => {
    await serve()
    const { url } = await receiver()
    const { status, body } = await ask('.json', { json: { name: 'sms_received', url, backend: 'opera' } })
    const { secret, ...made } = body
    expect([status, made.backends, made.format, made.disabled_at]).to.deep.equal([200, ['opera'], 'json', null])
    expect(secret).to.match(/^whsec_/)
    expect((await ask('.json')).body).to.deep.equal([{ ...made, waiting: 0, dead: 0 }])
    expect((await ask(`/${made.id}.json`)).body).to.deep.equal(made)
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const asking = { as: 'olu', method, ...(method === 'PUT' ? { json: { format: 'form' } } : {}) }
      expect((await ask(`/${made.id}.json`, asking)).status, method).to.equal(404)
    }
    expect((await ask('.json', { as: 'olu' })).body).to.deep.equal([])
    const changed = await ask(`/${made.id}.json`, {
      method: 'PUT',
      form: [
        ['format', 'form'],
        ['backend', ''],
      ],
    })
    expect(changed.body).to.deep.include({ id: made.id, name: 'sms_received', format: 'form', backends: null, url })
    expect(changed.body).not.to.have.property('secret')
    expect(await ask(`/${made.id}.json`, { method: 'DELETE' })).to.deep.include({ status: 204, body: '' })
    expect((await ask(`/${made.id}.json`)).status).to.equal(404)
  })

  it('take changes of others upon which ours comes, and answer 409 where both got a new secret', async () => {
    await serve()
    const { body: made } = await ask('.json', { json: { name: 'sms_received', url: 'http://127.0.0.1/' } })
    const { callbacks } = web.switchboard.parts.store
    /** Somebody else is quicker by a moment, once. */
    const first = (values: Partial<CallbackValues>) => {
      const change = callbacks.change.bind(callbacks)
      callbacks.change = async (id, revision, ours, at) => {
        callbacks.change = change
        const { name, url, target, format, backends, secret } = (await callbacks.find(id)) ?? ours
        await change(id, revision, { name, url, target, format, backends, secret, ...values }, at)
        return change(id, revision, ours, at)
      }
    }
    const newSecret = { method: 'PUT', json: { new_secret: true } }
    first({ format: 'form' })
    const { status, body } = await ask(`/${made.id}.json`, newSecret)
    expect([status, body.format]).to.deep.equal([200, 'form'])
    expect((await callbacks.find(made.id))?.secret).to.equal(body.secret)
    first({ secret: 'whsec_b3RoZXI=' })
    const late = await ask(`/${made.id}.json`, newSecret)
    expect([late.status, Object.keys(late.body), late.body.error.code]).to.deep.equal([409, ['error'], 'CONFLICT'])
    expect((await callbacks.find(made.id))?.secret).to.equal('whsec_b3RoZXI=')
  })

  it('are told in the form that was asked for', async () => {
    await serve()
    const { url, got } = await receiver()
    await ask('.json', {
      form: [
        ['name', 'sms_received'],
        ['url', url],
        ['format', 'form'],
      ],
    })
    await ask('.json', { json: { name: 'sms_received', url } })
    await web.switchboard.router.receive('clickatell', { identity: '27123456789', text: 'hello' })
    await until('both are told', () => got.length === 2)
    const form = got.find(({ type }) => type === 'application/x-www-form-urlencoded')
    expect(Object.fromEntries(new URLSearchParams(form?.body))).to.deep.include({
      ...{ callback_name: 'sms_received', user: 'ann', from_msisdn: '27123456789', message: 'hello' },
      transport_name: 'clickatell',
    })
  })

  it('are refused where something is wrong, and never a fault of the server', async () => {
    await serve({ allow: [], ports: [80, 443], most: 1 })
    const good = { name: 'sms_received', url: 'http://1.1.1.1/' }
    const bad: readonly (readonly [unknown, string])[] = [
      [{ url: good.url }, 'name'],
      [{ ...good, name: 'else' }, 'name'],
      [{ ...good, url: 'http://169.254.169.254/latest/meta-data/' }, 'url'],
      [{ ...good, url: 'http://[::1]/' }, 'url'],
      [{ ...good, url: 'http://1.1.1.1:22/' }, 'url'],
      [{ ...good, url: 'javascript:alert(1)' }, 'url'],
      [{ ...good, url: `http://1.1.1.1/${'a'.repeat(3_000)}` }, 'url'],
      [{ ...good, url: 'http://a\u0000b/' }, 'url'],
      [{ ...good, url: 7 }, 'url'],
      [{ ...good, format: 'xml' }, 'format'],
      [{ ...good, backend: 'none' }, 'backend'],
      [{ ...good, backend: [] }, 'backend'],
      [{ ...good, backend: {} }, 'backend'],
      [{ ...good, else: 1 }, 'else'],
    ]
    for (const [json, field] of bad) {
      const { status, body } = await ask('.json', { json })
      expect([status, body.error?.code, Object.keys(body.error?.fields ?? {})], JSON.stringify(json)).to.deep.equal([
        ...[400, 'INVALID_INPUT', [field]],
      ])
    }
    expect((await ask('.json', { json: { ...good, backend: 'clickatell' }, as: 'ofo' })).status).to.equal(400)
    expect((await ask('.json', { json: good, as: 'rea' })).status).to.equal(403)
    expect((await ask('.json', { as: null })).status).to.equal(401)
    for (const id of ['0', '-1', 'x', '99999999999999999999', '1.5', '%00']) {
      expect((await ask(`/${id}.json`)).status, id).to.equal(404)
    }
    expect((await ask('.json', { json: good })).status).to.equal(200)
    expect((await ask('.json', { json: good })).status).to.equal(400)
  })
})
