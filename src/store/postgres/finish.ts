import { INCOMING, list } from './columns.ts'
import type { Run, Statement } from './database.ts'
import type { Operation } from './operations.ts'
import { recordset } from './texts.ts'

type FinishOperation = Extract<Operation, { kind: 'finish' }>

const SETTLE: Statement = {
  name: 'settle-incoming',
  text: `WITH given AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1) AS g(id text, state text, handled_by text, error text, at bigint, failures integer)),
    gone AS (DELETE FROM incoming_open o USING given g WHERE o.id = g.id
      RETURNING o.*, g.state AS new_state, g.handled_by AS new_handler, g.error AS new_error, g.at, g.failures)
    INSERT INTO incoming (${list(INCOMING)})
    SELECT ${list(INCOMING, 'gone', {
      state: 'new_state',
      tries: 'tries + failures',
      handled_by: 'new_handler',
      error: 'new_error',
      processed_at: 'at',
    })} FROM gone RETURNING id`,
}

const RETRY: Statement = {
  name: 'retry-incoming',
  text: `UPDATE incoming_open o SET tries = o.tries + 1, not_before = g.until, error = g.error
    FROM json_to_recordset($1) AS g(id text, until bigint, error text) WHERE o.id = g.id RETURNING o.id`,
}

/** Writes what became of incoming messages; inside a transaction. */
export async function finishIncoming(
  run: Run,
  operations: readonly FinishOperation[],
  refuse: (operation: FinishOperation) => void,
): Promise<void> {
  const settled: object[] = []
  const retried: object[] = []
  for (const { result } of operations) {
    const { outcome, at } = result
    const { id } = result.message
    if (outcome.kind === 'retry') retried.push({ id, until: outcome.at, error: outcome.error })
    else if (outcome.kind === 'failed') settled.push({ id, state: 'FAILED', error: outcome.error, at, failures: 1 })
    else settled.push({ id, state: 'PROCESSED', handled_by: outcome.handledBy, at, failures: 0 })
  }
  const written = new Set<string>()
  for (const [statement, rows] of [[SETTLE, settled] as const, [RETRY, retried] as const]) {
    if (rows.length === 0) continue
    for (const { id } of await run<{ id: string }>(statement, [recordset(rows)])) written.add(id)
  }
  for (const operation of operations) if (!written.has(operation.result.message.id)) refuse(operation)
}
