import type { Connection } from '../messages/incoming.ts'

/** An outgoing message that waits for a gateway to fetch it. */
export interface WaitingMessage extends Connection {
  readonly id: string
  readonly address: string | null
  readonly text: string
  /** Milliseconds since 1970 after which it is not to be sent; null for never. */
  readonly expiresAt: number | null
  /** It goes to who has opted out as well. */
  readonly despiteOptOut: boolean
}

export interface LeasedMessage extends WaitingMessage {
  /** How often it was leased, with this time. */
  readonly tries: number
  /** The contact has opted out by now, over all connections. */
  readonly optedOut: boolean
}

/** A message whose time is over, and that no device holds. */
export interface ExpiredMessage {
  readonly id: string
  readonly backend: string
  readonly tries: number
}

export interface LeaseRequest {
  readonly backend: string
  readonly device: string
  readonly limit: number
  readonly now: number
  /** Until when nobody else gets what is leased now. */
  readonly until: number
}

/** Messages that gateways fetch, in the order they were added. */
export interface OutboxStore {
  /** Adding an id that is there changes nothing. */
  add(message: WaitingMessage): Promise<void>
  /**
   * Leases those that nobody holds, the oldest first. Behind a message that another device holds, those to the same
   * identity wait.
   */
  lease(request: LeaseRequest): Promise<readonly LeasedMessage[]>
  /** Those of all backends that are not to be sent any more, at the most so many. */
  expired(now: number, limit: number): Promise<readonly ExpiredMessage[]>
  /** @returns whether it was there */
  remove(backend: string, id: string): Promise<boolean>
}
