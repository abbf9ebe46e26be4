import type { Fields } from './incoming.ts'
import type { OutgoingState } from './states.ts'

/** What a service said later of an outgoing message. */
export interface DeliveryReport {
  /** The id the service gave when it took the message. */
  readonly externalId: string
  /** Absent when the service's code is not known: the report is kept and the state left as it is. */
  readonly state?: OutgoingState
  readonly identity?: string
  /** The service's own code and text. */
  readonly code?: string
  readonly text?: string
  readonly fields?: Fields
}
