import { type OutgoingState, transition } from '../../messages/states.ts'
import type { NewReport, ReportEffect } from '../store.ts'
import { list, OUTGOING } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { keyOf } from './keys.ts'
import type { Operation } from './operations.ts'
import { recordset } from './texts.ts'

type AttemptOperation = Extract<Operation, { kind: 'attempt' }>
type ReportsOperation = Extract<Operation, { kind: 'reports' }>

/** The attempt may have been taken at a clock that goes a little otherwise. */
const CLOCK_SLACK_MS = 60_000

interface ReportRow {
  backend: string
  external_id: string
  identity: string | null
  state: OutgoingState | null
  code: string | null
  text: string | null
  fields: string | null
  received_at: number
}

interface Matched {
  readonly outgoingId: string
  readonly report: ReportRow
}

interface Standing {
  id: string
  state: OutgoingState
  timed_out: boolean
  open: boolean
}

interface Move {
  id: string
  state: OutgoingState
  code: string | null
  error: string | null
  at: number
  delivered_at: number | null
}

const REPORT = `backend text, external_id text, identity text, state text, code text, text text, fields text,
      received_at bigint`
const REPORT_COLUMNS = 'backend, external_id, identity, state, code, text, fields, received_at'

const KNOWN: Statement = {
  name: 'known-external-ids',
  text: `SELECT key, outgoing_id FROM external_ids WHERE key = ANY($1) AND outgoing_id IS NOT NULL`,
}

/** Whoever comes first, the report or the result of the attempt, the other one waits for its commit at this row. */
const MEET: Statement = {
  name: 'meet-external-ids',
  text: `INSERT INTO external_ids AS e (key, outgoing_id, created_at)
    SELECT key, outgoing_id, at FROM json_to_recordset($1) AS g(key text, outgoing_id text, at bigint) ORDER BY key
    ON CONFLICT (key) DO UPDATE SET outgoing_id = COALESCE(excluded.outgoing_id, e.outgoing_id),
    created_at = CASE WHEN excluded.outgoing_id IS NULL THEN e.created_at ELSE excluded.created_at END
    RETURNING key, outgoing_id`,
}

const PARK: Statement = {
  name: 'park-reports',
  text: `INSERT INTO parked_reports (id, key, ${REPORT_COLUMNS})
    SELECT nextval('report_id'), key, ${REPORT_COLUMNS}
    FROM json_to_recordset($1) AS g(n integer, key text, ${REPORT}) ORDER BY n`,
}

/** Reports older than the attempt speak of another message, under an id that the service uses again. */
const UNPARK: Statement = {
  name: 'unpark-reports',
  text: `DELETE FROM parked_reports p USING json_to_recordset($1) AS g(key text, outgoing_id text, since bigint)
    WHERE p.key = g.key AND p.received_at >= g.since RETURNING p.*, g.outgoing_id`,
}

const KEEP: Statement = {
  name: 'keep-reports',
  text: `INSERT INTO reports (outgoing_id, id, ${REPORT_COLUMNS})
    SELECT outgoing_id, nextval('report_id'), ${REPORT_COLUMNS}
    FROM json_to_recordset($1) AS g(n integer, outgoing_id text, ${REPORT}) ORDER BY n`,
}

const STANDING: Statement = {
  name: 'standing-finished',
  text: `SELECT id, state, timed_out, false AS open FROM outgoing WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
}

const STANDING_OPEN: Statement = {
  name: 'standing-open',
  text: `SELECT id, state, timed_out, true AS open FROM outgoing_open WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
}

const MOVES = `json_to_recordset($1) AS g(id text, state text, code text, error text, at bigint, delivered_at bigint)`

const MOVE: Statement = {
  name: 'move-finished',
  text: `UPDATE outgoing o SET state = g.state, code = COALESCE(g.code, o.code), error = g.error, changed_at = g.at,
    delivered_at = COALESCE(o.delivered_at, g.delivered_at) FROM ${MOVES} WHERE o.id = g.id`,
}

const MOVE_OPEN: Statement = {
  name: 'move-open',
  text: `WITH given AS MATERIALIZED (SELECT * FROM ${MOVES}),
    gone AS (DELETE FROM outgoing_open o USING given g WHERE o.id = g.id RETURNING o.*, g.state AS new_state,
      g.code AS new_code, g.error AS new_error, g.at, g.delivered_at AS new_delivered_at)
    INSERT INTO outgoing (${list(OUTGOING)}) SELECT ${list(OUTGOING, 'gone', {
      state: 'new_state',
      code: 'COALESCE(new_code, code)',
      error: 'new_error',
      changed_at: 'at',
      delivered_at: 'COALESCE(delivered_at, new_delivered_at)',
    })} FROM gone`,
}

const NO_EFFECT: ReportEffect = { messageId: null, state: null, changed: false }

/** Notes under which external ids messages are known now, and applies the reports that were faster. */
export async function matchParked(run: Run, operations: readonly AttemptOperation[]): Promise<void> {
  const ids = new Map<string, { key: string; outgoing_id: string; at: number; since: number }>()
  for (const { result } of operations) {
    const { message, externalIds, startedAt, at } = result
    for (const externalId of externalIds) {
      const key = keyOf(message.backend, externalId)
      ids.set(key, { key, outgoing_id: message.id, at, since: (startedAt ?? at) - CLOCK_SLACK_MS })
    }
  }
  if (ids.size === 0) return
  const rows = recordset([...ids.values()])
  await run(MEET, [rows])
  const parked = await run<ReportRow & { id: number; outgoing_id: string }>(UNPARK, [rows])
  parked.sort((a, b) => a.id - b.id)
  await apply(
    run,
    parked.map((report) => ({ outgoingId: report.outgoing_id, report })),
  )
}

/** Matches reports with their messages and moves those; what matches none is parked. Inside a transaction. */
export async function recordReports(
  run: Run,
  operations: readonly ReportsOperation[],
): Promise<Map<Operation, readonly ReportEffect[]>> {
  const given = operations.flatMap(({ reports }) => reports).map((report) => ({ report, key: keyOfReport(report) }))
  if (given.length === 0) return new Map()
  const owners = await ownersOf(run, given)
  const matched: Matched[] = []
  const parked: object[] = []
  given.forEach(({ report, key }, n) => {
    const outgoingId = owners.get(key)
    if (outgoingId === undefined) parked.push({ n, key, ...toRow(report) })
    else matched.push({ outgoingId, report: toRow(report) })
  })
  if (parked.length > 0) await run(PARK, [recordset(parked)])
  const effects = await apply(run, matched)
  let next = 0
  const all = given.map(({ key }) => (owners.has(key) ? (effects[next++] ?? NO_EFFECT) : NO_EFFECT))
  let first = 0
  return new Map(
    operations.map((operation) => {
      const own = all.slice(first, first + operation.reports.length)
      first += operation.reports.length
      return [operation, own]
    }),
  )
}

async function ownersOf(run: Run, given: readonly { readonly report: NewReport; readonly key: string }[]) {
  type Row = { key: string; outgoing_id: string | null }
  const times = new Map(given.map(({ report, key }) => [key, report.receivedAt]))
  const rows = await run<Row>(KNOWN, [[...times.keys()]])
  for (const { key } of rows) times.delete(key)
  const unknown = [...times].map(([key, at]) => ({ key, at }))
  if (unknown.length > 0) rows.push(...(await run<Row>(MEET, [recordset(unknown)])))
  return new Map(rows.flatMap(({ key, outgoing_id: id }) => (id === null ? [] : [[key, id] as const])))
}

/** Keeps reports and moves their messages, in the order given. */
async function apply(run: Run, matched: readonly Matched[]): Promise<readonly ReportEffect[]> {
  if (matched.length === 0) return []
  await run(KEEP, [recordset(matched.map(({ outgoingId, report }, n) => ({ n, outgoing_id: outgoingId, ...report })))])
  const standing = await standingOf(run, [...new Set(matched.map(({ outgoingId }) => outgoingId))])
  const moves = { finished: new Map<string, Move>(), open: new Map<string, Move>() }
  const effects = matched.map(({ outgoingId, report }) => {
    const row = standing.get(outgoingId)
    if (row === undefined) return NO_EFFECT
    const side = row.open ? moves.open : moves.finished
    const move = moveOf(row, report, side.get(outgoingId))
    if (move === undefined) return { messageId: row.id, state: row.state, changed: false }
    side.set(outgoingId, move)
    row.state = move.state
    return { messageId: row.id, state: move.state, changed: true }
  })
  if (moves.open.size > 0) await run(MOVE_OPEN, [recordset([...moves.open.values()])])
  if (moves.finished.size > 0) await run(MOVE, [recordset([...moves.finished.values()])])
  return effects
}

/** How a report moves its message, on top of what moved it just before; undefined when it does not. */
function moveOf(row: Standing, report: ReportRow, earlier: Move | undefined): Move | undefined {
  const { state: to, received_at: at } = report
  // Of an open message it speaks of an earlier attempt: unless that has arrived, the message goes on.
  if (to === null || (row.open && earlier === undefined && to !== 'DELIVERED')) return undefined
  const { state } = transition({ state: row.state, timedOut: row.timed_out }, { state: to })
  if (state === row.state) return undefined
  return {
    id: row.id,
    state,
    code: report.code ?? earlier?.code ?? null,
    error: state === 'ERROR' ? report.text : null,
    at,
    delivered_at: earlier?.delivered_at ?? (state === 'DELIVERED' ? at : null),
  }
}

async function standingOf(run: Run, ids: readonly string[]): Promise<Map<string, Standing>> {
  const found = new Map<string, Standing>()
  // Once more: it may have been finished while its open row was waited for.
  for (const statement of [STANDING, STANDING_OPEN, STANDING]) {
    const left = ids.filter((id) => !found.has(id))
    if (left.length === 0) break
    for (const row of await run<Standing>(statement, [left])) found.set(row.id, row)
  }
  return found
}

function keyOfReport({ backend, externalId }: NewReport): string {
  return keyOf(backend, externalId)
}

function toRow(report: NewReport): ReportRow {
  return {
    backend: report.backend,
    external_id: report.externalId,
    identity: report.identity ?? null,
    state: report.state ?? null,
    code: report.code ?? null,
    text: report.text ?? null,
    fields: report.fields === undefined ? null : JSON.stringify(report.fields),
    received_at: report.receivedAt,
  }
}
