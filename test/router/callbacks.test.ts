import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { fakeBackend } from 'sms-switchboard/testing'
import { InvalidInputError } from '../../src/messages/errors.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import type { SettingsInput } from '../../src/settings/schema.ts'
import { createSwitchboard, type Switchboard } from '../../src/settings/switchboard.ts'
import { addCallback } from '../support/callback-rows.ts'
import { rejection } from '../support/rejection.ts'
import { until } from '../support/until.ts'

interface Told {
  readonly id: string
  readonly name: string
  readonly message: { readonly text: string; readonly identity: string; readonly state?: string }
}

describe('callbacks', () => {
  const servers: Server[] = []
  let switchboard: Switchboard

  afterEach(async () => {
    await switchboard.stop()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  const start = async (callbacks: NonNullable<SettingsInput['http']>['callbacks'] = {}) => {
    switchboard = createSwitchboard(
      {
        ...{ databaseUrl: 'sqlite::memory:', apps: [], log: { level: 'silent' } },
        backends: { fake: fakeBackend(), other: fakeBackend() },
        http: { callbacks: { allow: ['127.0.0.1'], ports: 'any', firstDelay: 20, longestDelay: 100, ...callbacks } },
      } as SettingsInput,
      { logger: silentLogger },
    )
    await switchboard.start()
    return switchboard.router
  }
  const receiver = async (answer: RequestListener = (_, response) => response.end()) => {
    const got: Told[] = []
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        got.push(JSON.parse(body) as Told)
        answer(request, response)
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`, got }
  }
  /** Answers with each status once, then with 200. */
  const answering = (...statuses: readonly (number | 'hang')[]): RequestListener => {
    const left = [...statuses]
    return (_, response) => {
      const status = left.shift() ?? 200
      if (status !== 'hang') response.writeHead(status).end()
    }
  }
  const receive = (text: string, identity = '15550001') => switchboard.router.receive('fake', { identity, text })
  const none = async () => (await switchboard.router.callbacks.list()).every(({ waiting }) => waiting === 0)

  it('are told what was received, and what became of what was sent, in their order', async () => {
    const router = await start()
    const { url, got } = await receiver()
    for (const name of ['sms_received', 'message_sent', 'sms_receipt'] as const)
      await router.callbacks.create({ name, url })
    await receive('hello')
    const [message] = await router.send({ to: '15550001', text: 'hello yourself', backend: 'fake' })
    await until('the message is told of as sent', () => got.length === 2)
    const externalId = (await switchboard.parts.store.log.externalIds(message?.id ?? ''))[0]
    await router.report('fake', { externalId: externalId ?? '', state: 'DELIVERED' })
    await until('all is told', () => got.length === 3)
    expect(got.map(({ name, message: { state = '' } }) => `${name} ${state}`.trim())).to.deep.equal([
      ...['sms_received', 'message_sent SENT', 'sms_receipt DELIVERED'],
    ])
    expect(new Set(got.map(({ id }) => id)).size).to.equal(3)
  })

  it('are told again until they answer 2xx, in the order of each person', async () => {
    const router = await start()
    const { url, got } = await receiver(answering(500, 302, 404, 503))
    await router.callbacks.create({ name: 'sms_received', url })
    for (const each of ['1', '2', '3']) await receive(each)
    await until('all is told', none)
    const texts = got.map(({ message }) => message.text)
    expect(texts).to.deep.equal(['1', '1', '1', '1', '1', '2', '3'])
    expect(new Set(got.slice(0, 5).map(({ id }) => id)).size, 'one id').to.equal(1)
  })

  it('that hang delay no other', async () => {
    const router = await start({ timeLimit: 60_000, concurrency: 2 })
    const slow = await receiver(() => {})
    const quick = await receiver()
    await router.callbacks.create({ name: 'sms_received', url: slow.url })
    await router.callbacks.create({ name: 'sms_received', url: quick.url })
    for (let person = 0; person < 20; person++) await receive('x', `1555000${person}`)
    await until('the quick one has all', () => quick.got.length === 20)
    expect(slow.got.length).to.equal(2)
  })

  it('that do not answer in time are given up in the end, kept, and told when they are replayed', async () => {
    const router = await start({ timeLimit: 60, maxAge: 1_200 })
    const { url, got } = await receiver(
      answering('hang', 'hang', 'hang', 'hang', 'hang', 'hang', 'hang', 'hang', 'hang'),
    )
    const { id } = await router.callbacks.create({ name: 'sms_received', url })
    await receive('a')
    const [dead] = await until('it is given up', async () => {
      const all = await router.callbacks.dead()
      return all.length > 0 && all
    })
    expect(dead).to.deep.include({
      callback: id,
      name: 'sms_received',
      status: null,
      failure: 'no answer within 60 ms',
    })
    expect(await router.callbacks.list()).to.deep.include.members([
      { ...(await router.callbacks.get(id)), waiting: 0, dead: 1 },
    ])
    const before = got.length
    servers[0]?.removeAllListeners('request')
    servers[0]?.on('request', (_, response) => response.end())
    expect(await router.callbacks.replay({ ids: [dead?.id ?? ''] })).to.equal(1)
    await until('it is told', async () => (await none()) && (await router.callbacks.dead()).length === 0)
    expect(before).to.be.at.least(2)
  })

  it('that answer 410 are told nothing more until they are changed', async () => {
    const router = await start()
    const { url, got } = await receiver(answering(410))
    const { id } = await router.callbacks.create({ name: 'sms_received', url })
    await receive('a')
    await until('it is disabled', async () => (await router.callbacks.get(id))?.disabledAt != null)
    await receive('b')
    expect(got).to.have.lengthOf(1)
    expect(await router.callbacks.dead()).to.have.lengthOf(1)
    await router.callbacks.change(id, {})
    await router.callbacks.replay({ callback: id })
    await receive('c')
    await until('it is told again', () => got.length === 3)
    expect(got.map(({ message }) => message.text)).to.deep.equal(['a', 'a', 'c'])
  })

  it('that ask for time are left alone for it', async () => {
    const router = await start({ longestDelay: 10 })
    const at: number[] = []
    const { url, got } = await receiver((_, response) => {
      at.push(Date.now())
      if (at.length === 1) response.writeHead(429, { 'Retry-After': '1' })
      response.end()
    })
    await router.callbacks.create({ name: 'sms_received', url })
    for (const person of ['1', '2', '3']) await receive('x', person)
    await until('all is told', none)
    expect(got.length).to.be.within(4, 6)
    expect((at[got.length - 1] ?? 0) - (at[0] ?? 0)).to.be.at.least(950)
  })

  it('are told what was recorded while they could not be', async () => {
    const router = await start()
    const { url, got } = await receiver()
    const port = Number(new URL(url).port)
    const [server] = servers
    await new Promise((resolve) => server?.close(resolve))
    await router.callbacks.create({ name: 'sms_received', url })
    for (let person = 0; person < 30; person++) await receive('x', `1555000${person}`)
    await until('one was tried', async () => (await switchboard.parts.store.callbacks.targets(0)).length === 0)
    await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve))
    await until('all is told', () => got.length === 30)
  })

  it('of one user are seen by nobody else, and hear of their own backends alone', async () => {
    const router = await start({ most: 2 })
    const { url } = await receiver()
    const ann = { user: 'ann', backends: ['fake'] }
    const bob = { user: 'bob' }
    const made = await router.callbacks.create({ name: 'sms_received', url }, ann)
    expect(made.backends).to.deep.equal(['fake'])
    expect(made.secret).to.match(/^whsec_/)
    expect(await router.callbacks.get(made.id, bob)).to.equal(undefined)
    expect(await router.callbacks.change(made.id, { format: 'form' }, bob)).to.equal(undefined)
    expect(await router.callbacks.delete(made.id, bob)).to.equal(false)
    expect(await router.callbacks.list(bob)).to.deep.equal([])
    for (const backends of [['other'], ['fake', 'other'], ['none'], []]) {
      const error = await rejection(router.callbacks.create({ name: 'sms_received', url, backends }, ann))
      expect(error).to.be.instanceOf(InvalidInputError)
    }
    await router.callbacks.create({ name: 'sms_receipt', url }, ann)
    const error = await rejection(router.callbacks.create({ name: 'sms_receipt', url }, ann))
    expect(String(error)).to.include('http.callbacks.most')
    await receive('a')
    const [dead] = await until('ann is no user of these settings', async () => {
      const all = await router.callbacks.dead()
      return all.length > 0 && all
    })
    expect(dead?.failure).to.equal('its user may not see this backend')
  })

  it('show no password, and keep it when they are saved as they are shown', async () => {
    const router = await start()
    const { id, url } = await router.callbacks.create({ name: 'sms_received', url: 'http://u:hidden@127.0.0.1/a' })
    expect(url).to.equal('http://u:***@127.0.0.1/a')
    const changed = await router.callbacks.change(id, { url, newSecret: true })
    expect(JSON.stringify([await router.callbacks.list(), changed])).not.to.include('hidden')
    expect((await switchboard.parts.store.callbacks.find(id))?.url).to.equal('http://u:hidden@127.0.0.1/a')
    expect(changed?.secret).to.match(/^whsec_/)
    expect(await router.callbacks.delete(id)).to.equal(true)
  })

  it('are not saved with the password as it is shown, unless the URL is the one that is there', async () => {
    const router = await start()
    const { id } = await router.callbacks.create({ name: 'sms_received', url: 'http://u:hidden@127.0.0.1/a' })
    const refused = [
      rejection(router.callbacks.change(id, { url: 'http://u:***@127.0.0.1/b' })),
      rejection(router.callbacks.change(id, { url: 'http://other:***@127.0.0.1/a' })),
      rejection(router.callbacks.create({ name: 'sms_received', url: 'http://u:***@127.0.0.1/a' })),
    ]
    for (const error of await Promise.all(refused)) {
      expect(error).to.be.instanceOf(InvalidInputError)
      expect(String(error)).to.match(/^InvalidInputError: url: /)
    }
    await router.callbacks.change(id, { url: 'HTTP://u:***@127.0.0.1:80/a' })
    expect((await switchboard.parts.store.callbacks.find(id))?.url).to.equal('http://u:hidden@127.0.0.1/a')
  })

  it('are changed though what stays could not be given any more', async () => {
    const router = await start()
    const { url } = await receiver()
    const both = { user: 'ann', backends: ['fake', 'other'] }
    const { id } = await router.callbacks.create({ name: 'sms_received', url, backends: ['fake', 'other'] }, both)
    const values = { url: 'http://10.0.0.1/', backends: ['fake', 'gone'] }
    const old = await addCallback(switchboard.parts.store, values)
    const ann = { user: 'ann', backends: ['fake'] }
    const changed = await router.callbacks.change(id, { url: `${url}/new` }, ann)
    expect(changed).to.deep.include({ url: `${url}/new`, backends: ['fake', 'other'] })
    await switchboard.parts.store.callbacks.disable(old.id, old.revision, 'answered 410', 1)
    const told = await router.callbacks.change(old.id, {}, ann)
    expect(told).to.deep.include({ ...values, disabledAt: null })
    for (const change of [{ backends: ['other'] }, { url: 'http://10.0.0.1/' }]) {
      expect(await rejection(router.callbacks.change(id, change, ann))).to.be.instanceOf(InvalidInputError)
    }
  })
})
