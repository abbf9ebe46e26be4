import type { Database } from 'better-sqlite3'
import { HOLDS_KEPT_MS } from '../callback-rows.ts'
import { STAGED_KEPT_MS } from '../directory-store.ts'
import type { Purged, PurgeRequest } from '../store.ts'
import { BroadcastPurge } from './broadcast-purge.ts'
import { PARKED_KEPT_MS } from './report-rows.ts'

/** Pages of `limit` messages that one batch looks through for those it may remove. */
const MOST_PAGES = 10
/**
 * So many messages in a row that are too young end the walk. The first of them does not: while a clock was wrong,
 * messages were recorded with times of the future.
 */
const YOUNG_IN_A_ROW = 5_000

interface MessageRow {
  seq: number
  id: string
  backend: string
  identity: string
  recorded_at: number
  changed_at: number
  open: number
  outgoing: number
}

/** How far the walk from the oldest message to the youngest has come. */
interface Walk {
  readonly after: number
  /** How many were too young right before. */
  readonly young: number
  /** What was asked for when it began. */
  readonly before: number
}

interface Counts {
  incoming: number
  outgoing: number
  others: number
}

/** One batch as it was done; it counts once it is committed. */
export interface PurgeBatch {
  readonly purged: Purged
  /** Undefined at the end: the next batch begins with the oldest message. */
  readonly walk: Walk | undefined
}

/**
 * Removes what is old, in the order of `seq`. Each batch goes on where the one before ended, so that messages which
 * stay are not looked at by every batch; a walk that has come to its end begins anew with the next batch.
 */
export class Purge {
  readonly #statements
  readonly #broadcasts
  #walk: Walk | undefined

  constructor(database: Database) {
    this.#statements = prepare(database)
    this.#broadcasts = new BroadcastPurge(database)
  }

  /** Runs inside a transaction of the group commit. */
  batch(request: PurgeRequest): PurgeBatch {
    const counts: Counts = { incoming: 0, outgoing: 0, others: 0 }
    const begun = this.#walk ?? { after: 0, young: 0, before: request.before }
    const walk = this.#removeMessages(begun, request, counts)
    const broadcasts = this.#broadcasts.batch(request.before, request.limit)
    counts.others += broadcasts.count
    const isMoreBeside = this.#removeExpired(request, counts) || broadcasts.more
    const more = walk !== undefined || isMoreBeside || begun.before < request.before
    return { purged: { ...counts, more }, walk }
  }

  /** The batch is on disk. */
  committed({ walk }: PurgeBatch): void {
    this.#walk = walk
  }

  /** @returns where the walk stands; undefined when it has come to its end */
  #removeMessages(begun: Walk, { before, limit }: PurgeRequest, counts: Counts): Walk | undefined {
    let { after, young } = begun
    for (let page = 0; page < MOST_PAGES; page++) {
      const rows = this.#statements.page.all({ after, limit })
      for (const row of rows) {
        after = row.seq
        young = row.recorded_at < before ? 0 : young + 1
        if (young === YOUNG_IN_A_ROW) return undefined
        if (!this.#isRemovable(row, before)) continue
        this.#remove(row, counts)
        if (counts.incoming + counts.outgoing === limit) return { ...begun, after, young }
      }
      if (rows.length < limit) return undefined
    }
    return { ...begun, after, young }
  }

  /** One that was changed lately stays: of a message scheduled long ago, and sent today, reports are still to come. */
  #isRemovable(row: MessageRow, before: number): boolean {
    if (row.open === 1 || row.recorded_at >= before || row.changed_at >= before) return false
    const { fetchedLater, unfinishedAnswer } = this.#statements
    return (row.outgoing === 1 ? fetchedLater : unfinishedAnswer).get(row.id) === undefined
  }

  #remove({ seq, id, backend, identity, outgoing }: MessageRow, counts: Counts): void {
    const statements = this.#statements
    if (outgoing === 1) {
      for (const statement of statements.ofOutgoing) statement.run(seq)
      counts.outgoing++
    } else {
      statements.incoming.run(seq)
      counts.incoming++
    }
    statements.conversation.run(backend, identity, seq)
    counts.others += statements.effects.run(id).changes
  }

  /**
   * What has an expiry of its own.
   * @returns whether there may be more
   */
  #removeExpired({ before, now, limit }: PurgeRequest, counts: Counts): boolean {
    const soles = this.#statements.soles.run({ before, limit }).changes
    const callbacks = this.#statements.callbacks.run({ before, limit }).changes
    counts.others += soles + callbacks
    let isMore = soles === limit || callbacks === limit
    for (const { statement, kept } of this.#statements.expired) {
      const { changes } = statement.run({ now: now - kept, limit })
      counts.others += changes
      if (changes === limit) isMore = true
    }
    return isMore
  }
}

function prepare(database: Database) {
  const expired = (statement: string, kept = 0) => ({
    statement: database.prepare<[{ now: number; limit: number }]>(statement),
    kept,
  })
  return {
    page: database.prepare<[{ after: number; limit: number }], MessageRow>(
      `SELECT seq, id, backend, identity, received_at AS recorded_at, received_at AS changed_at, open, 0 AS outgoing
       FROM incoming WHERE seq > @after
       UNION ALL
       SELECT seq, id, backend, identity, created_at, changed_at, open, 1 FROM outgoing WHERE seq > @after
       ORDER BY seq LIMIT @limit`,
    ),
    fetchedLater: database.prepare<[string]>('SELECT 1 FROM outbox WHERE message_id = ?'),
    unfinishedAnswer: database.prepare<[string]>('SELECT 1 FROM outgoing WHERE in_response_to = ? AND open = 1'),
    incoming: database.prepare<[number]>('DELETE FROM incoming WHERE seq = ?'),
    ofOutgoing: [
      database.prepare<[number]>('DELETE FROM attempts WHERE outgoing_seq = ?'),
      database.prepare<[number]>('DELETE FROM external_ids WHERE outgoing_seq = ?'),
      database.prepare<[number]>('DELETE FROM reports WHERE outgoing_seq = ?'),
      database.prepare<[number]>('DELETE FROM outgoing WHERE seq = ?'),
    ],
    conversation: database.prepare<[string, string, number]>(
      'DELETE FROM conversation WHERE backend = ? AND identity = ? AND seq = ?',
    ),
    effects: database.prepare<[string]>('DELETE FROM effects WHERE message_id = ?'),
    // They go with their messages, and stay while those wait.
    soles: database.prepare<[{ before: number; limit: number }]>(
      `DELETE FROM sole_messages WHERE key IN (SELECT key FROM sole_messages AS sole WHERE recorded_at < @before
       AND NOT EXISTS (SELECT 1 FROM outgoing WHERE id = sole.message_id AND open = 1) ORDER BY recorded_at LIMIT @limit)`,
    ),
    callbacks: database.prepare<[{ before: number; limit: number }]>(
      `DELETE FROM callback_deliveries WHERE seq IN
       (SELECT seq FROM callback_deliveries WHERE dead_at < @before ORDER BY dead_at LIMIT @limit)`,
    ),
    expired: [
      expired(
        `DELETE FROM duplicates WHERE (backend, identity, external_id) IN
         (SELECT backend, identity, external_id FROM duplicates WHERE expires_at < @now LIMIT @limit)`,
      ),
      expired(
        `DELETE FROM content_windows WHERE (backend, identity) IN
         (SELECT backend, identity FROM content_windows WHERE expires_at < @now LIMIT @limit)`,
      ),
      expired(
        `DELETE FROM idempotency_keys WHERE key IN
         (SELECT key FROM idempotency_keys WHERE expires_at < @now LIMIT @limit)`,
      ),
      expired(`DELETE FROM usage WHERE name IN (SELECT name FROM usage WHERE expires_at < @now LIMIT @limit)`),
      expired(
        `DELETE FROM reports WHERE id IN
         (SELECT id FROM reports WHERE outgoing_seq IS NULL AND received_at < @now LIMIT @limit)`,
        PARKED_KEPT_MS,
      ),
      expired(
        `DELETE FROM import_lines WHERE (import_id, line) IN
         (SELECT import_id, line FROM import_lines WHERE staged_at < @now LIMIT @limit)`,
        STAGED_KEPT_MS,
      ),
      expired(
        `DELETE FROM callback_holds WHERE target IN (SELECT h.target FROM callback_holds h WHERE h.until < @now
         AND NOT EXISTS (SELECT 1 FROM callback_deliveries d WHERE d.target = h.target AND d.dead_at IS NULL)
         LIMIT @limit)`,
        HOLDS_KEPT_MS,
      ),
    ],
  }
}
