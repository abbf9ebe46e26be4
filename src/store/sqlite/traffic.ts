import type { Database } from 'better-sqlite3'
import { leastIdAt } from '../../messages/ids.ts'
import type { AttemptCost, TrafficQuery, TrafficRow, TrafficStore } from '../traffic-store.ts'

type Row = Omit<TrafficRow, 'attempts'> & { readonly attempts: string }

/** What was sent, read page by page: each read is short, so that the log of the database can be written back. */
export class SqliteTraffic implements TrafficStore {
  readonly #page

  /** @param reader a connection that only reads */
  constructor(reader: Database) {
    this.#page = reader.prepare<[{ from: string; to: string; limit: number }], Row>(
      `SELECT id, backend, identity, tag, state, parts, created_at AS createdAt,
       COALESCE((SELECT json_group_array(json_array(cost, currency, network, estimated)) FROM attempts
         WHERE outgoing_seq = outgoing.seq AND (cost IS NOT NULL OR network IS NOT NULL)), '[]') AS attempts
       FROM outgoing WHERE id > @from AND id < @to AND open = 0 ORDER BY id LIMIT @limit`,
    )
  }

  async page({ from, to, after = leastIdAt(from), limit }: TrafficQuery): Promise<readonly TrafficRow[]> {
    const rows = this.#page.all({ from: after, to: leastIdAt(to), limit })
    return rows.map((row) => ({ ...row, attempts: row.attempts === '[]' ? [] : costsOf(row.attempts) }))
  }
}

function costsOf(json: string): AttemptCost[] {
  const costs = JSON.parse(json) as [number | null, string | null, string | null, number | null][]
  return costs.map(([cost, currency, network, estimated]) => ({ cost, currency, network, estimated: estimated === 1 }))
}
