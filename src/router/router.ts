import { type Clock, sleep } from '../messages/clock.ts'
import { InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Connection } from '../messages/incoming.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { LaneResult, Queue, Slot } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import { TakenOverError } from '../store/errors.ts'
import type { NewIncoming, NewOutgoing, Store } from '../store/store.ts'
import { Answers } from './answers.ts'
import type { App } from './app.ts'
import { type AppCallSettings, AppCalls } from './app-calls.ts'
import type { Backend, Received, ReceivedMessage, ReceiveOptions, SendTools } from './backend.ts'
import { BackendMeans } from './backend-means.ts'
import { Backlog } from './backlog.ts'
import { Brake, type BrakeSettings } from './brake.ts'
import { tellConversation } from './conversation-signal.ts'
import { Copies } from './copies.ts'
import { Ending } from './ending.ts'
import { CancelledError, MessageSendError, NotRunningError, providerErrorOf } from './errors.ts'
import type { ExpirySettings } from './expiry.ts'
import { Identities } from './identities.ts'
import { type IncomingRetry, IncomingWorker } from './incoming-worker.ts'
import { Objections } from './objections.ts'
import { type OptOutSettings, OptOuts } from './opt-outs.ts'
import { OutgoingTexts } from './outgoing-texts.ts'
import { OutgoingWorker, type SettledSignal, settledChannel } from './outgoing-worker.ts'
import type { RelayOutcome } from './passing.ts'
import { Ringer } from './ring.ts'
import { RunningParts, refuseWhenStopped } from './running-parts.ts'
import { Sender, type SendRequest, type SentMessage } from './send.ts'
import { Staleness, type StalenessSettings } from './staleness.ts'
import { StoreAbsence } from './store-absence.ts'
import { Sweep } from './sweep.ts'

export interface RouterSettings {
  readonly apps: AppCallSettings
  readonly retry: IncomingRetry
  /** Incoming messages that may wait for their phases before new ones are refused. */
  readonly backlog: number
  /** The project's languages, the first one first. */
  readonly languages: readonly string[]
  readonly optOut: OptOutSettings
  readonly brake: BrakeSettings
  readonly incoming: StalenessSettings
  readonly expiry: ExpirySettings
}

/** What a router does: everything, as the one process or beside others; only take messages in; or only work them. */
export type RouterRole = 'alone' | 'all' | 'web' | 'worker'

export interface RouterParts {
  readonly role: RouterRole
  readonly settings: RouterSettings
  readonly apps: readonly App[]
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly queue: Queue
  readonly signals: Signals
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  readonly toolsOf: (router: Router, backend: Backend, ending: Ending) => SendTools<unknown>
}

const MOST_UNKNOWN_CODES = 1_000

/** The middle of everything: takes messages in, has them worked, sends messages out. */
export class Router {
  readonly #parts: RouterParts
  readonly #identities: Identities
  readonly #sender: Sender
  readonly #incoming: IncomingWorker
  readonly #outgoing: OutgoingWorker
  readonly #answers: Answers
  readonly #copies: Copies
  readonly #staleness: Staleness
  /** What backends have beside taking and sending messages. */
  readonly means: BackendMeans
  #stopping = new AbortController()
  #state: 'stopped' | 'recording' | 'running' | 'draining' = 'stopped'
  readonly #backlog: Backlog
  readonly #sweep: Sweep
  readonly #absence: StoreAbsence
  readonly #ringer: Ringer
  readonly #running: RunningParts
  /** What goes on beside the work, until the stop. */
  #loops: Promise<unknown> = Promise.resolve()
  /** Told in the log already. */
  readonly #unknownCodes = new Set<string>()
  #starting: Promise<void> | undefined
  #ending: Promise<void> | undefined
  #tellTakenOver: (error: TakenOverError) => void = () => {}
  /** Resolves when another server has begun to work the same database: all that is left to do then is to stop. */
  readonly takenOver = new Promise<TakenOverError>((resolve) => {
    this.#tellTakenOver = resolve
  })

  constructor(parts: RouterParts) {
    this.#parts = parts
    const { apps, backends, store, queue, signals, clock, newId, logger, settings } = parts
    const calls = new AppCalls(clock, logger, settings.apps)
    const { languages, retry } = settings
    const identities = new Identities(backends)
    const texts = new OutgoingTexts({ backends, newId, logger })
    this.#identities = identities
    this.#sender = new Sender({ backends, store, languages, identities, texts, now: () => clock.now(), newId })
    this.#backlog = new Backlog(settings.backlog)
    this.#sweep = new Sweep({ store, queue, signals, clock, logger, backlog: this.#backlog })
    this.#ringer = new Ringer({ queue, clock, logger })
    this.#absence = new StoreAbsence({
      store,
      queue,
      clock,
      logger,
      isShared: parts.role !== 'alone',
      resume: () => this.#takeLanes(),
    })
    const storeAway = () => this.#absence.noticed()
    this.#running = new RunningParts({
      ...parts,
      toolsOf: (backend, signal) => parts.toolsOf(this, backend, new Ending(signal)),
    })
    const ringer = this.#ringer
    const copies = new Copies({ backends, clock, newId, logger })
    this.#copies = copies
    this.#answers = new Answers({ store, ringer, signals, clock })
    const optOuts = new OptOuts({ store, newId, settings: settings.optOut })
    const shared = {
      apps,
      calls,
      store,
      signals,
      ringer,
      sender: this.#sender,
      identities,
      texts,
      optOuts,
      copies,
      storeAway,
      isShared: parts.role !== 'alone',
      clock,
      newId,
      logger,
    }
    const staleness = new Staleness(settings.incoming, store, clock)
    this.#staleness = staleness
    const objections = new Objections(new Brake(settings.brake, logger), staleness)
    const settled = () => this.#backlog.settled()
    this.#incoming = new IncomingWorker({ ...shared, objections, staleness, retry, languages, settled })
    this.#outgoing = new OutgoingWorker({
      ...shared,
      expiry: settings.expiry,
      backends,
      toolsOf: (backend, ending) => parts.toolsOf(this, backend, ending),
      stopping: () => this.#stopping.signal,
    })
    this.means = new BackendMeans({
      ...shared,
      backends,
      receive: (backend, message) => this.receive(backend, message),
      report: (backend, report) => this.report(backend, report),
      toolsOf: (backend, ending) => parts.toolsOf(this, backend, ending),
    })
  }

  get backends(): ReadonlyMap<string, Backend> {
    return this.#parts.backends
  }

  /** Takes and records messages, but works none: enough for a command. */
  async open(): Promise<void> {
    if (this.#state !== 'stopped') return
    this.#stopping = new AbortController()
    const { signal } = this.#stopping
    await this.#backlog.count(this.#parts.store)
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
      if (this.#parts.role !== 'web') await this.#running.start(signal)
      this.#state = 'running'
      this.#loops = this.#parts.role === 'web' ? this.#followBacklog(signal) : this.#startWork(signal)
    } catch (error) {
      this.#state = 'stopped'
      await this.#running.stop(this.#parts.clock.now())
      throw error
    }
  }

  /** Begins to work lanes; fulfilled when all that goes on beside it has ended. */
  async #startWork(signal: AbortSignal): Promise<void> {
    const { store } = this.#parts
    this.#absence.begin(signal)
    this.#takeLanes()
    store.watch((lanes) => {
      for (const lane of lanes) this.#ringer.ring(lane)
    })
    this.means.start()
    await Promise.all([
      this.#followBacklog(signal),
      this.#sweep.run(signal).catch((error: unknown) => {
        if (error instanceof TakenOverError) this.#tellTakenOver(error)
      }),
    ])
  }

  async #followBacklog(signal: AbortSignal): Promise<void> {
    const { role, store, clock, logger } = this.#parts
    if (role !== 'alone') await this.#backlog.follow(store, clock, logger, signal)
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
    if (this.#state === 'stopped') return this.#running.stop(deadline)
    this.#state = 'draining'
    await this.means.stop()
    const left = await queue.stop(limit)
    if (left > 0) logger.warn({ lanes: left }, 'stopped waiting for messages in hand; they go on after the next start')
    this.#stopping.abort()
    await this.#loops
    this.#state = 'stopped'
    await this.#running.stop(deadline)
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
    return this.#identities.canonical(connection)
  }

  /**
   * Takes an incoming message: once this resolves, it is on disk and will be processed.
   * @throws BacklogError, StoreUnavailableError, NotRunningError when it was not taken; the sender should come again;
   *   InvalidInputError when there is no such backend
   */
  async receive(backend: string, message: ReceivedMessage, options: ReceiveOptions = {}): Promise<Received> {
    const { store, clock, newId, logger, backends } = this.#parts
    const common = backends.get(backend)?.common
    if (common === undefined) throw unknownBackend(backend, backends)
    this.#refuseWhenStopped()
    this.#backlog.refuseWhenFull()
    const now = clock.now()
    const window = message.externalId === undefined ? common.window : 0
    const record: NewIncoming = {
      id: newId(),
      backend,
      identity: this.canonical({ backend, identity: message.identity.toWellFormed() }).identity,
      address: message.address ?? null,
      text: message.text.toWellFormed(),
      fields: message.fields ?? {},
      externalId: message.externalId ?? null,
      receivedAt: now,
      ...(window === 0 ? {} : { window }),
      ...(options.wait === undefined ? {} : { answerBy: now + options.wait }),
    }
    const answer = options.wait === undefined ? undefined : this.#answers.listen(record.id, options.wait)
    const recording = store.recordIncoming([record])
    const [recorded] = await this.#backlog.during(recording).catch((error: unknown) => {
      answer?.end()
      throw error
    })
    if (recorded === undefined) throw new NotRunningError('The store recorded nothing.')
    const { id, duplicate } = recorded
    if (!duplicate) this.#backlog.opened()
    logger.info({ id, backend, identity: record.identity, duplicate, text: record.text }, 'received')
    if (!duplicate) tellConversation(this.#parts.signals, backend, id)
    // For a repeated one too: the process that took the first may have died before it rang.
    this.#ringer.ring({ kind: 'incoming', owner: backend, identity: record.identity })
    if (answer === undefined) return { id, duplicate }
    if (duplicate) answer.end()
    const recordedAs = { id, backend, identity: record.identity }
    const responses = duplicate
      ? await this.#answers.again(recordedAs, options.wait ?? 0)
      : await this.#answers.take(recordedAs, await answer.signal)
    return { id, duplicate, ...(responses === undefined ? {} : { responses }) }
  }

  /** Takes what a service says of an outgoing message. */
  async report(backend: string, report: DeliveryReport): Promise<void> {
    if (this.#state === 'stopped') throw new NotRunningError('The switchboard is stopping.')
    const { store, signals, clock, logger } = this.#parts
    const at = clock.now()
    const [effect] = await store.recordReports([{ ...report, backend, receivedAt: at }])
    await this.#record(this.#copies.of({ kind: 'report', backend, report, messageId: effect?.messageId ?? null, at }))
    const { state, code } = report
    if (effect?.changed && effect.messageId !== null) tellConversation(signals, backend, effect.messageId)
    if (state === undefined) this.#warnOfCode(backend, code)
    logger.info({ id: effect?.messageId ?? null, backend, state, code, changed: effect?.changed ?? false }, 'reported')
  }

  /** Once for each code: a provider that has a new one sends it with every other report. */
  #warnOfCode(backend: string, code: string | undefined): void {
    const key = `${backend}\n${code}`
    if (this.#unknownCodes.has(key) || this.#unknownCodes.size >= MOST_UNKNOWN_CODES) return
    this.#unknownCodes.add(key)
    this.#parts.logger.warn({ backend, code }, 'a delivery report with a code that is not known')
  }

  /**
   * Records messages, one per recipient (several where settings have a long text split), and sends them when their turn
   * comes.
   * @throws InvalidInputError naming what is wrong; nothing is recorded then
   */
  async send(request: SendRequest): Promise<readonly SentMessage[]> {
    const messages = await this.#sender.prepare(request)
    await this.#record(messages)
    return messages.map(({ id, backend, identity }) => ({ id, backend, identity }))
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
    const [message, ...others] = await this.#sender.prepare({ ...request, class: 'urgent' })
    if (message === undefined || others.length > 0)
      throw new MessageSendError('sendNow takes exactly one recipient, and a text that is not split.')
    const { clock } = this.#parts
    const listening = this.#listenUntilSettled(message.id)
    try {
      await this.#record([{ ...message, once: true }])
    } catch (error) {
      listening.end()
      throw error
    }
    const timer = limit === undefined ? undefined : clock.schedule(clock.now() + limit, listening.end)
    const settled = await listening.signal
    timer?.cancel()
    const { id, backend, identity } = message
    if (settled === undefined) {
      if (limit !== undefined) return { id, backend, identity, state: 'WAITING', externalIds: [] }
      throw new NotRunningError('Stopped before it was known what became of the message.')
    }
    const { state, code, providerCode, error, externalIds } = settled
    if (state === 'CANCELLED') throw new CancelledError(error ?? 'The message was cancelled.')
    if (state === 'ERROR' || state === 'UNKNOWN') throw providerErrorOf(code, error, providerCode)
    return { id, backend, identity, state, externalIds }
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
    const replayed = await this.#staleness.replaying(ids, silent)
    const lanes = await this.#parts.store.replay(replayed, this.#parts.clock.now())
    this.#backlog.opened(lanes.filter(({ kind }) => kind === 'incoming').length)
    for (const lane of lanes) this.#ringer.ring(lane)
    return lanes.length
  }

  /** Listens from before the message is recorded, until it is settled or the switchboard stops. */
  #listenUntilSettled(id: string): { readonly signal: Promise<SettledSignal | undefined>; end(): void } {
    const stopping = this.#stopping.signal
    let end = () => {}
    const signal = new Promise<SettledSignal | undefined>((resolve) => {
      const done = (settled?: SettledSignal) => {
        unsubscribe()
        stopping.removeEventListener('abort', end)
        resolve(settled)
      }
      const unsubscribe = this.#parts.signals.subscribe(settledChannel(id), (payload) => done(payload as SettledSignal))
      end = () => done()
      stopping.addEventListener('abort', end)
    })
    return { signal, end }
  }

  async #record(messages: readonly NewOutgoing[]): Promise<void> {
    const { store, signals, logger } = this.#parts
    if (this.#state === 'stopped') throw new NotRunningError('The switchboard is not started, or is stopping.')
    if (messages.length === 0) return
    await store.recordOutgoing(messages)
    for (const { id, backend, class: messageClass, identity, text } of messages) {
      logger.info({ id, backend, identity, class: messageClass, text }, 'to be sent')
      tellConversation(signals, backend, id)
    }
    this.#ringer.ringOutgoing(messages)
  }

  #refuseWhenStopped(): void {
    const takes = this.#state === 'running' || this.#state === 'recording'
    if (!takes) throw new NotRunningError('The switchboard is not started, or is stopping.')
  }

  #takeLanes(): void {
    this.#parts.queue.work((lane, slot) => this.#work(lane, slot))
  }

  #work(lane: Lane, slot: Slot): Promise<LaneResult> {
    return lane.kind === 'incoming' ? this.#incoming.work(lane, slot) : this.#outgoing.work(lane, slot)
  }
}

function unknownBackend(name: string, backends: ReadonlyMap<string, Backend>): InvalidInputError {
  const known = [...backends.keys()].join(', ')
  return new InvalidInputError(`backend: there is no backend "${name}"; there are ${known}`)
}
