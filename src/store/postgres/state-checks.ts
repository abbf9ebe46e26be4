import { leastIdAt } from '../../messages/ids.ts'
import type { OutgoingState } from '../../messages/states.ts'
import {
  type StateCheckStore,
  TIMED_OUT,
  type TimeOut,
  type UncertainMessage,
  type UncertainPage,
  type UncertainQuery,
} from '../state-check-store.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { partsOf } from './keys.ts'
import { fromDatabase } from './texts.ts'

interface Row {
  id: string
  identity: string
  state: OutgoingState
  timed_out: boolean
  given_at: number
  keys: string[]
}

const PAGE_END: Statement = {
  name: 'uncertain-page-end',
  text: `SELECT max(id) AS last, count(*)::integer AS count
    FROM (SELECT id FROM outgoing WHERE id > $1 ORDER BY id LIMIT $2) page`,
}

const PAGE: Statement = {
  name: 'uncertain-page',
  text: `SELECT o.id, o.identity, o.state, o.timed_out, COALESCE(o.sent_at, o.changed_at) AS given_at, e.keys
    FROM outgoing o CROSS JOIN LATERAL (SELECT array_agg(key::text ORDER BY key) AS keys FROM external_ids
      WHERE outgoing_id = o.id AND NOT superseded
      AND (part_state IS NULL OR part_state IN ('WAITING', 'SENDING', 'SENT'))) e
    WHERE o.id > $1 AND o.id <= $2 AND o.backend = $3 AND o.changed_at <= $4
    AND (o.state IN ('SENDING', 'SENT', 'UNKNOWN') OR (o.state = 'ERROR' AND o.timed_out)) AND e.keys IS NOT NULL
    ORDER BY o.id`,
}

const TIME_OUT: Statement = {
  name: 'time-out',
  text: `UPDATE outgoing SET state = $1, timed_out = true, code = $2, error = $3, changed_at = $4
    WHERE id IN (SELECT id FROM outgoing o WHERE failed = 'SENDING' AND changed_at <= $5
      AND NOT EXISTS (SELECT FROM outbox w WHERE w.message_id = o.id) ORDER BY seq LIMIT $6 FOR UPDATE SKIP LOCKED)
    AND state = 'SENDING' RETURNING id, backend, identity`,
}

/** The check of what was never confirmed. Open messages are in a table of their own, which is not looked at. */
export class PostgresStateChecks implements StateCheckStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async uncertain({ backend, since, until, after, limit }: UncertainQuery): Promise<UncertainPage> {
    const from = after ?? leastIdAt(since)
    const [end] = await this.#database.query<{ last: string | null; count: number }>(PAGE_END, [from, limit])
    const last = end?.last ?? null
    if (end === undefined || last === null) return { messages: [], next: undefined }
    const rows = await this.#database.query<Row>(PAGE, [from, last, backend, until])
    return {
      messages: rows.flatMap((row) => toMessage(backend, row) ?? []),
      next: end.count < limit ? undefined : last,
    }
  }

  async timeOut({ before, state, at, limit }: TimeOut) {
    const { code, error } = TIMED_OUT
    return this.#database.query<{ id: string; backend: string; identity: string }>(TIME_OUT, [
      ...[state, code, error],
      ...[at, before, limit],
    ])
  }
}

/** An id that is too long for a key cannot be asked for: what is kept of it is a hash. */
function toMessage(backend: string, row: Row): UncertainMessage | undefined {
  const externalIds = row.keys.flatMap((key) => {
    const [owner, externalId] = partsOf(fromDatabase(key)) ?? []
    return owner === backend && externalId !== undefined ? [externalId] : []
  })
  if (externalIds.length === 0) return undefined
  const { id, identity, state, timed_out: timedOut, given_at: givenAt } = row
  return { id, backend, identity, state, timedOut, externalIds, givenAt }
}
