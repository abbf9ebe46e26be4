import type { Connection, Fields, IncomingData } from '../messages/incoming.ts'
import type { Lane, MessageClass } from '../messages/lane.ts'
import type { OutgoingData, SendOptions } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { IncomingState, OutgoingState } from '../messages/states.ts'
import type { MemoryStore } from './memory-store.ts'
import type { OutboxStore } from './outbox-store.ts'
import type { PartStore } from './part-store.ts'

/** Proof that its holder is the one who works a lane. A commit whose fence is no longer good is refused. */
export interface Fence {
  readonly lane: string
  readonly token: number
}

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

export interface Contact {
  readonly id: string
  readonly name: string
  /** A BCP 47 tag. */
  readonly language: string | null
  /** An IANA name. */
  readonly timeZone: string | null
  readonly optedOutAt: number | null
  readonly createdAt: number
}

export interface ClaimedIncoming extends IncomingData {
  readonly seq: number
  readonly contact: Contact | null
  /** Not to be worked before this time; later messages of the lane wait for it. */
  readonly notBefore: number
  readonly answerBy: number | null
}

export interface NewOutgoing {
  readonly id: string
  readonly backend: string
  readonly identity: string
  readonly address: string | null
  readonly text: string
  readonly class: MessageClass
  readonly fields: Fields
  readonly options: SendOptions
  readonly params: Fields
  readonly inResponseTo: { readonly id: string; readonly externalId: string | null } | null
  readonly parts: number
  /** Not to be sent before this time. */
  readonly notBefore: number
  /** Not to be sent after this time. */
  readonly expiresAt: number | null
  readonly createdAt: number
  /** Whether it has been through the outgoing phase already, as responses have. */
  readonly phased: boolean
  /** One attempt settles it, whatever comes of it. */
  readonly once: boolean
  readonly state: 'WAITING' | 'CANCELLED' | 'DEBUG' | 'ERROR'
  /** Why it was cancelled, or cannot be sent. */
  readonly reason: string | null
  readonly contactId: string | null
  readonly tag: string | null
  readonly template: string | null
  readonly relatedTo: string | null
  readonly extra: Fields | null
}

export interface ClaimedOutgoing extends OutgoingData {
  readonly seq: number
  readonly tries: number
  readonly parts: number
  readonly notBefore: number
  readonly expiresAt: number | null
  /** When it was first tried since it was recorded, or replayed. */
  readonly firstAttemptAt: number | null
  readonly phased: boolean
  readonly once: boolean
  readonly optedOut: boolean
  /** An attempt was begun and its result never recorded: its outcome cannot be known. */
  readonly attemptOpen: boolean
}

/** What an app changed through its context; committed together with the message's result. */
export type Change =
  | { readonly kind: 'contact-created'; readonly contact: Contact }
  | {
      readonly kind: 'contact-changed'
      readonly id: string
      readonly values: Partial<Pick<Contact, 'name' | 'language' | 'timeZone' | 'optedOutAt'>>
    }
  | { readonly kind: 'connection-linked'; readonly connection: Connection; readonly contactId: string }
  | { readonly kind: 'group-joined' | 'group-left'; readonly group: string; readonly contactId: string }
  | {
      readonly kind: 'document-put'
      readonly scope: string
      readonly key: string
      /** `undefined` removes the document. */
      readonly value: unknown
      /** The version that was read, 0 when there was none; another one by now is a conflict. */
      readonly version: number
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

export interface AttemptStart {
  readonly fence: Fence
  readonly message: { readonly seq: number; readonly id: string }
  /** The text as it goes out, where the outgoing phase of a direct send has just changed it. */
  readonly text?: string
  readonly parts?: number
  /** What the apps changed in that phase. */
  readonly changes?: readonly Change[]
  /** What the apps sent in that phase. */
  readonly outgoing?: readonly NewOutgoing[]
  readonly at: number
}

export interface AttemptResult {
  readonly fence: Fence
  readonly message: { readonly seq: number; readonly id: string } & Connection
  /** When the attempt began; null when it was settled without one (cancelled, expired). */
  readonly startedAt: number | null
  readonly at: number
  readonly outcome:
    | { readonly kind: 'settled'; readonly state: OutgoingState }
    /** Goes on at `at`. */
    | { readonly kind: 'retry'; readonly at: number }
  readonly externalIds: readonly string[]
  readonly parts?: number
  readonly code: string | null
  readonly providerCode: string | null
  readonly error: string | null
  readonly cost: number | null
  readonly currency: string | null
  readonly network: string | null
  /** What the backend keeps of its own with the message. */
  readonly extra: Fields | null
  /** What the apps changed in an outgoing phase that cancelled the message. */
  readonly changes?: readonly Change[]
  /** What the apps sent in that phase. */
  readonly outgoing?: readonly NewOutgoing[]
}

export interface NewReport extends DeliveryReport {
  readonly backend: string
  readonly receivedAt: number
}

/** What a report did: which message it belongs to, and that message's state after it. */
export interface ReportEffect {
  readonly messageId: string | null
  readonly state: OutgoingState | null
  readonly changed: boolean
}

export interface Claim<Message> {
  readonly fence: Fence
  readonly messages: readonly Message[]
}

/** The messages of an outgoing lane that are due, or wait for a retry. */
export interface OutgoingClaim extends Claim<ClaimedOutgoing> {
  /** From when on one of the lane's messages may be worked; undefined when none is open. */
  readonly dueAt: number | undefined
  /** The lane holds no other message than those claimed, due or not: when they are settled, it is empty. */
  readonly isAll: boolean
}

/** An open lane as found by a scan, for recovery and for the sweep. */
export interface OpenLane {
  readonly lane: Lane
  /** From when on one of its messages may be worked. */
  readonly notBefore: number
}

export interface Attempt {
  readonly number: number
  readonly backend: string
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
  readonly at: number
  readonly externalId: string | null
  readonly inResponseTo: string | null
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

export interface PurgeRequest {
  /** Milliseconds since 1970: what was recorded before, and is finished, goes. */
  readonly before: number
  /** Milliseconds since 1970: what has an expiry of its own goes when it is over. */
  readonly now: number
  /** Messages to remove at the most in this one batch. */
  readonly limit: number
}

/** What one batch removed. */
export interface Purged {
  readonly incoming: number
  readonly outgoing: number
  /** What stood beside messages and has passed its own time: ids of duplicates, effects, parked reports. */
  readonly others: number
  /** There may be more to remove; the next batch finds it. */
  readonly more: boolean
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
  counts(): Promise<{ readonly incoming: number; readonly outgoing: number; readonly contacts: number }>
  /** The identities of a backend heard from or written to most lately. */
  recentIdentities(backend: string, limit: number): Promise<readonly string[]>
}

export interface ContactStore {
  find(id: string): Promise<Contact | undefined>
  ofConnection(connection: Connection): Promise<Contact | undefined>
  /** The one last heard from comes first. */
  connectionsOf(contactId: string): Promise<readonly Connection[]>
  groupsOf(contactId: string): Promise<readonly string[]>
  membersOf(group: string): Promise<readonly string[]>
}

export interface DocumentStore {
  get(scope: string, key: string): Promise<{ readonly value: unknown; readonly version: number } | undefined>
}

/** Outside effects that a retry must not repeat. */
export interface EffectStore {
  get(messageId: string, key: string): Promise<{ readonly result: unknown } | undefined>
  put(messageId: string, key: string, result: unknown, at: number): Promise<void>
}

/**
 * Where messages and all that belongs to them are kept. Hot methods take batches and are answered only when
 * their rows are on disk; calls of one turn of the loop share a commit. Each throws `StoreUnavailableError`
 * when the store cannot take or give anything now.
 */
export interface Store {
  /** Opens what it stands on and brings its schema up to date; returns the names of the migrations that ran now. */
  open(): Promise<readonly string[]>
  close(): Promise<void>
  /** Answers when the store can read and write. */
  ping(): Promise<void>

  recordIncoming(messages: readonly NewIncoming[]): Promise<readonly RecordedIncoming[]>
  /** The lane's first unfinished messages, in order. */
  claimIncoming(lane: Lane, limit: number): Promise<Claim<ClaimedIncoming>>
  finishIncoming(results: readonly Finish[]): Promise<void>

  recordOutgoing(messages: readonly NewOutgoing[]): Promise<void>
  /**
   * The lane's first messages that are due at `now` or wait for a retry, in order. Only a retry holds back those behind
   * it: what is scheduled for later lets them pass.
   */
  claimOutgoing(lane: Lane & { kind: 'outgoing' }, limit: number, now: number): Promise<OutgoingClaim>
  startAttempts(attempts: readonly AttemptStart[]): Promise<void>
  finishAttempts(results: readonly AttemptResult[]): Promise<void>
  /** Marks responses as given in the answer to the request; returns the ids of those nobody had taken yet. */
  settleAnswered(ids: readonly string[], at: number): Promise<readonly string[]>
  recordReports(reports: readonly NewReport[]): Promise<readonly ReportEffect[]>

  /** A page of lanes with unfinished messages; `after` is the last lane of the page before. */
  openLanes(kind: Lane['kind'], after: Lane | undefined, limit: number): Promise<readonly OpenLane[]>
  /** How many incoming messages wait for their phases. */
  countOpenIncoming(): Promise<number>
  /** Opens failed messages, and outgoing ones in UNKNOWN, again, as due at `at`; returns their lanes. */
  replay(ids: readonly string[], at: number): Promise<readonly Lane[]>

  /**
   * Removes a batch of old messages with all that belongs to them, the oldest first. A message that is unfinished
   * stays, and so does the incoming one that an unfinished answer belongs to.
   */
  purge(request: PurgeRequest): Promise<Purged>

  /** Tells a running server, from another process, that these lanes have work; a server hears of it by `watch`. */
  nudge(lanes: readonly Lane[]): Promise<void>
  /** Calls the listener with the lanes that other processes have nudged. */
  watch(listener: (lanes: readonly Lane[]) => void): void

  readonly log: MessageLog
  readonly contacts: ContactStore
  readonly documents: DocumentStore
  readonly effects: EffectStore
  readonly parts: PartStore
  readonly outbox: OutboxStore
  readonly memory: MemoryStore
}
