import { errorText } from '../messages/errors.ts'
import { type Lane, outgoingPool } from '../messages/lane.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { LaneResult, Slot } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import type { Change } from '../store/change.ts'
import { DocumentConflictError, StaleResultError, StoreUnavailableError, TakenOverError } from '../store/errors.ts'
import type { Fence } from '../store/fence.ts'
import type { ClaimedOutgoing } from '../store/outgoing-records.ts'
import {
  isRetryable,
  isUnknown,
  mayRepeat,
  outcomeUnknown,
  type Settlement,
  settled,
  succeeded,
  waitingOutPause,
  withPrice,
} from './attempt-outcome.ts'
import { AttemptResults } from './attempt-results.ts'
import type { Backend, SendTools } from './backend.ts'
import { tellConversation } from './conversation-signal.ts'
import type { Copies } from './copies.ts'
import type { Ending } from './ending.ts'
import type { Failover } from './failover.ts'
import { givenIds } from './given-ids.ts'
import { Handover } from './handover.ts'
import type { Holds } from './holds.ts'
import type { Hooks } from './hooks.ts'
import type { Networks } from './networks.ts'
import { OutgoingPreparation, type PreparationParts, type Prepared } from './outgoing-preparation.ts'
import type { Prices } from './prices.ts'
import type { Rerouting } from './rerouting.ts'
import type { Ringer } from './ring.ts'
import { heldByHooks } from './send-hooks.ts'
import { isStoreFault } from './store-fault.ts'

export interface OutgoingWorkerParts extends PreparationParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly ringer: Ringer
  readonly signals: Signals
  readonly copies: Copies
  readonly failover: Failover
  /** Absent where nothing is routed. */
  readonly rerouting: Rerouting | undefined
  readonly holds: Holds
  readonly hooks: Hooks
  readonly prices: Prices
  /** Where the networks of numbers are kept; absent where nothing asks for them. */
  readonly networks: Networks | undefined
  /** Told when the store does not answer. */
  readonly storeAway: () => void
  /** Other processes work the same lanes. */
  readonly isShared: boolean
  /** What a backend's `send` may use. */
  readonly toolsOf: (backend: Backend, ending: Ending) => SendTools<unknown>
  /** Aborted when the process stops waiting for what is in hand. */
  readonly stopping: () => AbortSignal
}

const MESSAGES_PER_TURN = 10
const MOST_CONFLICTS = 10
const STORE_RETRY_MS = 1_000
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
  readonly #results: AttemptResults

  constructor(parts: OutgoingWorkerParts) {
    this.#parts = parts
    this.#preparation = new OutgoingPreparation(parts)
    this.#handover = new Handover(parts)
    this.#results = new AttemptResults(parts)
  }

  /** Works the first messages of a lane. Never throws. */
  async work(lane: Lane & { kind: 'outgoing' }, slot: Slot): Promise<LaneResult> {
    const { store, clock, logger, backends, holds, rerouting } = this.#parts
    const backend = backends.get(lane.owner)
    // With a rate, each message has to be handed out by itself, since each needs its token.
    const most = backend?.common.sending.rate === undefined ? MESSAGES_PER_TURN : 1
    let attempted = false
    try {
      for (let worked = 0; worked < most; worked++) {
        // The message before may have left this lane without a slot.
        await slot.again()
        if (!holds.enter(lane)) return { next: 'more' }
        const { fence, messages, dueAt, isAll } = await store.claimOutgoing(lane, 1, clock.now())
        const message = messages[0]
        if (message === undefined || message.notBefore > clock.now()) return this.#next(dueAt)
        if (backend !== undefined && !(await holds.caps.take(message, backend))) continue
        const begun = await this.#begin(message, fence, backend, slot)
        if (begun === undefined) continue
        holds.begin(lane)
        // A token of the rate counts from here on, whatever becomes of the attempt.
        attempted = true
        await this.#tellBegun(begun)
        const settlement = await this.#attempt(begun, lane)
        await this.#results.settle(message, fence, settlement, begun.message.text)
        if (settlement.outcome.kind !== 'settled') rerouting?.wake(lane.owner)
        // What is recorded from now on rings the lane: no need to look once more.
        const { kind } = settlement.outcome
        if (isAll && (kind === 'settled' || kind === 'moved')) return { next: 'idle' }
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
      holds.leave(lane)
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
    const { failover, hooks, clock } = this.#parts
    if (backend === undefined || backend.send === undefined) {
      const why = backend === undefined ? 'is not in the settings' : 'only receives'
      const error = `the backend "${claimed.backend}" ${why}`
      const lost = { outcome: settled('ERROR'), startedAt: null, code: 'UNSUPPORTED', error }
      await this.#results.settle(claimed, fence, failover.instead(claimed, error, clock.now(), true) ?? lost)
      return undefined
    }
    for (let conflicts = 0; ; conflicts++) {
      let prepared = await this.#preparation.prepare(claimed, backend, slot)
      if (hooks.hasBefore('send')) prepared = await heldByHooks(hooks, prepared, claimed, backend, () => clock.now())
      try {
        return await this.#recordStart(claimed, fence, backend, prepared)
      } catch (error) {
        if (isStoreFault(error)) throw error
        if (error instanceof DocumentConflictError && conflicts < MOST_CONFLICTS) continue
        // What the apps left cannot be recorded, now or later: their failure, not the store's.
        await this.#results.settle(claimed, fence, this.#preparation.failure(claimed, backend, error))
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
      await this.#results.settle(claimed, fence, prepared.settlement)
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

  async #attempt(
    { claimed, message, backend, startedAt }: Begun,
    lane: Lane & { kind: 'outgoing' },
  ): Promise<Settlement> {
    const { clock, logger, isShared, holds, prices } = this.#parts
    if (isShared && clock.now() - startedAt > HELD_UP_MS) {
      const error = 'held up before it was given to the service; it is tried again'
      return { outcome: { kind: 'retry', at: clock.now() }, startedAt, error }
    }
    try {
      const result = (await this.#handover.send(message, backend)) ?? {}
      const [changes] = await Promise.all([this.#learnt(claimed, result.network), holds.succeeded(lane)])
      const settlement = withPrice(succeeded(result, startedAt), claimed, prices)
      return { ...settlement, ...(changes.length === 0 ? {} : { changes }) }
    } catch (error) {
      const { id, identity } = claimed
      const fields = { id, backend: backend.name, identity, text: message.text, tries: claimed.tries + 1, err: error }
      logger.warn(fields, 'the attempt failed')
      const isHeld = await holds.failed(lane, id, error, startedAt)
      const ids = isUnknown(error) ? givenIds(message, backend, error) : {}
      if (isUnknown(error) && !mayRepeat(claimed, backend))
        return { ...outcomeUnknown(errorText(error), startedAt), ...ids }
      const failure = { startedAt, error, retry: isRetryable(error) || isUnknown(error), now: clock.now() }
      const given = { ...claimed, text: message.text, phased: true }
      const next = this.#parts.failover.after(given, backend, failure)
      const settlement = isHeld ? waitingOutPause(claimed, next, clock.now()) : next
      return { ...settlement, ...ids, changes: await this.#marks(claimed, error) }
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

  /** What cannot be learnt now is learnt from the next message. */
  async #learnt({ identity }: ClaimedOutgoing, network: string | undefined): Promise<readonly Change[]> {
    return (await this.#parts.networks?.changesAfter(identity, network).catch(() => undefined)) ?? []
  }
}
