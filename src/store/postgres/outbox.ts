import type { ExpiredMessage, LeasedMessage, LeaseRequest, OutboxStore, WaitingMessage } from '../outbox-store.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { keyOf } from './keys.ts'

const ADD: Statement = {
  name: 'outbox-add',
  text: `INSERT INTO outbox (message_id, backend, identity, address, text, person, device, leased_until, tries,
      expires_at, despite_opt_out) VALUES ($1, $2, $3, $4, $5, $6, '', 0, 0, $7, $8) ON CONFLICT (message_id) DO NOTHING`,
}

/** Of one backend, one device asks at a time: else two would get messages of one person. */
const LOCK: Statement = {
  name: 'outbox-lock',
  text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 2))',
}

const LEASE: Statement = {
  name: 'outbox-lease',
  text: `WITH free AS MATERIALIZED (SELECT seq FROM outbox waiting
      WHERE backend = $1 AND leased_until <= $3 AND NOT EXISTS (
        SELECT FROM outbox held WHERE held.person = waiting.person AND held.seq < waiting.seq
        AND held.leased_until > $3 AND held.device <> $2)
      ORDER BY seq LIMIT $5),
    leased AS (UPDATE outbox o SET device = $2, leased_until = $4, tries = o.tries + 1 FROM free
      WHERE o.seq = free.seq RETURNING o.seq, message_id AS id, o.backend, o.identity, address, text, person, tries, expires_at, despite_opt_out)
    SELECT l.id, l.backend, l.identity, address, text, tries, expires_at AS "expiresAt",
      despite_opt_out AS "despiteOptOut", p.opted_out_at IS NOT NULL AS "optedOut"
    FROM leased l LEFT JOIN connections c ON c.key = l.person LEFT JOIN contacts p ON p.id = c.contact_id ORDER BY l.seq`,
}

const EXPIRED: Statement = {
  name: 'outbox-expired',
  text: `SELECT message_id AS id, backend, tries FROM outbox WHERE expires_at <= $1 AND leased_until <= $1
    ORDER BY expires_at LIMIT $2`,
}

const REMOVE: Statement = {
  name: 'outbox-remove',
  text: 'DELETE FROM outbox WHERE message_id = $1 AND backend = $2 RETURNING seq',
}

/** Messages that gateways fetch. */
export class PostgresOutbox implements OutboxStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async add(message: WaitingMessage): Promise<void> {
    const { id, backend, identity, address, text, expiresAt, despiteOptOut } = message
    const person = keyOf(backend, identity)
    await this.#database.query(ADD, [id, backend, identity, address, text, person, expiresAt, despiteOptOut])
  }

  async lease({ backend, device, limit, now, until }: LeaseRequest): Promise<readonly LeasedMessage[]> {
    return this.#database.transaction(async (run) => {
      await run(LOCK, [backend])
      return run<LeasedMessage>(LEASE, [backend, device, now, until, limit])
    })
  }

  async expired(now: number, limit: number): Promise<readonly ExpiredMessage[]> {
    return this.#database.query<ExpiredMessage>(EXPIRED, [now, limit])
  }

  async remove(backend: string, id: string): Promise<boolean> {
    return (await this.#database.query(REMOVE, [id, backend])).length === 1
  }
}
