import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'chai'
import { fakeBackend } from 'sms-switchboard/testing'
import { hashKey } from '../../src/http/users/password-hash.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import type { SettingsInput } from '../../src/settings/schema.ts'
import { createSwitchboard, type Switchboard } from '../../src/settings/switchboard.ts'
import { DocumentConflictError } from '../../src/store/errors.ts'
import { type CallbackReceiver, type ReceiverAnswer, startReceiver } from '../support/callback-receiver.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'

const ANN = { user: 'ann' }
const BOB = { user: 'bob' }
const HOUR = '3600'

describe('callbacks that are changed', () => {
  const receivers: CallbackReceiver[] = []
  let switchboard: Switchboard

  afterEach(async () => {
    await switchboard.stop()
    for (const receiver of receivers.splice(0)) await receiver.close()
  })

  const start = async ({ users = ['ann', 'bob'], databaseUrl = 'sqlite::memory:', callbacks = {} } = {}) => {
    const settings = {
      ...{ databaseUrl, apps: [], log: { level: 'silent' }, backends: { fake: fakeBackend() } },
      http: {
        users: Object.fromEntries(users.map((name) => [name, { role: 'sender', keys: [hashKey(`swb_${name}`)] }])),
        callbacks: { allow: ['127.0.0.1'], ports: 'any', firstDelay: 20, longestDelay: 100, ...callbacks },
      },
    } as SettingsInput
    switchboard = createSwitchboard(settings, { logger: silentLogger })
    await switchboard.start()
    return switchboard.router
  }
  const receiver = async (answer?: ReceiverAnswer) => {
    const made = await startReceiver(answer)
    receivers.push(made)
    return made
  }
  const receive = (text: string, identity = '15550001') => switchboard.router.receive('fake', { identity, text })
  /** The first request is to be followed by nothing for an hour. */
  const busyAtFirst: ReceiverAnswer = (response, number) => {
    if (number === 1) response.writeHead(429, { 'Retry-After': HOUR })
  }
  const isSignedBy = ({ headers }: CallbackReceiver, number: number, secret: string, body: string) => {
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = headers[number] ?? {}
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
    return signature === `v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`
  }

  it('of one user hold up no other who is told at the same URL', async () => {
    const router = await start()
    const { url, got } = await receiver(busyAtFirst)
    for (const owner of [ANN, BOB, { user: null }]) await router.callbacks.create({ name: 'sms_received', url }, owner)
    await receive('a')
    await until('the others are told', async () => {
      const waiting = (await router.callbacks.list()).map((each) => each.waiting).sort()
      return got.length === 3 && waiting.join() === '0,0,1'
    })
  })

  it('with one password hold up no other of the same URL', async () => {
    const router = await start()
    const { url, got } = await receiver((response) => {
      const isRight = response.req.headers.authorization === `Basic ${Buffer.from('u:right').toString('base64')}`
      if (!isRight) response.writeHead(401)
    })
    for (const password of ['wrong', 'right']) {
      const input = { name: 'sms_received', url: url.replace('//', `//u:${password}@`) } as const
      await router.callbacks.create(input, ANN)
    }
    for (const text of ['a', 'b']) await receive(text)
    await until('the right one is told', async () => (await router.callbacks.list(ANN))[1]?.waiting === 0)
    expect((await router.callbacks.list(ANN))[0]?.waiting).to.equal(2)
    expect(got.length).to.be.at.least(3)
  })

  it('while they are asked stay on, whatever the URL of before answers', async () => {
    const router = await start()
    const now = await receiver()
    const before = await receiver(async (response) => {
      await router.callbacks.change(id, { url: now.url })
      response.writeHead(410)
    })
    const { id } = await router.callbacks.create({ name: 'sms_received', url: before.url })
    await receive('a')
    await until('it is told at the new URL', () => now.got.length === 1)
    expect(await router.callbacks.get(id)).to.deep.include({ disabledAt: null, url: now.url })
    expect(now.got[0]?.id).to.equal(before.got[0]?.id)
    expect(await router.callbacks.dead()).to.deep.equal([])
  })

  it('by nothing, or in what is not asked, each time that they are told are given up like others', async () => {
    const router = await start({ callbacks: { maxAge: 100 } })
    const { url } = await receiver(async (response, number) => {
      await router.callbacks.change(id, number % 2 === 0 ? {} : { backends: number % 4 === 1 ? ['fake'] : null })
      response.writeHead(500)
    })
    const { id } = await router.callbacks.create({ name: 'sms_received', url })
    await receive('a')
    await until('it is given up', async () => (await router.callbacks.dead()).length === 1)
  })

  it('each time that they are told are not told again at once', async () => {
    const router = await start({ callbacks: { firstDelay: 1_000, longestDelay: 1_000 } })
    const { url } = await receiver(async (response) => {
      await router.callbacks.change(id, { newSecret: true })
      response.writeHead(500)
    })
    const { id } = await router.callbacks.create({ name: 'sms_received', url })
    const { callbacks } = switchboard.parts.store
    const settle = callbacks.settle.bind(callbacks)
    const due: unknown[] = []
    callbacks.settle = (results) => {
      for (const each of results) due.push(each.kind === 'released' ? (each.at ?? 0) > Date.now() : each.kind)
      return settle(results)
    }
    await receive('a')
    await until('it was told twice', () => due.length === 2)
    expect(due).to.deep.equal([true, true])
  })

  it('are told as they are now, each time', async () => {
    const router = await start({ callbacks: { concurrency: 1 } })
    let secret = ''
    const bodies: string[] = []
    const told = await receiver(async (_, number) => {
      bodies.push(JSON.stringify(told.got[number - 1]))
      if (number === 1) secret = (await router.callbacks.change(id, { newSecret: true }))?.secret ?? ''
    })
    const created = await router.callbacks.create({ name: 'sms_received', url: told.url, backends: ['fake'] })
    const { id } = created
    await Promise.all(['1', '2', '3'].map((identity) => receive('x', identity)))
    await until('all are told', () => told.got.length === 3)
    expect(isSignedBy(told, 0, created.secret, bodies[0] ?? '')).to.equal(true)
    for (const number of [1, 2]) expect(isSignedBy(told, number, secret, bodies[number] ?? '')).to.equal(true)
  })

  it('at the same time by two lose neither change', async () => {
    const router = await start()
    const { url } = await receiver()
    const { id } = await router.callbacks.create({ name: 'sms_received', url }, ANN)
    const [changed] = await Promise.all([
      router.callbacks.change(id, { newSecret: true }, ANN),
      router.callbacks.change(id, { format: 'form' }, ANN),
      router.callbacks.change(id, { url: `${url}/new` }, ANN),
    ])
    const stored = await switchboard.parts.store.callbacks.find(id)
    expect(stored).to.deep.include({ secret: changed?.secret, format: 'form', url: `${url}/new` })
  })

  it('get one new secret where two ask for it at the same time; the other one is told so', async () => {
    const router = await start()
    const { url } = await receiver()
    const { id } = await router.callbacks.create({ name: 'sms_received', url }, ANN)
    const asking = [1, 2, 3].map(() => router.callbacks.change(id, { newSecret: true }, ANN))
    const results = await Promise.allSettled(asking)
    const [changed, ...more] = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(more).to.deep.equal([])
    expect((await switchboard.parts.store.callbacks.find(id))?.secret).to.equal(changed?.secret)
    const errors: readonly unknown[] = results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
    expect(errors).to.have.lengthOf(2)
    for (const error of errors) {
      expect(error).to.be.instanceOf(DocumentConflictError)
      expect(String(error)).not.to.include(changed?.secret ?? '')
    }
  })

  it('are told at once, though their URL asked to be left alone', async () => {
    const router = await start()
    const { url, got } = await receiver(busyAtFirst)
    const { id } = await router.callbacks.create({ name: 'sms_received', url }, ANN)
    await receive('a')
    await until('the URL is left alone', async () => (await switchboard.parts.store.callbacks.targets(0)).length === 0)
    await router.callbacks.change(id, { newSecret: true }, ANN)
    await until('it is told', () => got.length === 2)
  })

  it('leave nothing of what their URL asked for behind when they go elsewhere', async () => {
    const router = await start()
    const [first, second] = [await receiver(busyAtFirst), await receiver()]
    const { id } = await router.callbacks.create({ name: 'sms_received', url: first.url }, ANN)
    await receive('a')
    await until('the URL is left alone', async () => (await switchboard.parts.store.callbacks.targets(0)).length === 0)
    await router.callbacks.change(id, { url: second.url }, ANN)
    await until('it is told elsewhere', () => second.got.length === 1)
    await router.callbacks.delete(id, ANN)
    await router.callbacks.create({ name: 'sms_received', url: first.url }, ANN)
    await receive('b')
    await until('it is told there', () => first.got.length === 2)
  })

  it('are no more than http.callbacks.most, however many are made at once', async () => {
    const router = await start({ callbacks: { most: 5 } })
    const { url } = await receiver()
    const make = () => router.callbacks.create({ name: 'sms_received', url }, ANN)
    const results = await Promise.allSettled(Array.from({ length: 20 }, make))
    expect(results.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(5)
    const [refused] = results.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []))
    expect(refused).to.include('There are 5 callbacks already; http.callbacks.most allows no more.')
    expect(await router.callbacks.list(ANN)).to.have.lengthOf(5)
  })

  it('of a user whom the settings have no more record nothing; should the user come back, a change ends that', async () => {
    const folder = tempFolder()
    const databaseUrl = `sqlite:${join(folder.path, 'switchboard.db')}`
    const { url, got } = await receiver()
    let router = await start({ databaseUrl })
    const { id } = await router.callbacks.create({ name: 'sms_received', url }, ANN)
    const { id: other } = await router.callbacks.create({ name: 'sms_received', url }, BOB)
    await switchboard.stop()
    router = await start({ databaseUrl, users: ['bob'] })
    await until('it is left out', async () => (await router.callbacks.get(id))?.disabledAt !== null)
    expect((await router.callbacks.get(id))?.disabledReason).to.equal('its user is not in the settings')
    expect((await router.callbacks.get(other))?.disabledAt).to.equal(null)
    await receive('a')
    await until("bob's is told", () => got.length === 1)
    expect(await router.callbacks.dead()).to.deep.equal([])
    await switchboard.stop()
    router = await start({ databaseUrl })
    expect((await router.callbacks.get(id))?.disabledReason).to.equal('its user is not in the settings')
    expect(await router.callbacks.change(id, {}, ANN)).to.deep.include({ disabledAt: null, disabledReason: null })
    await receive('b')
    await until('both are told', () => got.length === 3)
    await switchboard.stop()
    folder.remove()
  })
})
