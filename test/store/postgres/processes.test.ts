import { expect } from 'chai'
import { type Lane, laneKey } from '../../../src/messages/lane.ts'
import { MigrationError, StaleResultError, StoreLockedError, TakenOverError } from '../../../src/store/errors.ts'
import { PostgresStore } from '../../../src/store/postgres/postgres-store.ts'
import { whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase, sharedPostgres } from '../../support/postgres-store.ts'
import { rejection } from '../../support/rejection.ts'
import { skip } from '../../support/skip.ts'
import {
  finished,
  head,
  incomingLane,
  incomingRow,
  NOW,
  outgoingLane,
  outgoingRow,
  processFirst,
  T0,
} from '../../support/store-rows.ts'
import { until } from '../../support/until.ts'

describe('several stores on one PostgreSQL', () => {
  let database: PostgresTestDatabase

  before(function () {
    const why = whyNoPostgres()
    if (why !== undefined) skip(this, why)
  })

  beforeEach(async () => {
    database = await postgresDatabase()
  })

  afterEach(() => database.remove())

  describe('the lock', () => {
    it('keeps a second server out, and one that shares too', async () => {
      const store = await database.open()
      expect(await rejection(database.open())).to.be.instanceOf(StoreLockedError)
      expect(await rejection(database.open({ lock: 'shared' }))).to.be.instanceOf(StoreLockedError)
      await database.open({ role: 'command' })
      await store.close()
      await Promise.all([database.open({ lock: 'shared' }), database.open({ lock: 'shared' })])
      expect(await rejection(database.open())).to.be.instanceOf(StoreLockedError)
    })

    const cut = () =>
      database.run(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted`)
    const isHeld = async () =>
      (await database.run(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted`)).length > 0

    it('is taken again when its connection was cut', async () => {
      const store = await database.open()
      await cut()
      await until('the lock to be held again', isHeld)
      expect(await store.countOpenIncoming()).to.equal(0)
    })

    it('lost to another server: this one works nothing any more', async () => {
      const store = await database.open()
      await store.recordIncoming([incomingRow()])
      const { fence, message } = head(await store.claimIncoming(incomingLane(), 1))
      await cut()
      const other = await database.open()
      const error = await until('the first to notice', () =>
        store.countOpenIncoming().then(
          () => undefined,
          (reason: unknown) => reason,
        ),
      )
      expect(error).to.be.instanceOf(TakenOverError)
      expect(await rejection(store.finishIncoming([finished(fence, message)]))).to.be.instanceOf(TakenOverError)
      expect(await other.countOpenIncoming()).to.equal(1)
    })
  })

  it('overtaken in a lane, one writes nothing more there', async () => {
    const [a, b] = await Promise.all([database.open({ lock: 'shared' }), database.open({ lock: 'shared' })])
    await a.recordIncoming([incomingRow({ text: '1' }), incomingRow({ text: '2' })])
    const old = head(await a.claimIncoming(incomingLane(), 1))
    const young = head(await b.claimIncoming(incomingLane(), 1))
    expect(young.fence.token).to.be.greaterThan(old.fence.token)
    expect(await rejection(a.finishIncoming([finished(old.fence, old.message)]))).to.be.instanceOf(StaleResultError)
    await b.finishIncoming([finished(young.fence, young.message)])
    expect(await a.countOpenIncoming()).to.equal(1)
  })

  it('racing for the same lanes, every message is worked once and in order', async () => {
    const stores = await Promise.all([0, 1, 2].map(() => database.open({ lock: 'shared', poolSize: 4 })))
    const identities = Array.from({ length: 6 }, (_, index) => `${index}`)
    const texts = Array.from({ length: 12 }, (_, index) => `${index}`)
    for (const text of texts)
      await stores[0]?.recordIncoming(identities.map((identity) => incomingRow({ identity, text })))
    const work = async (store: PostgresStore, identity: string) => {
      for (;;) {
        const { fence, messages } = await store.claimIncoming(incomingLane(identity), 1)
        const [message] = messages
        if (message === undefined) return
        const answer = outgoingRow({ identity, text: message.text })
        try {
          await store.finishIncoming([finished(fence, message, { outgoing: [answer] })])
        } catch (error) {
          expect(error).to.be.instanceOf(StaleResultError)
        }
      }
    }
    await Promise.all(stores.flatMap((store) => identities.map((identity) => work(store, identity))))
    for (const identity of identities) {
      const claim = await stores[1]?.claimOutgoing(outgoingLane(identity), 100, NOW)
      expect(claim?.messages.map(({ text }) => text)).to.deep.equal(texts)
    }
  })

  it('record a repeat once, whoever gets it', async () => {
    const stores = await Promise.all([0, 1, 2].map(() => database.open({ role: 'command' })))
    const rows = Array.from({ length: 30 }, () => incomingRow({ externalId: 'same' }))
    const recorded = await Promise.all(rows.map((row, index) => stores[index % 3]?.recordIncoming([row])))
    expect(recorded.flat().filter((one) => one?.duplicate === false)).to.have.length(1)
    expect(await stores[0]?.countOpenIncoming()).to.equal(1)
  })

  it('a server hears of what a command records, opens again or nudges', async () => {
    const server = await database.open()
    const command = await database.open({ role: 'command' })
    const heard = new Set<string>()
    server.watch((lanes) => {
      for (const lane of lanes) heard.add(laneKey(lane))
    })
    const isHeard = (lane: Lane) => until(laneKey(lane), () => heard.has(laneKey(lane)))
    // Until it listens, what is told is lost.
    await until('the server to listen', async () => {
      await command.nudge([incomingLane('first')])
      return heard.size > 0
    })
    const failed = incomingRow({ identity: 'in' })
    await command.recordIncoming([failed])
    await isHeard(incomingLane('in'))
    await command.recordOutgoing([outgoingRow({ identity: 'o"\n\0ut' })])
    await isHeard(outgoingLane('o"\n\0ut'))
    const many = Array.from({ length: 500 }, (_, index) => incomingLane(`${'x'.repeat(50)}${index}`))
    await command.nudge([incomingLane('y'.repeat(9_000)), ...many])
    for (const lane of many) await isHeard(lane)
    await processFirst(server, incomingLane('in'), { outcome: { kind: 'failed', error: 'x' } })
    heard.clear()
    await command.replay([failed.id], T0)
    await isHeard(incomingLane('in'))
  })

  describe('migrations', () => {
    it('are done once when several start at the same moment', async () => {
      const { server } = await sharedPostgres()
      const url = await server.create()
      const stores = [0, 1, 2, 3].map(() => new PostgresStore({ url, role: 'server', lock: 'shared' }))
      const ran = await Promise.all(stores.map((store) => store.open()))
      await Promise.all(stores.map((store) => store.close()))
      expect(ran.flat()).to.deep.equal(['001-first'])
      await server.run(server.urlOf('postgres'), `DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`)
    })

    it('of a newer version are refused', async () => {
      await database.run(`INSERT INTO kysely_migration VALUES ('999-newer', '2030-01-01')`)
      const error = await rejection(database.open())
      expect(error).to.be.instanceOf(MigrationError)
      expect(String(error)).to.include('999-newer')
    })
  })
})
