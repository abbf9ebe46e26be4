import { expect } from 'chai'
import pg from 'pg'
import { leastIdAt } from '../../../src/messages/ids.ts'
import { messagePage } from '../../../src/router/message-pages.ts'
import { PLANS } from '../../../src/store/postgres/database.ts'
import { kyselyOver } from '../../../src/store/postgres/kysely.ts'
import { windowQuery } from '../../../src/store/postgres/listing.ts'
import type { PeopleTables } from '../../../src/store/postgres/people.ts'
import type { PostgresStore } from '../../../src/store/postgres/postgres-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../../support/postgres-store.ts'
import { skip } from '../../support/skip.ts'
import { incomingRow, outgoingRow } from '../../support/store-rows.ts'

describe('the list of all messages in PostgreSQL', function () {
  this.timeout(60_000)
  let database: PostgresTestDatabase
  let store: PostgresStore

  before(async function () {
    const why = whyNoPostgres()
    if (why !== undefined) skip(this, why)
  })

  beforeEach(async () => {
    database = await postgresDatabase()
    store = await database.open({ lock: 'shared' })
  })

  afterEach(() => database.remove())

  const connect = async () => {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    return client
  }

  it('waits for a number that was given out and is not committed, and passes nobody over', async () => {
    await store.recordOutgoing([outgoingRow({ text: 'before' })])
    const slow = await connect()
    await slow.query('BEGIN')
    const { rows } = await slow.query<{ seq: string }>(`SELECT nextval('message_seq') AS seq`)
    await store.recordOutgoing([outgoingRow({ text: 'behind' })])
    let page = await messagePage(store.listing, { after: 0, filter: {}, limit: 100 })
    expect(page.messages.map(({ text }) => text)).to.not.include('behind')
    const asked = messagePage(store.listing, { after: page.next, filter: {}, limit: 100 })
    const row = incomingRow({ text: 'late' })
    await slow.query(
      `INSERT INTO incoming_open (seq, id, backend, identity, text, fields, received_at, state, tries, lane, not_before)
       VALUES ($1, $2, $3, $4, $5, '{}', $6, 'RECEIVED', 0, 'lane', 0)`,
      [rows[0]?.seq, row.id, row.backend, row.identity, row.text, row.receivedAt],
    )
    await slow.query('COMMIT')
    await slow.end()
    const texts = (await asked).messages.map(({ text }) => text)
    page = await messagePage(store.listing, { after: (await asked).next, filter: {}, limit: 100 })
    expect([...texts, ...page.messages.map(({ text }) => text)].slice(-2)).to.deep.equal(['late', 'behind'])
  })

  it('is read whole while several processes write', async () => {
    const others: Store[] = [store, await database.open({ lock: 'shared' }), await database.open({ lock: 'shared' })]
    const written: string[] = []
    const writing = Promise.all(
      others.map(async (each, index) => {
        for (let round = 0; round < 60; round++) {
          const text = `${index} ${round}`
          await Promise.all([
            each.recordOutgoing([outgoingRow({ text: `${text} out`, identity: `1555000${index}` })]),
            each.recordIncoming([incomingRow({ text: `${text} in`, identity: `1555000${index}` })]),
          ])
          written.push(`${text} out`, `${text} in`)
        }
      }),
    )
    const read: string[] = []
    const progress = { after: 0, over: false }
    void writing.finally(() => {
      progress.over = true
    })
    for (let isWhole = false; !isWhole; ) {
      const wasOver = progress.over
      const page = await messagePage(store.listing, { after: progress.after, filter: {}, limit: 50 })
      read.push(...page.messages.map(({ text }) => text))
      progress.after = page.next
      isWhole = wasOver && !page.more
    }
    await writing
    expect([...read].sort()).to.deep.equal([...written].sort())
  })

  it('finds a window of many messages by the stretches of pages it is in', async () => {
    const now = leastIdAt(Date.now())
    await database.run(
      `INSERT INTO outgoing (seq, id, backend, identity, text, class, data, via, parts, state, timed_out, phased, tries,
         not_before, created_at, changed_at, attempts)
       SELECT n, $1 || '-7000-8000-' || lpad(n::text, 12, '0'), 'b', 'i', 'some text', 'normal', '{}', 'send', 1, 'SENT',
         false, true, 1, 0, n, n, '' FROM generate_series(1, 50000) n`,
      [now],
    )
    await database.run('VACUUM ANALYZE outgoing')
    const db = kyselyOver<PeopleTables>(() => Promise.reject(new Error('it is only compiled')))
    const { sql, parameters } = windowQuery(db, { after: 10_000, upTo: 15_000, filter: {}, limit: 100 })
    const client = await connect()
    await client.query(PLANS)
    const explained = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE) ${sql}`, [...parameters])
    await client.end()
    const plan = explained.rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan).to.match(/Bitmap Index Scan on outgoing_w\d+_seq_idx/)
    const { messages } = await messagePage(store.listing, { after: 0, filter: {}, limit: 10 })
    expect(messages).to.deep.equal([])
    const window = await store.listing.window({ after: 10_000, upTo: 15_000, filter: {}, limit: 10_000 })
    expect(window.map(({ seq }) => seq)).to.deep.equal(Array.from({ length: 5_000 }, (_, index) => 10_001 + index))
  })
})
