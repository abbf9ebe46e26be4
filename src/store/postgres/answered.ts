import { list, OUTGOING } from './columns.ts'
import type { Run, Statement } from './database.ts'
import type { Operation } from './operations.ts'
import { recordset } from './texts.ts'

type AnsweredOperation = Extract<Operation, { kind: 'answered' }>

const SETTLE: Statement = {
  name: 'settle-answered',
  text: `WITH given AS MATERIALIZED (SELECT * FROM json_to_recordset($1) AS g(id text, at bigint)),
    gone AS (DELETE FROM outgoing_open o USING given g WHERE o.id = g.id AND o.attempt_at IS NULL RETURNING o.*, g.at)
    INSERT INTO outgoing (${list(OUTGOING)})
    SELECT ${list(OUTGOING, 'gone', { state: `'SENT'`, via: `'answer'`, changed_at: 'at', sent_at: 'at' })} FROM gone
    RETURNING id`,
}

/**
 * Marks responses as given in the answer to the request; inside a transaction.
 * @returns for each operation the ids that nobody had taken yet
 */
export async function settleAnswered(
  run: Run,
  operations: readonly AnsweredOperation[],
): Promise<Map<Operation, readonly string[]>> {
  const times = new Map<string, number>()
  for (const { ids, at } of operations) for (const id of ids) if (!times.has(id)) times.set(id, at)
  if (times.size === 0) return new Map()
  const rows = [...times].map(([id, at]) => ({ id, at }))
  const taken = new Set((await run<{ id: string }>(SETTLE, [recordset(rows)])).map(({ id }) => id))
  // The first who asks for it gets it.
  return new Map(operations.map((operation) => [operation, operation.ids.filter((id) => taken.delete(id))]))
}
