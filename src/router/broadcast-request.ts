import { InvalidInputError } from '../messages/errors.ts'
import type { Connection, Fields } from '../messages/incoming.ts'
import { faultOfJsonObject, type JsonLimits } from '../messages/plain-json.ts'
import type { BroadcastRow, BroadcastState } from '../store/broadcast-store.ts'
import type { ContactFilter } from '../store/directory-store.ts'
import type { SendValues, TemplateRequest, TextRequest } from './send-request.ts'

/** One of those a broadcast goes to: a number, a connection, a contact, all of a group, or one of these with values. */
export type BroadcastTo =
  | string
  | Connection
  | { readonly contact: string }
  | { readonly group: string }
  | {
      readonly to: string | Connection | { readonly contact: string }
      /** Values for the text, or the template; over those of the request. Plain JSON of at most 4,000 characters. */
      readonly params?: Fields
      /** Where it stands in its source, such as the line of a file, for faults; by default it is counted. */
      readonly position?: number
    }
  /** What its source cannot make a recipient of, and why. */
  | { readonly fault: string; readonly position?: number }

/**
 * Whom a broadcast goes to. What is iterated over is read once, a few hundred at a time, so that it may be as long as it
 * likes. A group or a query stands for its members as they are while they are read.
 */
export type BroadcastRecipients =
  | Iterable<BroadcastTo>
  | AsyncIterable<BroadcastTo>
  | { readonly group: string }
  | { readonly contacts: ContactFilter }

/** When a broadcast stops by itself. */
export interface BroadcastCap {
  /** Messages it may make. */
  readonly messages?: number
  /** What they may cost, in the unit in which the service tells costs. */
  readonly cost?: number
}

/** What is sent to everybody: a text, or a template. */
export type BroadcastRequest = BroadcastValues & CommonContent

/** What of a request every message of it says. */
type CommonContent = Pick<TextRequest, 'text' | 'template'> | Pick<TemplateRequest, 'text' | 'template'>

/** How and when it goes. `class` is `bulk` unless given; `at` is when the first of it leaves. */
export interface BroadcastValues extends Omit<SendValues, 'to'> {
  /** Shown in lists. */
  readonly name?: string
  /** Message parts in a second, of all processes together; not limited unless given. */
  readonly rate?: number
  readonly cap?: BroadcastCap
  /** Nobody gets anything when a single recipient cannot be taken in. */
  readonly strict?: boolean
}

/** A broadcast, and how far it has come. */
export interface Broadcast {
  readonly id: string
  readonly name: string | null
  readonly tag: string | null
  readonly state: BroadcastState
  /** Why it failed, was capped or cancelled. */
  readonly reason: string | null
  /** Taken in, each once. */
  readonly recipients: number
  /** Left out, since their number was there already. */
  readonly duplicates: number
  /** Recipients that could not be taken in, or made a message for. */
  readonly faults: number
  /** Recipients made into messages so far. */
  readonly expanded: number
  /** Messages made of them; more, where a long text was split. */
  readonly messages: number
  readonly rate: number | null
  readonly cap: BroadcastCap | null
  readonly createdAt: Date
  /** Nothing leaves before. */
  readonly at: Date | null
  readonly endedAt: Date | null
}

/** What has become of its messages so far, by their states. */
export interface BroadcastProgress extends Broadcast {
  readonly waiting: number
  readonly sending: number
  readonly sent: number
  readonly delivered: number
  readonly failed: number
  readonly unknown: number
  readonly cancelled: number
  /** Not sent, because debug is on. */
  readonly debug: number
}

/** What is kept of a request, plain JSON. */
export interface KeptRequest {
  readonly send: Fields
  readonly expires: number | null
  readonly rate: number | null
  readonly cap: BroadcastCap | null
}

const LONGEST_NAME = 200
const MOST_PER_SECOND = 1_000_000
const PARAMS_LIMITS: JsonLimits = { length: 4_000, depth: 5 }

/**
 * @returns what is kept of it
 * @throws InvalidInputError naming the field; of what `SendRequest` has in common the sender checks the rest
 */
export function keptRequest(request: BroadcastRequest): KeptRequest {
  const { name, rate, cap, strict, at, expires, idempotencyKey, ...send } = request
  if (name !== undefined && (typeof name !== 'string' || name === '' || name.length > LONGEST_NAME))
    throw new InvalidInputError(`name: a text of at most ${LONGEST_NAME} characters is expected`)
  if (rate !== undefined) checkNumber('rate', rate, MOST_PER_SECOND)
  if (strict !== undefined && typeof strict !== 'boolean')
    throw new InvalidInputError('strict: true or false is expected')
  if (cap !== undefined) checkCap(cap)
  const { messages, cost } = cap ?? {}
  return {
    send: { ...send, class: send.class ?? 'bulk' },
    expires: expires?.getTime() ?? null,
    rate: rate ?? null,
    cap:
      cap === undefined
        ? null
        : { ...(messages === undefined ? {} : { messages }), ...(cost === undefined ? {} : { cost }) },
  }
}

export function keptOf(row: BroadcastRow): KeptRequest {
  return row.request as unknown as KeptRequest
}

/** What of a request every message of it has. */
export type CommonRequest = Omit<SendValues, 'to'> & CommonContent

/** The request for the message to one recipient. */
export function sendRequestOf({ send, expires }: KeptRequest): CommonRequest {
  const kept = send as unknown as CommonRequest
  return expires === null ? kept : { ...kept, expires: new Date(expires) }
}

/** @throws InvalidInputError */
export function checkParams(params: unknown): Fields {
  const fault = faultOfJsonObject('params', params, PARAMS_LIMITS)
  if (fault !== undefined) throw new InvalidInputError(fault)
  return params as Fields
}

/** The row as the outside sees it. */
export function toBroadcast(row: BroadcastRow): Broadcast {
  const { rate, cap } = keptOf(row)
  const { id, name, tag, state, reason, recipients, duplicates, faults, expanded, messages } = row
  return {
    ...{ id, name, tag, state, reason, recipients, duplicates, faults, expanded, messages, rate, cap },
    createdAt: new Date(row.createdAt),
    at: row.startAt === 0 ? null : new Date(row.startAt),
    endedAt: row.endedAt === null ? null : new Date(row.endedAt),
  }
}

function checkCap(cap: BroadcastCap): void {
  if (typeof cap !== 'object' || cap === null) throw new InvalidInputError('cap: an object is expected')
  if (cap.messages !== undefined) {
    checkNumber('cap.messages', cap.messages, Number.MAX_SAFE_INTEGER)
    if (!Number.isInteger(cap.messages)) throw new InvalidInputError('cap.messages: a whole number is expected')
  }
  if (cap.cost !== undefined) checkNumber('cap.cost', cap.cost, Number.MAX_VALUE)
  if (cap.messages === undefined && cap.cost === undefined)
    throw new InvalidInputError('cap: messages, cost or both are expected')
}

function checkNumber(name: string, value: unknown, most: number): void {
  if (typeof value === 'number' && value > 0 && value <= most) return
  throw new InvalidInputError(
    `${name}: a number greater than 0${most < 1e9 ? `, of at most ${most},` : ''} is expected`,
  )
}
