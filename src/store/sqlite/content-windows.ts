import type { Database } from 'better-sqlite3'
import type { NewIncoming } from '../store.ts'

// Stands among the external ids in `duplicates`; no service's id holds a NUL.
const MARK = '\0window'

/**
 * Knows repeats of services that give no message ids: the same text from the same identity within the window, unless
 * something was sent to that identity in between (a second "1" after a second question is no repeat).
 */
export class ContentWindows {
  readonly #statements
  /** The identities with a window that may be open, so that all others cost nothing. */
  readonly #open: Set<string>
  /** Those closed in the transaction that runs. */
  #closed: string[] = []

  constructor(database: Database) {
    this.#statements = prepare(database)
    this.#open = new Set(this.#statements.all.all(MARK).map(({ backend, identity }) => key(backend, identity)))
  }

  /** A transaction begins. */
  began(): void {
    this.#closed = []
  }

  /** Writes of this transaction were undone: what it closed may be open. */
  undone(): void {
    for (const connection of this.#closed) this.#open.add(connection)
  }

  /** The message that this one repeats. Runs inside a transaction, as all methods do. */
  find(message: NewIncoming): string | undefined {
    const { backend, identity, receivedAt, window = 0 } = message
    if (window === 0 || !this.#open.has(key(backend, identity))) return undefined
    const first = this.#statements.first.get(backend, identity, MARK)
    if (first === undefined || first.text !== message.text || first.expires_at < receivedAt) return undefined
    return first.id
  }

  opened(message: NewIncoming): void {
    const { id, backend, identity, receivedAt, window = 0 } = message
    if (window === 0) return
    this.#open.add(key(backend, identity))
    this.#statements.put.run(backend, identity, MARK, id, receivedAt + window)
  }

  /** Something was sent to the identity. */
  closed(backend: string, identity: string): void {
    const connection = key(backend, identity)
    if (!this.#open.delete(connection)) return
    this.#closed.push(connection)
    this.#statements.remove.run(backend, identity, MARK)
  }
}

function key(backend: string, identity: string): string {
  return `${backend}\n${identity}`
}

function prepare(database: Database) {
  return {
    all: database.prepare<[string], { backend: string; identity: string }>(
      'SELECT backend, identity FROM duplicates WHERE external_id = ?',
    ),
    first: database.prepare<[string, string, string], { id: string; text: string; expires_at: number }>(
      `SELECT incoming.id, text, expires_at FROM duplicates JOIN incoming ON incoming.id = message_id
       WHERE duplicates.backend = ? AND duplicates.identity = ? AND duplicates.external_id = ?`,
    ),
    put: database.prepare('INSERT OR REPLACE INTO duplicates VALUES (?, ?, ?, ?, ?)'),
    remove: database.prepare('DELETE FROM duplicates WHERE backend = ? AND identity = ? AND external_id = ?'),
  }
}
