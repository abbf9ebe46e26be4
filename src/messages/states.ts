/**
 * The states of an outgoing message.
 *
 * - `WAITING`   no attempt has been taken
 * - `SENDING`   given or being given to the service, not confirmed
 * - `SENT`      accepted by the service and on its way
 * - `DELIVERED` the service says that it arrived
 * - `ERROR`     it will not arrive
 * - `UNKNOWN`   given, and the outcome cannot be known
 * - `DEBUG`     not sent, because debug is on
 * - `CANCELLED` vetoed by an app, opted out, or expired before it was sent
 */
export const outgoingStates = [
  'WAITING',
  'SENDING',
  'SENT',
  'DELIVERED',
  'ERROR',
  'UNKNOWN',
  'DEBUG',
  'CANCELLED',
] as const
export type OutgoingState = (typeof outgoingStates)[number]

/** The states of an incoming message: taken in, its phases done, or given up with its error kept. */
export type IncomingState = 'RECEIVED' | 'PROCESSED' | 'FAILED'

/** Where a message stands, and whether its ERROR is only our own time-out, which a late report may correct. */
export interface Standing {
  readonly state: OutgoingState
  readonly timedOut?: boolean
}

const RANK: Record<OutgoingState, number> = {
  WAITING: 0,
  SENDING: 1,
  SENT: 2,
  DELIVERED: 3,
  ERROR: 3,
  UNKNOWN: 3,
  DEBUG: 3,
  CANCELLED: 3,
}

/** True when nothing but a correction by a DELIVERED report can follow. */
export function isFinal(state: OutgoingState): boolean {
  return RANK[state] === 3
}

/**
 * The one transition function: what becomes of a message that stands at `current` when something says `next`,
 * be it an attempt's result, a delivery report, or the check for messages that were never confirmed.
 * States only move on; the first final state wins, except DELIVERED over UNKNOWN and over our own time-out.
 */
export function transition(current: Standing, next: Standing): Standing {
  if (next.state === 'DELIVERED' && (current.state === 'UNKNOWN' || isOwnTimeOut(current))) return next
  if (isFinal(current.state)) return current
  return RANK[next.state] > RANK[current.state] ? next : current
}

/**
 * The state of a message whose service reports each of its parts: ERROR as soon as one has failed, DELIVERED when all
 * have arrived, UNKNOWN when all are over and of one nothing is known, SENT meanwhile. The order of the parts is of no
 * matter.
 * @param parts one for each part; null for one that nothing was reported of
 */
export function joinedState(parts: readonly (OutgoingState | null)[]): OutgoingState {
  if (parts.includes('ERROR')) return 'ERROR'
  if (parts.length === 0 || parts.some((state) => state === null || !isFinal(state))) return 'SENT'
  return parts.every((state) => state === 'DELIVERED') ? 'DELIVERED' : 'UNKNOWN'
}

/** What becomes of a part, of which `next` is reported: states of one part move as those of a message do. */
export function partState(current: OutgoingState | null, next: OutgoingState): OutgoingState {
  return transition({ state: current ?? 'SENDING' }, { state: next }).state
}

function isOwnTimeOut(standing: Standing): boolean {
  return standing.state === 'ERROR' && standing.timedOut === true
}
