import type { Fields } from '../messages/incoming.ts'
import type { Lane } from '../messages/lane.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { Contact } from './contact.ts'

/**
 * Where a broadcast stands.
 *
 * - `TAKING`     its recipients are being taken in; nothing is sent yet
 * - `RUNNING`    recipients are made into messages, a few at a time
 * - `PAUSED`     none are, until it is resumed
 * - `CANCELLING` what no service was given is being cancelled
 * - `DONE`       every recipient's message is settled
 * - `CANCELLED`  as `DONE`, for who cancelled it
 * - `CAPPED`     stopped by its cap; the recipients that are left get nothing
 * - `FAILED`     its taking-in broke off, or had no good recipient; nobody got anything
 */
export const broadcastStates = [
  'TAKING',
  'RUNNING',
  'PAUSED',
  'CANCELLING',
  'DONE',
  'CANCELLED',
  'CAPPED',
  'FAILED',
] as const
export type BroadcastState = (typeof broadcastStates)[number]

/** Nothing follows on these. */
export const endedBroadcastStates: readonly BroadcastState[] = ['DONE', 'CANCELLED', 'CAPPED', 'FAILED']

/** Not to be worked: a message of a paused broadcast. The last millisecond of the year 9999. */
export const HELD_UNTIL = 253_402_300_799_999

export interface NewBroadcast {
  readonly id: string
  readonly name: string | null
  readonly tag: string | null
  /** Of two with the same key there is one, unless the first has failed. */
  readonly key: string | null
  /** What its messages are made from; plain JSON, read by who wrote it. */
  readonly request: Fields
  /** Nothing of it is sent before this time (milliseconds since 1970); 0 for at once. */
  readonly startAt: number
  readonly createdAt: number
  /** Who takes the recipients in, and until when nobody else may say that this broke off. */
  readonly holder: string
  readonly heldUntil: number
}

export interface BroadcastRow extends Omit<NewBroadcast, 'holder' | 'key'> {
  readonly state: BroadcastState
  /** Why it failed, was capped or cancelled. */
  readonly reason: string | null
  readonly changedAt: number
  readonly endedAt: number | null
  /** Taken in, each once. */
  readonly recipients: number
  /** Left out, since they were there already. */
  readonly duplicates: number
  /** Recipients that could not be taken in, or made a message for. */
  readonly faults: number
  /** Recipients gone through so far; the cursor of the expansion is the position of the last of them. */
  readonly expanded: number
  readonly cursor: number
  /** Messages made of them. */
  readonly messages: number
  /** Its open messages are held back, as those of a paused one are. */
  readonly held: boolean
}

/** Whom one message of a broadcast goes to. */
export interface NewRecipient {
  /** Where it stands in its source; grows from one to the next. */
  readonly position: number
  /** Empty where the backend is chosen when the message is made. */
  readonly backend: string
  readonly identity: string
  readonly params: Fields | null
}

export interface BroadcastRecipient extends NewRecipient {
  readonly contact: Contact | null
}

export interface BroadcastFault {
  readonly position: number
  readonly error: string
}

export interface Taking {
  readonly id: string
  readonly holder: string
  readonly heldUntil: number
  readonly recipients: readonly NewRecipient[]
  readonly faults: readonly BroadcastFault[]
}

/** Recipients made into messages, committed as one with how far the broadcast has come. */
export interface Expansion<Message> {
  readonly id: string
  /** The cursor that this goes on from; another one by now means that somebody else was faster. */
  readonly from: number
  readonly to: number
  /** How many recipients these are. */
  readonly recipients: number
  readonly messages: readonly Message[]
  readonly faults: readonly BroadcastFault[]
  readonly at: number
}

export interface BroadcastChange {
  readonly id: string
  readonly from: readonly BroadcastState[]
  readonly to: BroadcastState
  readonly reason?: string
  /** Only while this one takes the recipients in. */
  readonly holder?: string
  /** Only when this is over for who takes the recipients in. */
  readonly heldBefore?: number
  readonly at: number
}

/** What a broadcast has cost so far, as the service has told. */
export interface BroadcastCost {
  readonly cost: number
  /** Messages whose attempts are all over. */
  readonly settled: number
}

/** Of each fault that a broadcast has, the first thousand are kept. */
export const MOST_FAULTS_KEPT = 1_000

/** Messages to very many people, kept as their recipients until their turn comes. */
export interface BroadcastStore<Message> {
  /** @returns the one that has its key already, or itself */
  create(broadcast: NewBroadcast): Promise<{ readonly row: BroadcastRow; readonly isNew: boolean }>
  /**
   * Takes recipients in, leaving out those whose identity is there.
   * @throws StaleResultError when its taking-in has ended meanwhile
   */
  take(taking: Taking): Promise<void>
  /** @returns whether it was in one of the states that were asked for, and is in the new one now */
  change(change: BroadcastChange): Promise<boolean>
  find(id: string): Promise<BroadcastRow | undefined>
  /** The newest first; `before` is the id of the last one of the page before. */
  list(query: { readonly limit: number; readonly before?: string }): Promise<readonly BroadcastRow[]>
  /** Those that have not ended, the oldest first. */
  unended(limit: number): Promise<readonly BroadcastRow[]>
  /** In the order of their positions; at the most the first thousand are kept. */
  faults(id: string, query: { readonly after: number; readonly limit: number }): Promise<readonly BroadcastFault[]>
  /** How many of its messages are in each state. Reads an index, and grows with the broadcast. */
  states(id: string): Promise<Partial<Record<OutgoingState, number>>>

  /** The recipients after the cursor, with whom they belong to. */
  recipients(id: string, after: number, limit: number): Promise<readonly BroadcastRecipient[]>
  /** @throws StaleResultError when it is not running any more, or somebody else has expanded these */
  expand(expansion: Expansion<Message>): Promise<void>
  /** How many of its messages are unfinished, counted up to `most`. */
  countOpen(id: string, most: number): Promise<number>
  /**
   * Holds back messages that nobody has tried to send yet, or lets them go again: at the most `limit` of them, and with
   * fewer of them the broadcast is noted as held, or not.
   * @returns the lanes of those it let go
   */
  hold(
    id: string,
    held: boolean,
    limit: number,
    at: number,
  ): Promise<{ readonly lanes: readonly Lane[]; readonly more: boolean }>
  /**
   * Ends messages as CANCELLED that are with no service now.
   * @returns how many there were, `limit` at the most
   */
  cancelOpen(id: string, reason: string, limit: number, at: number): Promise<number>
  /** Adds up what attempts have cost. Of those whose messages are settled each is read once. */
  cost(id: string): Promise<BroadcastCost>
}
