import { type Clock, sleep } from '../messages/clock.ts'
import { errorText, SwitchboardError } from '../messages/errors.ts'
import { measureText } from '../messages/gsm.ts'
import type { NewId } from '../messages/ids.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import { OutgoingMessage } from '../messages/outgoing.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { LaneResult, Slot } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import { StaleResultError, StoreUnavailableError } from '../store/errors.ts'
import type { AttemptResult, ClaimedOutgoing, Fence, Store } from '../store/store.ts'
import type { App } from './app.ts'
import type { AppCalls } from './app-calls.ts'
import type { Backend, SendResult, SendTools } from './backend.ts'
import { MessageContext } from './context.ts'
import { ConnectionError, ProviderError } from './errors.ts'
import { maskIdentity } from './mask.ts'
import { runOutgoingPhase } from './phases.ts'
import { backoffDelay } from './retry.ts'
import type { Sender } from './send.ts'

export interface OutgoingWorkerParts {
  readonly apps: readonly App[]
  readonly calls: AppCalls
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly signals: Signals
  readonly sender: Sender
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  /** What a backend's `send` may use. */
  readonly toolsOf: (backend: Backend, signal: AbortSignal) => SendTools<unknown>
  /** Aborted when the process stops waiting for what is in hand. */
  readonly stopping: () => AbortSignal
}

/** What waits for an outgoing message to be settled is told on this channel. */
export const settledChannel = (id: string) => `settled:${id}`

export interface SettledSignal {
  readonly state: OutgoingState
  readonly code: string | null
  readonly providerCode: string | null
  readonly error: string | null
}

const MESSAGES_PER_TURN = 10
const STORE_RETRY_MS = 1_000

type Settlement = Pick<AttemptResult, 'outcome' | 'startedAt'> &
  Partial<Omit<AttemptResult, 'fence' | 'message' | 'at'>>

/** What goes before an attempt: either it may be taken, or the message is settled without one. */
type Preparation =
  | { readonly go: true; readonly context: MessageContext | undefined }
  | { readonly go: false; readonly settlement: Settlement }

/** Hands outgoing messages to their services and records what came of it. */
export class OutgoingWorker {
  readonly #parts: OutgoingWorkerParts

  constructor(parts: OutgoingWorkerParts) {
    this.#parts = parts
  }

  /** Works the first messages of a lane. Never throws. */
  async work(lane: Lane & { kind: 'outgoing' }, slot: Slot): Promise<LaneResult> {
    const { store, clock, logger, backends } = this.#parts
    const backend = backends.get(lane.owner)
    // With a rate, each message has to be handed out by itself, since each needs its token.
    const most = backend?.common.sending.rate === undefined ? MESSAGES_PER_TURN : 1
    try {
      for (let worked = 0; worked < most; worked++) {
        const { fence, messages } = await store.claimOutgoing(lane, 1)
        const message = messages[0]
        if (message === undefined) return { next: 'idle' }
        if (message.notBefore > clock.now()) return { next: 'later', at: message.notBefore }
        await this.#deliver(message, fence, backend, slot)
      }
      return { next: 'more' }
    } catch (error) {
      if (error instanceof StaleResultError) return { next: 'more' }
      logger.error({ err: error, backend: lane.owner }, 'an outgoing message could not be worked; it is tried again')
      return { next: 'later', at: clock.now() + STORE_RETRY_MS }
    }
  }

  async #deliver(claimed: ClaimedOutgoing, fence: Fence, backend: Backend | undefined, slot: Slot): Promise<void> {
    const message = new OutgoingMessage(claimed)
    if (backend === undefined || backend.send === undefined) {
      const why = backend === undefined ? 'is not in the settings' : 'only receives'
      const error = `the backend "${claimed.backend}" ${why}`
      return this.#settle(claimed, fence, { outcome: settled('ERROR'), startedAt: null, code: 'UNSUPPORTED', error })
    }
    const preparation = await this.#prepare(claimed, message, backend, slot)
    if (!preparation.go) return this.#settle(claimed, fence, preparation.settlement)
    const startedAt = this.#parts.clock.now()
    const changed =
      preparation.context === undefined ? {} : { text: message.text, parts: measureText(message.text).parts }
    const changes = preparation.context?.changes ?? []
    await this.#parts.store.startAttempts([{ fence, message: claimed, at: startedAt, ...changed, changes }])
    await this.#chargeParts(backend, changed.parts ?? claimed.parts)
    await this.#settle(claimed, fence, await this.#attempt(claimed, message, backend, startedAt))
  }

  async #prepare(
    claimed: ClaimedOutgoing,
    message: OutgoingMessage,
    backend: Backend,
    slot: Slot,
  ): Promise<Preparation> {
    const { clock } = this.#parts
    if (claimed.expiresAt !== null && claimed.expiresAt <= clock.now()) return cancelled('expired before it was sent')
    if (claimed.optedOut) return cancelled('the recipient has opted out')
    if (claimed.attemptOpen && !this.#mayRepeat(claimed, backend))
      return outcomeUnknown('its result was never recorded')
    if (backend.common.debug) return { go: false, settlement: { outcome: settled('DEBUG'), startedAt: null } }
    if (claimed.phased) return { go: true, context: undefined }
    try {
      const context = this.#context(claimed)
      const cancelledBy = await this.#outgoingPhase(message, context, slot)
      if (cancelledBy !== null) return cancelled(`cancelled by the app "${cancelledBy}"`)
      return { go: true, context }
    } catch (error) {
      const { id } = claimed
      this.#parts.logger.warn({ id, backend: claimed.backend, err: error }, 'an app failed in the outgoing phase')
      return { go: false, settlement: this.#failure(claimed, backend, null, error, true) }
    }
  }

  async #outgoingPhase(message: OutgoingMessage, context: MessageContext, slot: Slot): Promise<string | null> {
    const { apps, calls } = this.#parts
    const shared = context.forApp()
    try {
      return await runOutgoingPhase(
        apps,
        message,
        () => shared,
        (app, phase, run) => calls.call(app, phase, run, slot),
      )
    } finally {
      context.seal()
    }
  }

  #context(claimed: ClaimedOutgoing): MessageContext {
    const { store, sender, clock, newId, logger } = this.#parts
    return new MessageContext({
      store,
      logger,
      messageId: claimed.id,
      connection: { backend: claimed.backend, identity: claimed.identity },
      contact: null,
      now: () => clock.now(),
      newId,
      prepareSend: (request) => sender.prepare(request),
    })
  }

  async #chargeParts(backend: Backend, parts: number): Promise<void> {
    const { rate } = backend.common.sending
    if (rate !== undefined && parts > 1) await this.#parts.signals.spendTokens(backend.name, parts - 1, rate)
  }

  async #attempt(
    claimed: ClaimedOutgoing,
    message: OutgoingMessage,
    backend: Backend,
    startedAt: number,
  ): Promise<Settlement> {
    try {
      const result = (await this.#send(message, backend)) ?? {}
      return {
        outcome: settled(result.state ?? 'SENT'),
        startedAt,
        externalIds: result.externalIds ?? [],
        ...(result.parts === undefined ? {} : { parts: result.parts }),
        cost: result.cost ?? null,
        currency: result.currency ?? null,
        network: result.network ?? null,
        extra: result.extra ?? null,
      }
    } catch (error) {
      const { id, identity } = claimed
      const fields = {
        id,
        backend: backend.name,
        identity: maskIdentity(identity),
        tries: claimed.tries + 1,
        err: error,
      }
      this.#parts.logger.warn(fields, 'the attempt failed')
      if (isUnknown(error) && !this.#mayRepeat(claimed, backend)) {
        return { ...outcomeUnknown(errorText(error)).settlement, startedAt }
      }
      return this.#failure(claimed, backend, startedAt, error, isRetryable(error))
    }
  }

  async #send(message: OutgoingMessage, backend: Backend): Promise<SendResult | undefined> {
    const { clock, toolsOf } = this.#parts
    const stopping = this.#parts.stopping()
    const { timeLimit } = backend.common.sending
    const controller = new AbortController()
    const stop = () => controller.abort()
    stopping.addEventListener('abort', stop, { once: true })
    let timeOut = () => {}
    const timer = clock.schedule(clock.now() + timeLimit, () => timeOut())
    const timedOut = new Promise<never>((_, reject) => {
      timeOut = () => {
        controller.abort()
        const text = `The backend "${backend.name}" did not finish within ${timeLimit} ms.`
        reject(new ConnectionError(text, { outcomeUnknown: true }))
      }
    })
    try {
      const sending = Promise.resolve(backend.send?.(message, toolsOf(backend, controller.signal)))
      return await Promise.race([sending, timedOut])
    } finally {
      timer.cancel()
      stopping.removeEventListener('abort', stop)
    }
  }

  #mayRepeat(claimed: ClaimedOutgoing, backend: Backend): boolean {
    if (claimed.once) return false
    return backend.removesDuplicates || backend.common.sending.unknownOutcome[claimed.class] === 'retry'
  }

  #failure(
    claimed: ClaimedOutgoing,
    backend: Backend,
    startedAt: number | null,
    error: unknown,
    retry: boolean,
  ): Settlement {
    const { sending } = backend.common
    const tries = claimed.tries + 1
    const now = this.#parts.clock.now()
    const code = error instanceof SwitchboardError ? error.code : 'UNEXPECTED'
    const providerCode = error instanceof ProviderError ? error.providerCode : null
    const details = { startedAt, code, providerCode, error: errorText(error) }
    const asked = error instanceof ProviderError ? (error.retryAfter ?? 0) : 0
    const at = now + Math.max(asked, backoffDelay(tries, sending))
    const tooOld = at - claimed.createdAt > sending.maxAge
    if (!retry || claimed.once || tries >= sending.attempts || tooOld) return { ...details, outcome: settled('ERROR') }
    return { ...details, outcome: { kind: 'retry', at } }
  }

  /** Records what came of a message. What a service has been given is not forgotten while the store is away. */
  async #settle(claimed: ClaimedOutgoing, fence: Fence, settlement: Settlement): Promise<void> {
    const { store, clock, logger } = this.#parts
    const stopping = this.#parts.stopping()
    const result: AttemptResult = {
      externalIds: [],
      code: null,
      providerCode: null,
      error: null,
      cost: null,
      currency: null,
      network: null,
      extra: null,
      ...settlement,
      fence,
      message: claimed,
      at: clock.now(),
    }
    for (;;) {
      try {
        await store.finishAttempts([result])
        break
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || stopping.aborted) throw error
        logger.error({ id: claimed.id, err: error }, 'the result of an attempt could not be recorded; trying again')
        await sleep(clock, STORE_RETRY_MS, stopping)
      }
    }
    await this.#announce(claimed, result)
  }

  async #announce(claimed: ClaimedOutgoing, result: AttemptResult): Promise<void> {
    const { outcome, code, providerCode, error } = result
    const { logger, signals } = this.#parts
    const fields = {
      id: claimed.id,
      backend: claimed.backend,
      tries: claimed.tries + (result.startedAt === null ? 0 : 1),
    }
    if (outcome.kind === 'retry') {
      logger.info({ ...fields, at: outcome.at }, 'to be tried again')
      return
    }
    logger.info({ ...fields, state: outcome.state, ...(code === null ? {} : { code, error }) }, 'settled')
    const signal: SettledSignal = { state: outcome.state, code, providerCode, error }
    await signals.publish(settledChannel(claimed.id), signal)
  }
}

function settled(state: OutgoingState): AttemptResult['outcome'] {
  return { kind: 'settled', state }
}

function cancelled(reason: string): Preparation {
  return { go: false, settlement: { outcome: settled('CANCELLED'), startedAt: null, code: 'CANCELLED', error: reason } }
}

function outcomeUnknown(reason: string) {
  const settlement: Settlement = {
    outcome: settled('UNKNOWN'),
    startedAt: null,
    code: 'OUTCOME_UNKNOWN',
    error: reason,
  }
  return { go: false, settlement } as const
}

function isUnknown(error: unknown): boolean {
  return error instanceof ProviderError && error.outcomeUnknown
}

/** What a backend throws by mistake says nothing of the service: tried again as far as the settings allow. */
function isRetryable(error: unknown): boolean {
  return error instanceof ProviderError ? error.retry : true
}
