import type { Connection } from '../messages/incoming.ts'
import type { Lane } from '../messages/lane.ts'
import type { BroadcastStore } from './broadcast-store.ts'
import type { CallbackStore } from './callback-store.ts'
import type { Contact } from './contact.ts'
import type { DirectoryStore } from './directory-store.ts'
import type { Claim } from './fence.ts'
import type { ClaimedIncoming, Finish, NewIncoming, RecordedIncoming } from './incoming-records.ts'
import type { KeyedSends } from './keyed-sends.ts'
import type { ListingStore } from './listing-store.ts'
import type { MemoryStore } from './memory-store.ts'
import type { MessageLog } from './message-log.ts'
import type { OutboxStore } from './outbox-store.ts'
import type {
  AttemptResult,
  AttemptStart,
  ClaimedOutgoing,
  NewOutgoing,
  NewReport,
  OutgoingClaim,
  ReportEffect,
} from './outgoing-records.ts'
import type { PartStore } from './part-store.ts'
import type { PauseStore } from './pause-store.ts'
import type { StateCheckStore } from './state-check-store.ts'
import type { TemplateStore } from './template-store.ts'
import type { TrafficStore } from './traffic-store.ts'
import type { UsageStore } from './usage-store.ts'
import type { WaitingStore } from './waiting-store.ts'

/** An open lane as found by a scan, for recovery and for the sweep. */
export interface OpenLane {
  readonly lane: Lane
  /** From when on one of its messages may be worked. */
  readonly notBefore: number
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

/** Routed messages that wait for a backend, for who takes them to another one. Never on the way of a message. */
export interface RouteStore {
  /**
   * A backend's routed messages of which no attempt is being taken, in their order. Their contacts are not looked up.
   * @param after the `seq` of the last message of the page before; 0 for the first page
   */
  waiting(backend: string, after: number, limit: number): Promise<readonly ClaimedOutgoing[]>
  /**
   * Moves messages of lanes that nobody is giving to a service now; who holds such a lane finds its fence over.
   * @param results outcomes of the kind `moved`; their fences say the lanes, and hold nothing
   * @returns the ids of those that have moved
   */
  move(results: readonly AttemptResult[]): Promise<readonly string[]>
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
  readonly directory: DirectoryStore
  readonly documents: DocumentStore
  readonly effects: EffectStore
  readonly parts: PartStore
  readonly outbox: OutboxStore
  readonly routes: RouteStore
  readonly memory: MemoryStore
  readonly templates: TemplateStore
  readonly pauses: PauseStore
  readonly waiting: WaitingStore
  readonly usage: UsageStore
  readonly traffic: TrafficStore
  readonly listing: ListingStore
  readonly broadcasts: BroadcastStore<NewOutgoing>
  readonly stateChecks: StateCheckStore
  readonly keyed: KeyedSends<NewOutgoing>
  readonly callbacks: CallbackStore
}
