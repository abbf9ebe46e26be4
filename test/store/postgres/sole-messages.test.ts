import { expect } from 'chai'
import { whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../../support/postgres-store.ts'
import { skip } from '../../support/skip.ts'
import { newId, outgoingRow } from '../../support/store-rows.ts'

describe('messages that may not be repeated, recorded by several processes', () => {
  let database: PostgresTestDatabase

  before(function () {
    const why = whyNoPostgres()
    if (why !== undefined) skip(this, why)
  })

  beforeEach(async () => {
    database = await postgresDatabase()
  })

  afterEach(() => database.remove())

  it('are recorded once, whoever comes first', async () => {
    const stores = await Promise.all([1, 2, 3].map(() => database.open({ role: 'command' })))
    const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`)
    const batches = stores.map((store, index) => {
      // Each in another order: who waits for whom must not become a circle.
      const ordered = index === 1 ? keys.toReversed() : keys
      const rows = ordered.map((key) => {
        const id = newId()
        return outgoingRow({ id, sole: { key, by: id } })
      })
      return { store, rows }
    })
    await Promise.all(batches.map(({ store, rows }) => store.recordOutgoing(rows)))
    const [row] = await database.run<{ count: number }>('SELECT count(*)::integer AS count FROM outgoing_open')
    expect(row?.count).to.equal(keys.length)
    const holders = await stores[0]?.templates.soleHolders(keys)
    const ids = batches.flatMap(({ rows }) => rows.map(({ id }) => id))
    expect(ids).to.include.members([...(holders ?? [])])
  })
})
