import type { Lane } from '../../messages/lane.ts'
import type { OpenLane } from '../store.ts'
import { dueAt } from './claims.ts'
import { incomingLane, type OutgoingPlace, outgoingLane } from './columns.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { laneKeyOf } from './keys.ts'

/** From each lane to the next in the index, whatever stands in them. */
const walk = (table: string, columns: string, due: string): Statement => {
  const next = `SELECT lane, ${columns} FROM ${table} WHERE lane > `
  return {
    name: `walk-${table}`,
    text: `WITH RECURSIVE heads AS (
        (${next} $1 ORDER BY lane, seq LIMIT 1)
        UNION ALL
        SELECT head.* FROM heads CROSS JOIN LATERAL (${next} heads.lane ORDER BY lane, seq LIMIT 1) head)
      SELECT page.*, ${due} AS due_at FROM (SELECT * FROM heads LIMIT $2) page`,
  }
}

const INCOMING = walk('incoming_open', 'backend, identity, not_before', 'page.not_before')
const OUTGOING = walk('outgoing_open', 'backend, class, identity', dueAt('page.lane'))

const COUNT: Statement = { name: 'count-open-incoming', text: 'SELECT count(*) AS count FROM incoming_open' }

/** A page of lanes with unfinished messages, in the order of their keys. */
export async function openLanes(
  database: PostgresDatabase,
  kind: Lane['kind'],
  after: Lane | undefined,
  limit: number,
): Promise<readonly OpenLane[]> {
  const statement = kind === 'incoming' ? INCOMING : OUTGOING
  const from = after?.kind === kind ? laneKeyOf(after) : ''
  const rows = await database.query<OutgoingPlace & { due_at: number }>(statement, [from, limit])
  return rows.map((row) => ({
    lane: kind === 'incoming' ? incomingLane(row) : outgoingLane(row),
    notBefore: row.due_at,
  }))
}

export async function countOpenIncoming(database: PostgresDatabase): Promise<number> {
  const [row] = await database.query<{ count: number }>(COUNT, [])
  return row?.count ?? 0
}
