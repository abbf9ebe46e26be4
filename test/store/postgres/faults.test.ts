import { expect } from 'chai'
import { StoreUnavailableError } from '../../../src/store/errors.ts'
import { PostgresStore } from '../../../src/store/postgres/postgres-store.ts'
import { type PostgresServer, startPostgres, whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../../support/postgres-store.ts'
import { rejection } from '../../support/rejection.ts'
import { skip } from '../../support/skip.ts'
import { incomingLane, incomingRow, outgoingLane, T0 } from '../../support/store-rows.ts'
import { until } from '../../support/until.ts'

const CALLERS = 20
const LONGEST_ANSWER_MS = 3_500

/** Records without a pause until it is stopped; keeps what was acknowledged, and how long the longest answer took. */
function load(store: PostgresStore) {
  const acknowledged: string[] = []
  const failures: unknown[] = []
  let longest = 0
  let running = true
  const call = async () => {
    while (running) {
      const row = incomingRow({ identity: 'load' })
      const began = Date.now()
      try {
        await store.recordIncoming([row])
        acknowledged.push(row.id)
      } catch (error) {
        failures.push(error)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      longest = Math.max(longest, Date.now() - began)
    }
  }
  const calls = Promise.all(Array.from({ length: CALLERS }, call))
  return {
    acknowledged,
    failures,
    get longest() {
      return longest
    },
    async stop() {
      running = false
      await calls
    },
  }
}

describe('the store on a PostgreSQL that fails', function () {
  this.timeout(30_000)
  let server: PostgresServer
  let database: PostgresTestDatabase
  let store: PostgresStore

  before(async function () {
    const why = whyNoPostgres()
    if (why !== undefined) skip(this, why)
    // Its log is synced: here the loss of what was acknowledged is looked for.
    server = await startPostgres(['-c', 'fsync=on'])
  })

  after(() => server?.remove())

  beforeEach(async () => {
    database = await postgresDatabase(server)
    store = await database.open()
  })

  afterEach(() => database.remove())

  const faults: readonly { readonly title: string; readonly happen: () => Promise<void> }[] = [
    {
      title: 'is restarted',
      async happen() {
        await server.stop()
        await server.start()
      },
    },
    {
      title: 'is killed',
      async happen() {
        await server.kill()
        await server.start()
      },
    },
    {
      title: 'ends all connections',
      async happen() {
        const text = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1'
        await server.run(server.urlOf('postgres'), text, ['switchboard'])
      },
    },
    {
      title: 'is frozen for some time',
      async happen() {
        server.freeze()
        const began = Date.now()
        expect(await rejection(store.recordIncoming([incomingRow()]))).to.be.instanceOf(StoreUnavailableError)
        expect(await rejection(store.ping())).to.be.instanceOf(StoreUnavailableError)
        expect(Date.now() - began).to.be.lessThan(2 * LONGEST_ANSWER_MS)
        server.thaw()
      },
    },
  ]
  for (const { title, happen } of faults) {
    it(`that ${title} under load: nothing acknowledged is lost, nobody hangs, it goes on by itself`, async () => {
      const running = load(store)
      await until('some messages', () => running.acknowledged.length > 200)
      await happen()
      const before = running.acknowledged.length
      await until('more messages', () => running.acknowledged.length > before + 200, 10_000)
      await running.stop()
      for (const failure of running.failures) expect(failure).to.be.instanceOf(StoreUnavailableError)
      expect(running.longest).to.be.lessThan(LONGEST_ANSWER_MS)
      const rows = await database.run<{ id: string }>('SELECT id FROM incoming_open')
      const there = new Set(rows.map(({ id }) => id))
      expect(running.acknowledged.filter((id) => !there.has(id))).to.deep.equal([])
    })
  }

  it('that is away: every call says so at once, and works when it is back', async () => {
    await server.stop()
    const began = Date.now()
    for (const call of [
      () => store.ping(),
      () => store.recordIncoming([incomingRow()]),
      () => store.claimIncoming(incomingLane(), 1),
      () => store.claimOutgoing(outgoingLane(), 1, T0),
      () => store.openLanes('incoming', undefined, 1),
      () => store.log.find('x'),
      () => store.purge({ before: T0, now: T0, limit: 1 }),
      () => store.replay(['x'], T0),
    ]) {
      expect(await rejection(call())).to.be.instanceOf(StoreUnavailableError)
    }
    expect(Date.now() - began).to.be.lessThan(2_000)
    await server.start()
    await store.ping()
    await until('the lock to be held again', async () => {
      const rows = await database.run(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted`)
      return rows.length > 0
    })
  })

  it('that is frozen is left behind when the store closes', async () => {
    await store.ping()
    server.freeze()
    const began = Date.now()
    await store.close()
    expect(Date.now() - began).to.be.lessThan(LONGEST_ANSWER_MS)
    server.thaw()
  })

  it('names the database and no secret in its errors', async () => {
    const url = new URL(database.url)
    url.password = 'tell-nobody'
    url.port = '1'
    const error = await rejection(new PostgresStore({ url: url.href, role: 'command' }).open())
    expect(error).to.be.instanceOf(StoreUnavailableError)
    expect(String(error)).to.include('127.0.0.1').and.not.include('tell-nobody')
  })
})
