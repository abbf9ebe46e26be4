import { whyNoPostgres } from '../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../support/postgres-store.ts'
import { skip } from '../support/skip.ts'
import { describeStore, type StoreHarness } from './conformance.ts'

// The lane's next token has been given out: the one before it is over.
const staleFence: StoreHarness['staleFence'] = ({ lane, token }) => ({ lane, token: token - 1 })

async function onPostgres(): Promise<StoreHarness> {
  const database: PostgresTestDatabase = await postgresDatabase()
  const current = { store: await database.open() }
  return {
    get store() {
      return current.store
    },
    staleFence,
    async reopen() {
      await current.store.close()
      current.store = await database.open()
      return current.store
    },
    close: () => database.remove(),
  }
}

describe('PostgreSQL', () => {
  before(function () {
    const why = whyNoPostgres()
    if (why !== undefined) skip(this, why)
  })

  describeStore('PostgreSQL', onPostgres)
})
