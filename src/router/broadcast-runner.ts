import { type Clock, sleep } from '../messages/clock.ts'
import type { NewId } from '../messages/ids.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { Signals } from '../queue/signals.ts'
import type { BroadcastRow } from '../store/broadcast-store.ts'
import { StaleResultError, TakenOverError } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { BroadcastExpansion } from './broadcast-expansion.ts'
import type { Ringer } from './ring.ts'

export interface BroadcastRunnerParts {
  readonly store: Pick<Store, 'broadcasts' | 'memory'>
  readonly expansion: BroadcastExpansion
  readonly ringer: Ringer
  readonly signals: Signals
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
}

/** Whoever changes a broadcast publishes here, so that the one who runs them looks at once. */
export const BROADCASTS_CHANNEL = 'broadcasts'

/** Nobody's lane: a command nudges it beside a server, which then looks for broadcasts. */
export const BROADCASTS_LANE: Lane = { kind: 'incoming', owner: 'switchboard:broadcasts', identity: '' }

export function isBroadcastsLane(lane: Lane): boolean {
  return lane.kind === BROADCASTS_LANE.kind && lane.owner === BROADCASTS_LANE.owner
}

const LEASE = 'switchboard:broadcasts'
const LEASE_MS = 10_000
const RENEW_BEFORE_MS = 5_000
/** Another process runs them; should it die, its lease is over soon. */
const LEASED_MS = 2_000
/** Whoever begins one says so; this is for what was never heard. */
const IDLE_MS = 60_000
const RETRY_MS = 2_000
const IN_HAND_MS = 200
const MOST_UNENDED = 1_000
/** Messages that one commit holds back, lets go or cancels. */
const BATCH = 500
const CANCELLED = 'the broadcast was cancelled'
const BROKEN_OFF = 'its taking-in broke off before all recipients were read; nobody was sent anything'

/**
 * Moves all broadcasts on, a little of each at a time: one process at a time, by a lease in the store. Should two of them
 * ever do it, the store commits each piece once.
 */
export class BroadcastRunner {
  readonly #parts: BroadcastRunnerParts
  #holder: string | undefined
  #leasedUntil = Number.NEGATIVE_INFINITY
  #isAsked = false
  #wakeUp = () => {}

  constructor(parts: BroadcastRunnerParts) {
    this.#parts = parts
  }

  /** Has it look at once. */
  wake(): void {
    this.#isAsked = true
    this.#wakeUp()
  }

  /** Goes on until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { signals, logger } = this.#parts
    const unsubscribe = signals.subscribe(BROADCASTS_CHANNEL, () => this.wake())
    try {
      while (!signal.aborted) {
        this.#isAsked = false
        await this.#pause(await this.#turn(), signal)
      }
      await this.#giveBack()
    } catch (error) {
      if (!(error instanceof TakenOverError)) throw error
      logger.warn({ err: error }, 'another server runs the broadcasts of this database')
    } finally {
      unsubscribe()
    }
  }

  /** @returns milliseconds after which to come again */
  async #turn(): Promise<number> {
    const { store, clock, logger } = this.#parts
    try {
      const rows = await store.broadcasts.unended(MOST_UNENDED)
      const now = clock.now()
      const due = rows.filter((row) => dueAt(row) <= now)
      if (due.length === 0) {
        await this.#giveBack()
        return rows.reduce((wait, row) => Math.min(wait, dueAt(row) - now), IDLE_MS)
      }
      if (!(await this.#isRunning(now))) return LEASED_MS
      let wait = IDLE_MS
      for (const row of due) wait = Math.min(wait, await this.#step(row))
      return wait
    } catch (error) {
      if (error instanceof TakenOverError) throw error
      logger.error({ err: error }, 'broadcasts could not be moved on; trying again')
      return RETRY_MS
    }
  }

  async #step(row: BroadcastRow): Promise<number> {
    const { logger, expansion } = this.#parts
    try {
      if (row.state === 'TAKING') return await this.#breakOff(row)
      if (row.state === 'CANCELLING') return await this.#cancel(row)
      if (row.state === 'PAUSED' || row.held) return await this.#hold(row)
      return await expansion.step(row)
    } catch (error) {
      // Paused, cancelled or moved on by somebody else meanwhile: read anew.
      if (error instanceof StaleResultError) return 0
      if (error instanceof TakenOverError) throw error
      logger.error({ broadcast: row.id, err: error }, 'a broadcast could not be moved on; trying again')
      return RETRY_MS
    }
  }

  async #breakOff({ id }: BroadcastRow): Promise<number> {
    const { store, clock, logger } = this.#parts
    const at = clock.now()
    const change = { id, from: ['TAKING'], to: 'FAILED', reason: BROKEN_OFF, heldBefore: at, at } as const
    if (await store.broadcasts.change(change)) logger.error({ broadcast: id }, `a broadcast has failed: ${BROKEN_OFF}`)
    return 0
  }

  async #cancel({ id }: BroadcastRow): Promise<number> {
    const { store, clock } = this.#parts
    if ((await store.broadcasts.cancelOpen(id, CANCELLED, BATCH, clock.now())) === BATCH) return 0
    // What a service is being given now goes on, and is cancelled should it have to be tried again.
    if ((await store.broadcasts.countOpen(id, 1)) > 0) return IN_HAND_MS
    const change = { id, from: ['CANCELLING'], to: 'CANCELLED', reason: CANCELLED, at: clock.now() } as const
    await store.broadcasts.change(change)
    return 0
  }

  /** Holds back the messages of a paused broadcast, or lets those of a resumed one go. */
  async #hold({ id, state }: BroadcastRow): Promise<number> {
    const { store, clock, ringer } = this.#parts
    const held = state === 'PAUSED'
    const { lanes } = await store.broadcasts.hold(id, held, BATCH, clock.now())
    if (!held) for (const lane of lanes) ringer.ring(lane)
    return 0
  }

  async #isRunning(now: number): Promise<boolean> {
    if (this.#leasedUntil - now > RENEW_BEFORE_MS) return true
    const until = now + LEASE_MS
    this.#holder ??= this.#parts.newId()
    const isLeased = await this.#parts.store.memory.lease(LEASE, this.#holder, now, until)
    this.#leasedUntil = isLeased ? until : Number.NEGATIVE_INFINITY
    return isLeased
  }

  async #giveBack(): Promise<void> {
    if (this.#leasedUntil === Number.NEGATIVE_INFINITY || this.#holder === undefined) return
    this.#leasedUntil = Number.NEGATIVE_INFINITY
    // Not given back, it ends by itself.
    await this.#parts.store.memory.release(LEASE, this.#holder).catch(() => {})
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (milliseconds <= 0) return new Promise((resolve) => setImmediate(resolve))
    if (this.#isAsked || signal.aborted) return
    const woken = new AbortController()
    const wake = () => woken.abort()
    this.#wakeUp = wake
    signal.addEventListener('abort', wake)
    await sleep(this.#parts.clock, milliseconds, woken.signal)
    signal.removeEventListener('abort', wake)
    this.#wakeUp = () => {}
  }
}

/** From when on something is to be done; infinity when somebody has to do something first. */
function dueAt({ state, held, startAt, heldUntil }: BroadcastRow): number {
  if (state === 'TAKING') return heldUntil + 1
  if (state === 'PAUSED') return held ? Number.POSITIVE_INFINITY : 0
  return state === 'RUNNING' ? startAt : 0
}
