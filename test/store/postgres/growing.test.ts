import { expect } from 'chai'
import { uuidv7Generator } from '../../../src/messages/ids.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../../support/postgres-store.ts'
import { skip } from '../../support/skip.ts'
import {
  change,
  contactRow,
  incomingLane,
  incomingRow,
  NOW,
  outgoingLane,
  outgoingRow,
  processFirst,
  reportRow,
  sendFirst,
  T0,
} from '../../support/store-rows.ts'

const WEEK_MS = 7 * 24 * 3600_000
const ROWS = 100_000

const FILL = [
  `INSERT INTO incoming SELECT n, 'old-' || n, 'gateway', 'person ' || n % 5000, NULL, 'x', '{}', NULL, n, NULL,
   'PROCESSED', 0, NULL, NULL, n FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO outgoing (seq, id, backend, identity, text, class, data, via, parts, state, timed_out, phased, tries,
   not_before, created_at, changed_at, attempts) SELECT ${ROWS} + n, 'old-' || n, 'gateway', 'person ' || n % 5000, 'x',
   'normal', '{}', 'send', 1, 'SENT', false, true, 1, 0, n, n, '' FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO duplicates SELECT 'old-' || n, '', 'x', n, n, 0 FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO external_ids SELECT 'old-' || n, 'old-' || n, n, false, NULL, NULL FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO connections SELECT 'old-' || n, 'x', 'x', NULL, n, NULL FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO lanes SELECT 'old-' || n, n, n FROM generate_series(1, ${ROWS}) n`,
  `SELECT setval('message_seq', ${3 * ROWS})`,
  // As autovacuum does sooner or later; where it does so in the middle, plans are made of half the truth.
  'ANALYZE',
]

describe('a PostgreSQL whose tables have grown', function () {
  this.timeout(60_000)
  let database: PostgresTestDatabase

  before(async function () {
    const why = whyNoPostgres()
    if (why !== undefined) skip(this, why)
  })

  beforeEach(async () => {
    database = await postgresDatabase()
  })

  afterEach(() => database.remove())

  it('is never walked through on the way of a message', async () => {
    for (const statement of FILL) await database.run(statement)
    const walked = () =>
      database.run<{ name: string; scans: number }>(
        `SELECT relname::text AS name, seq_scan::integer AS scans FROM pg_stat_user_tables ORDER BY relname`,
      )
    await database.run('SELECT pg_stat_reset()')
    const store = await database.open()
    const row = incomingRow({ externalId: 'e' })
    await store.recordIncoming([row, incomingRow({ window: 1_000, identity: '2' })])
    await processFirst(store, incomingLane(), {
      outgoing: [outgoingRow({ inResponseTo: { id: row.id, externalId: null } })],
    })
    await processFirst(store, incomingLane('2'), { outcome: { kind: 'retry', at: T0, error: 'x' } })
    await sendFirst(store, outgoingLane(), { externalIds: ['a'] })
    await store.recordReports([reportRow({ externalId: 'a' }), reportRow({ externalId: 'unknown' })])
    await store.recordReports([{ backend: 'gateway', identity: 'person 7', state: 'DELIVERED', receivedAt: T0 }])
    expect(await store.log.reports(`old-${ROWS - 4_993}`)).to.have.length(1)
    await store.stateChecks.uncertain({ backend: 'gateway', since: 0, until: T0, after: undefined, limit: 10 })
    await store.stateChecks.timeOut({ before: T0, state: 'UNKNOWN', at: T0, limit: 10 })
    const answer = outgoingRow({ identity: '3' })
    await store.recordOutgoing([answer])
    await store.settleAnswered([answer.id], T0)
    const contact = contactRow()
    await change(store, [
      { kind: 'contact-created', contact },
      { kind: 'connection-linked', connection: { backend: 'gateway', identity: 'person 7' }, contactId: contact.id },
      { kind: 'document-put', scope: 's', key: 'k', value: 1, version: 0 },
    ])
    await store.claimOutgoing(outgoingLane('2'), 1, NOW)
    await store.openLanes('incoming', undefined, 100)
    await store.openLanes('outgoing', undefined, 100)
    await store.replay([row.id], T0)
    await store.log.find(row.id)
    expect(await store.log.conversation({ backend: 'gateway', identity: 'person 7', limit: 5 })).to.have.length(5)
    await store.purge({ before: 1_000, now: 1_000, limit: 100 })
    // What a connection has counted shows when it has ended.
    await store.close()
    const grown = ['incoming', 'outgoing', 'duplicates', 'external_ids', 'connections', 'lanes', 'reports']
    const faults = (await walked()).filter(
      ({ name, scans }) => scans > 0 && grown.some((table) => name.startsWith(table)),
    )
    expect(faults.filter(({ name }) => !name.endsWith('_open'))).to.deep.equal([])
  })

  it('loses weeks as a whole once all of them is old and finished', async () => {
    const clock = new FakeClock(T0)
    const newId = uuidv7Generator(clock)
    const store = await database.open({ clock })
    const record = async (identity: string) => {
      const row = incomingRow({ id: newId(), identity, receivedAt: clock.now() })
      const answer = outgoingRow({
        id: newId(),
        identity,
        createdAt: clock.now(),
        inResponseTo: { id: row.id, externalId: null },
      })
      await store.recordIncoming([row])
      await store.effects.put(row.id, 'k', 1, clock.now())
      await processFirst(store, incomingLane(identity), { outgoing: [answer] })
      return [row.id, answer.id]
    }
    const old = await record('1')
    await sendFirst(store, outgoingLane('1'), { externalIds: ['a'] })
    clock.jump(T0 + WEEK_MS)
    const awaited = await record('2')
    clock.jump(T0 + 3 * WEEK_MS)
    const young = await record('3')
    await sendFirst(store, outgoingLane('3'))
    const partitions = async () => {
      const week = String(Math.floor(T0 / WEEK_MS)).padStart(6, '0')
      const rows = await database.run<{ name: string }>(
        'SELECT relname::text AS name FROM pg_class WHERE relname ~ $1',
        [`^(incoming|outgoing|reports)_w${week}$`],
      )
      return rows.map(({ name }) => name).sort()
    }
    expect(await partitions()).to.have.length(3)
    const sum = { incoming: 0, outgoing: 0 }
    for (let more = true; more; ) {
      const removed = await store.purge({ before: clock.now() - 7 * 24 * 3600_000, now: clock.now(), limit: 1 })
      sum.incoming += removed.incoming
      sum.outgoing += removed.outgoing
      more = removed.more
    }
    expect(sum).to.deep.equal({ incoming: 1, outgoing: 1 })
    expect(await partitions()).to.deep.equal([])
    const left = await Promise.all([...old, ...awaited, ...young].map((id) => store.log.find(id)))
    expect(left.map((found) => found !== undefined)).to.deep.equal([false, false, true, true, true, true])
    expect(await store.effects.get(old[0] ?? '', 'k')).to.equal(undefined)
    expect((await store.recordReports([reportRow({ externalId: 'a' })]))[0]?.messageId).to.equal(null)
  })
})
