import type { Lane } from '../../messages/lane.ts'
import { INCOMING, incomingLane, list, OUTGOING, type OutgoingPlace, outgoingLane } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { laneKeyOf } from './keys.ts'
import { recordset } from './texts.ts'

interface Failed extends OutgoingPlace {
  id: string
}

const FAILED_INCOMING: Statement = {
  name: 'failed-incoming',
  text: `SELECT id, backend, identity, '' AS class FROM incoming WHERE id = ANY($1) AND state = 'FAILED'
    ORDER BY id FOR UPDATE`,
}

const FAILED_OUTGOING: Statement = {
  name: 'failed-outgoing',
  text: `SELECT id, backend, identity, class FROM outgoing WHERE id = ANY($1) AND state IN ('ERROR', 'UNKNOWN')
    ORDER BY id FOR UPDATE`,
}

const OPEN_INCOMING: Statement = {
  name: 'open-incoming-again',
  text: `WITH gone AS (DELETE FROM incoming i USING json_to_recordset($1) AS g(id text, lane text, at bigint)
      WHERE i.id = g.id RETURNING i.*, g.lane, g.at)
    INSERT INTO incoming_open (${list(INCOMING)}, lane, not_before)
    SELECT ${list(INCOMING, 'gone', { state: `'RECEIVED'`, tries: '0' })}, lane, at FROM gone`,
}

// What is still reported of its first life must not move the second one.
const OPEN_OUTGOING: Statement = {
  name: 'open-outgoing-again',
  text: `WITH gone AS (DELETE FROM outgoing o USING json_to_recordset($1) AS g(id text, lane text, at bigint)
      WHERE o.id = g.id RETURNING o.*, g.lane, g.at),
    forgotten AS (DELETE FROM external_ids e USING gone WHERE e.outgoing_id = gone.id)
    INSERT INTO outgoing_open (${list(OUTGOING)}, lane)
    SELECT ${list(OUTGOING, 'gone', {
      state: `'WAITING'`,
      tries: '0',
      not_before: 'at',
      attempt_at: 'NULL',
      first_attempt_at: 'NULL',
      timed_out: 'false',
      code: 'NULL',
      error: 'NULL',
      sent_at: 'NULL',
      delivered_at: 'NULL',
      sender_data: 'NULL',
      changed_at: 'at',
    })}, lane FROM gone`,
}

/** Opens failed messages again, at their old places; inside a transaction. Returns the lane of each, in the order given. */
export async function replay(run: Run, ids: readonly string[], at: number): Promise<readonly Lane[]> {
  if (ids.length === 0) return []
  const lanes = new Map<string, Lane>()
  const open = async (find: Statement, move: Statement, laneOf: (row: Failed) => Lane) => {
    const rows = await run<Failed>(find, [[...ids]])
    for (const row of rows) lanes.set(row.id, laneOf(row))
    if (rows.length > 0)
      await run(move, [recordset(rows.map((row) => ({ id: row.id, lane: laneKeyOf(laneOf(row)), at })))])
  }
  await open(FAILED_INCOMING, OPEN_INCOMING, incomingLane)
  await open(FAILED_OUTGOING, OPEN_OUTGOING, outgoingLane)
  return [...new Set(ids)].flatMap((id) => lanes.get(id) ?? [])
}
