import type { Connection } from '../messages/incoming.ts'
import type { OutgoingState } from '../messages/states.ts'

/** An outgoing message of which the last word is not said: in SENDING, SENT, UNKNOWN, or in ERROR by our time-out. */
export interface UncertainMessage extends Connection {
  readonly id: string
  readonly state: OutgoingState
  readonly timedOut: boolean
  /** The service's ids of it, without those of parts that are over. */
  readonly externalIds: readonly string[]
  /** When it was given to the service. */
  readonly givenAt: number
}

export interface UncertainQuery {
  readonly backend: string
  /** Messages recorded before this time are not looked at. */
  readonly since: number
  /** Nor are those that have changed after this time. */
  readonly until: number
  /** The `next` of the page before. */
  readonly after: string | undefined
  /** Messages to look through. */
  readonly limit: number
}

export interface UncertainPage {
  /** Those that have an id, in the order they were recorded. */
  readonly messages: readonly UncertainMessage[]
  /** Undefined at the end. */
  readonly next: string | undefined
}

export interface TimeOut {
  /** Messages that stand in SENDING since before this time. */
  readonly before: number
  readonly state: 'UNKNOWN' | 'ERROR'
  readonly at: number
  readonly limit: number
}

/** What is kept as the reason of a message that was never confirmed. */
export const TIMED_OUT = { code: 'TIMED_OUT', error: 'timed out' } as const

/** For the check of messages that were never confirmed; never on the way of a message. Nothing that is in hand is touched. */
export interface StateCheckStore {
  /** A page of what was recorded in a time, with those messages of a backend whose state is to be asked for. */
  uncertain(query: UncertainQuery): Promise<UncertainPage>
  /**
   * Settles messages that have stood in SENDING for too long. Those that wait for a gateway to fetch them stay.
   * @returns those that were settled now; as many as the limit where there may be more
   */
  timeOut(request: TimeOut): Promise<readonly ({ readonly id: string } & Connection)[]>
}
