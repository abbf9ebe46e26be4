import type { OutgoingState } from '../messages/states.ts'

/** What waits for an outgoing message to be settled is told on this channel. */
export const settledChannel = (id: string) => `settled:${id}`

export interface SettledSignal {
  readonly state: OutgoingState
  readonly code: string | null
  readonly providerCode: string | null
  readonly error: string | null
  /** The service's ids of the message. */
  readonly externalIds: readonly string[]
}
