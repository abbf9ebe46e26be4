import type { Database } from 'better-sqlite3'
import type { Lane, MessageClass } from '../../messages/lane.ts'
import type { OutgoingRoute } from '../../messages/route.ts'
import type { OutgoingState } from '../../messages/states.ts'
import { outcomeName } from '../attempt-names.ts'
import { StaleResultError } from '../errors.ts'
import type { AttemptResult, AttemptStart, ClaimedOutgoing, NewOutgoing } from '../outgoing-records.ts'
import type { ContentWindows } from './content-windows.ts'
import { OutgoingMoves } from './moves.ts'
import { type OutgoingRow, prepareOutgoing } from './outgoing-statements.ts'
import type { SqlitePeople } from './people.ts'
import { ReportRows, type Settled } from './report-rows.ts'
import { SoleMessages } from './templates.ts'
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

/** A claimed message but for what its contact says, who is looked up when it is claimed. */
export type OpenOutgoing = Omit<ClaimedOutgoing, 'optedOut' | 'timeZone'>

/** The statements of outgoing messages. All of them run inside a transaction of the group commit. */
export class OutgoingRows {
  readonly reports: ReportRows
  readonly #statements
  readonly #people: SqlitePeople
  readonly #windows: ContentWindows
  readonly #soles: SoleMessages
  readonly #moves: OutgoingMoves

  constructor(database: Database, people: SqlitePeople, windows: ContentWindows) {
    this.reports = new ReportRows(database)
    this.#statements = prepareOutgoing(database)
    this.#people = people
    this.#windows = windows
    this.#soles = new SoleMessages(database)
    this.#moves = new OutgoingMoves(database, people, windows)
  }

  /** @returns the message as it stands in its lane; undefined when it is settled already, or its key is another's */
  record(given: NewOutgoing, nextSeq: () => number): OpenOutgoing | undefined {
    const message = wellFormed(given)
    if (message.sole !== undefined && !this.#soles.take(message.sole, message.createdAt)) return undefined
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
      message.broadcastId ?? null,
      message.route === undefined ? null : JSON.stringify(message.route),
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
      ...(message.route === undefined ? {} : { route: message.route }),
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

  /** Routed messages of a backend of which no attempt is being taken. */
  routed(backend: string, after: number, limit: number): OpenOutgoing[] {
    return this.#statements.routed.all(backend, after, limit).map(toOpen)
  }

  /** @returns the lane that the message has moved to; undefined where an attempt is being taken, or it is not there */
  moveWaiting(given: AttemptResult): Lane | undefined {
    const result = wellFormed(given)
    if (result.outcome.kind !== 'moved') return undefined
    const lane = this.#moves.move(result, result.outcome, true)
    if (lane !== undefined) this.#recordAttempt(result)
    return lane
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
        ? start.run(at, at, at, message.seq, message.backend)
        : startChanged.run(at, at, at, text, parts ?? 1, message.seq, message.backend)
    if (written.changes !== 1) throw new StaleResultError(`The message ${message.id} was settled by someone else.`)
    for (const change of changes) this.#people.apply(change, at)
  }

  /** @returns the lane that the message has moved to, if it has */
  finishAttempt(given: AttemptResult): Lane | undefined {
    const result = wellFormed(given)
    const { message, outcome, startedAt, at } = result
    const isSent = outcome.kind === 'settled' && (outcome.state === 'SENT' || outcome.state === 'DELIVERED')
    const sentAt = isSent ? at : null
    const movedTo = outcome.kind === 'moved' ? this.#moves.move(result, outcome) : undefined
    const written = movedTo === undefined ? this.#write(result, sentAt) : 1
    // The report of an earlier attempt was faster and has settled the state; this attempt is still kept.
    const ended = written === 1 ? 1 : this.#statements.endAttempt.run(at, sentAt, message.seq).changes
    if (ended !== 1) throw new StaleResultError(`The message ${message.id} was settled by someone else.`)
    if (startedAt !== null || movedTo !== undefined) this.#recordAttempt(result)
    for (const change of result.changes ?? []) this.#people.apply(change, at)
    this.reports.noteIds(result)
    return movedTo
  }

  /** @returns how many rows it wrote */
  #write(result: AttemptResult, sentAt: number | null): number {
    const { outcome, route, message } = result
    if (outcome.kind === 'moved') return 0
    if (route !== undefined) this.#moves.keepRoute(message.seq, route)
    return outcome.kind === 'settled' ? this.#settle(result, outcome.state, sentAt) : this.#goesOn(result, outcome)
  }

  #goesOn(result: AttemptResult, { kind, at: notBefore }: { readonly kind: string; readonly at: number }): number {
    const { startedAt, code, error, at, message, outcome } = result
    if (kind === 'later') return this.#statements.putOff.run(notBefore, error, at, message.seq).changes
    const isUncounted = outcome.kind === 'retry' && outcome.uncounted === true
    const uncounted = isUncounted ? -1 : startedAt === null ? 1 : 0
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
      message.backend,
    ).changes
  }

  #recordAttempt(result: AttemptResult): void {
    const outcome = outcomeName(result.outcome)
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
      result.reason ?? null,
      result.estimated === true ? 1 : null,
    )
  }

  /**
   * Marks a response as given in the answer to the request.
   * @returns undefined when somebody had taken it already
   */
  settleAnswered(id: string, at: number): Settled | undefined {
    const row = this.#statements.answered.get(at, at, id)
    return row === undefined ? undefined : { seq: row.seq, lane: laneOf(row) }
  }

  /** @returns the message's lane when it was in ERROR or UNKNOWN and is open again */
  replay(id: string, at: number): Lane | undefined {
    const row = this.#statements.replay.get({ at, id })
    if (row === undefined) return undefined
    this.reports.forgetIds(row.seq)
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

export function unpacked(data: string, inResponseTo: string | null) {
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
    ...(row.route === null ? {} : { route: JSON.parse(row.route) as OutgoingRoute }),
  }
}
