import { type Clock, sleep } from '../messages/clock.ts'
import type { NewId } from '../messages/ids.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { LaneResult, Queue, Slot } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import type { NewIncoming, NewOutgoing, Store } from '../store/store.ts'
import type { App } from './app.ts'
import { type AppCallSettings, AppCalls } from './app-calls.ts'
import type { Backend, Received, ReceivedMessage, ReceiveOptions, SendTools } from './backend.ts'
import { BacklogError, CancelledError, MessageSendError, NotRunningError, providerErrorOf } from './errors.ts'
import { type AnsweredSignal, answeredChannel, type IncomingRetry, IncomingWorker } from './incoming-worker.ts'
import { maskIdentity } from './mask.ts'
import { OutgoingWorker, type SettledSignal, settledChannel } from './outgoing-worker.ts'
import { Sender, type SendRequest, type SentMessage } from './send.ts'

export interface RouterSettings {
  readonly apps: AppCallSettings
  readonly retry: IncomingRetry
  /** Incoming messages that may wait for their phases before new ones are refused. */
  readonly backlog: number
  /** The project's languages, the first one first. */
  readonly languages: readonly string[]
  /** Whether texts may stand in logs. */
  readonly logTexts: boolean
  readonly logNumbers: boolean
}

export interface RouterParts {
  readonly settings: RouterSettings
  readonly apps: readonly App[]
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly queue: Queue
  readonly signals: Signals
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  readonly toolsOf: (router: Router, backend: Backend, signal: AbortSignal) => SendTools<unknown>
}

const RECOVERY_PAGE = 1_000
const SWEEP_INTERVAL_MS = 60_000

/** A channel on which pages hear that something happened to a person's conversation. */
export const conversationChannel = (backend: string) => `conversation:${backend}`

/** The middle of everything: takes messages in, has them worked, sends messages out. */
export class Router {
  readonly #parts: RouterParts
  readonly #sender: Sender
  readonly #incoming: IncomingWorker
  readonly #outgoing: OutgoingWorker
  #stopping = new AbortController()
  #state: 'stopped' | 'recording' | 'running' = 'stopped'
  #openIncoming = 0
  #sweep: Promise<void> = Promise.resolve()

  constructor(parts: RouterParts) {
    this.#parts = parts
    const { apps, backends, store, queue, signals, clock, newId, logger, settings } = parts
    const calls = new AppCalls(clock, logger, settings.apps)
    const { languages, retry } = settings
    this.#sender = new Sender({ backends, store, languages, now: () => clock.now(), newId })
    const shared = { apps, calls, store, signals, sender: this.#sender, clock, newId, logger }
    const settledOne = () => {
      this.#openIncoming--
    }
    this.#incoming = new IncomingWorker({ ...shared, queue, retry, languages, settled: settledOne })
    this.#outgoing = new OutgoingWorker({
      ...shared,
      backends,
      toolsOf: (backend, signal) => parts.toolsOf(this, backend, signal),
      stopping: () => this.#stopping.signal,
    })
  }

  get backends(): ReadonlyMap<string, Backend> {
    return this.#parts.backends
  }

  /** Takes and records messages, but works none: enough for a command. */
  async open(): Promise<void> {
    if (this.#state !== 'stopped') return
    this.#openIncoming = await this.#parts.store.countOpenIncoming()
    this.#stopping = new AbortController()
    this.#state = 'recording'
  }

  /** Starts the apps and backends, then works whatever is unfinished, in its order. */
  async start(): Promise<void> {
    await this.open()
    if (this.#state === 'running') return
    const { apps, backends, queue, store, logger } = this.#parts
    for (const app of apps) await app.start?.({ logger })
    for (const backend of backends.values()) {
      await backend.start?.(this.#parts.toolsOf(this, backend, this.#stopping.signal))
    }
    this.#state = 'running'
    queue.work((lane, slot) => this.#work(lane, slot))
    store.watch((lanes) => void this.#ringAll(lanes))
    this.#sweep = this.#sweepForever()
  }

  /**
   * Takes nothing more, waits for what is in hand, stops backends and apps.
   * @param limit milliseconds to wait at the most
   */
  async stop(limit = 10_000): Promise<void> {
    if (this.#state === 'stopped') return
    const wasRunning = this.#state === 'running'
    this.#state = 'stopped'
    const { apps, backends, queue, logger } = this.#parts
    const left = await queue.stop(limit)
    if (left > 0) logger.warn({ lanes: left }, 'stopped waiting for messages in hand; they go on after the next start')
    this.#stopping.abort()
    await this.#sweep
    if (!wasRunning) return
    for (const backend of backends.values()) await backend.stop?.()
    for (const app of apps.toReversed()) await app.stop?.()
  }

  /**
   * Takes an incoming message: once this resolves, it is on disk and will be processed.
   * @throws BacklogError, StoreUnavailableError, NotRunningError when it was not taken; the sender should come again
   */
  async receive(backend: string, message: ReceivedMessage, options: ReceiveOptions = {}): Promise<Received> {
    const { store, queue, clock, newId, logger, settings, backends } = this.#parts
    this.#refuseWhenFull()
    const now = clock.now()
    const window = message.externalId === undefined ? (backends.get(backend)?.common.window ?? 0) : 0
    const record: NewIncoming = {
      id: newId(),
      backend,
      identity: message.identity.toWellFormed(),
      address: message.address ?? null,
      text: message.text.toWellFormed(),
      fields: message.fields ?? {},
      externalId: message.externalId ?? null,
      receivedAt: now,
      ...(window === 0 ? {} : { window }),
      ...(options.wait === undefined ? {} : { answerBy: now + options.wait }),
    }
    const answer = options.wait === undefined ? undefined : this.#listenForAnswer(record.id, options.wait)
    this.#openIncoming++
    const [recorded] = await store.recordIncoming([record]).catch((error: unknown) => {
      this.#openIncoming--
      answer?.end()
      throw error
    })
    if (recorded === undefined) throw new NotRunningError('The store recorded nothing.')
    const { id, duplicate } = recorded
    if (duplicate) this.#openIncoming--
    const identity = settings.logNumbers ? record.identity : maskIdentity(record.identity)
    logger.info({ id, backend, identity, duplicate, ...(settings.logTexts ? { text: record.text } : {}) }, 'received')
    if (!duplicate) await queue.ring({ kind: 'incoming', owner: backend, identity: record.identity })
    if (answer === undefined) return { id, duplicate }
    if (duplicate) answer.end()
    const responses = duplicate ? await this.#earlierAnswer(id) : await this.#takeAnswer(await answer.signal)
    return { id, duplicate, ...(responses === undefined ? {} : { responses }) }
  }

  /** Takes what a service says of an outgoing message. */
  async report(backend: string, report: DeliveryReport): Promise<void> {
    if (this.#state === 'stopped') throw new NotRunningError('The switchboard is stopping.')
    const { store, clock, logger } = this.#parts
    const [effect] = await store.recordReports([{ ...report, backend, receivedAt: clock.now() }])
    const { state, code } = report
    if (state === undefined) logger.warn({ backend, code }, 'a delivery report with a code that is not known')
    logger.info({ id: effect?.messageId ?? null, backend, state, code, changed: effect?.changed ?? false }, 'reported')
  }

  /**
   * Records messages, one per recipient, and sends them when their turn comes.
   * @throws InvalidInputError naming what is wrong; nothing is recorded then
   */
  async send(request: SendRequest): Promise<readonly SentMessage[]> {
    const messages = await this.#sender.prepare(request)
    await this.#record(messages)
    return messages.map(({ id, backend, identity }) => ({ id, backend, identity }))
  }

  /**
   * Sends one message before all others of its recipient, with one attempt, and waits for what the service says.
   * @throws ProviderError as the backend threw it; CancelledError when it was not sent at all
   */
  async sendNow(request: SendRequest): Promise<SentMessage & { readonly state: string }> {
    if (this.#state !== 'running') throw new NotRunningError('sendNow needs a running switchboard.')
    const [message, ...others] = await this.#sender.prepare({ ...request, class: 'urgent' })
    if (message === undefined || others.length > 0) throw new MessageSendError('sendNow takes exactly one recipient.')
    const settled = new Promise<SettledSignal>((resolve) => {
      const end = this.#parts.signals.subscribe(settledChannel(message.id), (payload) => {
        end()
        resolve(payload as SettledSignal)
      })
    })
    await this.#record([{ ...message, once: true }])
    const { state, code, providerCode, error } = await settled
    if (state === 'CANCELLED') throw new CancelledError(error ?? 'The message was cancelled.')
    if (state === 'ERROR' || state === 'UNKNOWN') throw providerErrorOf(code, error, providerCode)
    return { id: message.id, backend: message.backend, identity: message.identity, state }
  }

  /** Opens failed incoming messages, or outgoing ones in ERROR, again; returns how many there were. */
  async replay(ids: readonly string[]): Promise<number> {
    const lanes = await this.#parts.store.replay(ids, this.#parts.clock.now())
    await this.#ringAll(lanes)
    return lanes.length
  }

  async #record(messages: readonly NewOutgoing[]): Promise<void> {
    const { store, queue } = this.#parts
    if (this.#state === 'stopped') throw new NotRunningError('The switchboard is not started, or is stopping.')
    if (messages.length === 0) return
    await store.recordOutgoing(messages)
    for (const { backend, class: messageClass, identity, notBefore } of messages) {
      await queue.ring({ kind: 'outgoing', owner: backend, class: messageClass, identity }, notBefore)
    }
  }

  #refuseWhenFull(): void {
    if (this.#state === 'stopped') throw new NotRunningError('The switchboard is not started, or is stopping.')
    if (this.#openIncoming < this.#parts.settings.backlog) return
    throw new BacklogError(`${this.#openIncoming} messages wait already; the setting queue.backlog allows no more.`)
  }

  #work(lane: Lane, slot: Slot): Promise<LaneResult> {
    return lane.kind === 'incoming' ? this.#incoming.work(lane, slot) : this.#outgoing.work(lane, slot)
  }

  /** Listens from before the message is recorded, so that no answer can be missed. */
  #listenForAnswer(id: string, wait: number): { readonly signal: Promise<AnsweredSignal | undefined>; end(): void } {
    const { signals, clock } = this.#parts
    let end = () => {}
    const signal = new Promise<AnsweredSignal | undefined>((resolve) => {
      const done = (answered?: AnsweredSignal) => {
        timer.cancel()
        unsubscribe()
        resolve(answered)
      }
      const unsubscribe = signals.subscribe(answeredChannel(id), (payload) => done(payload as AnsweredSignal))
      const timer = clock.schedule(clock.now() + wait, () => done())
      end = () => done()
    })
    return { signal, end }
  }

  /** Makes the responses ours to give; those that the worker has begun to send are not. */
  async #takeAnswer(answered: AnsweredSignal | undefined): Promise<Received['responses']> {
    if (answered === undefined) return undefined
    const { store, clock } = this.#parts
    const taken = new Set(
      await store.settleAnswered(
        answered.responses.map(({ id }) => id),
        clock.now(),
      ),
    )
    return answered.responses.filter(({ id }) => taken.has(id)).map(({ text, end }) => ({ text, end }))
  }

  /** A repeated request gets what the first one got. */
  async #earlierAnswer(id: string): Promise<Received['responses']> {
    const { store } = this.#parts
    const message = await store.log.find(id)
    if (message === undefined || message.state !== 'PROCESSED') return undefined
    const lines = await store.log.conversation({ backend: message.backend, identity: message.identity, limit: 100 })
    return lines.filter((line) => line.inResponseTo === id).map(({ text }) => ({ text, end: false }))
  }

  async #ringAll(lanes: readonly Lane[]): Promise<void> {
    for (const lane of lanes) await this.#parts.queue.ring(lane)
  }

  /** Rings whatever is unfinished: at the start, and then and when, should a ring ever have been lost. */
  async #sweepForever(): Promise<void> {
    const { clock, logger, store } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#ringUnfinished('incoming', signal)
        await this.#ringUnfinished('outgoing', signal)
        this.#openIncoming = await store.countOpenIncoming()
      } catch (error) {
        logger.error({ err: error }, 'unfinished messages could not be looked up; trying again')
      }
      await sleep(clock, SWEEP_INTERVAL_MS, signal)
    }
  }

  async #ringUnfinished(kind: Lane['kind'], signal: AbortSignal): Promise<void> {
    const { store, queue } = this.#parts
    let after: Lane | undefined
    while (!signal.aborted) {
      const page = await store.openLanes(kind, after, RECOVERY_PAGE)
      for (const { lane, notBefore } of page) await queue.ring(lane, notBefore)
      after = page.at(-1)?.lane
      if (page.length < RECOVERY_PAGE) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
