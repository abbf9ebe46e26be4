import type { Database, Statement } from 'better-sqlite3'
import type { Lane, MessageClass } from '../../messages/lane.ts'
import { joinedState, type OutgoingState, partState, transition } from '../../messages/states.ts'
import type { AttemptResult, NewReport, ReportEffect } from '../outgoing-records.ts'
import { wellFormed } from './well-formed.ts'

/** The attempt may have been taken at a clock that goes a little otherwise. */
const CLOCK_SLACK_MS = 60_000
/** The same of the same number within this time is a service's repeat, and not of the message before. */
const REPEAT_MS = 60_000
/** A person's newest messages, among which a report by number looks for its own. */
const LOOKED_BACK = 100
/** A report may come this long before its message's external id is known; after that it belongs to nobody. */
export const PARKED_KEPT_MS = 24 * 3600_000
/** Each time after this many, those that are too old go, should nobody ever purge. */
const PARKED_TIDIED_EVERY = 100

/** An open message that was settled on another way than by its own attempt, and the lane it has left. */
export interface Settled {
  readonly seq: number
  readonly lane: Lane
}

type Effect = ReportEffect & { readonly settled?: Settled }

interface Owner {
  outgoing_seq: number
  /** Another attempt has followed the one that the id is of. */
  superseded: number
  part_group: number | null
}

interface Kept {
  state: OutgoingState | null
  code: string | null
  text: string | null
  received_at: number
}

interface StandingRow {
  seq: number
  id: string
  backend: string
  class: MessageClass
  identity: string
  state: OutgoingState
  timed_out: number
  open: number
}

const NO_EFFECT: Effect = { messageId: null, state: null, changed: false }

/** External ids and reports. All of it runs inside a transaction of the group commit. */
export class ReportRows {
  readonly #statements: Statements
  #parked = 0

  constructor(database: Database) {
    this.#statements = prepare(database)
  }

  /** Notes under which ids its service knows a message, and applies the reports that were faster. */
  noteIds({ message, externalIds, isIdPerPart = false, outcome, startedAt, at, reportsSince }: AttemptResult): void {
    if (externalIds.length === 0) return
    const superseded = outcome.kind === 'settled' ? 0 : 1
    const group = isIdPerPart ? at : null
    const ids = externalIds.map((id) => id.toWellFormed())
    for (const id of ids) this.#statements.noteId.run(message.backend, id, message.seq, at, superseded, group)
    const since = (reportsSince ?? startedAt ?? at) - CLOCK_SLACK_MS
    const owner = { outgoing_seq: message.seq, superseded, part_group: group }
    for (const id of ids) this.#applyParked(owner, message.backend, id, since)
  }

  /** Reports older than the attempt speak of another message, under an id that the service uses again. */
  #applyParked(owner: Owner, backend: string, externalId: string, since: number): void {
    for (const report of this.#statements.parked.all(backend, externalId, since)) {
      this.#statements.unpark.run(owner.outgoing_seq, report.id)
      this.#apply(owner, { backend, externalId }, report)
    }
  }

  record(given: NewReport): Effect {
    const report = wellFormed(given)
    const { backend, externalId, code = null, text = null, state = null, receivedAt } = report
    const fields = report.fields === undefined ? null : JSON.stringify(report.fields)
    const owner =
      externalId === undefined
        ? this.#ownerByNumber(report, fields)
        : this.#statements.byExternalId.get(backend, externalId)
    this.#statements.insertReport.run(
      backend,
      externalId ?? null,
      report.identity ?? null,
      state,
      report.expired === true ? 1 : 0,
      code,
      text,
      fields,
      receivedAt,
      owner?.outgoing_seq ?? null,
    )
    if (owner === undefined) {
      this.#tidyParked(receivedAt)
      return NO_EFFECT
    }
    return this.#apply(owner, { backend, externalId }, { state, code, text, received_at: receivedAt })
  }

  /** The newest message that is on its way to the person, unless it is a repeat of what was said of another one. */
  #ownerByNumber(report: NewReport, fields: string | null): Owner | undefined {
    const { backend, identity = '', receivedAt, since = 0, state = null, code = null, text = null } = report
    const repeated = { backend, identity, since: receivedAt - REPEAT_MS, state, code, text, fields }
    const seq =
      this.#statements.repeatByNumber.get(repeated)?.outgoing_seq ??
      this.#statements.newestByNumber.get({ backend, identity, since })?.seq
    return seq === undefined ? undefined : { outgoing_seq: seq, superseded: 0, part_group: null }
  }

  #tidyParked(now: number): void {
    if (++this.#parked % PARKED_TIDIED_EVERY !== 0) return
    this.#statements.forgetParked.run(now - PARKED_KEPT_MS, 2 * PARKED_TIDIED_EVERY)
  }

  #apply(
    owner: Owner,
    { backend, externalId }: { readonly backend: string; readonly externalId: string | undefined },
    report: Kept,
  ): Effect {
    if (owner.part_group === null || externalId === undefined) return this.#move(owner, report.state, report)
    const parts = this.#statements.parts.all(owner.outgoing_seq, owner.part_group)
    const part = parts.find((each) => each.backend === backend && each.external_id === externalId)
    if (part !== undefined && report.state !== null) {
      part.part_state = partState(part.part_state, report.state)
      this.#statements.movePart.run(part.part_state, backend, externalId)
    }
    const joined = report.state === null ? null : joinedState(parts.map(({ part_state: state }) => state))
    return { ...this.#move(owner, joined, report), ofPart: true }
  }

  #move(
    { outgoing_seq: seq, superseded }: Owner,
    to: OutgoingState | null,
    { code, text, received_at: at }: Kept,
  ): Effect {
    const row = this.#statements.standing.get(seq)
    if (row === undefined) return NO_EFFECT
    const standing = { messageId: row.id, state: row.state, changed: false }
    // It speaks of an earlier attempt: unless that has arrived, the message goes on.
    const isEarlier = row.open === 1 || superseded === 1
    if (to === null || (isEarlier && to !== 'DELIVERED')) return standing
    const next = transition({ state: row.state, timedOut: row.timed_out === 1 }, { state: to }).state
    if (next === row.state) return standing
    const deliveredAt = next === 'DELIVERED' ? at : null
    this.#statements.move.run(next, code, next === 'ERROR' || next === 'CANCELLED' ? text : null, at, deliveredAt, seq)
    const effect = { messageId: row.id, state: next, changed: true }
    const lane: Lane = { kind: 'outgoing', owner: row.backend, class: row.class, identity: row.identity }
    return row.open === 1 ? { ...effect, settled: { seq, lane } } : effect
  }

  /** What is still reported of a message's first life must not move the second one. */
  forgetIds(seq: number): void {
    this.#statements.forgetIds.run(seq)
  }
}

interface Repeated {
  backend: string
  identity: string
  since: number
  state: string | null
  code: string | null
  text: string | null
  fields: string | null
}

interface Statements {
  readonly noteId: Statement
  readonly byExternalId: Statement<[string, string], Owner>
  readonly repeatByNumber: Statement<[Repeated], { outgoing_seq: number }>
  readonly newestByNumber: Statement<[{ backend: string; identity: string; since: number }], { seq: number }>
  readonly insertReport: Statement
  readonly parked: Statement<[string, string, number], Kept & { id: number }>
  readonly unpark: Statement
  readonly forgetParked: Statement
  readonly parts: Statement<
    [number, number],
    { backend: string; external_id: string; part_state: OutgoingState | null }
  >
  readonly movePart: Statement
  readonly standing: Statement<[number], StandingRow>
  readonly move: Statement
  readonly forgetIds: Statement
}

function prepare(database: Database): Statements {
  return {
    noteId: database.prepare('INSERT OR REPLACE INTO external_ids VALUES (?, ?, ?, ?, ?, ?, NULL)'),
    byExternalId: database.prepare<[string, string], Owner>(
      'SELECT outgoing_seq, superseded, part_group FROM external_ids WHERE backend = ? AND external_id = ?',
    ),
    repeatByNumber: database.prepare<[Repeated], { outgoing_seq: number }>(
      `SELECT outgoing_seq FROM reports WHERE external_id IS NULL AND backend = @backend AND identity = @identity
       AND received_at >= @since AND outgoing_seq IS NOT NULL AND state IS @state AND code IS @code AND text IS @text
       AND fields IS @fields ORDER BY received_at DESC LIMIT 1`,
    ),
    newestByNumber: database.prepare<[{ backend: string; identity: string; since: number }], { seq: number }>(
      `SELECT o.seq FROM outgoing o WHERE o.seq IN (
         SELECT seq FROM (SELECT seq FROM conversation WHERE backend = @backend AND identity = @identity AND outgoing = 1
           ORDER BY seq DESC LIMIT ${LOOKED_BACK})
         UNION ALL SELECT seq FROM outgoing WHERE seq > (SELECT value FROM counters WHERE name = 'indexed')
           AND backend = @backend AND identity = @identity)
       AND o.state IN ('SENDING', 'SENT') AND o.created_at >= @since ORDER BY o.seq DESC LIMIT 1`,
    ),
    insertReport: database.prepare(
      `INSERT INTO reports (backend, external_id, identity, state, expired, code, text, fields, received_at, outgoing_seq)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    parked: database.prepare<[string, string, number], Kept & { id: number }>(
      `SELECT id, state, code, text, received_at FROM reports
       WHERE outgoing_seq IS NULL AND backend = ? AND external_id = ? AND received_at >= ? ORDER BY id`,
    ),
    unpark: database.prepare('UPDATE reports SET outgoing_seq = ? WHERE id = ?'),
    forgetParked: database.prepare(
      `DELETE FROM reports WHERE id IN
       (SELECT id FROM reports WHERE outgoing_seq IS NULL AND received_at < ? ORDER BY received_at LIMIT ?)`,
    ),
    parts: database.prepare<
      [number, number],
      { backend: string; external_id: string; part_state: OutgoingState | null }
    >('SELECT backend, external_id, part_state FROM external_ids WHERE outgoing_seq = ? AND part_group = ?'),
    movePart: database.prepare('UPDATE external_ids SET part_state = ? WHERE backend = ? AND external_id = ?'),
    standing: database.prepare<[number], StandingRow>(
      'SELECT seq, id, backend, class, identity, state, timed_out, open FROM outgoing WHERE seq = ?',
    ),
    move: database.prepare(
      `UPDATE outgoing SET state = ?, open = 0, code = COALESCE(?, code), error = ?, changed_at = ?,
       delivered_at = COALESCE(delivered_at, ?) WHERE seq = ?`,
    ),
    forgetIds: database.prepare('DELETE FROM external_ids WHERE outgoing_seq = ?'),
  }
}
