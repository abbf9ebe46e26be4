import { outcomeName } from '../attempt-names.ts'
import type { Attempt } from '../message-log.ts'
import type { AttemptResult } from '../outgoing-records.ts'
import { list, OUTGOING } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { moveOutgoing } from './moves.ts'
import type { Operation } from './operations.ts'
import { recordset } from './texts.ts'

type StartOperation = Extract<Operation, { kind: 'start' }>
type AttemptOperation = Extract<Operation, { kind: 'attempt' }>

const START: Statement = {
  name: 'start-attempts',
  text: `UPDATE outgoing_open o SET state = 'SENDING', attempt_at = g.at,
      first_attempt_at = COALESCE(o.first_attempt_at, g.at), tries = o.tries + 1, phased = true, changed_at = g.at,
      text = COALESCE(g.text, o.text), parts = CASE WHEN g.text IS NULL THEN o.parts ELSE COALESCE(g.parts, 1) END
    FROM json_to_recordset($1) AS g(id text, at bigint, text text, parts integer) WHERE o.id = g.id RETURNING o.id`,
}

const GIVEN = `json_to_recordset($1) AS g(id text, state text, code text, error text, at bigint, sent_at bigint,
      delivered_at bigint, parts integer, sender_data text, attempt text, until bigint, uncounted integer, began bigint,
      route text)`

const SETTLE: Statement = {
  name: 'settle-outgoing',
  text: `WITH given AS MATERIALIZED (SELECT * FROM ${GIVEN}),
    gone AS (DELETE FROM outgoing_open o USING given g WHERE o.id = g.id
      RETURNING o.*, g.state AS new_state, g.code AS new_code, g.error AS new_error, g.at, g.sent_at AS new_sent_at,
      g.delivered_at AS new_delivered_at, g.parts AS new_parts, g.sender_data AS new_sender_data, g.attempt)
    INSERT INTO outgoing (${list(OUTGOING)})
    SELECT ${list(OUTGOING, 'gone', {
      state: 'new_state',
      attempt_at: 'NULL',
      code: 'new_code',
      error: 'new_error',
      changed_at: 'at',
      sent_at: 'COALESCE(sent_at, new_sent_at)',
      delivered_at: 'new_delivered_at',
      parts: 'COALESCE(new_parts, parts)',
      sender_data: 'new_sender_data',
      attempts: 'attempts || attempt',
    })} FROM gone RETURNING id`,
}

const RETRY: Statement = {
  name: 'retry-outgoing',
  text: `UPDATE outgoing_open o SET attempt_at = NULL, not_before = g.until, tries = o.tries + g.uncounted,
      first_attempt_at = COALESCE(o.first_attempt_at, g.began), code = g.code, error = g.error, changed_at = g.at,
      attempts = o.attempts || g.attempt, route = COALESCE(g.route, o.route)
    FROM ${GIVEN} WHERE o.id = g.id RETURNING o.id`,
}

/** No attempt was due yet. */
const PUT_OFF: Statement = {
  name: 'put-off-outgoing',
  text: `UPDATE outgoing_open o SET not_before = g.until, error = g.error, changed_at = g.at
    FROM ${GIVEN} WHERE o.id = g.id RETURNING o.id`,
}

/** The report of an earlier attempt was faster and has settled the message; this attempt is still kept. */
const END: Statement = {
  name: 'end-attempts',
  text: `UPDATE outgoing o SET attempt_at = NULL, changed_at = g.at, sent_at = COALESCE(o.sent_at, g.sent_at),
      attempts = o.attempts || g.attempt
    FROM ${GIVEN} WHERE o.id = g.id AND o.attempt_at IS NOT NULL RETURNING o.id`,
}

/** Notes that messages are about to be given to their services; inside a transaction. */
export async function startAttempts(
  run: Run,
  operations: readonly StartOperation[],
  refuse: (operation: StartOperation) => void,
): Promise<void> {
  if (operations.length === 0) return
  const rows = operations.map(({ result: { message, at, text, parts } }) => ({ id: message.id, at, text, parts }))
  const written = new Set((await run<{ id: string }>(START, [recordset(rows)])).map(({ id }) => id))
  for (const operation of operations) if (!written.has(operation.result.message.id)) refuse(operation)
}

/** Writes what came of attempts; inside a transaction. */
export async function finishAttempts(
  run: Run,
  operations: readonly AttemptOperation[],
  refuse: (operation: AttemptOperation) => void,
): Promise<void> {
  const left = new Map(operations.map(({ result }) => [result.message.id, result]))
  const write = async (statement: Statement, results: readonly AttemptResult[]) => {
    if (results.length === 0) return
    for (const { id } of await run<{ id: string }>(statement, [recordset(results.map(toRow))])) left.delete(id)
  }
  const results = [...left.values()]
  await write(
    SETTLE,
    results.filter(({ outcome }) => outcome.kind === 'settled'),
  )
  await write(
    RETRY,
    results.filter(({ outcome }) => outcome.kind === 'retry'),
  )
  await write(
    PUT_OFF,
    results.filter(({ outcome }) => outcome.kind === 'later'),
  )
  const moved = results.filter(({ outcome }) => outcome.kind === 'moved')
  for (const id of await moveOutgoing(run, moved, attemptLine)) left.delete(id)
  await write(END, [...left.values()])
  for (const operation of operations) if (left.has(operation.result.message.id)) refuse(operation)
}

function toRow(result: AttemptResult) {
  const { message, outcome, startedAt, at, parts, extra, route } = result
  const state = outcome.kind === 'settled' ? outcome.state : null
  return {
    id: message.id,
    state,
    code: result.code,
    error: result.error,
    at,
    sent_at: state === 'SENT' || state === 'DELIVERED' ? at : null,
    delivered_at: state === 'DELIVERED' ? at : null,
    parts: parts ?? null,
    sender_data: extra === null ? null : JSON.stringify(extra),
    attempt: startedAt === null ? '' : attemptLine(result),
    until: outcome.kind === 'settled' ? null : outcome.at,
    uncounted: outcome.kind === 'retry' && outcome.uncounted === true ? -1 : startedAt === null ? 1 : 0,
    began: startedAt ?? at,
    ...(route === undefined ? {} : { route: JSON.stringify(route) }),
  }
}

export function attemptLine(result: AttemptResult): string {
  return `${JSON.stringify(toAttempt(result))}\n`
}

/** Attempts of messages without a route need no reason. */
function toAttempt(result: AttemptResult): Omit<Attempt, 'number' | 'reason'> & { readonly reason?: string } {
  return {
    backend: result.message.backend,
    startedAt: result.startedAt,
    finishedAt: result.at,
    outcome: outcomeName(result.outcome),
    code: result.code,
    providerCode: result.providerCode,
    error: result.error,
    cost: result.cost,
    currency: result.currency,
    network: result.network,
    ...(result.estimated === true ? { estimated: true } : {}),
    ...(result.reason === undefined ? {} : { reason: result.reason }),
  }
}

/** The attempts of a message, from the lines beside it. */
export function readAttempts(lines: string): readonly Attempt[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => ({ number: index + 1, reason: null, ...(JSON.parse(line) as ReturnType<typeof toAttempt>) }))
}
