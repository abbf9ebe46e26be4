import { sleep } from '../messages/clock.ts'
import type { Connection } from '../messages/incoming.ts'
import type { Lane } from '../messages/lane.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { LaneResult, Slot } from '../queue/queue.ts'
import { TakenOverError } from '../store/errors.ts'
import { type Assembly, assemble, type Owner } from './assembly.ts'
import type { Backend, Received, ReceivedMessage, ReceiveOptions } from './backend.ts'
import type { BackendMeans } from './backend-means.ts'
import type { Broadcast, BroadcastRecipients, BroadcastRequest } from './broadcast-request.ts'
import { isBroadcastsLane } from './broadcast-runner.ts'
import type { Broadcasts } from './broadcasts.ts'
import type { Callbacks } from './callbacks.ts'
import type { Contacts } from './contacts.ts'
import { NotRunningError } from './errors.ts'
import type { EventName, Hook, HookOptions } from './events.ts'
import type { Groups } from './groups.ts'
import type { Holds } from './holds.ts'
import type { Hooks } from './hooks.ts'
import type { RelayOutcome } from './passing.ts'
import { isPauseNudge } from './pauses.ts'
import type { PlannedRoute } from './route-chooser.ts'
import type { RouterParts } from './router-parts.ts'
import { refuseWhenStopped } from './running-parts.ts'
import type { LaterRequests, SendRequest, SendValues, SentMessage, Submission } from './send-request.ts'
import type { BackendCheck } from './state-checks.ts'
import type { Templates } from './templates.ts'

/** The middle of everything: takes messages in, has them worked, sends messages out. */
export class Router {
  readonly #parts: RouterParts
  readonly #members: Assembly
  #stopping = new AbortController()
  #state: 'stopped' | 'recording' | 'running' | 'draining' = 'stopped'
  /** What goes on beside the work, until the stop. */
  #loops: Promise<unknown> = Promise.resolve()
  #starting: Promise<void> | undefined
  #ending: Promise<void> | undefined
  #tellTakenOver: (error: TakenOverError) => void = () => {}
  /** Resolves when another server has begun to work the same database: all that is left to do then is to stop. */
  readonly takenOver = new Promise<TakenOverError>((resolve) => {
    this.#tellTakenOver = resolve
  })

  constructor(parts: RouterParts) {
    this.#parts = parts
    const owner: Owner = {
      receive: (backend, message) => this.receive(backend, message),
      report: (backend, report) => this.report(backend, report),
      stopping: () => this.#stopping.signal,
      takeLanes: () => this.#takeLanes(),
    }
    this.#members = assemble(parts, owner)
  }

  /** What backends have beside taking and sending messages. */
  get means(): BackendMeans {
    return this.#members.means
  }

  /** People, for who is no app: programs, pages, the command. */
  get contacts(): Contacts {
    return this.#members.contacts
  }

  /** Groups of people. */
  get groups(): Groups {
    return this.#members.groups
  }

  /** Which backends take messages now, and why the others do not. */
  get holds(): Holds {
    return this.#members.holds
  }

  /** What has become of hooks. */
  get hooks(): Pick<Hooks, 'counts' | 'running' | 'inHand' | 'idle'> {
    return this.#members.hooks
  }

  /**
   * Has a hook called for each event of a name: a message was taken in, was sent, was reported of. Hooks run beside the
   * work, in the order they were registered; with `before`, ahead of it.
   * @returns a function that removes the hook
   * @throws InvalidInputError when there is no such event
   */
  on<Name extends EventName>(name: Name, hook: Hook<Name>, options: HookOptions = {}): () => void {
    return this.#members.hooks.on(name, hook, options)
  }

  /** Removes a hook, however often it was registered. @returns whether it was */
  off<Name extends EventName>(name: Name, hook: Hook<Name>): boolean {
    return this.#members.hooks.off(name, hook)
  }

  get backends(): ReadonlyMap<string, Backend> {
    return this.#parts.backends
  }

  /** The templates, of the settings and of the store. */
  get templates(): Templates {
    return this.#members.templates
  }

  /** Takes and records messages, but works none: enough for a command. */
  async open(): Promise<void> {
    if (this.#state !== 'stopped') return
    this.#stopping = new AbortController()
    const { signal } = this.#stopping
    await this.#members.backlog.count(this.#parts.store)
    refuseWhenStopped(signal)
    this.#state = 'recording'
  }

  /**
   * Starts the apps and backends, then works whatever is unfinished, in its order.
   * @throws whatever an app or a backend throws at its start; NotRunningError when it is stopped meanwhile. Those that
   *   have started are stopped again
   */
  start(): Promise<void> {
    if (this.#ending !== undefined) return Promise.reject(new NotRunningError('The switchboard is stopping.'))
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    if (this.#state === 'running') return
    try {
      await this.open()
      const { signal } = this.#stopping
      await this.#members.holds.start(this.#parts.role !== 'web')
      if (this.#parts.role !== 'web') await this.#members.running.start(signal)
      this.#state = 'running'
      this.#loops = this.#parts.role === 'web' ? this.#followBacklog(signal) : this.#startWork(signal)
    } catch (error) {
      this.#state = 'stopped'
      await this.#members.running.stop(this.#parts.clock.now())
      throw error
    }
  }

  /** Begins to work lanes; fulfilled when all that goes on beside it has ended. */
  async #startWork(signal: AbortSignal): Promise<void> {
    const { store } = this.#parts
    this.#members.absence.begin(signal)
    this.#takeLanes()
    store.watch((lanes) => {
      for (const lane of lanes) {
        if (isPauseNudge(lane)) void this.#members.holds.heard()
        else if (isBroadcastsLane(lane)) this.#members.broadcastRunner.wake()
        else this.#members.ringer.ring(lane)
      }
    })
    this.#members.means.start()
    await Promise.all([
      this.#followBacklog(signal),
      this.#members.checks.run(signal),
      this.#members.rerouting?.run(signal),
      this.#members.sweep.run(signal).catch((error: unknown) => {
        if (error instanceof TakenOverError) this.#tellTakenOver(error)
      }),
      this.#members.broadcastRunner.run(signal),
      this.#members.callbackRunner.run(signal),
    ])
  }

  async #followBacklog(signal: AbortSignal): Promise<void> {
    const { role, store, clock, logger } = this.#parts
    if (role !== 'alone') await this.#members.backlog.follow(store, clock, logger, signal)
  }

  /**
   * Takes nothing more, waits for what is in hand, stops backends and apps. Whoever asks again waits for the same stop.
   * @param limit milliseconds to wait at the most
   */
  stop(limit = 10_000): Promise<void> {
    this.#ending ??= this.#stop(limit).finally(() => {
      this.#ending = undefined
    })
    return this.#ending
  }

  async #stop(limit: number): Promise<void> {
    const { queue, clock, logger } = this.#parts
    const deadline = clock.now() + limit
    if (this.#starting !== undefined) await this.#endStart(this.#starting, limit)
    if (this.#state === 'stopped') return this.#members.running.stop(deadline)
    this.#state = 'draining'
    await this.means.stop()
    const left = await queue.stop(limit)
    if (left > 0) logger.warn({ lanes: left }, 'stopped waiting for messages in hand; they go on after the next start')
    await this.#members.hooks.stop(deadline)
    this.#stopping.abort()
    this.#members.holds.stop()
    await this.#loops
    this.#state = 'stopped'
    await this.#members.running.stop(deadline)
  }

  /** What is being started ends by itself at its next step; one that never gets there is not waited for. */
  async #endStart(starting: Promise<void>, limit: number): Promise<void> {
    this.#stopping.abort()
    const ended = new AbortController()
    await Promise.race([starting.catch(() => undefined), sleep(this.#parts.clock, limit, ended.signal)])
    ended.abort()
    this.#state = 'stopped'
  }

  /** The connection as it is recorded: phone numbers in one form, as the settings have them understood. */
  canonical(connection: Connection): Connection {
    return this.#members.identities.canonical(connection)
  }

  /**
   * Takes an incoming message: once this resolves, it is on disk and will be processed.
   * @throws BacklogError, StoreUnavailableError, HookError, NotRunningError when it was not taken; the sender should come again;
   *   InvalidInputError when there is no such backend
   */
  async receive(backend: string, message: ReceivedMessage, options: ReceiveOptions = {}): Promise<Received> {
    this.#refuseWhenStopped()
    return this.#members.intake.take(backend, message, options)
  }

  /** Takes what a service says of an outgoing message. @throws HookError, StoreUnavailableError, NotRunningError when it was not */
  async report(backend: string, report: DeliveryReport): Promise<void> {
    this.#refuseWhenEnded()
    await this.#members.reports.take(backend, report)
  }

  /**
   * Asks services what became of messages, and settles those that were never confirmed, until the signal.
   * @returns what it came to, for each backend; undefined when another process is at it
   */
  async checkStates(signal: AbortSignal): Promise<readonly BackendCheck[] | undefined> {
    this.#refuseWhenEnded()
    return this.#members.checks.once(signal)
  }

  /**
   * Records messages, one per recipient (several where settings have a long text split), and sends them when their turn
   * comes.
   * @throws InvalidInputError naming what is wrong; nothing is recorded then
   */
  async send(request: SendRequest): Promise<readonly SentMessage[]> {
    return (await this.submit(request)).messages
  }

  /**
   * As `send`, and tells besides who was left out and whether the request is a repeat under its idempotency key.
   * @throws InvalidInputError naming what is wrong; IdempotencyMismatchError when the key was used for another request;
   *   nothing is recorded then
   */
  async submit(request: SendRequest): Promise<Submission> {
    this.#refuseWhenEnded()
    return this.#members.dispatch.submit(request)
  }

  /**
   * As `submit` for several requests, recorded together or not at all: one person may be in more than one of them.
   * @param requests those that take some making may be made once it is known that this is no repeat
   * @param idempotencyKey stands for all of them together; they have none of their own
   */
  async submitAll(requests: readonly SendRequest[] | LaterRequests, idempotencyKey?: string): Promise<Submission> {
    this.#refuseWhenEnded()
    return this.#members.dispatch.submitAll(requests, idempotencyKey)
  }

  /**
   * Tells which backend would take a message to a number, why, and where it would go when that one fails.
   * @param request what the routing may go by, as for `send`
   * @throws InvalidInputError, RoutingError
   */
  async plan(to: string, request: Omit<SendValues, 'to' | 'backend'> = {}): Promise<PlannedRoute> {
    this.#refuseWhenEnded()
    return this.#members.routes.plan({ ...request, to, text: '' }, to)
  }

  /**
   * Sends one message before all others of its recipient, with one attempt, and waits for what the service says.
   * @param limit milliseconds to wait at the most; when they are over, or the switchboard stops, the message goes on by
   *   itself and its state is WAITING
   * @throws ProviderError as the backend threw it; CancelledError when it was not sent at all; NotRunningError when the
   *   switchboard stops first, and the message may go on after the next start
   */
  async sendNow(request: SendRequest, limit?: number): Promise<SentMessage & RelayOutcome> {
    if (this.#state !== 'running') throw new NotRunningError('sendNow needs a running switchboard.')
    return this.#members.dispatch.sendNow(request, limit)
  }

  /**
   * Takes in very many recipients, and sends each the text, or the template, a few at a time: replies go before. Once this
   * resolves, all recipients are on disk and the broadcast goes on by itself, also after a restart. One whose taking-in
   * breaks off is FAILED, and nobody gets anything.
   * @throws InvalidInputError naming what is wrong with the request; IdempotencyMismatchError when the key was used for
   *   another one; NotRunningError when the switchboard stops first; whatever the recipients throw while they are read
   */
  async broadcast(recipients: BroadcastRecipients, request: BroadcastRequest): Promise<Broadcast> {
    this.#refuseWhenStopped()
    return this.#members.broadcasts.start(recipients, request)
  }

  /** What becomes of broadcasts: their progress and faults, to pause, resume and cancel them. */
  get broadcasts(): Broadcasts {
    return this.#members.broadcasts
  }

  /** Who is told, over HTTP, of what happens to messages. */
  get callbacks(): Callbacks {
    return this.#members.callbacks
  }

  /**
   * Calls a method of a backend's own, such as `balance`.
   * @throws InvalidInputError when there is no such backend or method; whatever the method throws
   */
  call(backend: string, method: string, ...values: readonly unknown[]): Promise<unknown> {
    return this.means.call(backend, method, values)
  }

  /**
   * Opens failed incoming messages, or outgoing ones in ERROR or UNKNOWN, again; returns how many there were.
   * @param options with `silent` only incoming ones, whose responses are recorded as CANCELLED
   */
  async replay(ids: readonly string[], { silent = false }: { readonly silent?: boolean } = {}): Promise<number> {
    const replayed = await this.#members.staleness.replaying(ids, silent)
    const lanes = await this.#parts.store.replay(replayed, this.#parts.clock.now())
    this.#members.backlog.opened(lanes.filter(({ kind }) => kind === 'incoming').length)
    for (const lane of lanes) this.#members.ringer.ring(lane)
    return lanes.length
  }

  #refuseWhenStopped(): void {
    const takes = this.#state === 'running' || this.#state === 'recording'
    if (!takes) throw new NotRunningError('The switchboard is not started, or is stopping.')
  }

  /** While it drains, what is in hand may still send and be reported. */
  #refuseWhenEnded(): void {
    if (this.#state === 'stopped') throw new NotRunningError('The switchboard is not started, or is stopping.')
  }

  #takeLanes(): void {
    this.#parts.queue.work((lane, slot) => this.#work(lane, slot))
  }

  #work(lane: Lane, slot: Slot): Promise<LaneResult> {
    return lane.kind === 'incoming' ? this.#members.incoming.work(lane, slot) : this.#members.outgoing.work(lane, slot)
  }
}
