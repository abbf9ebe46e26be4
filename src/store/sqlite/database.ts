import { closeSync, existsSync, mkdirSync, openSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite, { type Database } from 'better-sqlite3'
import { StoreLockedError, StoreUnavailableError } from '../errors.ts'

export const IN_MEMORY = ':memory:'

const PAGE_CACHE_KIB = 64 * 1024
/**
 * Pages of the log after which they are written into the database (32 MiB): a page that changed often meanwhile is
 * written once, and a commit seldom waits for it. At SQLite's own 1,000 an echo cost about a fifth more.
 */
const CHECKPOINT_PAGES = 8_000
const BUSY_TIMEOUT_MS = 5_000

/**
 * Opens the writing connection. WAL with synchronous=FULL: a commit is on disk before it returns.
 * @throws StoreUnavailableError when the file cannot be opened or is not a database
 */
export function openDatabase(file: string): Database {
  return explained(file, () => {
    const database = new Sqlite(file === IN_MEMORY ? file : realFile(file))
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    database.pragma('foreign_keys = ON')
    database.pragma('temp_store = MEMORY')
    database.pragma(`cache_size = -${PAGE_CACHE_KIB}`)
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
    return database
  })
}

/** A connection for long reads, which see one moment of the database and hold up nobody. */
export function openReader(file: string): Database {
  return explained(file, () => {
    const database = new Sqlite(file, { readonly: true })
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
    return database
  })
}

/**
 * Takes the lock that keeps a second server off the same file. The operating system gives it back when the
 * process ends, however it ends.
 * @throws StoreLockedError when another process holds it
 */
export function lockForServer(file: string): { release(): void } {
  if (file === IN_MEMORY) return { release: () => undefined }
  const lock = explained(file, () => {
    return new Sqlite(`${realFile(file)}.lock`, { timeout: 0 })
  })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!isBusy(error)) throw unavailable(file, error)
    throw new StoreLockedError(
      `Another Switchboard serves ${file} already. Stop it, or give this one its own file by DATABASE_URL.`,
      { cause: error },
    )
  }
  return { release: () => lock.close() }
}

const UNAVAILABLE = /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|BUSY|LOCKED|NOMEM|PERM)/

/** True for what may pass: disk full, read-only, not readable, locked by a command. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && UNAVAILABLE.test(error.code)
}

function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')
}

/** Turns an error of SQLite into one that names the file and says what to do. */
export function unavailable(file: string, error: unknown): StoreUnavailableError {
  const why = error instanceof Error ? error.message : String(error)
  return new StoreUnavailableError(`The database ${file} cannot be used now: ${why}`, { cause: error })
}

/** The one name of a file that may be reached by several: through a link, it is still the same database. */
function realFile(file: string): string {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true })
    // What is not there has no other name yet: SQLite takes an empty file for a new database.
    closeSync(openSync(file, 'a', 0o644))
  }
  return realpathSync(file)
}

function explained<T>(file: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    throw unavailable(file, error)
  }
}
