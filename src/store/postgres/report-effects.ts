import { joinedState, type OutgoingState, partState, transition } from '../../messages/states.ts'
import type { NewReport, ReportEffect } from '../outgoing-records.ts'
import { list, OUTGOING } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { recordset } from './texts.ts'

export interface ReportRow {
  backend: string
  external_id: string | null
  identity: string | null
  state: OutgoingState | null
  expired: boolean
  code: string | null
  text: string | null
  fields: string | null
  received_at: number
}

export const REPORT = `backend text, external_id text, identity text, state text, expired boolean, code text, text text,
      fields text, received_at bigint`
export const REPORT_COLUMNS = 'backend, external_id, identity, state, expired, code, text, fields, received_at'

/** Whose report it is. */
export interface Owner {
  readonly outgoingId: string
  /** Another attempt has followed the one that the id is of. */
  readonly superseded: boolean
  /** Of an id that is that of one part alone: what all of them have in common. */
  readonly partGroup: number | null
}

export interface Matched {
  readonly owner: Owner
  /** That of the external id; null where there was none. */
  readonly key: string | null
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

interface Part {
  key: string
  outgoing_id: string
  part_group: number
  part_state: OutgoingState | null
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

// Read once the messages are locked, so that of two reports of two parts the second one sees the first.
const PARTS: Statement = {
  name: 'parts-of-messages',
  text: `SELECT key, outgoing_id, part_group, part_state FROM external_ids
    WHERE outgoing_id = ANY($1) AND part_group IS NOT NULL`,
}

const MOVE_PARTS: Statement = {
  name: 'move-parts',
  text: `UPDATE external_ids e SET part_state = g.part_state
    FROM json_to_recordset($1) AS g(key text, outgoing_id text, part_state text)
    WHERE e.key = g.key AND e.outgoing_id = g.outgoing_id`,
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

export const NO_EFFECT: ReportEffect = { messageId: null, state: null, changed: false }

/** Keeps reports and moves their messages, in the order given. Inside a transaction. */
export async function applyReports(run: Run, matched: readonly Matched[]): Promise<readonly ReportEffect[]> {
  if (matched.length === 0) return []
  const kept = matched.map(({ owner, report }, n) => ({ n, outgoing_id: owner.outgoingId, ...report }))
  await run(KEEP, [recordset(kept)])
  const standing = await standingOf(run, [...new Set(matched.map(({ owner }) => owner.outgoingId))])
  const parts = await Parts.read(run, matched)
  const moves = { finished: new Map<string, Move>(), open: new Map<string, Move>() }
  const effects = matched.map((one): ReportEffect => {
    const { owner, report } = one
    const row = standing.get(owner.outgoingId)
    if (row === undefined) return NO_EFFECT
    const side = row.open ? moves.open : moves.finished
    const to = parts.joined(one)
    const move = moveOf(row, { to, report, superseded: owner.superseded }, side.get(row.id))
    if (move !== undefined) {
      side.set(row.id, move)
      row.state = move.state
    }
    const effect = { messageId: row.id, state: row.state, changed: move !== undefined }
    return owner.partGroup === null ? effect : { ...effect, ofPart: true }
  })
  await parts.write(run)
  if (moves.open.size > 0) await run(MOVE_OPEN, [recordset([...moves.open.values()])])
  if (moves.finished.size > 0) await run(MOVE, [recordset([...moves.finished.values()])])
  return effects
}

/** How a report moves its message, on top of what moved it just before; undefined when it does not. */
function moveOf(
  row: Standing,
  {
    to,
    report,
    superseded,
  }: { readonly to: OutgoingState | null; readonly report: ReportRow; readonly superseded: boolean },
  earlier: Move | undefined,
): Move | undefined {
  // It speaks of an earlier attempt: unless that has arrived, the message goes on.
  const isEarlier = superseded || (row.open && earlier === undefined)
  if (to === null || (isEarlier && to !== 'DELIVERED')) return undefined
  const { state } = transition({ state: row.state, timedOut: row.timed_out }, { state: to })
  if (state === row.state) return undefined
  const at = report.received_at
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

/** The parts of those messages whose services report part by part. */
class Parts {
  readonly #parts: readonly Part[]
  readonly #changed = new Set<Part>()

  private constructor(parts: readonly Part[]) {
    this.#parts = parts
  }

  static async read(run: Run, matched: readonly Matched[]): Promise<Parts> {
    const ids = new Set(matched.flatMap(({ owner }) => (owner.partGroup === null ? [] : [owner.outgoingId])))
    return new Parts(ids.size === 0 ? [] : await run<Part>(PARTS, [[...ids]]))
  }

  /** The state that all parts of the message come to with this report; that of the report where it is about all of it. */
  joined({ owner, key, report }: Matched): OutgoingState | null {
    if (owner.partGroup === null || report.state === null) return report.state
    const { outgoingId, partGroup } = owner
    const group = this.#parts.filter((each) => each.outgoing_id === outgoingId && each.part_group === partGroup)
    const part = group.find((each) => each.key === key)
    if (part !== undefined) {
      part.part_state = partState(part.part_state, report.state)
      this.#changed.add(part)
    }
    return joinedState(group.map((each) => each.part_state))
  }

  async write(run: Run): Promise<void> {
    if (this.#changed.size > 0) await run(MOVE_PARTS, [recordset([...this.#changed])])
  }
}

export function toRow(report: NewReport): ReportRow {
  return {
    backend: report.backend,
    external_id: report.externalId ?? null,
    identity: report.identity ?? null,
    state: report.state ?? null,
    expired: report.expired === true,
    code: report.code ?? null,
    text: report.text ?? null,
    fields: report.fields === undefined ? null : JSON.stringify(report.fields),
    received_at: report.receivedAt,
  }
}
