import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { echo } from '../../src/apps/index.ts'
import { defineBackend, forwardClient, forwardServer } from '../../src/backends/index.ts'
import {
  type App,
  CreditError,
  createSwitchboard,
  type IncomingMessage,
  type SettingsInput,
  type Switchboard,
} from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { type FakeBackend, fakeBackend } from '../../src/testing/index.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'

const PATIENT = { firstDelay: 5, longestDelay: 200, attempts: 100 }
const WAIT_MS = 20_000
const PEOPLE = ['254700000001', '254700000002', '254700000003']

const makeBoard = (settings: SettingsInput) => createSwitchboard(settings, { logger: silentLogger })

/** An address that stays, whatever serves it now; while nothing does, connections are cut. */
class Place {
  #callback: RequestListener | undefined
  #server: Server
  switchboard: Switchboard | undefined

  constructor() {
    this.#server = createServer((request, response) => {
      if (this.#callback === undefined) request.socket.destroy()
      else this.#callback(request, response)
    })
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async serve(switchboard: Switchboard): Promise<void> {
    await switchboard.start()
    this.switchboard = switchboard
    this.#callback = switchboard.callback()
  }

  async leave(): Promise<void> {
    this.#callback = undefined
    await this.switchboard?.stop()
    this.switchboard = undefined
  }

  async close(): Promise<void> {
    await this.leave()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

describe('two programs behind one switchboard', function () {
  this.timeout(60_000)
  let folder: TempFolder
  let phone: FakeBackend
  let server: Place
  let echoing: Place
  let noting: Place
  const noted: IncomingMessage[] = []

  const noter: App = {
    name: 'noter',
    handle(message) {
      noted.push(message)
      return true
    },
  }
  const secret = { in: 'basic', user: 'fwd', password: 'pass@word/1' } as const
  const withUser = (url: string) => `${url.replace('//', '//fwd:pass%40word%2F1@')}/backends/fwd`
  const database = (name: string) => `sqlite:${join(folder.path, name)}.db`

  const serverBoard = () => {
    phone = fakeBackend()
    const clients = [
      { name: 'echoing', url: withUser(echoing.url) },
      { name: 'noting', url: withUser(noting.url) },
    ]
    return makeBoard({
      databaseUrl: database('server'),
      backends: { phone, fwd: forwardServer({ clients, secret, sending: PATIENT }) },
      apps: [],
    })
  }
  const clientBoard = (name: string, app: App) =>
    makeBoard({
      databaseUrl: database(name),
      backends: { fwd: forwardClient({ serverUrl: withUser(server.url), secret, sending: PATIENT }) },
      apps: [app],
    })

  before(async () => {
    folder = tempFolder()
    server = new Place()
    echoing = new Place()
    noting = new Place()
    for (const place of [server, echoing, noting]) await place.open()
    await server.serve(serverBoard())
    await echoing.serve(clientBoard('echoing', echo()))
    await noting.serve(clientBoard('noting', noter))
  })

  after(async () => {
    for (const place of [server, echoing, noting]) await place.close()
    folder.remove()
  })

  const write = (identity: string, text: string) =>
    server.switchboard?.router.receive('phone', { identity, text, address: '2345', externalId: `${identity} ${text}` })
  const sentTo = (identity: string) => phone.sent.filter((each) => each.identity === identity).map(({ text }) => text)
  const notedFrom = (identity: string) => noted.filter((each) => each.identity === identity).map(({ text }) => text)

  it("answers people by a client's app, from the address that they wrote to", async () => {
    await write('254711111111', 'echo hello')
    await until('the echo is there', () => sentTo('254711111111').length === 1, WAIT_MS)
    expect(phone.sent[0]).to.include({ address: '2345' })
    expect(sentTo('254711111111')).to.deep.equal(['hello'])
    await until('the other client has it too', () => notedFrom('254711111111').length === 1, WAIT_MS)
    expect(noted[0]).to.include({ address: '2345' })
    expect(noted[0]?.fields).to.include({ provider: 'phone' })
  })

  it('tells the client what became of its message', async () => {
    const router = echoing.switchboard?.router
    const sent = await router?.sendNow({ to: '254722222222', text: 'outgoing' })
    expect(sent?.state).to.equal('SENT')
    await phone.report('DELIVERED')
    await until(
      'the client knows',
      async () => (await echoing.switchboard?.parts.store.log.find(sent?.id ?? ''))?.state === 'DELIVERED',
      WAIT_MS,
    )
  })

  it("throws at the client what the server's service says", async () => {
    phone.failNext(1, new CreditError('no credit left', { providerCode: '301' }))
    const sending = echoing.switchboard?.router.sendNow({ to: '254733333333', text: 'dear' })
    const error = await sending?.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).to.be.instanceOf(CreditError)
    expect(error).to.include({ code: 'CREDIT', providerCode: '301' })
    expect(Reflect.get(Object(error), 'message')).to.match(/no credit left/)
    // Both have paused what they send over; nobody waits here for a message to be tried.
    for (const { switchboard } of [server, echoing]) {
      for (const { backend } of switchboard?.router.holds.paused ?? []) await switchboard?.router.holds.resume(backend)
    }
  })

  it('keeps everything for a client that is down, over a restart, and gives it once and in order', async () => {
    const echoes = phone.sent.length
    await noting.leave()
    for (const text of ['1', '2', '3']) for (const person of PEOPLE) await write(person, `echo ${text}`)
    await until('the other client has answered all', () => phone.sent.length === echoes + 9, WAIT_MS)
    for (const person of PEOPLE) expect(sentTo(person)).to.deep.equal(['1', '2', '3'])
    expect(PEOPLE.flatMap(notedFrom)).to.deep.equal([])

    await server.leave()
    await server.serve(serverBoard())
    for (const person of PEOPLE) await write(person, 'echo 4')
    await noting.serve(clientBoard('noting', noter))

    await until('it has all', () => PEOPLE.flatMap(notedFrom).length >= 12, WAIT_MS)
    for (const person of PEOPLE) expect(notedFrom(person)).to.deep.equal(['echo 1', 'echo 2', 'echo 3', 'echo 4'])
    await until('the other has answered', () => phone.sent.length === 3, WAIT_MS)
    for (const person of PEOPLE) expect(sentTo(person)).to.deep.equal(['4'])
    const failed = await server.switchboard?.parts.store.log.failed({ direction: 'out', backend: 'fwd', limit: 100 })
    expect(failed).to.deep.equal([])
  })
})

describe('a switchboard between two others', function () {
  this.timeout(60_000)
  const places = { low: new Place(), middle: new Place(), top: new Place() }
  const phone = fakeBackend()
  const noted: IncomingMessage[] = []

  before(async () => {
    const { low, middle, top } = places
    for (const place of Object.values(places)) await place.open()
    const up = (place: Place) => forwardClient({ serverUrl: `${place.url}/backends/down` })
    const down = (place: Place) => forwardServer({ clients: [`${place.url}/backends/up`] })
    const apps: App[] = [
      {
        name: 'noter',
        parse(message) {
          noted.push(message)
        },
      },
    ]
    const databaseUrl = 'sqlite::memory:'
    await low.serve(makeBoard({ databaseUrl, backends: { phone, down: down(middle) }, apps: [] }))
    await middle.serve(makeBoard({ databaseUrl, backends: { up: up(low), down: down(top) }, apps: [] }))
    await top.serve(makeBoard({ databaseUrl, backends: { up: up(middle) }, apps }))
  })

  after(async () => {
    for (const place of Object.values(places)) await place.close()
  })

  it('hands incoming messages on, with where they came in first', async () => {
    const received = await places.low.switchboard?.router.receive('phone', {
      identity: '1',
      text: 'up',
      fields: { a: 1 },
    })
    await until('it is at the top', () => noted.length === 1, WAIT_MS)
    expect(noted[0]?.fields).to.deep.include({ provider: 'phone', meta: { a: 1 } })
    expect(noted[0]?.fields['via']).to.deep.equal([received?.id, noted[0]?.externalId])
  })

  it('hands messages on, and what is said of them back', async () => {
    const router = places.top.switchboard?.router
    const sent = await router?.sendNow({ to: '1', text: 'down', options: { senderId: 'me' }, params: { b: [2] } })
    expect(phone.sent[0]).to.deep.include({ text: 'down', options: { senderId: 'me' }, params: { b: [2] } })
    await phone.report('DELIVERED')
    await until(
      'the top knows',
      async () => (await places.top.switchboard?.parts.store.log.find(sent?.id ?? ''))?.state === 'DELIVERED',
      WAIT_MS,
    )
  })
})

describe('a service whose report is faster than its answer', () => {
  const [server, client] = [new Place(), new Place()]

  before(async () => {
    for (const place of [server, client]) await place.open()
  })

  after(async () => {
    for (const place of [server, client]) await place.close()
  })

  it('is understood at the client', async () => {
    const hasty = defineBackend({
      kind: 'hasty',
      settings: z.strictObject({}),
      reports: 'handset',
      async send(_message, tools) {
        await tools.report({ externalId: 'x1', state: 'DELIVERED' })
        return { externalIds: ['x1'] }
      },
    })
    const databaseUrl = 'sqlite::memory:'
    const down = forwardServer({ clients: [`${client.url}/backends/up`] })
    await server.serve(makeBoard({ databaseUrl, backends: { phone: hasty(), down }, apps: [] }))
    const up = forwardClient({ serverUrl: `${server.url}/backends/down` })
    await client.serve(makeBoard({ databaseUrl, backends: { up }, apps: [] }))
    const [sent] = (await client.switchboard?.router.send({ to: '1', text: 'fast' })) ?? []
    await until(
      'the client knows',
      async () => (await client.switchboard?.parts.store.log.find(sent?.id ?? ''))?.state === 'DELIVERED',
      WAIT_MS,
    )
  })
})

describe('two switchboards that forward to each other', function () {
  this.timeout(60_000)
  let one: Place
  let other: Place
  let phone: FakeBackend

  beforeEach(async () => {
    one = new Place()
    other = new Place()
    phone = fakeBackend()
    for (const place of [one, other]) await place.open()
  })

  afterEach(async () => {
    for (const place of [one, other]) await place.close()
  })

  it('refuse what comes back, of either direction', async () => {
    const board = (peer: Place, more: Readonly<Record<string, FakeBackend>>) =>
      makeBoard({
        databaseUrl: 'sqlite::memory:',
        backends: {
          up: forwardClient({ serverUrl: `${peer.url}/backends/down` }),
          down: forwardServer({ clients: [{ name: 'peer', url: `${peer.url}/backends/up` }] }),
          ...more,
        },
        apps: [],
      })
    await one.serve(board(other, { phone }))
    await other.serve(board(one, {}))

    const sending = one.switchboard?.router.sendNow({ to: '1', text: 'round and round' })
    const error = await sending?.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).to.include({ code: 'UNSUPPORTED' })
    expect(Reflect.get(Object(error), 'message')).to.match(/in a circle/)

    await one.switchboard?.router.receive('phone', { identity: '2', text: 'hello' })
    const refused = await until('it is refused', async () =>
      (await other.switchboard?.parts.store.log.failed({ direction: 'out', limit: 9 }))?.find(
        ({ text }) => text === 'hello',
      ),
    )
    expect(refused.error).to.match(/in a circle/)
    expect(phone.attempts).to.deep.equal([])

    const before = await one.switchboard?.parts.store.log.counts()
    const status = { '?': ['MessageDelivered', { msgid: 'of nobody here' }] }
    const { status: answered } = await fetch(`${one.url}/backends/up/status`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ status }),
    })
    expect(answered).to.equal(200)
    expect(await one.switchboard?.parts.store.log.counts()).to.deep.equal(before)
  })
})
