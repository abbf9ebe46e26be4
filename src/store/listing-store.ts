import type { LoggedMessage } from './message-log.ts'

/** A message as programs see it that read all of them. */
export interface ListedMessage extends LoggedMessage {
  readonly tag: string | null
  readonly relatedTo: string | null
  /** How many parts of an SMS it is; null of incoming ones. */
  readonly parts: number | null
  /** Milliseconds since 1970: when its state was last changed. */
  readonly changedAt: number
  readonly sentAt: number | null
  readonly deliveredAt: number | null
}

export interface ListingFilter {
  /** Any of these. */
  readonly backends?: readonly string[]
  readonly identity?: string
  readonly direction?: 'in' | 'out'
  readonly state?: string
  readonly tag?: string
  /** Stands in the text; letters of ASCII in any case. */
  readonly text?: string
  /** Milliseconds since 1970, inclusive: received, or recorded to be sent. */
  readonly since?: number
  /** Exclusive. */
  readonly until?: number
}

export interface ListingWindow {
  /** Messages with a greater `seq`. */
  readonly after: number
  /** Messages with this `seq` at the most. */
  readonly upTo: number
  readonly filter: ListingFilter
  readonly limit: number
}

export interface SentIdsQuery {
  /** Ids from this one on. */
  readonly from: string
  /** Ids before this one. */
  readonly before: string
  readonly limit: number
}

/** Which backend a message went out by. */
export interface SentId {
  readonly id: string
  readonly backend: string
}

/** Reads of all messages, step by step, for programs that keep up with them. Never on the way of a message. */
export interface ListingStore {
  /**
   * The `seq` up to which all messages there will ever be can be seen: nothing is recorded with this one or a smaller one
   * later. Never smaller than what it said before.
   */
  settledUpTo(): Promise<number>
  /** The `seq` of a message made at this time or later, before which none made later stands; undefined when there is none. */
  firstSince(at: number): Promise<number | undefined>
  /** Messages of both directions in the order of their `seq`. */
  window(window: ListingWindow): Promise<readonly ListedMessage[]>
  /** Ids of outgoing messages, those made last first. */
  sentIds(query: SentIdsQuery): Promise<readonly SentId[]>
  /** Outgoing messages by their ids, in any order; what is not there is left out. */
  outgoing(ids: readonly string[]): Promise<readonly ListedMessage[]>
}
