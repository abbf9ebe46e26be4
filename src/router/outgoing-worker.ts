import { type Clock, sleep } from '../messages/clock.ts'
import { errorText, SwitchboardError } from '../messages/errors.ts'
import { measureText } from '../messages/gsm.ts'
import type { NewId } from '../messages/ids.ts'
import { type Lane, outgoingPool } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import { OutgoingMessage } from '../messages/outgoing.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { LaneResult, Queue, Slot } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import { StaleResultError, StoreUnavailableError } from '../store/errors.ts'
import type { AttemptResult, AttemptStart, ClaimedOutgoing, Fence, Store } from '../store/store.ts'
import type { App } from './app.ts'
import type { AppCalls } from './app-calls.ts'
import type { Backend, SendResult, SendTools } from './backend.ts'
import { MessageContext } from './context.ts'
import { tellConversation } from './conversation-signal.ts'
import { Ending } from './ending.ts'
import { ConnectionError, ProviderError } from './errors.ts'
import { runOutgoingPhase } from './phases.ts'
import { backoffDelay } from './retry.ts'
import { ringOutgoing } from './ring.ts'
import type { Sender } from './send.ts'

export interface OutgoingWorkerParts {
  readonly apps: readonly App[]
  readonly calls: AppCalls
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly queue: Queue
  readonly signals: Signals
  readonly sender: Sender
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  /** What a backend's `send` may use. */
  readonly toolsOf: (backend: Backend, ending: Ending) => SendTools<unknown>
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
  | { readonly go: true; readonly changed: Pick<AttemptStart, 'text' | 'parts' | 'changes' | 'outgoing'> | undefined }
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
    let attempted = false
    try {
      for (let worked = 0; worked < most; worked++) {
        const { fence, messages } = await store.claimOutgoing(lane, 1)
        const message = messages[0]
        if (message === undefined || message.notBefore > clock.now()) break
        attempted = await this.#deliver(message, fence, backend, slot)
      }
      // Looked at here and not when the lane is handed out again, which would cost a token of the rate for nothing.
      const next = (await store.claimOutgoing(lane, 1)).messages[0]
      if (next === undefined) return { next: 'idle' }
      return next.notBefore > clock.now() ? { next: 'later', at: next.notBefore } : { next: 'more' }
    } catch (error) {
      if (error instanceof StaleResultError) return { next: 'more' }
      logger.error({ err: error, backend: lane.owner }, 'an outgoing message could not be worked; it is tried again')
      return { next: 'later', at: clock.now() + STORE_RETRY_MS }
    } finally {
      if (!attempted && backend !== undefined) await this.#charge(backend, -1)
    }
  }

  /** @returns whether the service was called, which is what a rate counts */
  async #deliver(claimed: ClaimedOutgoing, fence: Fence, backend: Backend | undefined, slot: Slot): Promise<boolean> {
    const message = new OutgoingMessage(claimed)
    if (backend === undefined || backend.send === undefined) {
      const why = backend === undefined ? 'is not in the settings' : 'only receives'
      const error = `the backend "${claimed.backend}" ${why}`
      await this.#settle(claimed, fence, { outcome: settled('ERROR'), startedAt: null, code: 'UNSUPPORTED', error })
      return false
    }
    const preparation = await this.#prepare(claimed, message, backend, slot)
    if (!preparation.go) {
      await this.#settle(claimed, fence, preparation.settlement)
      return false
    }
    const startedAt = this.#parts.clock.now()
    const { changed } = preparation
    await this.#parts.store.startAttempts([{ fence, message: claimed, at: startedAt, ...changed }])
    if (changed?.outgoing !== undefined) await ringOutgoing(this.#parts.queue, changed.outgoing)
    tellConversation(this.#parts.signals, claimed.backend, claimed.id)
    // One part was paid for when the lane was handed out.
    await this.#charge(backend, (changed?.parts ?? claimed.parts) - 1)
    await this.#settle(claimed, fence, await this.#attempt(claimed, message, backend, startedAt), message.text)
    return true
  }

  async #prepare(
    claimed: ClaimedOutgoing,
    message: OutgoingMessage,
    backend: Backend,
    slot: Slot,
  ): Promise<Preparation> {
    const refused = this.#refusal(claimed, claimed.optedOut)
    if (refused !== null) return cancelled(refused)
    if (claimed.attemptOpen && !this.#mayRepeat(claimed, backend)) {
      return outcomeUnknown('its result was never recorded')
    }
    if (backend.common.debug) return { go: false, settlement: { outcome: settled('DEBUG'), startedAt: null } }
    if (claimed.phased) return { go: true, changed: undefined }
    try {
      const context = await this.#context(claimed)
      const cancelledBy = await this.#outgoingPhase(message, context, slot)
      const { changes, outgoing } = context
      if (cancelledBy !== null) return cancelled(`cancelled by the app "${cancelledBy}"`, { changes, outgoing })
      // The phase may have taken its time.
      const contact = await this.#parts.store.contacts.ofConnection(message.connection)
      const refusedNow = this.#refusal(claimed, (contact?.optedOutAt ?? null) !== null)
      if (refusedNow !== null) return cancelled(refusedNow, { changes, outgoing })
      message.text = message.text.toWellFormed()
      const { parts } = measureText(message.text)
      return { go: true, changed: { text: message.text, parts, changes, outgoing } }
    } catch (error) {
      const { id, identity, text } = claimed
      const fields = { id, backend: claimed.backend, identity, text, err: error }
      this.#parts.logger.warn(fields, 'an app failed in the outgoing phase')
      return { go: false, settlement: this.#failure(claimed, backend, null, error, true) }
    }
  }

  /** Why the message may not be given to its service now. */
  #refusal({ expiresAt }: ClaimedOutgoing, optedOut: boolean): string | null {
    if (expiresAt !== null && expiresAt <= this.#parts.clock.now()) return 'expired before it was sent'
    return optedOut ? 'the recipient has opted out' : null
  }

  async #outgoingPhase(message: OutgoingMessage, context: MessageContext, slot: Slot): Promise<string | null> {
    const { apps, calls } = this.#parts
    try {
      return await runOutgoingPhase(apps, message, context, (app, phase, run) => calls.call(app, phase, run, slot))
    } finally {
      context.seal()
    }
  }

  async #context(claimed: ClaimedOutgoing): Promise<MessageContext> {
    const { store, sender, clock, newId, logger } = this.#parts
    const connection = { backend: claimed.backend, identity: claimed.identity }
    return new MessageContext({
      store,
      logger,
      messageId: claimed.id,
      connection,
      contact: (await store.contacts.ofConnection(connection)) ?? null,
      now: () => clock.now(),
      newId,
      prepareSend: (request, people) => sender.prepare(request, people),
    })
  }

  async #charge(backend: Backend, parts: number): Promise<void> {
    const { rate } = backend.common.sending
    if (rate !== undefined && parts !== 0)
      await this.#parts.signals.spendTokens(outgoingPool(backend.name), parts, rate)
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
        ...recordable(result),
      }
    } catch (error) {
      const { id, identity } = claimed
      const fields = {
        id,
        backend: backend.name,
        identity,
        text: message.text,
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
    const { timeLimit } = backend.common.sending
    const ending = new Ending(this.#parts.stopping())
    const sending = backend.send?.(message, toolsOf(backend, ending))
    return new Promise((resolve, reject) => {
      const timer = clock.schedule(clock.now() + timeLimit, () => {
        ending.abort()
        const text = `The backend "${backend.name}" did not finish within ${timeLimit} ms.`
        reject(new ConnectionError(text, { outcomeUnknown: true }))
      })
      Promise.resolve(sending)
        .then(resolve, reject)
        .finally(() => timer.cancel())
    })
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
  async #settle(claimed: ClaimedOutgoing, fence: Fence, settlement: Settlement, text = claimed.text): Promise<void> {
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
    if (result.outgoing !== undefined) await ringOutgoing(this.#parts.queue, result.outgoing)
    await this.#announce(claimed, result, text)
  }

  async #announce(claimed: ClaimedOutgoing, result: AttemptResult, text: string): Promise<void> {
    const { outcome, code, providerCode, error } = result
    const { logger, signals } = this.#parts
    tellConversation(signals, claimed.backend, claimed.id)
    const fields = {
      id: claimed.id,
      backend: claimed.backend,
      identity: claimed.identity,
      inResponseTo: claimed.inResponseTo?.id,
      text,
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

/**
 * What a service said, as it can be recorded whatever a backend returned: the message has been given, and a result that
 * cannot be recorded would make it be given again.
 */
function recordable({ externalIds = [], parts, cost, currency, network, extra }: SendResult): Partial<Settlement> {
  return {
    externalIds: externalIds.map(String),
    ...(Number.isSafeInteger(parts) ? { parts: Number(parts) } : {}),
    cost: Number.isFinite(cost) ? Number(cost) : null,
    currency: currency === undefined ? null : String(currency),
    network: network === undefined ? null : String(network),
    extra: extra === undefined || !isJson(extra) ? null : extra,
  }
}

function isJson(value: object): boolean {
  try {
    JSON.stringify(value)
    return true
  } catch {
    return false
  }
}

function settled(state: OutgoingState): AttemptResult['outcome'] {
  return { kind: 'settled', state }
}

function cancelled(reason: string, done: Pick<AttemptResult, 'changes' | 'outgoing'> = {}): Preparation {
  const outcome = settled('CANCELLED')
  return { go: false, settlement: { outcome, startedAt: null, code: 'CANCELLED', error: reason, ...done } }
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
