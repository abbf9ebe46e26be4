import type { OverdueQuery, WaitingOutgoing, WaitingStore } from '../waiting-store.ts'
import { list, OUTGOING } from './columns.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { unpacked } from './record-outgoing.ts'

type Row = Omit<WaitingOutgoing, 'fields' | 'inResponseTo'> & {
  readonly data: string
  readonly answered: string | null
}

const COUNTS: Statement = {
  name: 'waiting-counts',
  text: 'SELECT backend, count(*) AS count FROM outgoing_open GROUP BY backend',
}

const OVERDUE: Statement = {
  name: 'waiting-overdue',
  text: `SELECT seq, id, backend, identity, class, data, in_response_to AS answered, created_at AS "createdAt",
      not_before AS "notBefore", first_attempt_at AS "firstAttemptAt", expires_at AS "expiresAt"
    FROM outgoing_open WHERE backend = $1 AND attempt_at IS NULL AND seq > $2
      AND COALESCE(expires_at, COALESCE(first_attempt_at, GREATEST(created_at, not_before)) +
        CASE WHEN in_response_to IS NOT NULL THEN $3::bigint WHEN class = 'urgent' THEN $4::bigint
        WHEN class = 'reply' THEN $5::bigint WHEN class = 'bulk' THEN $6::bigint ELSE $7::bigint END) <= $8
    ORDER BY seq LIMIT $9`,
}

/** What somebody else is writing just now is left for the next time, so that nobody waits for anybody. */
const CANCEL: Statement = {
  name: 'waiting-cancel',
  text: `WITH free AS MATERIALIZED (SELECT id FROM outgoing_open WHERE id = ANY($1::text[]) AND attempt_at IS NULL
      FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM outgoing_open o USING free WHERE o.id = free.id RETURNING o.*)
    INSERT INTO outgoing (${list(OUTGOING)})
    SELECT ${list(OUTGOING, 'gone', {
      state: `'CANCELLED'`,
      code: `'CANCELLED'`,
      error: '$2',
      changed_at: '$3::bigint',
    })} FROM gone RETURNING id`,
}

/** Messages that wait while nothing of their backend is handed out. */
export class PostgresWaiting implements WaitingStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async counts(): Promise<Readonly<Record<string, number>>> {
    const rows = await this.#database.query<{ backend: string; count: number }>(COUNTS, [])
    return Object.fromEntries(rows.map(({ backend, count }) => [backend, count]))
  }

  async overdue({ backend, now, times, answers, after, limit }: OverdueQuery): Promise<readonly WaitingOutgoing[]> {
    const { urgent, reply, bulk, normal } = times
    const values = [backend, after, answers, urgent, reply, bulk, normal, now, limit]
    const rows = await this.#database.query<Row>(OVERDUE, values)
    return rows.map(({ data, answered, ...row }) => {
      const { fields, inResponseTo } = unpacked(data, answered)
      return { ...row, fields, inResponseTo }
    })
  }

  async cancel(ids: readonly string[], reason: string, at: number): Promise<readonly string[]> {
    if (ids.length === 0) return []
    return (await this.#database.query<{ id: string }>(CANCEL, [ids, reason, at])).map(({ id }) => id)
  }
}
