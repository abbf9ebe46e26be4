import { rowsOf, type Session } from './session.ts'

const old = (table: string) =>
  `SELECT r.ctid FROM broadcasts b JOIN ${table} r ON r.broadcast = b.number WHERE b.ended_at < $1
   LIMIT $2 FOR UPDATE OF r SKIP LOCKED`

// The broadcast itself last: what belongs to it is found by it.
const statements = [
  ...['broadcast_recipients', 'broadcast_faults'].map(
    (table) => `DELETE FROM ${table} WHERE ctid = ANY(ARRAY(${old(table)})) RETURNING position AS n`,
  ),
  `DELETE FROM broadcasts WHERE number IN (SELECT number FROM broadcasts b WHERE ended_at < $1
   AND NOT EXISTS (SELECT FROM broadcast_recipients r WHERE r.broadcast = b.number)
   AND NOT EXISTS (SELECT FROM broadcast_faults f WHERE f.broadcast = b.number) LIMIT $2) RETURNING number AS n`,
]

/** Removes what is left of broadcasts that ended long ago, inside a transaction; their messages go by themselves. */
export async function removeBroadcasts(client: Session, before: number, limit: number) {
  let count = 0
  let more = false
  for (const statement of statements) {
    const rows = await rowsOf(client, statement, [before, limit])
    count += rows.length
    more ||= rows.length === limit
  }
  return { count, more }
}
