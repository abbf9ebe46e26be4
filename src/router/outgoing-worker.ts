import { sleep } from '../messages/clock.ts'
import { errorText } from '../messages/errors.ts'
import { type Lane, outgoingPool } from '../messages/lane.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { LaneResult, Slot } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import { DocumentConflictError, StaleResultError, StoreUnavailableError, TakenOverError } from '../store/errors.ts'
import type { AttemptResult, Change, ClaimedOutgoing, Fence } from '../store/store.ts'
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
import type { Copies } from './copies.ts'
import type { Ending } from './ending.ts'
import { Handover } from './handover.ts'
import { OutgoingPreparation, type PreparationParts, type Prepared } from './outgoing-preparation.ts'
import type { Ringer } from './ring.ts'
import { isStoreFault } from './store-fault.ts'

export interface OutgoingWorkerParts extends PreparationParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly ringer: Ringer
  readonly signals: Signals
  readonly copies: Copies
  /** Told when the store does not answer. */
  readonly storeAway: () => void
  /** Other processes work the same lanes. */
  readonly isShared: boolean
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
  /** The service's ids of the message. */
  readonly externalIds: readonly string[]
}

const MESSAGES_PER_TURN = 10
const MOST_CONFLICTS = 10
const STORE_RETRY_MS = 1_000
/** Sooner than lanes are taken again: after an outage, who has a result is before who would have to guess it. */
const RESULT_RETRY_MS = 300
/** As long as a lease lasts. */
const HELD_MS = 3_000
/** An attempt that begins later than this after its record was held up, and somebody else may be about to make it. */
const HELD_UP_MS = 2_000

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
      if (error instanceof StoreUnavailableError) this.#parts.storeAway()
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
    const { clock, logger, isShared } = this.#parts
    if (isShared && clock.now() - startedAt > HELD_UP_MS) {
      const error = 'held up before it was given to the service; it is tried again'
      return { outcome: { kind: 'retry', at: clock.now() }, startedAt, error }
    }
    try {
      return succeeded((await this.#handover.send(message, backend)) ?? {}, startedAt)
    } catch (error) {
      const { id, identity } = claimed
      const fields = { id, backend: backend.name, identity, text: message.text, tries: claimed.tries + 1, err: error }
      logger.warn(fields, 'the attempt failed')
      if (isUnknown(error) && !mayRepeat(claimed, backend)) return outcomeUnknown(errorText(error), startedAt)
      const failure = { startedAt, error, retry: isRetryable(error) || isUnknown(error), now: clock.now() }
      return { ...failed(claimed, backend.common.sending, failure), changes: await this.#marks(claimed, error) }
    }
  }

  /** A mark that cannot be made now is made by the next message to the person: the attempt's result must not wait for it. */
  async #marks(claimed: ClaimedOutgoing, error: unknown): Promise<readonly Change[]> {
    const { optOuts, clock, logger } = this.#parts
    const { id, backend, identity } = claimed
    try {
      const changes = await optOuts.changesAfter(error, claimed, clock.now())
      if (changes.length > 0) logger.info({ id, backend, identity }, 'opted out, as the service says')
      return changes
    } catch (err) {
      logger.warn({ id, backend, identity, err }, 'who has opted out by the service could not be marked')
      return []
    }
  }

  /** Records what came of a message. What a service has been given is not forgotten while the store is away. */
  async #settle(claimed: ClaimedOutgoing, fence: Fence, settlement: Settlement, text = claimed.text): Promise<void> {
    const { clock } = this.#parts
    const copies = this.#parts.copies.ofSettled(claimed, settlement)
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
      ...(copies.length === 0 ? {} : { outgoing: [...(settlement.outgoing ?? []), ...copies] }),
      fence,
      message: claimed,
      at: clock.now(),
    }
    const recording = this.#recordResult(claimed, result, text)
    return this.#parts.isShared ? this.#heldAtMost(recording) : recording
  }

  /** Others may reach the store: they get the lane, while the result is still tried to be recorded under its fence. */
  #heldAtMost(recording: Promise<void>): Promise<void> {
    const { clock } = this.#parts
    return new Promise((resolve, reject) => {
      const timer = clock.schedule(clock.now() + HELD_MS, () => {
        reject(new StoreUnavailableError('The result of an attempt could not be recorded in time.'))
      })
      recording.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  async #recordResult(claimed: ClaimedOutgoing, given: AttemptResult, text: string): Promise<void> {
    const { store, clock, logger, storeAway, ringer } = this.#parts
    const stopping = this.#parts.stopping()
    let result = given
    for (;;) {
      try {
        await store.finishAttempts([result])
        break
      } catch (error) {
        // The person's own word, come meanwhile, goes over what the service said of her.
        if (error instanceof DocumentConflictError && result.startedAt !== null && result.changes !== undefined) {
          result = { ...result, changes: [] }
          continue
        }
        if (!(error instanceof StoreUnavailableError) || stopping.aborted) throw error
        logger.error({ id: claimed.id, err: error }, 'the result of an attempt could not be recorded; trying again')
        storeAway()
        await sleep(clock, RESULT_RETRY_MS, stopping)
      }
    }
    if (result.outgoing !== undefined) ringer.ringOutgoing(result.outgoing)
    await this.#announce(claimed, result, text)
  }

  async #announce(claimed: ClaimedOutgoing, result: AttemptResult, text: string): Promise<void> {
    const { outcome, code, providerCode, error, externalIds } = result
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
    const signal: SettledSignal = { state: outcome.state, code, providerCode, error, externalIds }
    await signals.publish(settledChannel(claimed.id), signal)
  }
}
