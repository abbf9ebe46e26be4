import type { Database } from 'better-sqlite3'
import { leastIdAt } from '../../messages/ids.ts'
import { isFinal, type OutgoingState } from '../../messages/states.ts'
import {
  type StateCheckStore,
  TIMED_OUT,
  type TimeOut,
  type UncertainMessage,
  type UncertainPage,
  type UncertainQuery,
} from '../state-check-store.ts'
import type { GroupCommit } from './group-commit.ts'

interface Row {
  seq: number
  id: string
  backend: string
  identity: string
  state: OutgoingState
  timed_out: number
  given_at: number
}

/**
 * The check of what was never confirmed. Pages are those of the ids, which every message is found by anyway: no message
 * pays for an index of its own.
 */
export class SqliteStateChecks implements StateCheckStore {
  readonly #read
  readonly #write
  readonly #commit: GroupCommit

  constructor(database: Database, reader: Database, commit: GroupCommit) {
    this.#read = prepareReads(reader)
    this.#write = prepareWrites(database)
    this.#commit = commit
  }

  async uncertain({ backend, since, until, after, limit }: UncertainQuery): Promise<UncertainPage> {
    const from = after ?? leastIdAt(since)
    const end = this.#read.pageEnd.get(from, limit)
    const last = end?.last ?? null
    if (end === undefined || last === null) return { messages: [], next: undefined }
    const rows = this.#read.page.all({ from, last, backend, until })
    return {
      messages: rows.flatMap((row) => this.#message(row) ?? []),
      next: end.count < limit ? undefined : last,
    }
  }

  #message({ seq, id, backend, identity, state, timed_out, given_at }: Row): UncertainMessage | undefined {
    const externalIds = this.#read.externalIds
      .all(seq, backend)
      .filter(({ part_state: part }) => part === null || !isFinal(part))
      .map(({ external_id: externalId }) => externalId)
    if (externalIds.length === 0) return undefined
    return { id, backend, identity, state, timedOut: timed_out === 1, externalIds, givenAt: given_at }
  }

  async timeOut({ before, state, at, limit }: TimeOut) {
    return this.#commit.write(() => this.#write.timeOut.all({ ...TIMED_OUT, before, state, at, limit }))
  }
}

function prepareReads(reader: Database) {
  return {
    pageEnd: reader.prepare<[string, number], { last: string | null; count: number }>(
      'SELECT MAX(id) AS last, COUNT(*) AS count FROM (SELECT id FROM outgoing WHERE id > ? ORDER BY id LIMIT ?)',
    ),
    page: reader.prepare<[{ from: string; last: string; backend: string; until: number }], Row>(
      `SELECT seq, id, backend, identity, state, timed_out, COALESCE(sent_at, changed_at) AS given_at FROM outgoing
       WHERE id > @from AND id <= @last AND open = 0 AND backend = @backend AND changed_at <= @until
       AND (state IN ('SENDING', 'SENT', 'UNKNOWN') OR (state = 'ERROR' AND timed_out = 1)) ORDER BY id`,
    ),
    externalIds: reader.prepare<[number, string], { external_id: string; part_state: OutgoingState | null }>(
      `SELECT external_id, part_state FROM external_ids
       WHERE outgoing_seq = ? AND backend = ? AND superseded = 0 ORDER BY external_id`,
    ),
  }
}

function prepareWrites(database: Database) {
  return {
    timeOut: database.prepare<
      [{ before: number; state: string; at: number; limit: number; code: string; error: string }],
      { id: string; backend: string; identity: string }
    >(
      `UPDATE outgoing SET state = @state, timed_out = 1, code = @code, error = @error, changed_at = @at WHERE seq IN
       (SELECT seq FROM outgoing o INDEXED BY outgoing_unconfirmed WHERE open = 0 AND state = 'SENDING'
        AND changed_at <= @before AND NOT EXISTS (SELECT 1 FROM outbox w WHERE w.message_id = o.id)
        ORDER BY seq LIMIT @limit) RETURNING id, backend, identity`,
    ),
  }
}
