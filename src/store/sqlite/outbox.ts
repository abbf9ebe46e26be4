import type { Database } from 'better-sqlite3'
import type { LeasedMessage, LeaseRequest, OutboxStore, WaitingMessage } from '../outbox-store.ts'
import type { GroupCommit } from './group-commit.ts'
import { wellFormed } from './well-formed.ts'

/** Messages that gateways fetch. */
export class SqliteOutbox implements OutboxStore {
  readonly #statements
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#statements = prepare(database)
    this.#commit = commit
  }

  async add(given: WaitingMessage): Promise<void> {
    const { id, backend, identity, address, text } = wellFormed(given)
    await this.#commit.write(() => this.#statements.add.run(id, backend, identity, address, text))
  }

  async lease(given: LeaseRequest): Promise<readonly LeasedMessage[]> {
    const request = wellFormed(given)
    return this.#commit.write(() =>
      this.#statements.free.all(request).map((row) => {
        this.#statements.lease.run(request.device, request.until, row.id)
        return { ...row, tries: row.tries + 1 }
      }),
    )
  }

  async remove(backend: string, id: string): Promise<boolean> {
    return this.#commit.write(() => this.#statements.remove.run(id.toWellFormed(), backend).changes === 1)
  }
}

function prepare(database: Database) {
  return {
    add: database.prepare(
      `INSERT OR IGNORE INTO outbox (message_id, backend, identity, address, text, leased_until, tries)
       VALUES (?, ?, ?, ?, ?, 0, 0)`,
    ),
    free: database.prepare<[LeaseRequest], LeasedMessage>(
      `SELECT message_id AS id, backend, identity, address, text, tries FROM outbox AS waiting
       WHERE backend = @backend AND leased_until <= @now AND NOT EXISTS (
         SELECT 1 FROM outbox AS held WHERE held.backend = @backend AND held.identity = waiting.identity
         AND held.seq < waiting.seq AND held.leased_until > @now AND held.device <> @device)
       ORDER BY seq LIMIT @limit`,
    ),
    lease: database.prepare('UPDATE outbox SET device = ?, leased_until = ?, tries = tries + 1 WHERE message_id = ?'),
    remove: database.prepare('DELETE FROM outbox WHERE message_id = ? AND backend = ?'),
  }
}
