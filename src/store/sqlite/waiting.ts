import type { Database } from 'better-sqlite3'
import { laneKey, type MessageClass } from '../../messages/lane.ts'
import type { OverdueQuery, WaitingOutgoing, WaitingStore } from '../waiting-store.ts'
import type { GroupCommit } from './group-commit.ts'
import type { LaneCache } from './lane-cache.ts'
import { type OpenOutgoing, unpacked } from './outgoing.ts'

interface Row extends Omit<WaitingOutgoing, 'fields' | 'inResponseTo'> {
  readonly data: string
  readonly inResponseTo: string | null
}

interface Place {
  readonly seq: number
  readonly id: string
  readonly backend: string
  readonly class: MessageClass
  readonly identity: string
}

export interface SqliteWaitingParts {
  readonly database: Database
  readonly reader: Database
  readonly commit: GroupCommit
  readonly cache: LaneCache<OpenOutgoing>
}

/** Messages that wait while nothing of their backend is handed out. */
export class SqliteWaiting implements WaitingStore {
  readonly #statements
  readonly #parts: SqliteWaitingParts

  constructor(parts: SqliteWaitingParts) {
    this.#parts = parts
    this.#statements = prepare(parts)
  }

  async counts(): Promise<Readonly<Record<string, number>>> {
    return Object.fromEntries(this.#statements.counts.all().map(({ backend, count }) => [backend, count]))
  }

  async overdue({ times, ...query }: OverdueQuery): Promise<readonly WaitingOutgoing[]> {
    const rows = this.#statements.overdue.all({ ...query, ...times })
    return rows.map(({ data, inResponseTo, ...row }) => {
      const { fields, inResponseTo: answered } = unpacked(data, inResponseTo)
      return { ...row, fields, inResponseTo: answered }
    })
  }

  async cancel(ids: readonly string[], reason: string, at: number): Promise<readonly string[]> {
    const { commit, cache } = this.#parts
    const cancelled = await commit.write(
      () => ids.flatMap((id) => this.#statements.cancel.get(reason.toWellFormed(), at, id) ?? []),
      (places) => {
        for (const { seq, backend: owner, class: name, identity } of places) {
          cache.remove(laneKey({ kind: 'outgoing', owner, class: name, identity }), seq)
        }
      },
    )
    return cancelled.map(({ id }) => id)
  }
}

function prepare({ database, reader }: SqliteWaitingParts) {
  return {
    counts: reader.prepare<[], { backend: string; count: number }>(
      'SELECT backend, COUNT(*) AS count FROM outgoing WHERE open = 1 GROUP BY backend',
    ),
    overdue: reader.prepare<[Omit<OverdueQuery, 'times'> & OverdueQuery['times']], Row>(
      `SELECT seq, id, backend, identity, class, data, in_response_to AS inResponseTo, created_at AS createdAt,
       not_before AS notBefore, first_attempt_at AS firstAttemptAt, expires_at AS expiresAt
       FROM outgoing WHERE open = 1 AND backend = @backend AND attempt_at IS NULL AND seq > @after
       AND COALESCE(expires_at, COALESCE(first_attempt_at, MAX(created_at, not_before)) +
         CASE WHEN in_response_to IS NOT NULL THEN @answers WHEN class = 'urgent' THEN @urgent
         WHEN class = 'reply' THEN @reply WHEN class = 'bulk' THEN @bulk ELSE @normal END) <= @now
       ORDER BY seq LIMIT @limit`,
    ),
    cancel: database.prepare<[string, number, string], Place>(
      `UPDATE outgoing SET state = 'CANCELLED', open = 0, code = 'CANCELLED', error = ?, changed_at = ?
       WHERE id = ? AND open = 1 AND attempt_at IS NULL RETURNING seq, id, backend, class, identity`,
    ),
  }
}
