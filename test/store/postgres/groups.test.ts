import { expect } from 'chai'
import pg from 'pg'
import type { ContactEdit } from '../../../src/store/directory-store.ts'
import { whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../../support/postgres-store.ts'
import { skip } from '../../support/skip.ts'
import { contactRow, T0 } from '../../support/store-rows.ts'
import { until } from '../../support/until.ts'

const LIMIT_MS = 60_000

describe('a new group in PostgreSQL', function () {
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

  const waiting = async () =>
    (
      await database.run(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
    ).length
  const made = { connection: { backend: 'gateway', identity: 'A' }, contact: contactRow({ name: 'Cy' }) }
  const others: readonly (readonly [name: string, edit: (bob: string) => ContactEdit])[] = [
    ['joins it', (bob) => ({ kind: 'join', group: 'g', ids: [bob] })],
    [
      'is made in it',
      () => ({ kind: 'create', contact: made.contact, connections: [made.connection], groups: ['f', 'g'] }),
    ],
    ['is renamed to it', () => ({ kind: 'rename-group', group: 'h', to: 'g', merge: false })],
  ]
  for (const [name, edit] of others) {
    it(`is refused where somebody ${name} at the same time`, async () => {
      const store = await database.open({ lock: 'shared' })
      const [ann, bob] = [contactRow({ name: 'Ann' }), contactRow({ name: 'Bob' })]
      const [first, second] = [made.connection, { backend: 'gateway', identity: 'B' }]
      await store.directory.edit({ kind: 'create', contact: ann, connections: [second], groups: [] }, T0)
      await store.directory.edit({ kind: 'create', contact: bob, connections: [first], groups: ['h'] }, T0)
      await store.directory.edit({ kind: 'unlink', id: bob.id, connection: first, forgetOptOut: false }, T0)
      const holding = new pg.Client({ connectionString: database.url })
      await holding.connect()
      await holding.query('BEGIN')
      await holding.query('SELECT 1 FROM contacts WHERE id = $1 FOR UPDATE', [bob.id])
      await holding.query(`SELECT 1 FROM connections WHERE identity = 'A' FOR UPDATE`)
      const other = store.directory.edit(edit(bob.id), T0)
      await until('the other one waits', async () => (await waiting()) === 1)
      const making = store.directory.edit({ kind: 'join', group: 'g', ids: [ann.id], isNew: true }, T0)
      await until('who makes the group waits', async () => (await waiting()) === 2)
      await holding.query('COMMIT')
      await holding.end()
      expect(await other).to.deep.equal({ changed: 1 })
      expect(await making).to.deep.equal({ refused: { why: 'group-taken' } })
    })
  }
})
