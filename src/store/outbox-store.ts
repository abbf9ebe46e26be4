import type { Connection } from '../messages/incoming.ts'

/** An outgoing message that waits for a gateway to fetch it. */
export interface WaitingMessage extends Connection {
  readonly id: string
  readonly address: string | null
  readonly text: string
}

export interface LeasedMessage extends WaitingMessage {
  /** How often it was leased, with this time. */
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
  /** @returns whether it was there */
  remove(backend: string, id: string): Promise<boolean>
}
