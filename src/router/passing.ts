import type { Fields, IncomingData } from '../messages/incoming.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { OutgoingState } from '../messages/states.ts'

/** A message that another program has us send. */
export interface RelayedMessage {
  readonly to: string
  readonly text: string
  /** By default the first that can send. */
  readonly backend?: string
  readonly from?: string
  readonly options?: SendOptions
  readonly params?: Fields
  readonly fields?: Fields
}

export interface RelayOutcome {
  readonly id: string
  readonly backend: string
  readonly state: string
  /** The service's ids of the message. */
  readonly externalIds: readonly string[]
}

/** What passes through the switchboard, over any backend. */
export type Passing =
  | { readonly kind: 'incoming'; readonly message: IncomingData }
  | {
      readonly kind: 'report'
      readonly backend: string
      readonly report: DeliveryReport
      /** Our id of the message it is about; null where none is known. */
      readonly messageId: string | null
      /** Milliseconds since 1970. */
      readonly at: number
    }
  | {
      /** An outgoing message will not be tried any more. */
      readonly kind: 'settled'
      readonly messageId: string
      readonly backend: string
      readonly fields: Fields
      readonly state: OutgoingState
      readonly code: string | null
      readonly error: string | null
      readonly at: number
    }

/** An outgoing message of a backend's own, made of what passes through. Whom it goes to says its lane. */
export interface Copy {
  readonly identity: string
  readonly text: string
  readonly fields: Fields
}
