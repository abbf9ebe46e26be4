import type { Database } from 'better-sqlite3'

/** Removes what is left of broadcasts that ended long ago; their messages go by themselves. */
export class BroadcastPurge {
  readonly #statements

  constructor(database: Database) {
    const prepare = (text: string) => database.prepare<[{ before: number; limit: number }]>(text)
    const old = (table: string) =>
      `SELECT r.broadcast, r.position FROM broadcasts b CROSS JOIN ${table} r ON r.broadcast = b.number
       WHERE b.ended_at < @before LIMIT @limit`
    // The broadcast itself last: what belongs to it is found by it.
    this.#statements = [
      ...['broadcast_recipients', 'broadcast_faults'].map((table) =>
        prepare(`DELETE FROM ${table} WHERE (broadcast, position) IN (${old(table)})`),
      ),
      prepare(
        `DELETE FROM broadcasts WHERE number IN (SELECT number FROM broadcasts b WHERE ended_at < @before
         AND NOT EXISTS (SELECT 1 FROM broadcast_recipients r WHERE r.broadcast = b.number)
         AND NOT EXISTS (SELECT 1 FROM broadcast_faults f WHERE f.broadcast = b.number) LIMIT @limit)`,
      ),
    ]
  }

  /** Runs inside a transaction. */
  batch(before: number, limit: number): { readonly count: number; readonly more: boolean } {
    const removed = this.#statements.map((statement) => statement.run({ before, limit }).changes)
    const count = removed.reduce((sum, changes) => sum + changes, 0)
    return { count, more: removed.some((changes) => changes === limit) }
  }
}
