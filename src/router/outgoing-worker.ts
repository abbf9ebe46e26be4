import { sleep } from '../messages/clock.ts'
import { errorText } from '../messages/errors.ts'
import { type Lane, outgoingPool } from '../messages/lane.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { LaneResult, Slot } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import { DocumentConflictError, StaleResultError, StoreUnavailableError, TakenOverError } from '../store/errors.ts'
import type { AttemptResult, ClaimedOutgoing, Fence } from '../store/store.ts'
import {
  failed,
  isRetryable,
  isUnknown,
  mayRepeat,
  outcomeUnknown,
  type Settlement,
  settled,
  succeeded,
} from './attempt-outcome.ts'
import type { Backend, SendTools } from './backend.ts'
import { tellConversation } from './conversation-signal.ts'
import type { Ending } from './ending.ts'
import { Handover } from './handover.ts'
import { OutgoingPreparation, type PreparationParts, type Prepared } from './outgoing-preparation.ts'
import type { Ringer } from './ring.ts'
import { isStoreFault } from './store-fault.ts'

export interface OutgoingWorkerParts extends PreparationParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly ringer: Ringer
  readonly signals: Signals
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
const MOST_CONFLICTS = 10
const STORE_RETRY_MS = 1_000

/** A message whose attempt is recorded. */
interface Begun {
  readonly claimed: ClaimedOutgoing
  readonly backend: Backend
  readonly message: OutgoingMessage
  readonly changed: (Prepared & { go: true })['changed']
  readonly startedAt: number
}

/** Hands outgoing messages to their services and records what came of it. */
export class OutgoingWorker {
  readonly #parts: OutgoingWorkerParts
  readonly #preparation: OutgoingPreparation
  readonly #handover: Handover

  constructor(parts: OutgoingWorkerParts) {
    this.#parts = parts
    this.#preparation = new OutgoingPreparation(parts)
    this.#handover = new Handover(parts)
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
        // The message before may have left this lane without a slot.
        await slot.again()
        const { fence, messages, dueAt, isAll } = await store.claimOutgoing(lane, 1, clock.now())
        const message = messages[0]
        if (message === undefined || message.notBefore > clock.now()) return this.#next(dueAt)
        const begun = await this.#begin(message, fence, backend, slot)
        if (begun === undefined) continue
        // A token of the rate counts from here on, whatever becomes of the attempt.
        attempted = true
        await this.#tellBegun(begun)
        const settlement = await this.#attempt(begun)
        await this.#settle(message, fence, settlement, begun.message.text)
        // What is recorded from now on rings the lane: no need to look once more.
        if (isAll && settlement.outcome.kind === 'settled') return { next: 'idle' }
      }
      // Looked at here and not when the lane is handed out again, which would cost a token of the rate for nothing.
      return this.#next((await store.claimOutgoing(lane, 1, clock.now())).dueAt)
    } catch (error) {
      if (error instanceof StaleResultError) return { next: 'more' }
      if (error instanceof TakenOverError) return { next: 'later', at: clock.now() + STORE_RETRY_MS }
      logger.error({ err: error, backend: lane.owner }, 'an outgoing message could not be worked; it is tried again')
      return { next: 'later', at: clock.now() + STORE_RETRY_MS }
    } finally {
      if (!attempted && backend !== undefined) await this.#charge(backend, -1)
    }
  }

  #next(dueAt: number | undefined): LaneResult {
    if (dueAt === undefined) return { next: 'idle' }
    return dueAt > this.#parts.clock.now() ? { next: 'later', at: dueAt } : { next: 'more' }
  }

  /** @returns what may be given to the service now; undefined when the message was settled, or put off, without that */
  async #begin(
    claimed: ClaimedOutgoing,
    fence: Fence,
    backend: Backend | undefined,
    slot: Slot,
  ): Promise<Begun | undefined> {
    if (backend === undefined || backend.send === undefined) {
      const why = backend === undefined ? 'is not in the settings' : 'only receives'
      const error = `the backend "${claimed.backend}" ${why}`
      await this.#settle(claimed, fence, { outcome: settled('ERROR'), startedAt: null, code: 'UNSUPPORTED', error })
      return undefined
    }
    for (let conflicts = 0; ; conflicts++) {
      const prepared = await this.#preparation.prepare(claimed, backend, slot)
      try {
        return await this.#recordStart(claimed, fence, backend, prepared)
      } catch (error) {
        if (isStoreFault(error)) throw error
        if (error instanceof DocumentConflictError && conflicts < MOST_CONFLICTS) continue
        // What the apps left cannot be recorded, now or later: their failure, not the store's.
        await this.#settle(claimed, fence, this.#preparation.failure(claimed, backend, error))
        return undefined
      }
    }
  }

  async #recordStart(
    claimed: ClaimedOutgoing,
    fence: Fence,
    backend: Backend,
    prepared: Prepared,
  ): Promise<Begun | undefined> {
    if (!prepared.go) {
      await this.#settle(claimed, fence, prepared.settlement)
      return undefined
    }
    const { message, changed } = prepared
    const startedAt = this.#parts.clock.now()
    await this.#parts.store.startAttempts([{ fence, message: claimed, at: startedAt, ...changed }])
    return { claimed, backend, message, changed, startedAt }
  }

  async #tellBegun({ claimed, backend, changed }: Begun): Promise<void> {
    const { ringer, signals } = this.#parts
    if (changed?.outgoing !== undefined) ringer.ringOutgoing(changed.outgoing)
    tellConversation(signals, claimed.backend, claimed.id)
    // One part was paid for when the lane was handed out.
    await this.#charge(backend, (changed?.parts ?? claimed.parts) - 1)
  }

  async #charge(backend: Backend, parts: number): Promise<void> {
    const { rate } = backend.common.sending
    if (rate !== undefined && parts !== 0)
      await this.#parts.signals.spendTokens(outgoingPool(backend.name), parts, rate)
  }

  async #attempt({ claimed, message, backend, startedAt }: Begun): Promise<Settlement> {
    const { clock, logger } = this.#parts
    try {
      return succeeded((await this.#handover.send(message, backend)) ?? {}, startedAt)
    } catch (error) {
      const { id, identity } = claimed
      const fields = { id, backend: backend.name, identity, text: message.text, tries: claimed.tries + 1, err: error }
      logger.warn(fields, 'the attempt failed')
      if (isUnknown(error) && !mayRepeat(claimed, backend)) return outcomeUnknown(errorText(error), startedAt)
      const failure = { startedAt, error, retry: isRetryable(error), now: clock.now() }
      return failed(claimed, backend.common.sending, failure)
    }
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
    if (result.outgoing !== undefined) this.#parts.ringer.ringOutgoing(result.outgoing)
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
