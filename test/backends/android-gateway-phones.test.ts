import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { androidGateway } from '../../src/backends/index.ts'
import { createSwitchboard, SettingsError, type SettingsInput, type Switchboard } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'

const LEASE_MS = 60_000
const devices = { one: 'token-of-phone-one', two: 'token-of-phone-two' }
type Device = keyof typeof devices

interface Fetched {
  readonly id: string
  readonly to: string
  readonly from: string | null
  readonly text: string
  readonly tries: number
}

/** A switchboard behind a server, with the phones that come to it. */
class Gateway {
  readonly switchboard: Switchboard
  readonly #server: Server

  constructor(clock: FakeClock, settings: Partial<SettingsInput> = {}) {
    const phones = androidGateway({ devices, leaseTime: LEASE_MS })
    this.switchboard = createSwitchboard(
      { databaseUrl: 'sqlite::memory:', backends: { phones }, apps: [], ...settings },
      { logger: silentLogger, clock },
    )
    this.#server = createServer(this.switchboard.callback())
  }

  async start(): Promise<this> {
    await this.switchboard.start()
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    await this.switchboard.stop()
  }

  /** Records messages and waits until they are in the outbox. */
  async send(to: string | readonly string[], text: string, from?: string): Promise<readonly string[]> {
    const sent = await this.switchboard.router.send({ to, text, ...(from === undefined ? {} : { from }) })
    for (const { id } of sent) await this.inState(id, 'SENDING')
    return sent.map(({ id }) => id)
  }

  inState(id: string, state: string) {
    return until(`${id} in ${state}`, async () => {
      const message = await this.switchboard.parts.store.log.find(id)
      return message?.state === state ? message : undefined
    })
  }

  async fetch(device: Device, limit = 10, more = ''): Promise<readonly Fetched[]> {
    const { messages } = await this.#ask<{ messages: Fetched[] }>(`outbox?limit=${limit}${more}`, device)
    return messages
  }

  async confirm(device: Device, ...messages: readonly object[]): Promise<readonly string[]> {
    const { unknown } = await this.#ask<{ unknown: string[] }>('confirm', device, { messages })
    return unknown
  }

  async #ask<Answer>(path: string, device: Device, body?: object): Promise<Answer> {
    const { port } = this.#server.address() as AddressInfo
    const answer = await fetch(`http://127.0.0.1:${port}/backends/phones/${path}`, {
      headers: { authorization: `Bearer ${devices[device]}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    expect(answer.status).to.equal(200)
    return (await answer.json()) as Answer
  }
}

const idsOf = (messages: readonly Fetched[]) => messages.map(({ id }) => id)
const person = (number: number) => `+2547000000${String(number).padStart(2, '0')}`

describe('androidGateway and its phones', () => {
  let clock: FakeClock
  let gateway: Gateway
  let folder: TempFolder | undefined
  beforeEach(async () => {
    clock = new FakeClock()
    gateway = await new Gateway(clock).start()
  })
  afterEach(async () => {
    await gateway.stop()
    folder?.remove()
    folder = undefined
  })

  it('gives a phone what there is to send', async () => {
    const [id] = await gateway.send(person(1), 'café 😀', '+254700000009')
    expect(await gateway.fetch('one')).to.deep.equal([
      { id, to: person(1), from: '+254700000009', text: 'café 😀', tries: 1 },
    ])
  })

  it('gives two phones that fetch side by side never the same message', async () => {
    const people = Array.from({ length: 40 }, (_, index) => person(index))
    const sent = [...(await gateway.send(people, 'a')), ...(await gateway.send(people, 'b'))]
    const fetched: string[] = []
    const work = async (device: Device) => {
      for (;;) {
        const messages = await gateway.fetch(device, 3)
        if (messages.length === 0) return
        fetched.push(...idsOf(messages))
        await gateway.confirm(device, ...messages.map(({ id }) => ({ id, state: 'SENT' })))
      }
    }
    await Promise.all([work('one'), work('two'), work('one'), work('two')])
    // A message may have waited behind one that the other phone held while both looked for the last time.
    await work('one')
    expect(fetched.toSorted()).to.deep.equal(sent.toSorted())
  })

  it('keeps the order of one person while phones come and go', async () => {
    const [first] = await gateway.send(person(1), 'first')
    const [second] = await gateway.send(person(1), 'second')
    const [other] = await gateway.send(person(2), 'other')
    expect(idsOf(await gateway.fetch('one', 1))).to.deep.equal([first])
    expect(idsOf(await gateway.fetch('two'))).to.deep.equal([other])
    await gateway.confirm('one', { id: first, state: 'SENT' })
    expect(idsOf(await gateway.fetch('two'))).to.deep.equal([second])
  })

  it('gives the messages of a phone that died to the other one, in their order', async () => {
    const [first] = await gateway.send(person(1), 'first')
    const [second] = await gateway.send(person(1), 'second')
    expect(idsOf(await gateway.fetch('one'))).to.deep.equal([first, second])
    clock.jump(clock.now() + LEASE_MS - 1)
    expect(await gateway.fetch('two')).to.deep.equal([])
    clock.jump(clock.now() + 1)
    const again = await gateway.fetch('two')
    expect(again.map(({ id, tries }) => [id, tries])).to.deep.equal([
      [first, 2],
      [second, 2],
    ])
  })

  it('takes confirmations that come late, and twice', async () => {
    const [id = ''] = await gateway.send(person(1), 'hi')
    await gateway.fetch('one')
    clock.jump(clock.now() + LEASE_MS)
    await gateway.fetch('two')
    expect(await gateway.confirm('one', { id, state: 'SENT' })).to.deep.equal([])
    await gateway.inState(id, 'SENT')
    expect(await gateway.confirm('one', { id, state: 'SENT' })).to.deep.equal([])
    expect(await gateway.confirm('two', { id, state: 'DELIVERED' })).to.deep.equal([])
    await gateway.inState(id, 'DELIVERED')
    expect(await gateway.confirm('two', { id, state: 'ERROR', code: 'late' })).to.deep.equal([])
    await gateway.inState(id, 'DELIVERED')
    clock.jump(clock.now() + LEASE_MS)
    expect(await gateway.fetch('one')).to.deep.equal([])
  })

  it('keeps what a phone says of a failure, and takes the rest of a list', async () => {
    const [bad = '', good = ''] = await gateway.send([person(1), person(2)], 'hi')
    await gateway.fetch('one')
    const said = [
      { id: bad, state: 'ERROR', code: 4, text: 'no service' },
      { id: 'of another backend', state: 'SENT' },
      { id: good, state: 'SENT' },
    ]
    expect(await gateway.confirm('one', ...said)).to.deep.equal(['of another backend'])
    const { error } = await gateway.inState(bad, 'ERROR')
    expect(error).to.equal('no service')
    await gateway.inState(good, 'SENT')
  })

  it('goes on after a restart between the lease and the confirmation', async () => {
    folder = tempFolder()
    const settings = { databaseUrl: `sqlite:${join(folder.path, 'phones.db')}` }
    await gateway.stop()
    gateway = await new Gateway(clock, settings).start()
    const [leased = '', waiting = ''] = await gateway.send([person(1), person(2)], 'hi')
    expect(idsOf(await gateway.fetch('one', 1))).to.deep.equal([leased])
    await gateway.stop()
    gateway = await new Gateway(clock, settings).start()
    expect(idsOf(await gateway.fetch('two'))).to.deep.equal([waiting])
    expect(await gateway.confirm('one', { id: leased, state: 'DELIVERED' })).to.deep.equal([])
    await gateway.inState(leased, 'DELIVERED')
    await gateway.inState(waiting, 'SENDING')
  })

  it('tells which phones were seen, and how they were', async () => {
    await gateway.fetch('one', 1, '&battery=87.5&charging=false&signal=3&network=4G&version=1.2')
    const seenAt = new Date(clock.now())
    clock.jump(clock.now() + 29_999)
    await gateway.fetch('one', 1, '&battery=12')
    const seen = { battery: 87.5, charging: false, signal: 3, network: '4G', version: '1.2' }
    expect(await gateway.switchboard.router.call('phones', 'devices')).to.deep.equal([
      { device: 'one', seenAt, ...seen },
      { device: 'two', seenAt: null },
    ])
    clock.jump(clock.now() + 1)
    await gateway.fetch('one', 1, '&battery=12')
    expect(await gateway.switchboard.router.call('phones', 'devices')).to.deep.equal([
      { device: 'one', seenAt: new Date(clock.now()), battery: 12 },
      { device: 'two', seenAt: null },
    ])
  })

  it('refuses settings without phones, with short tokens, or with one token for two', () => {
    for (const wrong of [{}, { one: 'short' }, { one: 'the-same-token-twice', two: 'the-same-token-twice' }]) {
      const phones = androidGateway({ devices: wrong })
      const load = () => createSwitchboard({ backends: { phones }, apps: [] }, { logger: silentLogger })
      expect(load).to.throw(SettingsError, /backends\.phones\.devices/)
      expect(load).not.to.throw(SettingsError, /the-same-token/)
    }
  })
})
