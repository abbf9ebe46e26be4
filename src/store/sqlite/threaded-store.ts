import { Worker } from 'node:worker_threads'
import type { Lane } from '../../messages/lane.ts'
import type { BroadcastStore } from '../broadcast-store.ts'
import type { CallbackStore } from '../callback-store.ts'
import type { DirectoryStore } from '../directory-store.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { Claim } from '../fence.ts'
import type { ClaimedIncoming, Finish, NewIncoming, RecordedIncoming } from '../incoming-records.ts'
import type { KeyedSends } from '../keyed-sends.ts'
import type { ListingStore } from '../listing-store.ts'
import type { MemoryStore } from '../memory-store.ts'
import type { MessageLog } from '../message-log.ts'
import type { OutboxStore } from '../outbox-store.ts'
import type {
  AttemptResult,
  AttemptStart,
  NewOutgoing,
  NewReport,
  OutgoingClaim,
  ReportEffect,
} from '../outgoing-records.ts'
import type { PartStore } from '../part-store.ts'
import type { PauseStore } from '../pause-store.ts'
import type { StateCheckStore } from '../state-check-store.ts'
import type {
  ContactStore,
  DocumentStore,
  EffectStore,
  OpenLane,
  Purged,
  PurgeRequest,
  RouteStore,
  Store,
} from '../store.ts'
import type { TemplateStore } from '../template-store.ts'
import type { TrafficStore } from '../traffic-store.ts'
import type { UsageStore } from '../usage-store.ts'
import type { WaitingStore } from '../waiting-store.ts'
import {
  type FromThread,
  fromRecord,
  type Part,
  packed,
  type Reply,
  type Target,
  type ThreadOptions,
  unpacked,
} from './thread-messages.ts'

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

/** All methods of a part, so that none can be forgotten. */
type MethodsOf<T> = { readonly [K in keyof T]-?: true }

/**
 * The embedded store in a thread of its own: syncs and statements hold up nobody else in this process. The calls of
 * one turn of the loop go over together, as JSON, which costs less than a structured clone.
 */
export class ThreadedSqliteStore implements Store {
  readonly log: MessageLog = this.#part<MessageLog>('log', {
    conversation: true,
    failed: true,
    find: true,
    answersGiven: true,
    attempts: true,
    externalIds: true,
    reports: true,
    counts: true,
    recentIdentities: true,
  })
  readonly contacts: ContactStore = this.#part<ContactStore>('contacts', {
    find: true,
    ofConnection: true,
    connectionsOf: true,
    groupsOf: true,
    membersOf: true,
  })
  readonly directory: DirectoryStore = this.#part<DirectoryStore>('directory', {
    find: true,
    ofConnection: true,
    list: true,
    groups: true,
    edit: true,
    stageImport: true,
    applyImport: true,
    dropImport: true,
  })
  readonly documents: DocumentStore = this.#part<DocumentStore>('documents', { get: true })
  readonly effects: EffectStore = this.#part<EffectStore>('effects', { get: true, put: true })
  readonly parts: PartStore = this.#part<PartStore>('parts', { add: true, due: true, handedOn: true, forget: true })
  readonly routes: RouteStore = this.#part<RouteStore>('routes', { waiting: true, move: true })
  readonly outbox: OutboxStore = this.#part<OutboxStore>('outbox', {
    add: true,
    lease: true,
    expired: true,
    remove: true,
  })
  readonly broadcasts: BroadcastStore<NewOutgoing> = this.#part<BroadcastStore<NewOutgoing>>('broadcasts', {
    create: true,
    take: true,
    change: true,
    find: true,
    list: true,
    unended: true,
    faults: true,
    states: true,
    recipients: true,
    expand: true,
    countOpen: true,
    hold: true,
    cancelOpen: true,
    cost: true,
  })
  readonly pauses: PauseStore = this.#part<PauseStore>('pauses', { all: true, begin: true, probed: true, end: true })
  readonly waiting: WaitingStore = this.#part<WaitingStore>('waiting', { counts: true, overdue: true, cancel: true })
  readonly usage: UsageStore = this.#part<UsageStore>('usage', { take: true, correct: true, get: true })
  readonly traffic: TrafficStore = this.#part<TrafficStore>('traffic', { page: true })
  readonly listing: ListingStore = this.#part<ListingStore>('listing', {
    settledUpTo: true,
    firstSince: true,
    window: true,
    sentIds: true,
    outgoing: true,
  })
  readonly memory: MemoryStore = this.#part<MemoryStore>('memory', {
    get: true,
    put: true,
    lease: true,
    release: true,
  })
  readonly templates: TemplateStore = this.#part<TemplateStore>('templates', {
    get: true,
    list: true,
    put: true,
    remove: true,
    soleHolders: true,
  })
  readonly stateChecks: StateCheckStore = this.#part<StateCheckStore>('stateChecks', { uncertain: true, timeOut: true })
  readonly callbacks: CallbackStore = this.#part<CallbackStore>('callbacks', {
    add: true,
    list: true,
    find: true,
    change: true,
    remove: true,
    disable: true,
    targets: true,
    claim: true,
    settle: true,
    counts: true,
    dead: true,
    replay: true,
    follow: true,
  })
  readonly keyed: KeyedSends<NewOutgoing> = this.#part<KeyedSends<NewOutgoing>>('keyed', {
    find: true,
    record: true,
    forget: true,
  })

  readonly #file: string
  readonly #program: URL
  #thread: Worker | undefined
  #calls: string[] = []
  #lastNumber = 0
  readonly #waiting = new Map<number, Waiting>()
  #listener: ((lanes: readonly Lane[]) => void) | undefined

  /**
   * @param file the database file; a database in memory has no use for a thread
   * @param program what the thread runs: the module beside this one
   */
  constructor(file: string, program: URL = new URL('./store-thread.js', import.meta.url)) {
    this.#file = file
    this.#program = program
  }

  async open(): Promise<readonly string[]> {
    if (this.#thread !== undefined) return []
    this.#thread = this.#startThread()
    try {
      return await this.#call<readonly string[]>('store', 'open')
    } catch (error) {
      await this.#endThread()
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#thread === undefined) return
    try {
      await this.#call<void>('store', 'close')
    } finally {
      await this.#endThread()
    }
  }

  ping(): Promise<void> {
    return this.#call('store', 'ping')
  }

  recordIncoming(messages: readonly NewIncoming[]): Promise<readonly RecordedIncoming[]> {
    return this.#call('store', 'recordIncoming', messages)
  }

  claimIncoming(lane: Lane, limit: number): Promise<Claim<ClaimedIncoming>> {
    return this.#call('store', 'claimIncoming', lane, limit)
  }

  finishIncoming(results: readonly Finish[]): Promise<void> {
    return this.#call('store', 'finishIncoming', results)
  }

  recordOutgoing(messages: readonly NewOutgoing[]): Promise<void> {
    return this.#call('store', 'recordOutgoing', messages)
  }

  claimOutgoing(lane: Lane & { kind: 'outgoing' }, limit: number, now: number): Promise<OutgoingClaim> {
    return this.#call('store', 'claimOutgoing', lane, limit, now)
  }

  startAttempts(attempts: readonly AttemptStart[]): Promise<void> {
    return this.#call('store', 'startAttempts', attempts)
  }

  finishAttempts(results: readonly AttemptResult[]): Promise<void> {
    return this.#call('store', 'finishAttempts', results)
  }

  settleAnswered(ids: readonly string[], at: number): Promise<readonly string[]> {
    return this.#call('store', 'settleAnswered', ids, at)
  }

  recordReports(reports: readonly NewReport[]): Promise<readonly ReportEffect[]> {
    return this.#call('store', 'recordReports', reports)
  }

  openLanes(kind: Lane['kind'], after: Lane | undefined, limit: number): Promise<readonly OpenLane[]> {
    return this.#call('store', 'openLanes', kind, after, limit)
  }

  countOpenIncoming(): Promise<number> {
    return this.#call('store', 'countOpenIncoming')
  }

  replay(ids: readonly string[], at: number): Promise<readonly Lane[]> {
    return this.#call('store', 'replay', ids, at)
  }

  purge(request: PurgeRequest): Promise<Purged> {
    return this.#call('store', 'purge', request)
  }

  nudge(lanes: readonly Lane[]): Promise<void> {
    return this.#call('store', 'nudge', lanes)
  }

  watch(listener: (lanes: readonly Lane[]) => void): void {
    this.#listener = listener
    this.#thread?.postMessage('watch')
  }

  #part<T extends object>(part: Part, methods: MethodsOf<T>): T {
    const call =
      (method: string) =>
      (...args: readonly unknown[]) =>
        this.#call(part, method, ...args)
    return Object.fromEntries(Object.keys(methods).map((method) => [method, call(method)])) as T
  }

  /** @throws TypeError at once where an argument cannot be written as JSON; the other calls of the turn are not touched */
  async #call<Result>(target: Target, method: string, ...args: readonly unknown[]): Promise<Result> {
    const thread = this.#thread
    if (thread === undefined) throw this.#unavailable('it is not open')
    const number = ++this.#lastNumber
    const call = JSON.stringify([number, target, method, args.map(packed)])
    return new Promise<Result>((resolve, reject) => {
      if (this.#waiting.size === 0) thread.ref()
      this.#waiting.set(number, { resolve: resolve as (result: unknown) => void, reject })
      this.#calls.push(call)
      if (this.#calls.length === 1) setImmediate(() => this.#flush())
    })
  }

  #flush(): void {
    const calls = this.#calls
    this.#calls = []
    if (calls.length > 0) this.#thread?.postMessage(`[${calls.join(',')}]`)
  }

  #startThread(): Worker {
    const options: ThreadOptions = { file: this.#file }
    const thread = new Worker(this.#program, { workerData: options, name: 'store' })
    thread.unref()
    thread.on('message', (message: string) => this.#take(JSON.parse(message) as FromThread))
    thread.on('error', (error) => this.#lost(thread, error))
    thread.on('exit', () => this.#lost(thread, new Error('its thread has ended')))
    return thread
  }

  #take(message: FromThread): void {
    if ('lanes' in message) {
      this.#listener?.(message.lanes)
      return
    }
    for (const reply of message.replies) this.#answer(reply)
    if (this.#waiting.size === 0) this.#thread?.unref()
  }

  #answer(reply: Reply): void {
    const waiting = this.#waiting.get(reply[0])
    if (waiting === undefined) return
    this.#waiting.delete(reply[0])
    if (reply[1] === 'result') waiting.resolve(unpacked(reply[2]))
    else waiting.reject(fromRecord(reply[2]))
  }

  async #endThread(): Promise<void> {
    const thread = this.#thread
    this.#thread = undefined
    await thread?.terminate()
  }

  /** Whoever still waits is told that nothing is certain; nothing was acknowledged. */
  #lost(thread: Worker, error: Error): void {
    if (this.#thread === thread) this.#thread = undefined
    const reason = this.#unavailable(error.message)
    for (const { reject } of this.#waiting.values()) reject(reason)
    this.#waiting.clear()
  }

  #unavailable(why: string): StoreUnavailableError {
    return new StoreUnavailableError(`The database ${this.#file} cannot be used now: ${why}`)
  }
}
