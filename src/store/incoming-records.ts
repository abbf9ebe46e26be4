import type { Connection, Fields, IncomingData } from '../messages/incoming.ts'
import type { Change } from './change.ts'
import type { Contact } from './contact.ts'
import type { Fence } from './fence.ts'
import type { NewOutgoing } from './outgoing-records.ts'

export interface NewIncoming {
  readonly id: string
  readonly backend: string
  readonly identity: string
  readonly address: string | null
  readonly text: string
  readonly fields: Fields
  readonly externalId: string | null
  readonly receivedAt: number
  /** Milliseconds in which an equal text from the same identity is the same message; for services without ids. */
  readonly window?: number
  /** Until when (milliseconds since 1970) a view waits to give the responses in its own answer. */
  readonly answerBy?: number
}

export interface RecordedIncoming {
  /** Of a duplicate, the id of the message recorded first. */
  readonly id: string
  readonly duplicate: boolean
}

export interface ClaimedIncoming extends IncomingData {
  readonly seq: number
  readonly contact: Contact | null
  /** Not to be worked before this time; later messages of the lane wait for it. */
  readonly notBefore: number
  readonly answerBy: number | null
}

export type IncomingOutcome =
  | { readonly kind: 'processed'; readonly handledBy: string | null }
  /** The phases failed and run again at `at`. */
  | { readonly kind: 'retry'; readonly at: number; readonly error: string }
  /** The phases failed for good; kept, shown, replayable. */
  | { readonly kind: 'failed'; readonly error: string }

/** Everything that one run of the phases came to, committed as one. */
export interface Finish {
  readonly fence: Fence
  readonly message: { readonly seq: number; readonly id: string } & Connection
  readonly outcome: IncomingOutcome
  readonly outgoing: readonly NewOutgoing[]
  readonly changes: readonly Change[]
  readonly at: number
}
