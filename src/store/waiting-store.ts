import type { Connection, Fields } from '../messages/incoming.ts'
import type { MessageClass } from '../messages/lane.ts'

/** What is known of a message that waits. */
export interface WaitingOutgoing extends Connection {
  readonly seq: number
  readonly id: string
  readonly class: MessageClass
  readonly fields: Fields
  readonly inResponseTo: { readonly id: string; readonly externalId: string | null } | null
  readonly createdAt: number
  readonly notBefore: number
  readonly firstAttemptAt: number | null
  readonly expiresAt: number | null
}

/** Which messages of one backend may have waited for too long. */
export interface OverdueQuery {
  readonly backend: string
  readonly now: number
  /** Milliseconds for which messages without an expiry of their own are of use, by class. */
  readonly times: Readonly<Record<MessageClass, number>>
  /** The same of messages that answer others, since those in a session are of use for a shorter time. */
  readonly answers: number
  /** Only messages behind this `seq`. */
  readonly after: number
  readonly limit: number
}

/** Outgoing messages that wait while nothing of their backend is handed out; never on the way of a message. */
export interface WaitingStore {
  /** How many are unfinished, by backend. */
  counts(): Promise<Readonly<Record<string, number>>>
  /** A page of those that may be over, in the order of their `seq`; who asks weighs each one. */
  overdue(query: OverdueQuery): Promise<readonly WaitingOutgoing[]>
  /**
   * Cancels messages that are still unfinished and of which no attempt is under way.
   * @returns the ids of those that were
   */
  cancel(ids: readonly string[], reason: string, at: number): Promise<readonly string[]>
}
