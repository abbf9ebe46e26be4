import Sqlite, { type Database } from 'better-sqlite3'
import { expect } from 'chai'
import type { ListingFilter } from '../../../src/store/listing-store.ts'
import { SqliteListing } from '../../../src/store/sqlite/listing.ts'
import { migrate } from '../../../src/store/sqlite/migrate.ts'

describe('the list of all messages in SQLite', () => {
  const asked: string[] = []
  let database: Database
  let listing: SqliteListing

  before(async () => {
    database = new Sqlite(':memory:')
    await migrate(database)
    const spied = Object.create(database, {
      prepare: {
        value: (statement: string) => {
          asked.push(statement)
          return database.prepare(statement)
        },
      },
    }) as Database
    listing = new SqliteListing(spied)
  })

  after(() => database.close())

  /** What is read of the tables that grow by the one query that is made meanwhile. */
  async function stepsOf(asking: () => Promise<unknown>): Promise<readonly string[]> {
    asked.length = 0
    await asking()
    const [statement = ''] = asked
    const values = (statement.match(/\?/g) ?? []).map(() => 1)
    const plan = database.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${statement}`).all(...values)
    return plan.map(({ detail }) => detail).filter((detail) => /\b(incoming|outgoing)\b/.test(detail))
  }

  const filters: readonly ListingFilter[] = [
    {},
    { backends: ['a'], identity: 'b', state: 'SENT', text: 'c', since: 1, until: 2 },
    { direction: 'in' },
    { tag: 't' },
  ]
  for (const filter of filters) {
    it(`finds a window by its numbers: ${JSON.stringify(filter)}`, async () => {
      const steps = await stepsOf(() => listing.window({ after: 10, upTo: 1_000, filter, limit: 100 }))
      expect(steps).to.not.deep.equal([])
      for (const step of steps) {
        expect(step).to.match(/^SEARCH (incoming|outgoing) USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\)$/)
      }
    })
  }

  it('finds ids, and messages by them, by the index of ids', async () => {
    const steps = [
      ...(await stepsOf(() => listing.sentIds({ from: 'a', before: 'b', limit: 10 }))),
      ...(await stepsOf(() => listing.outgoing(['a', 'b']))),
      ...(await stepsOf(() => listing.firstSince(1))),
    ]
    expect(steps).to.have.length(4)
    for (const step of steps) expect(step).to.match(/^SEARCH (incoming|outgoing) USING (COVERING )?INDEX \1_id \(id/)
  })
})
