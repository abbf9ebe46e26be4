import { messageClasses } from '../../messages/lane.ts'
import type { AttemptResult, NewReport, ReportEffect } from '../outgoing-records.ts'
import { outgoingLane } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { keyOf, laneKeyOf } from './keys.ts'
import type { Operation } from './operations.ts'
import {
  applyReports,
  type Matched,
  NO_EFFECT,
  type Owner,
  REPORT,
  REPORT_COLUMNS,
  type ReportRow,
  toRow,
} from './report-effects.ts'
import { recordset } from './texts.ts'

type AttemptOperation = Extract<Operation, { kind: 'attempt' }>
type ReportsOperation = Extract<Operation, { kind: 'reports' }>

/** The attempt may have been taken at a clock that goes a little otherwise. */
const CLOCK_SLACK_MS = 60_000
/** The same of the same number within this time is a service's repeat, and not of the message before. */
const REPEAT_MS = 60_000
/** A person's newest messages, among which a report by number looks for its own. */
const LOOKED_BACK = 100
/** A report may come this long before the result of its attempt; after that it belongs to nobody. */
export const PARKED_KEPT_MS = 24 * 3600_000
/** How often, by chance, parking one has some go that are too old, should nobody ever purge. */
const TIDYING = 0.01
const TIDIED_AT_ONCE = 200

const KNOWN: Statement = {
  name: 'known-external-ids',
  text: `SELECT key, outgoing_id, superseded, part_group FROM external_ids
    WHERE key = ANY($1) AND outgoing_id IS NOT NULL`,
}

/** Whoever comes first, the report or the result of the attempt, the other one waits for its commit at this row. */
const MEET: Statement = {
  name: 'meet-external-ids',
  text: `INSERT INTO external_ids AS e (key, outgoing_id, created_at, superseded, part_group)
    SELECT key, outgoing_id, at, COALESCE(superseded, false), part_group
    FROM json_to_recordset($1) AS g(key text, outgoing_id text, at bigint, superseded boolean, part_group bigint)
    ORDER BY key
    ON CONFLICT (key) DO UPDATE SET outgoing_id = COALESCE(excluded.outgoing_id, e.outgoing_id),
    created_at = CASE WHEN excluded.outgoing_id IS NULL THEN e.created_at ELSE excluded.created_at END,
    superseded = CASE WHEN excluded.outgoing_id IS NULL THEN e.superseded ELSE excluded.superseded END,
    part_group = CASE WHEN excluded.outgoing_id IS NULL THEN e.part_group ELSE excluded.part_group END,
    part_state = CASE WHEN excluded.outgoing_id IS NULL THEN e.part_state END
    RETURNING key, outgoing_id, superseded, part_group`,
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
  text: `DELETE FROM parked_reports p USING json_to_recordset($1) AS g(key text, since bigint)
    WHERE p.key = g.key AND p.received_at >= g.since RETURNING p.*`,
}

const TIDY: Statement = {
  name: 'tidy-parked-reports',
  text: `WITH gone AS (DELETE FROM parked_reports WHERE id IN (SELECT id FROM parked_reports WHERE received_at < $1
      ORDER BY received_at LIMIT ${TIDIED_AT_ONCE} FOR UPDATE SKIP LOCKED) RETURNING key)
    DELETE FROM external_ids e USING gone WHERE e.key = gone.key AND e.outgoing_id IS NULL`,
}

const PERSON = `hashtextextended(backend || chr(10) || identity, 0)
    = hashtextextended($1::text || chr(10) || $2::text, 0) AND backend = $1 AND identity = $2`

const REPEAT_BY_NUMBER: Statement = {
  name: 'repeat-by-number',
  text: `SELECT outgoing_id FROM reports WHERE external_id IS NULL AND ${PERSON} AND received_at >= $3
    AND state IS NOT DISTINCT FROM $4 AND code IS NOT DISTINCT FROM $5 AND text IS NOT DISTINCT FROM $6
    AND fields IS NOT DISTINCT FROM $7 ORDER BY id DESC LIMIT 1`,
}

const NEWEST_BY_NUMBER: Statement = {
  name: 'newest-by-number',
  text: `SELECT id AS outgoing_id FROM (
      (SELECT id, seq, state, created_at FROM outgoing WHERE ${PERSON} ORDER BY seq DESC LIMIT ${LOOKED_BACK})
      UNION ALL (SELECT id, seq, state, created_at FROM outgoing_open WHERE lane = ANY($4::text[])
        ORDER BY seq DESC LIMIT ${LOOKED_BACK})) newest
    WHERE state IN ('SENDING', 'SENT') AND created_at >= $3 ORDER BY seq DESC LIMIT 1`,
}

interface KnownRow {
  key: string
  outgoing_id: string | null
  superseded: boolean
  part_group: number | null
}

/** Notes under which external ids messages are known now, and applies the reports that were faster. */
export async function matchParked(run: Run, operations: readonly AttemptOperation[]): Promise<void> {
  const ids = new Map(operations.flatMap(({ result }) => idsOf(result)).map((row) => [row.key, row]))
  if (ids.size === 0) return
  const rows = recordset([...ids.values()])
  await run(MEET, [rows])
  const parked = await run<ReportRow & { id: number; key: string }>(UNPARK, [rows])
  parked.sort((a, b) => a.id - b.id)
  const matched = parked.flatMap(({ id: _, key, ...report }): Matched[] => {
    const owner = ids.get(key)
    return owner === undefined ? [] : [{ owner: ownerOf(owner), key, report }]
  })
  await applyReports(run, matched)
}

function idsOf(result: AttemptResult) {
  const { message, externalIds, isIdPerPart = false, outcome, startedAt, at, reportsSince } = result
  return externalIds.map((externalId) => ({
    key: keyOf(message.backend, externalId),
    outgoing_id: message.id,
    at,
    since: (reportsSince ?? startedAt ?? at) - CLOCK_SLACK_MS,
    superseded: outcome.kind !== 'settled',
    part_group: isIdPerPart ? at : null,
  }))
}

function ownerOf(row: { outgoing_id: string; superseded: boolean; part_group: number | null }): Owner {
  return { outgoingId: row.outgoing_id, superseded: row.superseded, partGroup: row.part_group }
}

interface Given {
  readonly report: NewReport
  /** That of its external id; null where it has none. */
  readonly key: string | null
}

/** Matches reports with their messages and moves those; what matches none is parked. Inside a transaction. */
export async function recordReports(
  run: Run,
  operations: readonly ReportsOperation[],
): Promise<Map<Operation, readonly ReportEffect[]>> {
  const given = operations.flatMap(({ reports }) => reports).map(toGiven)
  if (given.length === 0) return new Map()
  const effects: ReportEffect[] = []
  for (const group of inTurns(given)) effects.push(...(await recordTogether(run, group)))
  let first = 0
  return new Map(
    operations.map((operation) => {
      const own = effects.slice(first, first + operation.reports.length)
      first += operation.reports.length
      return [operation, own]
    }),
  )
}

function toGiven(report: NewReport): Given {
  return { report, key: report.externalId === undefined ? null : keyOf(report.backend, report.externalId) }
}

/** Which message a report by number is of depends on all that came before it: each is a turn of its own. */
function inTurns(given: readonly Given[]): readonly (readonly Given[])[] {
  const turns: Given[][] = []
  let last: Given[] | undefined
  for (const each of given) {
    if (each.key === null || last === undefined) {
      turns.push([each])
      last = each.key === null ? undefined : turns.at(-1)
    } else last.push(each)
  }
  return turns
}

async function recordTogether(run: Run, given: readonly Given[]): Promise<readonly ReportEffect[]> {
  const known = await ownersOf(run, given)
  const owners = await Promise.all(
    given.map(({ report, key }) => (key === null ? ownerByNumber(run, report) : known.get(key))),
  )
  const matched: Matched[] = []
  const parked: object[] = []
  given.forEach(({ report, key }, n) => {
    const owner = owners[n]
    if (owner === undefined) parked.push({ n, key: key ?? '', ...toRow(report) })
    else matched.push({ owner, key, report: toRow(report) })
  })
  if (parked.length > 0) await run(PARK, [recordset(parked)])
  const [first] = given
  if (first !== undefined && Math.random() < parked.length * TIDYING) {
    await run(TIDY, [first.report.receivedAt - PARKED_KEPT_MS])
  }
  const effects = await applyReports(run, matched)
  let next = 0
  return owners.map((owner) => (owner === undefined ? NO_EFFECT : (effects[next++] ?? NO_EFFECT)))
}

async function ownersOf(run: Run, given: readonly Given[]): Promise<Map<string, Owner>> {
  const times = new Map(given.flatMap(({ report, key }) => (key === null ? [] : [[key, report.receivedAt] as const])))
  if (times.size === 0) return new Map()
  const rows = await run<KnownRow>(KNOWN, [[...times.keys()]])
  for (const { key } of rows) times.delete(key)
  const unknown = [...times].map(([key, at]) => ({ key, at }))
  if (unknown.length > 0) rows.push(...(await run<KnownRow>(MEET, [recordset(unknown)])))
  return new Map(
    rows.flatMap(({ key, outgoing_id: id, ...more }) =>
      id === null ? [] : [[key, ownerOf({ ...more, outgoing_id: id })] as const],
    ),
  )
}

/** The newest message that is on its way to the person, unless it is a repeat of what was said of another one. */
async function ownerByNumber(run: Run, report: NewReport): Promise<Owner | undefined> {
  const { backend, state, code, text, fields, received_at: at, ...more } = toRow(report)
  const identity = more.identity ?? ''
  const same = [backend, identity, at - REPEAT_MS, state, code, text, fields]
  const lanes = messageClasses.map((name) => laneKeyOf(outgoingLane({ backend, identity, class: name })))
  const found =
    (await run<{ outgoing_id: string }>(REPEAT_BY_NUMBER, same))[0] ??
    (await run<{ outgoing_id: string }>(NEWEST_BY_NUMBER, [backend, identity, report.since ?? 0, lanes]))[0]
  return found === undefined ? undefined : { outgoingId: found.outgoing_id, superseded: false, partGroup: null }
}
