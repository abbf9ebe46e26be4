import type { Database } from 'better-sqlite3'
import type { ExpiredMessage, LeasedMessage, LeaseRequest, OutboxStore, WaitingMessage } from '../outbox-store.ts'
import type { GroupCommit } from './group-commit.ts'
import { wellFormed } from './well-formed.ts'

type FreeRow = Omit<LeasedMessage, 'despiteOptOut' | 'optedOut'> & {
  readonly despiteOptOut: number
  readonly optedOutAt: number | null
}

/** Messages that gateways fetch. */
export class SqliteOutbox implements OutboxStore {
  readonly #statements
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#statements = prepare(database)
    this.#commit = commit
  }

  async add(given: WaitingMessage): Promise<void> {
    const { id, backend, identity, address, text, expiresAt, despiteOptOut } = wellFormed(given)
    await this.#commit.write(() =>
      this.#statements.add.run(id, backend, identity, address, text, expiresAt, despiteOptOut ? 1 : 0),
    )
  }

  async lease(given: LeaseRequest): Promise<readonly LeasedMessage[]> {
    const request = wellFormed(given)
    return this.#commit.write(() =>
      this.#statements.free.all(request).map((row) => {
        this.#statements.lease.run(request.device, request.until, row.id)
        const { optedOutAt, despiteOptOut, ...message } = row
        return { ...message, despiteOptOut: despiteOptOut === 1, optedOut: optedOutAt !== null, tries: row.tries + 1 }
      }),
    )
  }

  async expired(now: number, limit: number): Promise<readonly ExpiredMessage[]> {
    return this.#statements.expired.all(now, now, limit)
  }

  async remove(backend: string, id: string): Promise<boolean> {
    return this.#commit.write(() => this.#statements.remove.run(id.toWellFormed(), backend).changes === 1)
  }
}

function prepare(database: Database) {
  return {
    add: database.prepare(
      `INSERT OR IGNORE INTO outbox (message_id, backend, identity, address, text, leased_until, tries, expires_at,
       despite_opt_out) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?)`,
    ),
    free: database.prepare<[LeaseRequest], FreeRow>(
      `SELECT message_id AS id, waiting.backend, waiting.identity, address, text, tries, expires_at AS expiresAt,
       despite_opt_out AS despiteOptOut, contacts.opted_out_at AS optedOutAt FROM outbox AS waiting
       LEFT JOIN connections USING (backend, identity) LEFT JOIN contacts ON contacts.id = connections.contact_id
       WHERE waiting.backend = @backend AND leased_until <= @now AND NOT EXISTS (
         SELECT 1 FROM outbox AS held WHERE held.backend = @backend AND held.identity = waiting.identity
         AND held.seq < waiting.seq AND held.leased_until > @now AND held.device <> @device)
       ORDER BY seq LIMIT @limit`,
    ),
    expired: database.prepare<[number, number, number], ExpiredMessage>(
      `SELECT message_id AS id, backend, tries FROM outbox WHERE expires_at <= ? AND leased_until <= ?
       ORDER BY expires_at LIMIT ?`,
    ),
    lease: database.prepare('UPDATE outbox SET device = ?, leased_until = ?, tries = tries + 1 WHERE message_id = ?'),
    remove: database.prepare('DELETE FROM outbox WHERE message_id = ? AND backend = ?'),
  }
}
