import { expect } from 'chai'
import { whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../../support/postgres-store.ts'
import { skip } from '../../support/skip.ts'
import { incomingRow } from '../../support/store-rows.ts'
import { callbackRow } from '../conformance/callbacks.ts'

const LIMIT_MS = 60_000

describe('callbacks in PostgreSQL', function () {
  this.timeout(LIMIT_MS)
  let database: PostgresTestDatabase

  before(function () {
    const why = whyNoPostgres()
    if (why !== undefined) skip(this, why)
  })
  beforeEach(async () => {
    database = await postgresDatabase()
  })
  afterEach(() => database?.remove())

  const triggers = async () => {
    const rows = await database.run<{ name: string }>(
      `SELECT tgname AS name FROM pg_trigger WHERE tgname LIKE 'tell_%' ORDER BY 1`,
    )
    return rows.map(({ name }) => name)
  }

  it('have their triggers while there are any, whoever adds and removes them at the same time', async () => {
    const stores = await Promise.all([database.open({ lock: 'shared' }), database.open({ lock: 'shared' })])
    expect(await triggers()).to.deep.equal([])
    for (let round = 0; round < 3; round++) {
      const added = await Promise.all(stores.map((store) => store.callbacks.add(callbackRow())))
      expect(await triggers()).to.deep.equal(['tell_moved', 'tell_received', 'tell_settled'])
      const [first, second] = added
      const again = stores[0]?.callbacks.add(callbackRow())
      await Promise.all([
        stores[0]?.callbacks.remove(first?.id ?? 0),
        stores[1]?.callbacks.remove(second?.id ?? 0),
        again,
      ])
      expect(await triggers()).to.deep.equal(['tell_moved', 'tell_received', 'tell_settled'])
      await stores[1]?.callbacks.remove((await again)?.id ?? 0)
      expect(await triggers()).to.deep.equal([])
    }
  })

  it('come and go while messages are recorded, none of which fails; from the answer on all are told', async () => {
    const stores = await Promise.all([database.open({ lock: 'shared' }), database.open({ lock: 'shared' })])
    const progress = { isOver: false, added: false }
    let number = 0
    const after: string[] = []
    const record = async (store: (typeof stores)[number]) => {
      while (!progress.isOver) {
        const isAfter = progress.added
        const row = incomingRow({ identity: String(number++ % 50) })
        await store.recordIncoming([row])
        if (isAfter) after.push(row.id)
      }
    }
    const work = stores.flatMap((store) => [record(store), record(store), record(store)])
    for (let round = 0; round < 5; round++) {
      const { id } = await (stores[round % 2] ?? stores[0]).callbacks.add(callbackRow())
      await (stores[(round + 1) % 2] ?? stores[0]).callbacks.remove(id)
    }
    await stores[0].callbacks.add(callbackRow())
    progress.added = true
    while (after.length < 200) await new Promise((resolve) => setImmediate(resolve))
    progress.isOver = true
    await Promise.all(work)
    const told = await database.run<{ id: string }>('SELECT message_id AS id FROM callback_deliveries')
    expect(told.map(({ id }) => id)).to.include.members(after)
  })
})
