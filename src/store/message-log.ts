import type { Connection, Fields } from '../messages/incoming.ts'
import type { IncomingState, OutgoingState } from '../messages/states.ts'

/** A delivery report as it is kept with its message. */
export interface KeptReport {
  readonly backend: string
  /** Null where the service named the message by the number only. */
  readonly externalId: string | null
  readonly identity: string | null
  readonly state: OutgoingState | null
  readonly expired: boolean
  readonly code: string | null
  readonly text: string | null
  readonly fields: Fields | null
  readonly receivedAt: number
}

export interface Attempt {
  readonly number: number
  readonly backend: string
  /** Null of a message that left the backend without an attempt. */
  readonly startedAt: number | null
  readonly finishedAt: number
  readonly outcome: string
  readonly code: string | null
  readonly providerCode: string | null
  readonly error: string | null
  readonly cost: number | null
  /** An ISO 4217 code, where the service tells. */
  readonly currency: string | null
  readonly network: string | null
  /** Of a routed message: why it was with this backend, or, where the outcome is MOVED, why it left. */
  readonly reason: string | null
  /** The cost is by the project's own prices; the service told none. */
  readonly estimated?: boolean
}

/** One message of either direction, as logs and pages show it. */
export interface LoggedMessage {
  readonly seq: number
  readonly id: string
  readonly direction: 'in' | 'out'
  readonly backend: string
  readonly identity: string
  readonly address: string | null
  readonly text: string
  readonly state: IncomingState | OutgoingState
  /** Milliseconds since 1970: received, or recorded to be sent. */
  readonly at: number
  readonly externalId: string | null
  readonly inResponseTo: string | null
  /** The slug of the template that its text was made of. */
  readonly template: string | null
  readonly error: string | null
  readonly tries: number
}

/** A response that was given in the answer to a request, as the person got it. */
export interface GivenAnswer {
  readonly text: string
  /** It ended the USSD session. */
  readonly end: boolean
}

export interface ConversationQuery extends Connection {
  /** At the most this many, the newest. */
  readonly limit: number
}

export interface FailedQuery {
  readonly direction: 'in' | 'out'
  readonly backend?: string
  readonly limit: number
  /** Those in UNKNOWN instead, which the service may have or not; outgoing ones only. */
  readonly unknown?: boolean
  /** Only messages recorded before the one with this `seq`: the next page. */
  readonly before?: number
}

/** Queries for people and programs; never on the way of a message. */
export interface MessageLog {
  /** What went to and fro between us and one person, oldest first. */
  conversation(query: ConversationQuery): Promise<readonly LoggedMessage[]>
  /** Incoming messages whose phases failed, or outgoing ones in ERROR or UNKNOWN; newest first. */
  failed(query: FailedQuery): Promise<readonly LoggedMessage[]>
  find(id: string): Promise<LoggedMessage | undefined>
  /** The responses to an incoming message that were given in the answer to its request, in their order. */
  answersGiven(message: { readonly id: string } & Connection): Promise<readonly GivenAnswer[]>
  attempts(id: string): Promise<readonly Attempt[]>
  /** The service's ids of an outgoing message. */
  externalIds(id: string): Promise<readonly string[]>
  /** What was reported of an outgoing message, in the order it came. */
  reports(id: string): Promise<readonly KeptReport[]>
  counts(): Promise<{ readonly incoming: number; readonly outgoing: number; readonly contacts: number }>
  /** The identities of a backend heard from or written to most lately. */
  recentIdentities(backend: string, limit: number): Promise<readonly string[]>
}
