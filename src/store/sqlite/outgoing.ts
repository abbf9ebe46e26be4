import type { Database } from 'better-sqlite3'
import type { Lane, MessageClass } from '../../messages/lane.ts'
import { isFinal, type OutgoingState, transition } from '../../messages/states.ts'
import { StaleResultError } from '../errors.ts'
import type { AttemptResult, AttemptStart, ClaimedOutgoing, NewOutgoing, NewReport, ReportEffect } from '../store.ts'
import type { SqlitePeople } from './people.ts'

interface OutgoingRow {
  seq: number
  id: string
  backend: string
  identity: string
  address: string | null
  text: string
  class: MessageClass
  data: string
  in_response_to: string | null
  parts: number
  phased: number
  attempt_at: number | null
  tries: number
  not_before: number
  expires_at: number | null
  created_at: number
}

/** What has no column of its own, since nothing is ever looked up by it. */
interface OutgoingJson {
  fields?: NewOutgoing['fields']
  options?: NewOutgoing['options']
  params?: NewOutgoing['params']
  externalId?: string
  extra?: NewOutgoing['extra']
  once?: boolean
}

/** A claimed message but for the opt-out of its contact, which is looked up when it is claimed. */
export type OpenOutgoing = Omit<ClaimedOutgoing, 'optedOut'>

interface StandingRow {
  seq: number
  id: string
  state: OutgoingState
  timed_out: number
  open: number
}

/** The statements of outgoing messages and their reports. All of them run inside a transaction of the group commit. */
export class OutgoingRows {
  readonly #statements
  readonly #people: SqlitePeople

  constructor(database: Database, people: SqlitePeople) {
    this.#statements = prepare(database)
    this.#people = people
  }

  /** @returns the message as it stands in its lane; undefined when it is settled already */
  record(message: NewOutgoing, nextSeq: () => number): OpenOutgoing | undefined {
    const seq = nextSeq()
    const open = message.state === 'WAITING'
    const data = packed(message)
    this.#people.ensureConnection(message.backend, message.identity, message.createdAt)
    this.#statements.insert.run(
      seq,
      message.id,
      message.backend,
      message.identity,
      message.address,
      message.text,
      message.class,
      data,
      message.inResponseTo?.id ?? null,
      message.parts,
      message.state,
      open ? 1 : 0,
      message.phased ? 1 : 0,
      message.notBefore,
      message.expiresAt,
      message.contactId,
      message.tag,
      message.template,
      message.relatedTo,
      message.reason,
      message.createdAt,
      message.createdAt,
    )
    if (!open) return undefined
    return { ...message, ...unpacked(data, message.inResponseTo?.id ?? null), seq, tries: 0, attemptOpen: false }
  }

  open(lane: Lane & { kind: 'outgoing' }, limit: number): OpenOutgoing[] {
    return this.#statements.open.all(lane.owner, lane.class, lane.identity, limit).map(toOpen)
  }

  openLanes(after: Lane | undefined, limit: number): { lane: Lane; notBefore: number }[] {
    const from = after?.kind === 'outgoing' ? after : { owner: '', class: '', identity: '' }
    const rows = this.#statements.openLanes.all(from.owner, from.owner, from.class, from.identity, limit)
    return rows.map((row) => ({
      lane: { kind: 'outgoing', owner: row.backend, class: row.class, identity: row.identity },
      notBefore: row.not_before,
    }))
  }

  startAttempt({ message, text, parts, at, changes = [] }: AttemptStart): void {
    const { start, startChanged } = this.#statements
    const written =
      text === undefined ? start.run(at, at, message.seq) : startChanged.run(at, at, text, parts ?? 1, message.seq)
    if (written.changes !== 1) throw new StaleResultError(`The message ${message.id} was settled by someone else.`)
    for (const change of changes) this.#people.apply(change, at)
  }

  finishAttempt(result: AttemptResult): void {
    const { message, outcome, at } = result
    const written =
      outcome.kind === 'retry'
        ? this.#statements.retry.run(outcome.at, result.code, result.error, at, message.seq).changes
        : this.#settle(result, outcome.state)
    if (written !== 1) throw new StaleResultError(`The message ${message.id} was settled by someone else.`)
    if (result.startedAt !== null) this.#recordAttempt(result)
    for (const externalId of result.externalIds) {
      this.#statements.insertExternalId.run(message.backend, externalId, message.seq, at)
      this.#applyParked(message.backend, externalId, message.seq)
    }
  }

  #settle(result: AttemptResult, state: OutgoingState): number {
    const { at, message } = result
    const sentAt = state === 'SENT' || state === 'DELIVERED' ? at : null
    const deliveredAt = state === 'DELIVERED' ? at : null
    const settled = this.#statements.settle.run(
      state,
      result.code,
      result.error,
      at,
      sentAt,
      deliveredAt,
      result.parts ?? null,
      message.seq,
    )
    if (settled.changes === 1) return 1
    // A report was faster than the answer and has settled the state; the attempt is still kept.
    return this.#statements.endAttempt.run(at, sentAt, message.seq).changes
  }

  #recordAttempt(result: AttemptResult): void {
    const outcome = result.outcome.kind === 'retry' ? 'RETRY' : result.outcome.state
    this.#statements.insertAttempt.run(
      result.message.seq,
      result.message.seq,
      result.message.backend,
      result.startedAt,
      result.at,
      outcome,
      result.code,
      result.providerCode,
      result.error,
      result.cost,
      result.currency,
      result.network,
    )
  }

  #applyParked(backend: string, externalId: string, seq: number): void {
    for (const report of this.#statements.parked.all(backend, externalId)) {
      this.#statements.unpark.run(seq, report.id)
      if (report.state !== null) this.#move(seq, report.state, report)
    }
  }

  /** Marks a response as given in the answer to the request. */
  settleAnswered(id: string, at: number): boolean {
    return this.#statements.answered.run(at, at, id).changes === 1
  }

  report(report: NewReport): ReportEffect {
    const owner = this.#statements.byExternalId.get(report.backend, report.externalId)
    this.#statements.insertReport.run(
      report.backend,
      report.externalId,
      report.identity ?? null,
      report.state ?? null,
      report.code ?? null,
      report.text ?? null,
      report.fields === undefined ? null : JSON.stringify(report.fields),
      report.receivedAt,
      owner?.outgoing_seq ?? null,
    )
    if (owner === undefined) return { messageId: null, state: null, changed: false }
    const { code, text, state, receivedAt } = report
    return this.#move(owner.outgoing_seq, state, { code: code ?? null, text: text ?? null, received_at: receivedAt })
  }

  #move(
    seq: number,
    to: OutgoingState | undefined,
    { code, text, received_at: at }: { code: string | null; text: string | null; received_at: number },
  ): ReportEffect {
    const row = this.#statements.standing.get(seq)
    if (row === undefined) return { messageId: null, state: null, changed: false }
    const next =
      to === undefined
        ? row.state
        : transition({ state: row.state, timedOut: row.timed_out === 1 }, { state: to }).state
    if (next === row.state) return { messageId: row.id, state: row.state, changed: false }
    const deliveredAt = next === 'DELIVERED' ? at : null
    const stillOpen = isFinal(next) || next === 'SENT' ? 0 : row.open
    this.#statements.move.run(next, stillOpen, code, next === 'ERROR' ? text : null, at, deliveredAt, seq)
    return { messageId: row.id, state: next, changed: true }
  }

  /** @returns the message's lane when it was in ERROR and is open again */
  replay(id: string, at: number): Lane | undefined {
    const row = this.#statements.replay.get(at, id)
    if (row === undefined) return undefined
    return { kind: 'outgoing', owner: row.backend, class: row.class, identity: row.identity }
  }
}

function packed(message: NewOutgoing): string {
  const json: OutgoingJson = {}
  if (isFilled(message.fields)) json.fields = message.fields
  if (isFilled(message.options)) json.options = message.options
  if (isFilled(message.params)) json.params = message.params
  if (message.extra !== null) json.extra = message.extra
  if (message.once) json.once = true
  const externalId = message.inResponseTo?.externalId ?? null
  if (externalId !== null) json.externalId = externalId
  return JSON.stringify(json)
}

function isFilled(object: object): boolean {
  for (const _ in object) return true
  return false
}

function unpacked(data: string, inResponseTo: string | null) {
  const json: OutgoingJson = data === '{}' ? {} : (JSON.parse(data) as OutgoingJson)
  return {
    fields: json.fields ?? {},
    options: json.options ?? {},
    params: json.params ?? {},
    once: json.once ?? false,
    inResponseTo: inResponseTo === null ? null : { id: inResponseTo, externalId: json.externalId ?? null },
  }
}

function toOpen(row: OutgoingRow): OpenOutgoing {
  return {
    ...unpacked(row.data, row.in_response_to),
    seq: row.seq,
    id: row.id,
    backend: row.backend,
    identity: row.identity,
    address: row.address,
    text: row.text,
    class: row.class,
    parts: row.parts,
    phased: row.phased === 1,
    attemptOpen: row.attempt_at !== null,
    tries: row.tries,
    notBefore: row.not_before,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
  }
}

function prepare(database: Database) {
  return {
    insert: database.prepare(
      `INSERT INTO outgoing (seq, id, backend, identity, address, text, class, data, in_response_to, parts, state, open,
       phased, not_before, expires_at, contact_id, tag, template, related_to, error, created_at, changed_at, via, tries)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'send', 0)`,
    ),
    open: database.prepare<[string, string, string, number], OutgoingRow>(
      `SELECT seq, id, backend, identity, address, text, class, data, in_response_to, parts, phased, attempt_at, tries,
       not_before, expires_at, created_at FROM outgoing
       WHERE open = 1 AND backend = ? AND class = ? AND identity = ? ORDER BY seq LIMIT ?`,
    ),
    openLanes: database.prepare<
      [string, string, string, string, number],
      { backend: string; class: MessageClass; identity: string; not_before: number }
    >(
      `SELECT backend, class, identity, not_before, MIN(seq) FROM outgoing
       WHERE open = 1 AND backend >= ? AND (backend, class, identity) > (?, ?, ?)
       GROUP BY backend, class, identity LIMIT ?`,
    ),
    start: database.prepare(
      `UPDATE outgoing SET state = 'SENDING', attempt_at = ?, tries = tries + 1, phased = 1, changed_at = ?
       WHERE seq = ? AND open = 1`,
    ),
    startChanged: database.prepare(
      `UPDATE outgoing SET state = 'SENDING', attempt_at = ?, tries = tries + 1, phased = 1, changed_at = ?,
       text = ?, parts = ? WHERE seq = ? AND open = 1`,
    ),
    retry: database.prepare(
      `UPDATE outgoing SET attempt_at = NULL, not_before = ?, code = ?, error = ?, changed_at = ?
       WHERE seq = ? AND open = 1`,
    ),
    settle: database.prepare(
      `UPDATE outgoing SET state = ?, open = 0, attempt_at = NULL, code = ?, error = ?, changed_at = ?,
       sent_at = COALESCE(sent_at, ?), delivered_at = ?, parts = COALESCE(?, parts) WHERE seq = ? AND open = 1`,
    ),
    endAttempt: database.prepare(
      `UPDATE outgoing SET attempt_at = NULL, changed_at = ?, sent_at = COALESCE(sent_at, ?)
       WHERE seq = ? AND open = 0 AND attempt_at IS NOT NULL`,
    ),
    answered: database.prepare(
      `UPDATE outgoing SET state = 'SENT', open = 0, via = 'answer', changed_at = ?, sent_at = ?
       WHERE id = ? AND open = 1 AND attempt_at IS NULL`,
    ),
    insertAttempt: database.prepare(
      `INSERT INTO attempts VALUES (?, (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE outgoing_seq = ?),
       ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertExternalId: database.prepare('INSERT OR REPLACE INTO external_ids VALUES (?, ?, ?, ?)'),
    byExternalId: database.prepare<[string, string], { outgoing_seq: number }>(
      'SELECT outgoing_seq FROM external_ids WHERE backend = ? AND external_id = ?',
    ),
    insertReport: database.prepare(
      `INSERT INTO reports (backend, external_id, identity, state, code, text, fields, received_at, outgoing_seq)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    parked: database.prepare<
      [string, string],
      { id: number; state: OutgoingState | null; code: string | null; text: string | null; received_at: number }
    >(
      `SELECT id, state, code, text, received_at FROM reports
       WHERE outgoing_seq IS NULL AND backend = ? AND external_id = ? ORDER BY id`,
    ),
    unpark: database.prepare('UPDATE reports SET outgoing_seq = ? WHERE id = ?'),
    standing: database.prepare<[number], StandingRow>(
      'SELECT seq, id, state, timed_out, open FROM outgoing WHERE seq = ?',
    ),
    move: database.prepare(
      `UPDATE outgoing SET state = ?, open = ?, code = COALESCE(?, code), error = ?, changed_at = ?,
       delivered_at = COALESCE(delivered_at, ?) WHERE seq = ?`,
    ),
    replay: database.prepare<[number, string], { backend: string; class: MessageClass; identity: string }>(
      `UPDATE outgoing SET state = 'WAITING', open = 1, tries = 0, not_before = 0, attempt_at = NULL, timed_out = 0,
       changed_at = ? WHERE id = ? AND state = 'ERROR' RETURNING backend, class, identity`,
    ),
  }
}
