import type { Fields } from '../messages/incoming.ts'
import type { OutgoingState } from '../messages/states.ts'

/** What a program may be told of. The first two are named as Vumi's first API names them. */
export const callbackNames = ['sms_received', 'sms_receipt', 'message_sent', 'message_failed'] as const
export type CallbackName = (typeof callbackNames)[number]

export const callbackFormats = ['json', 'form'] as const
export type CallbackFormat = (typeof callbackFormats)[number]

/** A URL that is told of one kind of event. Times are milliseconds since 1970. */
export interface StoredCallback {
  readonly id: number
  /** Null of one that belongs to no user of the API. */
  readonly user: string | null
  readonly name: CallbackName
  /** May hold a user and a password. */
  readonly url: string
  /** Stands for the owner and the URL: an owner's callbacks to the same URL share it. */
  readonly target: string
  readonly format: CallbackFormat
  /** Null for all. */
  readonly backends: readonly string[] | null
  /** What its requests are signed with. */
  readonly secret: string
  readonly createdAt: number
  readonly updatedAt: number
  /** Another one after each change. */
  readonly revision: number
  readonly disabledAt: number | null
  readonly disabledReason: string | null
}

export type NewCallback = Omit<StoredCallback, 'id' | 'revision' | 'disabledAt' | 'disabledReason'>

export type CallbackValues = Pick<NewCallback, 'name' | 'url' | 'target' | 'format' | 'backends' | 'secret'>

/** What happened to a message, as it stood then. Times are milliseconds since 1970. */
export interface CallbackEvent {
  /** The same however often it is told to one callback. */
  readonly id: string
  readonly name: CallbackName
  readonly at: number
  readonly messageId: string
  readonly backend: string
  readonly identity: string
  readonly address: string | null
  readonly text: string
  readonly recordedAt: number
  /** Of an incoming message. */
  readonly externalId: string | null
  readonly fields: Fields | null
  /** Of an outgoing message, as the others below. */
  readonly state: OutgoingState | null
  readonly inResponseTo: string | null
  readonly code: string | null
  readonly error: string | null
  readonly sentAt: number | null
  readonly deliveredAt: number | null
}

/** An event on its way to one callback. */
export interface CallbackDelivery extends CallbackEvent {
  readonly seq: number
  readonly callback: number
  /** Requests that have failed. */
  readonly tries: number
  /** From when on its age counts. */
  readonly since: number
  /** What the last request came to: an HTTP status, or none. */
  readonly status: number | null
  readonly failure: string | null
  /** When it was given up. */
  readonly deadAt: number | null
}

/** A URL of one owner, with deliveries that may be waiting. */
export interface CallbackTarget {
  readonly target: string
  /** The owner; null for nobody's. */
  readonly user: string | null
  /** How often in a row it was not reached. */
  readonly failures: number
}

export interface ClaimCallbacks {
  readonly target: string
  /** Who takes them: what was claimed by somebody else since is not settled. */
  readonly holder: string
  readonly now: number
  /** Until when nobody else takes them. */
  readonly until: number
  readonly limit: number
  /** Deliveries to look through, from the oldest on: however many wait, a claim costs no more. */
  readonly page: number
  /** The `next` of the claim before; 0 for the oldest. */
  readonly after: number
}

export interface ClaimedCallbacks {
  readonly deliveries: readonly CallbackDelivery[]
  /** Where to look on; undefined where there is nothing more. */
  readonly next: number | undefined
}

interface DeliveryKey {
  readonly seq: number
  readonly holder: string
  readonly target: string
}

/** What a request came to. */
export type DeliveryResult = DeliveryKey &
  (
    | { readonly kind: 'delivered'; readonly now: number }
    | {
        readonly kind: 'retry'
        readonly at: number
        readonly now: number
        readonly status: number | null
        readonly failure: string
        /** Until when the URL as a whole is left alone. */
        readonly hold: number | null
      }
    | { readonly kind: 'dead'; readonly now: number; readonly status: number | null; readonly failure: string }
    /** The callback is there no more. */
    | { readonly kind: 'removed' }
    /** Nothing came of it: it is to be told as its callback is now, not before the time that is given. */
    | { readonly kind: 'released'; readonly at?: number }
  )

export interface DeadQuery {
  readonly callback?: number | undefined
  /** Only those with a smaller `seq`: the next page. */
  readonly before?: number | undefined
  readonly limit: number
}

export interface CallbackCounts {
  readonly callback: number
  readonly waiting: number
  readonly dead: number
}

/**
 * Who is told of what, and what is on its way there. What happens to messages is recorded for the callbacks in the
 * commit in which it happens, whichever process does it; where there is no callback, nothing looks for any.
 */
export interface CallbackStore {
  /**
   * @param most how many one owner may have, counted in the same commit
   * @returns undefined where the owner has so many already
   */
  add(callback: NewCallback, most: number): Promise<StoredCallback | undefined>
  /**
   * In the order they were made.
   * @param user the owner; null for those that belong to no user, undefined for everybody's
   */
  list(user?: string | null): Promise<readonly StoredCallback[]>
  find(id: number): Promise<StoredCallback | undefined>
  /**
   * Changes it, and has it told again where it was disabled; what waits goes to the new URL, and stays in its order
   * before what comes later. Where the URL or the secret is another now, or it was disabled, what waits is due at once,
   * and its URL is no longer left alone; nor is that of before, when nobody else is told there. Where nothing is another,
   * the revision stays.
   * @param revision as it was read
   * @returns undefined where it has been changed since, or is there no more
   */
  change(id: number, revision: number, values: CallbackValues, at: number): Promise<StoredCallback | undefined>
  /**
   * Ends changes that were broken off: what waits goes where its callback is. Looks through all that waits.
   * @returns how many went elsewhere
   */
  follow(): Promise<number>
  /** Removes it, with all that waits for it; returns whether there was one. */
  remove(id: number): Promise<boolean>
  /**
   * Has nothing more recorded for it; what waits stays.
   * @param revision as it was read: one that has been changed since stays as it is
   * @returns whether it was told until now
   */
  disable(id: number, revision: number, reason: string, at: number): Promise<boolean>

  /** The URLs that are not left alone now and to which something is to go. */
  targets(now: number): Promise<readonly CallbackTarget[]>
  /**
   * The first delivery of each lane (an owner's URL and an identity) that is due and in nobody's hands; none of a URL
   * that is left alone now.
   */
  claim(request: ClaimCallbacks): Promise<ClaimedCallbacks>
  /**
   * Those that somebody else has claimed since stay as they are. What is released goes where its callback is now. No URL
   * is left alone for what goes elsewhere by now.
   */
  settle(results: readonly DeliveryResult[]): Promise<void>

  /** Of these callbacks; those for which there is nothing are left out. */
  counts(callbacks: readonly number[]): Promise<readonly CallbackCounts[]>
  /** What was given up, the newest first. */
  dead(query: DeadQuery): Promise<readonly CallbackDelivery[]>
  /**
   * Has what was given up tried again, as due at `at`, before what came later for the same lane; its URLs are no longer
   * left alone. Very much is taken in several commits, the oldest first.
   * @param ids events; undefined for all of the callback
   * @returns how many there were
   */
  replay(callback: number | undefined, ids: readonly string[] | undefined, at: number): Promise<number>
}
