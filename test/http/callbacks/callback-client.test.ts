import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { SafeCallbackClient } from '../../../src/http/callbacks/callback-client.ts'
import type { Resolve } from '../../../src/http/callbacks/shared-looks.ts'
import { systemClock } from '../../../src/messages/clock.ts'
import { InvalidInputError } from '../../../src/messages/errors.ts'
import type { CallbackEvent, StoredCallback } from '../../../src/store/callback-store.ts'
import { rejection } from '../../support/rejection.ts'

const SECRET = `whsec_${Buffer.from('a secret of ours').toString('base64')}`

const event: CallbackEvent = {
  ...{ id: 'e1', name: 'sms_received', at: 1_279_834_044_000, messageId: 'm1', backend: 'clickatell' },
  ...{ identity: '27123456789', address: '2020', text: 'hello & ключ', recordedAt: 1_279_834_044_000 },
  ...{ externalId: 'x1', fields: { a: 1 }, state: null, inResponseTo: null, code: null, error: null },
  ...{ sentAt: null, deliveredAt: null },
}

function callbackTo(url: string, values: Partial<StoredCallback> = {}): StoredCallback {
  return {
    ...{ id: 1, user: 'ann', name: 'sms_received', url, target: 't', format: 'json', backends: null, secret: SECRET },
    ...{ createdAt: 0, updatedAt: 0, revision: 1, disabledAt: null, disabledReason: null },
    ...values,
  }
}

interface Got {
  readonly request: IncomingMessage
  readonly body: string
}

describe('the client that tells callbacks', () => {
  const servers: Server[] = []
  const clients: SafeCallbackClient[] = []
  const signal = new AbortController().signal

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  const client = (values: { allow?: string[]; resolve?: Resolve; timeLimit?: number; ports?: number[] } = {}) => {
    const { allow = ['127.0.0.1'], resolve, timeLimit = 5_000, ports } = values
    const settings = { allow, ports: ports ?? ('any' as const), timeLimit }
    const made = new SafeCallbackClient({ settings, clock: systemClock, ...(resolve === undefined ? {} : { resolve }) })
    clients.push(made)
    return made
  }
  const serve = async (answer: RequestListener): Promise<{ readonly port: number; readonly got: Got[] }> => {
    const got: Got[] = []
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        got.push({ request, body })
        answer(request, response)
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { port: (server.address() as AddressInfo).port, got }
  }
  const ok: RequestListener = (_, response) => response.end('OK')

  it('posts a signed event as JSON', async () => {
    const { port, got } = await serve(ok)
    const outcome = await client().tell(callbackTo(`http://127.0.0.1:${port}/a?b=c#d`), event, signal)
    expect(outcome).to.deep.equal({ kind: 'answered', status: 200, retryAfter: undefined })
    const [first] = got
    if (first === undefined) throw new Error('nothing came')
    const { method, url, headers } = first.request
    expect([method, url, headers['content-type']]).to.deep.equal(['POST', '/a?b=c', 'application/json'])
    expect(JSON.parse(first.body)).to.deep.equal({
      ...{ id: 'e1', name: 'sms_received', at: '2010-07-22T21:27:24.000Z' },
      message: {
        ...{ id: 'm1', backend: 'clickatell', identity: '27123456789', address: '2020', text: 'hello & ключ' },
        ...{ external_id: 'x1', fields: { a: 1 }, received_at: '2010-07-22T21:27:24.000Z' },
      },
    })
    const signed = `e1.${String(headers['webhook-timestamp'])}.${first.body}`
    const signature = createHmac('sha256', 'a secret of ours').update(signed).digest('base64')
    expect(headers['webhook-id']).to.equal('e1')
    expect(headers['webhook-signature']).to.equal(`v1,${signature}`)
    expect(Number(headers['webhook-timestamp'])).to.be.closeTo(Date.now() / 1_000, 60)
  })

  it('posts a form as Vumi did', async () => {
    const { port, got } = await serve(ok)
    const callback = callbackTo(`http://127.0.0.1:${port}/`, { format: 'form' })
    await client().tell(callback, event, signal)
    const receipt = { name: 'sms_receipt', state: 'DELIVERED', deliveredAt: event.at } as const
    await client().tell({ ...callback, name: 'sms_receipt' }, { ...event, ...receipt }, signal)
    const forms = got.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
    expect(forms[0]).to.deep.equal({
      ...{ callback_name: 'sms_received', id: 'm1', user: 'ann', to_msisdn: '2020', from_msisdn: '27123456789' },
      ...{ charset: 'utf8', message: 'hello & ключ', transport_name: 'clickatell', transport_msg_id: 'x1' },
      ...{ received_at: '2010-07-22 21:27:24', created_at: '2010-07-22 21:27:24', updated_at: '2010-07-22 21:27:24' },
    })
    expect(forms[1]).to.deep.include({
      ...{ callback_name: 'sms_receipt', id: 'm1', to_msisdn: '27123456789', from_msisdn: '2020', state: 'DELIVERED' },
      ...{ transport_status: '3', delivered_at: '2010-07-22 21:27:24' },
    })
  })

  it('sends user and password of the URL as basic authentication, and shows them nowhere', async () => {
    const { port, got } = await serve(ok)
    await client().tell(callbackTo(`http://us%40er:p%3Ass@127.0.0.1:${port}/`), event, signal)
    const { authorization, host } = got[0]?.request.headers ?? {}
    expect(authorization).to.equal(`Basic ${Buffer.from('us@er:p:ss').toString('base64')}`)
    expect(host).to.equal(`127.0.0.1:${port}`)
    const outcome = await client({ allow: [] }).tell(callbackTo('http://user:hidden@127.0.0.1:1/'), event, signal)
    expect(JSON.stringify(outcome)).not.to.include('hidden')
  })

  it('follows no redirect', async () => {
    const inner = await serve(ok)
    const to = `http://127.0.0.1:${inner.port}/`
    for (const status of [301, 302, 303, 307, 308]) {
      const outer = await serve((_, response) => response.writeHead(status, { Location: to }).end())
      const outcome = await client().tell(callbackTo(`http://127.0.0.1:${outer.port}/`), event, signal)
      expect(outcome).to.deep.include({ kind: 'answered', status })
    }
    expect(inner.got).to.deep.equal([])
  })

  it('waits for nobody longer than the limit', async () => {
    const { port } = await serve(() => {})
    const outcome = await client({ timeLimit: 100 }).tell(callbackTo(`http://127.0.0.1:${port}/`), event, signal)
    expect(outcome).to.deep.equal({ kind: 'unreached', failure: 'no answer within 100 ms' })
  })

  it('believes the status of an answer that never ends', async () => {
    const { port } = await serve((_, response) => response.writeHead(200).write('a'))
    const outcome = await client({ timeLimit: 300 }).tell(callbackTo(`http://127.0.0.1:${port}/`), event, signal)
    expect(outcome).to.deep.include({ kind: 'answered', status: 200 })
  })

  it('connects to another address of the host where the first one is not reached', async () => {
    const { port, got } = await serve(ok)
    for (const first of [
      { address: 'fd00::1', family: 6 },
      { address: '127.0.0.2', family: 4 },
    ]) {
      const resolve: Resolve = async () => [first, { address: '127.0.0.1', family: 4 }]
      const telling = client({ allow: ['127.0.0.0/8', 'fd00::/8'], resolve })
      const outcome = await telling.tell(callbackTo(`http://a.example:${port}/`), event, signal)
      expect(outcome, first.address).to.deep.include({ kind: 'answered', status: 200 })
    }
    expect(got).to.have.lengthOf(2)
  })

  it('asks nobody once it is closed, until it is opened again', async () => {
    const { port, got } = await serve(ok)
    const telling = client()
    const tell = () => telling.tell(callbackTo(`http://127.0.0.1:${port}/`), event, signal)
    expect(await tell()).to.deep.include({ kind: 'answered' })
    await telling.close()
    expect(await tell()).to.deep.equal({ kind: 'unreached', failure: 'broken off' })
    expect(got).to.have.lengthOf(1)
    telling.open()
    expect(await tell()).to.deep.include({ kind: 'answered' })
  })

  it('reads no megabytes', async () => {
    const block = Buffer.alloc(1024 * 1024)
    const written = { bytes: 0 }
    const { port } = await serve((_, response) => {
      response.writeHead(200)
      const more = () => {
        while (!response.destroyed && written.bytes < 512 * block.length) {
          written.bytes += block.length
          if (!response.write(block)) return response.once('drain', more)
        }
        return response
      }
      more()
    })
    const outcome = await client().tell(callbackTo(`http://127.0.0.1:${port}/`), event, signal)
    expect(outcome).to.deep.include({ kind: 'answered', status: 200 })
    expect(written.bytes).to.be.lessThan(64 * block.length)
  })

  it('reads how long it is to wait', async () => {
    const at = new Date(Date.now() + 3_600_000).toUTCString()
    for (const [given, least, most] of [
      ['30', 30_000, 30_000],
      [at, 3_500_000, 3_600_000],
      ['999999999', 86_400_000, 86_400_000],
    ] as const) {
      const { port } = await serve((_, response) => response.writeHead(429, { 'Retry-After': given }).end())
      const outcome = await client().tell(callbackTo(`http://127.0.0.1:${port}/`), event, signal)
      expect(outcome.kind === 'answered' && outcome.retryAfter).to.be.within(least, most)
    }
  })

  describe('reaches nobody of our own network', () => {
    const refused = async (url: string, values: Parameters<typeof client>[0] = {}) => {
      const outcome = await client({ allow: [], ...values }).tell(callbackTo(url), event, signal)
      expect(outcome.kind, url).to.equal('unreached')
    }

    it('by its address, however it is written', async () => {
      const { port, got } = await serve(ok)
      const hosts = ['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '0', 'localhost', 'localhost.']
      const more = ['[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '１２７.0.0.1', '127。0。0。1']
      for (const host of [...hosts, ...more]) await refused(`http://${host}:${port}/`)
      expect(got).to.deep.equal([])
    })

    it('by a name that stands for it, alone or among others', async () => {
      const { port, got } = await serve(ok)
      const own = { address: '127.0.0.1', family: 4 }
      await refused(`http://evil.example:${port}/`, { resolve: async () => [own] })
      await refused(`http://evil.example:${port}/`, { resolve: async () => [{ address: '1.1.1.1', family: 4 }, own] })
      await refused(`http://evil.example:${port}/`, {
        resolve: async () => [{ address: '::ffff:127.0.0.1', family: 6 }],
      })
      await refused(`http://evil.example:${port}/`, { resolve: async () => [] })
      expect(got).to.deep.equal([])
    })

    it('by a name that stands for another address when it is looked up again', async () => {
      const { port, got } = await serve(ok)
      const answers = ['127.0.0.2', '127.0.0.1']
      const asked = { times: 0 }
      const resolve: Resolve = async () => [{ address: answers[asked.times++ % 2] ?? '', family: 4 }]
      const rebinding = client({ allow: ['127.0.0.2'], resolve })
      await rebinding.check(`http://evil.example:${port}/`)
      for (let tries = 0; tries < 4; tries++) {
        const before = asked.times
        const outcome = await rebinding.tell(callbackTo(`http://evil.example:${port}/`), event, signal)
        expect(outcome.kind).to.equal('unreached')
        expect(asked.times - before, 'one look for one connection').to.equal(1)
      }
      expect(got).to.deep.equal([])
    })

    it('unless the settings say so', async () => {
      const { port, got } = await serve(ok)
      const resolve: Resolve = async () => [{ address: '127.0.0.1', family: 4 }]
      for (const allow of [['receiver.internal'], ['127.0.0.0/8']]) {
        const outcome = await client({ allow, resolve }).tell(
          callbackTo(`http://receiver.internal:${port}/`),
          event,
          signal,
        )
        expect(outcome).to.deep.include({ kind: 'answered', status: 200 })
      }
      expect(got[0]?.request.headers.host).to.equal(`receiver.internal:${port}`)
    })

    it('unless they say so of what this machine calls itself, by name or by network', async () => {
      const { port } = await serve(ok)
      for (const allow of [['localhost'], ['127.0.0.0/8', '::1']]) {
        const outcome = await client({ allow }).tell(callbackTo(`http://localhost:${port}/`), event, signal)
        expect(outcome, allow.join()).to.deep.include({ kind: 'answered', status: 200 })
      }
    })

    it('by other schemes or ports', async () => {
      const { port, got } = await serve(ok)
      await refused(`http://127.0.0.1:${port}/`, { allow: ['127.0.0.1'], ports: [80, 443] })
      for (const url of ['file:///etc/passwd', 'ftp://127.0.0.1/', 'gopher://127.0.0.1/', 'nothing']) {
        await refused(url, { allow: ['127.0.0.1'] })
      }
      expect(got).to.deep.equal([])
    })
  })

  it('refuses to save what may not be told, and says why', async () => {
    const resolve: Resolve = async (host) => [{ address: host === 'inner.example' ? '10.0.0.1' : '1.1.1.1', family: 4 }]
    const checking = client({ allow: [], resolve, ports: [80, 443] })
    const bad = ['', 'x', 'ftp://a.example/', 'http://127.0.0.1/', 'http://[::1]/', 'http://inner.example/']
    for (const url of [...bad, 'http://a.example:22/', `http://a.example/${'x'.repeat(2_000)}`]) {
      const error = await rejection(checking.check(url))
      expect(error, url).to.be.instanceOf(InvalidInputError)
      expect(String(error)).to.match(/^InvalidInputError: url: /)
    }
    for (const url of ['http://a.example/', 'https://u:p@a.example/b?c']) await checking.check(url)
  })
})
