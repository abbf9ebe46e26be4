import { type Migration, Migrator } from 'kysely'
import type { QueryResultRow } from 'pg'
import { MigrationError } from '../errors.ts'
import { isUnavailable } from './faults.ts'
import { kyselyOver, type LentConnection } from './kysely.ts'
import { MIGRATION_LOCK } from './locks.ts'
import { first } from './migrations/001-first.ts'
import { rowsOf, type Session } from './session.ts'

/** In their order. A migration that has been released is never changed. */
const migrations: Record<string, Migration> = {
  '001-first': first,
}

/**
 * Brings the schema up to this version. Of several processes that start at once, one does it and the others wait.
 * @returns the names of the migrations that ran now
 * @throws MigrationError when one fails, or when the database was written by a newer version
 */
export async function migrate(client: Session): Promise<readonly string[]> {
  await client.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`)
  try {
    return await migrateToLatest(client)
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`).catch(() => {})
  }
}

async function migrateToLatest(client: Session): Promise<readonly string[]> {
  const known = new Set(Object.keys(migrations))
  const applied = await appliedMigrations(client)
  const foreign = applied.find((name) => !known.has(name))
  if (foreign !== undefined) {
    throw new MigrationError(
      `The database has the migration "${foreign}", which this version does not know: it was written by a newer one.`,
    )
  }
  if (applied.length === known.size) return []
  const db = kyselyOver<unknown>(async () => onlyThis(client))
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (isUnavailable(error)) throw error
  if (error !== undefined) {
    const failed = results.find((result) => result.status === 'Error')
    throw new MigrationError(`The migration ${failed?.migrationName ?? ''} failed: ${String(error)}`, { cause: error })
  }
  return results.map((result) => result.migrationName)
}

async function appliedMigrations(client: Session): Promise<string[]> {
  const [table] = await rowsOf<{ name: string | null }>(client, `SELECT to_regclass('kysely_migration')::text AS name`)
  if (table?.name === null) return []
  return (await rowsOf<{ name: string }>(client, 'SELECT name FROM kysely_migration')).map(({ name }) => name)
}

/** The connection belongs to the caller. */
function onlyThis(client: Session): LentConnection {
  return {
    query: <Row>(text: string, values: readonly unknown[]) => client.query<Row & QueryResultRow>(text, [...values]),
    release: () => {},
  }
}
