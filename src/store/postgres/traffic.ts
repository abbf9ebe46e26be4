import { leastIdAt } from '../../messages/ids.ts'
import type { AttemptCost, TrafficQuery, TrafficRow, TrafficStore } from '../traffic-store.ts'
import { readAttempts } from './attempts.ts'
import type { PostgresDatabase, Statement } from './database.ts'

type Row = Omit<TrafficRow, 'attempts'> & { readonly attempts: string }

/** By the key of the table, which is divided by it: only the weeks that are asked for are read. */
const PAGE: Statement = {
  name: 'traffic-page',
  text: `SELECT id, backend, identity, tag, state, parts, created_at AS "createdAt", attempts
    FROM outgoing WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3`,
}

/** What was sent, read page by page. */
export class PostgresTraffic implements TrafficStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async page({ from, to, after = leastIdAt(from), limit }: TrafficQuery): Promise<readonly TrafficRow[]> {
    const rows = await this.#database.query<Row>(PAGE, [after, leastIdAt(to), limit])
    return rows.map((row) => ({ ...row, attempts: costsOf(row.attempts) }))
  }
}

function costsOf(lines: string): AttemptCost[] {
  return readAttempts(lines).flatMap(({ cost, currency, network, estimated = false }) =>
    cost === null && network === null ? [] : [{ cost, currency, network, estimated }],
  )
}
