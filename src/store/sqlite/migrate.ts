import type { Database } from 'better-sqlite3'
import { Kysely, type Migration, Migrator, SqliteDialect } from 'kysely'
import { MigrationError } from '../errors.ts'
import { first } from './migrations/001-first.ts'

/** In their order. A migration that has been released is never changed. */
const migrations: Record<string, Migration> = {
  '001-first': first,
}

/**
 * Brings the schema up to this version.
 * @returns the names of the migrations that ran now
 * @throws MigrationError when one fails, or when the database was written by a newer version
 */
export async function migrate(database: Database): Promise<readonly string[]> {
  // One transaction around all of it: another process waits here, and a crash leaves no half of a schema.
  database.exec('BEGIN IMMEDIATE')
  try {
    const names = await migrateToLatest(database)
    database.exec('COMMIT')
    return names
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw error
  }
}

async function migrateToLatest(database: Database): Promise<readonly string[]> {
  const known = new Set(Object.keys(migrations))
  const applied = appliedMigrations(database)
  const foreign = applied.find((name) => !known.has(name))
  if (foreign !== undefined) {
    throw new MigrationError(
      `The database has the migration "${foreign}", which this version does not know: it was written by a newer one.`,
    )
  }
  if (applied.length === known.size) return []
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database: keepOpen(database) }) })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) {
    const failed = results.find((result) => result.status === 'Error')
    throw new MigrationError(`The migration ${failed?.migrationName ?? ''} failed: ${String(error)}`, {
      cause: error,
    })
  }
  return results.map((result) => result.migrationName)
}

function appliedMigrations(database: Database): string[] {
  const exists = database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'kysely_migration'`).get()
  if (exists === undefined) return []
  return database
    .prepare<[], { name: string }>('SELECT name FROM kysely_migration')
    .all()
    .map((row) => row.name)
}

/** Kysely closes what it is given; the connection belongs to the store. */
function keepOpen(database: Database) {
  return {
    prepare: (statement: string) => database.prepare(statement),
    close: () => undefined,
  } as Pick<Database, 'prepare'> & { close(): void } as unknown as Database
}
