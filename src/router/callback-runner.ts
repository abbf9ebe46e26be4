import { type Clock, sleep } from '../messages/clock.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import type { Signals } from '../queue/signals.ts'
import type {
  CallbackDelivery,
  CallbackStore,
  CallbackTarget,
  ClaimedCallbacks,
  DeliveryResult,
} from '../store/callback-store.ts'
import type { CallbackClient } from './callback-client.ts'
import { leaveOutStrangers } from './callback-owners.ts'
import type { CallbackRetry } from './callback-result.ts'
import { CallbackSlots, type Slot } from './callback-slots.ts'
import { CallbackTelling } from './callback-telling.ts'

/** Times are milliseconds. */
export interface CallbackRunSettings extends CallbackRetry {
  /** Requests to one URL at the same time. */
  readonly concurrency: number
  /** Requests to all URLs at the same time. */
  readonly allConcurrency: number
  /** For one request. */
  readonly timeLimit: number
  /** Whether a user of the API may still hear of a backend. */
  mayHear(user: string, backend: string): boolean
  /** Whether the settings have this user of the API. */
  isUser(name: string): boolean
}

export interface CallbackRunnerParts {
  readonly settings: CallbackRunSettings
  readonly store: { readonly callbacks: CallbackStore }
  readonly client: CallbackClient
  readonly signals: Signals
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
}

const CHANNEL = 'callbacks'
const LOOK_EVERY_MS = 500
/** While there is no callback at all. */
const IDLE_LOOK_EVERY_MS = 60_000
const SAID_EVERY_MS = 60_000
/** Lanes that are claimed at a time for each request that may run at the same time, at the most. */
const LANES_AHEAD = 8
/** Requests after one another that a lease lasts for; what has not begun by then is given back. */
const LEASE_ROUNDS = 3
const LEASE_MARGIN_MS = 5_000
const PAGE = 2_000
/** How much longer a URL rests than it took to find that nothing is due among very much. */
const REST_FACTOR = 20
const LONGEST_REST_MS = 60_000
const SETTLE_TRIES = 5
const SETTLE_PAUSE_MS = 1_000

/** Tells callbacks what was recorded for them, beside all other processes that do. */
export class CallbackRunner {
  readonly #parts: CallbackRunnerParts
  readonly #busy = new Map<string, Promise<void>>()
  readonly #slots: CallbackSlots
  /** When it is looked again for what is due, by the URL. */
  readonly #restUntil = new Map<string, number>()
  readonly #telling: CallbackTelling
  #wake = new AbortController()
  #hasBegun = false
  #saidAt = Number.NEGATIVE_INFINITY

  constructor(parts: CallbackRunnerParts) {
    this.#parts = parts
    this.#telling = new CallbackTelling(parts)
    this.#slots = new CallbackSlots(parts.settings.allConcurrency)
  }

  /** Has all processes look at once for what is due. */
  wake(): void {
    this.#parts.signals.publish(CHANNEL, null).catch((error: unknown) => {
      this.#parts.logger.debug({ err: error }, 'other processes were not told of callbacks')
      this.#wake.abort()
    })
  }

  /** Until the signal. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { signals, clock, client } = this.#parts
    client.open()
    const unsubscribe = signals.subscribe(CHANNEL, () => {
      // Whoever changed or replayed something wants it told now.
      this.#restUntil.clear()
      this.#wake.abort()
    })
    signal.addEventListener('abort', () => this.#wake.abort(), { once: true })
    while (!signal.aborted) {
      this.#wake = new AbortController()
      const areThere = await this.#look(signal)
      if (!signal.aborted) await sleep(clock, areThere ? LOOK_EVERY_MS : IDLE_LOOK_EVERY_MS, this.#wake.signal)
    }
    unsubscribe()
    await Promise.all(this.#busy.values())
    await client.close()
  }

  /** @returns whether there are callbacks */
  async #look(signal: AbortSignal): Promise<boolean> {
    const { store, clock } = this.#parts
    try {
      if (!this.#hasBegun) await this.#clearUp()
      this.#hasBegun = true
      const targets = await store.callbacks.targets(clock.now())
      for (const target of targets) this.#begin(target, signal)
      return targets.length > 0 || (await store.callbacks.list()).length > 0
    } catch (error) {
      this.#say(error)
      return true
    }
  }

  /** What was left by processes before, or by other settings. */
  async #clearUp(): Promise<void> {
    await leaveOutStrangers(this.#parts)
    await this.#parts.store.callbacks.follow()
  }

  #begin(target: CallbackTarget, signal: AbortSignal): void {
    const key = target.target
    if (this.#busy.has(key) || this.#parts.clock.now() < (this.#restUntil.get(key) ?? 0)) return
    this.#restUntil.delete(key)
    const work = this.#work(target, signal)
      .catch((error: unknown) => this.#say(error))
      .finally(() => this.#busy.delete(key))
    this.#busy.set(key, work)
  }

  /** One URL, until nothing is due, or it is not reached. One that was not reached is tried with one request first. */
  async #work({ target, user, failures }: CallbackTarget, signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#parts
    const most = settings.concurrency * LANES_AHEAD
    let limit = failures > 0 ? 1 : settings.concurrency
    let after = 0
    let sought = 0
    while (true) {
      // Nothing is claimed that would only wait: its lease runs, and others could tell it.
      const slot = await this.#slots.take({ user, target })
      if (signal.aborted) return slot.release()
      const began = performance.now()
      const { next, ...batch } = await this.#claim({ target, user, failures, signal }, limit, after, slot)
      if (batch.deliveries.length > 0) {
        if (!(await this.#tellAll(batch, slot))) return
        limit = batch.isLate ? Math.max(1, Math.floor(limit / 2)) : Math.min(2 * limit, most)
        after = 0
        sought = 0
        continue
      }
      slot.release()
      sought += performance.now() - began
      if (next === undefined) break
      after = next
    }
    // Very much that waits and is not due is not looked through all the time.
    if (after > 0) this.#restUntil.set(target, clock.now() + restAfter(sought))
  }

  async #claim(work: Work, limit: number, after: number, slot: Slot): Promise<Batch & Pick<ClaimedCallbacks, 'next'>> {
    const { store, clock, newId, settings } = this.#parts
    const [now, holder] = [clock.now(), newId()]
    const last = now + (LEASE_ROUNDS - 1) * settings.timeLimit
    const until = last + settings.timeLimit + LEASE_MARGIN_MS
    const request = { target: work.target, holder, now, until, limit, page: PAGE, after }
    try {
      const claimed = await store.callbacks.claim(request)
      return { ...work, ...claimed, holder, until: last, isOver: false, isLate: false }
    } catch (error) {
      slot.release()
      throw error
    }
  }

  /** @returns whether the URL is to be told more */
  async #tellAll(batch: Batch, slot: Slot): Promise<boolean> {
    const next = batch.deliveries.values()
    const workers = Math.min(this.#parts.settings.concurrency, batch.deliveries.length)
    const working = Array.from({ length: workers }, (_, n) => this.#tellEach(next, batch, n === 0 ? slot : undefined))
    // The URL is this one's until all have ended, whatever became of them.
    for (const ended of await Promise.allSettled(working)) if (ended.status === 'rejected') throw ended.reason
    return !batch.isOver
  }

  async #tellEach(next: Iterator<CallbackDelivery>, batch: Batch, first: Slot | undefined): Promise<void> {
    let slot = first
    for (let each = next.next(); each.done !== true; each = next.next()) {
      const result = await this.#tellInTurn(each.value, batch, slot)
      slot = undefined
      await this.#settle(result, batch.signal)
    }
  }

  async #tellInTurn(delivery: CallbackDelivery, batch: Batch, first: Slot | undefined): Promise<DeliveryResult> {
    const { seq } = delivery
    const { holder, target } = batch
    // What is only given back takes nobody's turn.
    if (first === undefined && this.#isEnded(batch)) return { seq, holder, target, kind: 'released' }
    const slot = first ?? (await this.#slots.take(batch))
    return this.#tell(delivery, batch).finally(() => slot.release())
  }

  #isEnded(batch: Batch): boolean {
    batch.isLate ||= this.#parts.clock.now() >= batch.until
    return batch.isOver || batch.isLate || batch.signal.aborted
  }

  async #tell(delivery: CallbackDelivery, batch: Batch): Promise<DeliveryResult> {
    const { holder, target } = batch
    if (this.#isEnded(batch)) return { seq: delivery.seq, holder, target, kind: 'released' }
    const result = await this.#telling.tell(delivery, batch)
    if (result.kind === 'retry' && result.hold !== null) batch.isOver = true
    return result
  }

  /** What is not recorded is told again when the lease is over. */
  async #settle(result: DeliveryResult, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#parts
    for (let tries = 1; ; tries++) {
      try {
        return await store.callbacks.settle([result])
      } catch (error) {
        if (tries === SETTLE_TRIES) throw error
        await sleep(clock, SETTLE_PAUSE_MS, signal)
      }
    }
  }

  #say(error: unknown): void {
    const { clock, logger } = this.#parts
    if (clock.now() - this.#saidAt < SAID_EVERY_MS) return
    this.#saidAt = clock.now()
    logger.warn({ err: error }, 'callbacks cannot be told now; they are recorded, and told later')
  }
}

interface Work extends CallbackTarget {
  readonly signal: AbortSignal
}

interface Batch extends Work {
  readonly deliveries: readonly CallbackDelivery[]
  readonly holder: string
  /** Nothing is begun after this time. */
  readonly until: number
  /** The URL is left alone: what is left of the batch is given back. */
  isOver: boolean
  /** There was no time for all of it. */
  isLate: boolean
}

/** @param sought milliseconds of looking through what waits, in which nothing was found to tell */
function restAfter(sought: number): number {
  return Math.min(REST_FACTOR * sought, LONGEST_REST_MS)
}
