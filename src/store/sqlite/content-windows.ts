import type { Database } from 'better-sqlite3'
import type { NewIncoming } from '../incoming-records.ts'
import { connectionKey } from './connection-key.ts'

const SWEEP_INTERVAL_MS = 60_000

/**
 * Knows repeats of services that give no message ids: the same text from the same identity within the window, unless
 * something was sent to that identity in between (a second "1" after a second question is no repeat).
 */
export class ContentWindows {
  readonly #statements
  /**
   * When the window of a connection ends, for all that may be open, so that all others cost nothing. Undefined where
   * few messages pass: then the database is asked each time.
   */
  readonly #open: Map<string, number> | undefined
  /** Those closed in the transaction that runs. */
  #closed: (readonly [connection: string, expiresAt: number])[] = []
  #sweepAt = 0

  /** @param remembers whether the open windows are kept in memory; a command would read them all for one message */
  constructor(database: Database, remembers: boolean) {
    this.#statements = prepare(database)
    if (!remembers) return
    const windows = this.#statements.all.all()
    this.#open = new Map(
      windows.map(({ backend, identity, expires_at }) => [connectionKey(backend, identity), expires_at]),
    )
  }

  /** A transaction begins. */
  began(): void {
    this.#closed = []
  }

  /** Writes of this transaction were undone: what it closed may be open. */
  undone(): void {
    for (const [connection, expiresAt] of this.#closed) this.#open?.set(connection, expiresAt)
  }

  /** The message that this one repeats. Runs inside a transaction, as all methods do. */
  find(message: NewIncoming): string | undefined {
    const { backend, identity, receivedAt, window = 0 } = message
    if (window === 0 || this.#open?.has(connectionKey(backend, identity)) === false) return undefined
    const first = this.#statements.first.get(backend, identity)
    if (first === undefined || first.text !== message.text || first.expires_at < receivedAt) return undefined
    return first.id
  }

  opened(message: NewIncoming): void {
    const { id, backend, identity, receivedAt, window = 0 } = message
    if (window === 0) return
    this.#dropExpired(receivedAt)
    this.#open?.set(connectionKey(backend, identity), receivedAt + window)
    this.#statements.put.run(backend, identity, id, receivedAt + window)
  }

  /** Something was sent to the identity. */
  closed(backend: string, identity: string): void {
    const connection = connectionKey(backend, identity)
    if (this.#open !== undefined) {
      const expiresAt = this.#open.get(connection)
      if (expiresAt === undefined) return
      this.#open.delete(connection)
      this.#closed.push([connection, expiresAt])
    }
    this.#statements.remove.run(backend, identity)
  }

  #dropExpired(now: number): void {
    if (now < this.#sweepAt) return
    this.#sweepAt = now + SWEEP_INTERVAL_MS
    for (const [connection, expiresAt] of this.#open ?? []) if (expiresAt < now) this.#open?.delete(connection)
    this.#statements.expire.run(now)
  }
}

function prepare(database: Database) {
  return {
    all: database.prepare<[], { backend: string; identity: string; expires_at: number }>(
      'SELECT backend, identity, expires_at FROM content_windows',
    ),
    first: database.prepare<[string, string], { id: string; text: string; expires_at: number }>(
      `SELECT incoming.id, text, expires_at FROM content_windows JOIN incoming ON incoming.id = message_id
       WHERE content_windows.backend = ? AND content_windows.identity = ?`,
    ),
    put: database.prepare('INSERT OR REPLACE INTO content_windows VALUES (?, ?, ?, ?)'),
    remove: database.prepare('DELETE FROM content_windows WHERE backend = ? AND identity = ?'),
    expire: database.prepare('DELETE FROM content_windows WHERE expires_at < ?'),
  }
}
