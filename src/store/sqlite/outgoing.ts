import type { Database } from 'better-sqlite3'
import type { Lane, MessageClass } from '../../messages/lane.ts'
import { type OutgoingState, transition } from '../../messages/states.ts'
import { StaleResultError } from '../errors.ts'
import type { AttemptResult, AttemptStart, ClaimedOutgoing, NewOutgoing, NewReport, ReportEffect } from '../store.ts'
import type { ContentWindows } from './content-windows.ts'
import { type OutgoingRow, prepareOutgoing } from './outgoing-statements.ts'
import type { SqlitePeople } from './people.ts'
import { wellFormed } from './well-formed.ts'

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

/** An open message that was settled on another way than by its own attempt, and the lane it has left. */
export interface Settled {
  readonly seq: number
  readonly lane: Lane
}

/** The attempt may have been taken at a clock that goes a little otherwise. */
const CLOCK_SLACK_MS = 60_000

/** The statements of outgoing messages and their reports. All of them run inside a transaction of the group commit. */
export class OutgoingRows {
  readonly #statements
  readonly #people: SqlitePeople
  readonly #windows: ContentWindows

  constructor(database: Database, people: SqlitePeople, windows: ContentWindows) {
    this.#statements = prepareOutgoing(database)
    this.#people = people
    this.#windows = windows
  }

  /** @returns the message as it stands in its lane; undefined when it is settled already */
  record(given: NewOutgoing, nextSeq: () => number): OpenOutgoing | undefined {
    const message = wellFormed(given)
    const seq = nextSeq()
    const open = message.state === 'WAITING'
    const data = packed(message)
    this.#people.ensureConnection(message.backend, message.identity, message.createdAt)
    if (message.state !== 'CANCELLED') this.#windows.closed(message.backend, message.identity)
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
    return {
      ...unpacked(data, message.inResponseTo?.id ?? null),
      seq,
      id: message.id,
      backend: message.backend,
      identity: message.identity,
      address: message.address,
      text: message.text,
      class: message.class,
      parts: message.parts,
      phased: message.phased,
      attemptOpen: false,
      tries: 0,
      notBefore: message.notBefore,
      expiresAt: message.expiresAt,
      firstAttemptAt: null,
      createdAt: message.createdAt,
    }
  }

  /** All that is unfinished in the lane, whether it is due or not. */
  open(lane: Lane & { kind: 'outgoing' }, limit: number): OpenOutgoing[] {
    return this.#statements.open.all(lane.owner, lane.class, lane.identity.toWellFormed(), limit).map(toOpen)
  }

  /** What is due at `now`, or waits for a retry. */
  workable(lane: Lane & { kind: 'outgoing' }, limit: number, now: number): OpenOutgoing[] {
    const { owner, class: messageClass, identity } = lane
    return this.#statements.workable.all(owner, messageClass, identity.toWellFormed(), now, limit).map(toOpen)
  }

  /** From when on a message of the lane may be worked; undefined when none is open. */
  dueAt({ owner, class: messageClass, identity }: Lane & { kind: 'outgoing' }): number | undefined {
    const named = { backend: owner, class: messageClass, identity: identity.toWellFormed() }
    return this.#statements.dueAt.get(named)?.due_at ?? undefined
  }

  openLanes(after: Lane | undefined, limit: number): { lane: Lane; notBefore: number }[] {
    const from = after?.kind === 'outgoing' ? after : { owner: '', class: '', identity: '' }
    const rows = this.#statements.openLanes.all(from.owner, from.class, from.identity, limit)
    return rows.map((row) => ({ lane: laneOf(row), notBefore: row.due_at }))
  }

  startAttempt(given: AttemptStart): void {
    const { message, text, parts, at, changes = [] } = wellFormed(given)
    const { start, startChanged } = this.#statements
    const written =
      text === undefined
        ? start.run(at, at, at, message.seq)
        : startChanged.run(at, at, at, text, parts ?? 1, message.seq)
    if (written.changes !== 1) throw new StaleResultError(`The message ${message.id} was settled by someone else.`)
    for (const change of changes) this.#people.apply(change, at)
  }

  finishAttempt(given: AttemptResult): void {
    const result = wellFormed(given)
    const { message, outcome, startedAt, at } = result
    const isSent = outcome.kind === 'settled' && (outcome.state === 'SENT' || outcome.state === 'DELIVERED')
    const sentAt = isSent ? at : null
    const written =
      outcome.kind === 'retry' ? this.#retry(result, outcome.at) : this.#settle(result, outcome.state, sentAt)
    // The report of an earlier attempt was faster and has settled the state; this attempt is still kept.
    const ended = written === 1 ? 1 : this.#statements.endAttempt.run(at, sentAt, message.seq).changes
    if (ended !== 1) throw new StaleResultError(`The message ${message.id} was settled by someone else.`)
    if (startedAt !== null) this.#recordAttempt(result)
    for (const change of result.changes ?? []) this.#people.apply(change, at)
    for (const externalId of result.externalIds.map((id) => id.toWellFormed())) {
      this.#statements.insertExternalId.run(message.backend, externalId, message.seq, at)
      this.#applyParked(message.backend, externalId, message.seq, (startedAt ?? at) - CLOCK_SLACK_MS)
    }
  }

  #retry({ startedAt, code, error, at, message }: AttemptResult, notBefore: number): number {
    const uncounted = startedAt === null ? 1 : 0
    return this.#statements.retry.run(notBefore, uncounted, startedAt ?? at, code, error, at, message.seq).changes
  }

  #settle(result: AttemptResult, state: OutgoingState, sentAt: number | null): number {
    const { at, message } = result
    const deliveredAt = state === 'DELIVERED' ? at : null
    return this.#statements.settle.run(
      state,
      result.code,
      result.error,
      at,
      sentAt,
      deliveredAt,
      result.parts ?? null,
      result.extra === null ? null : JSON.stringify(result.extra),
      message.seq,
    ).changes
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

  /** Reports older than the attempt speak of another message, under an id that the service uses again. */
  #applyParked(backend: string, externalId: string, seq: number, since: number): void {
    for (const report of this.#statements.parked.all(backend, externalId, since)) {
      this.#statements.unpark.run(seq, report.id)
      if (report.state !== null) this.#move(seq, report.state, report)
    }
  }

  /**
   * Marks a response as given in the answer to the request.
   * @returns undefined when somebody had taken it already
   */
  settleAnswered(id: string, at: number): Settled | undefined {
    const row = this.#statements.answered.get(at, at, id)
    return row === undefined ? undefined : { seq: row.seq, lane: laneOf(row) }
  }

  report(given: NewReport): ReportEffect & { readonly settled?: Settled } {
    const report = wellFormed(given)
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
  ): ReportEffect & { readonly settled?: Settled } {
    const row = this.#statements.standing.get(seq)
    if (row === undefined) return { messageId: null, state: null, changed: false }
    const standing = { messageId: row.id, state: row.state, changed: false }
    // Of an open message it speaks of an earlier attempt: unless that has arrived, the message goes on.
    if (to === undefined || (row.open === 1 && to !== 'DELIVERED')) return standing
    const next = transition({ state: row.state, timedOut: row.timed_out === 1 }, { state: to }).state
    if (next === row.state) return standing
    const deliveredAt = next === 'DELIVERED' ? at : null
    this.#statements.move.run(next, code, next === 'ERROR' ? text : null, at, deliveredAt, seq)
    const effect = { messageId: row.id, state: next, changed: true }
    return row.open === 1 ? { ...effect, settled: { seq, lane: laneOf(row) } } : effect
  }

  /** @returns the message's lane when it was in ERROR or UNKNOWN and is open again */
  replay(id: string, at: number): Lane | undefined {
    const row = this.#statements.replay.get({ at, id })
    if (row === undefined) return undefined
    // What is still reported of its first life must not move the second one.
    this.#statements.forgetExternalIds.run(row.seq)
    return laneOf(row)
  }
}

function laneOf(row: { readonly backend: string; readonly class: MessageClass; readonly identity: string }): Lane {
  return { kind: 'outgoing', owner: row.backend, class: row.class, identity: row.identity }
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
    firstAttemptAt: row.first_attempt_at,
    createdAt: row.created_at,
  }
}
