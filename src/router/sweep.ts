import { type Clock, sleep } from '../messages/clock.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { Queue } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import { TakenOverError } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { Backlog } from './backlog.ts'

const PAGE = 1_000
const INTERVAL_MS = 59_000
const RETRY_AFTER_MS = 10_000
const BUCKET = 'sweep'

export interface SweepParts {
  readonly store: Store
  readonly queue: Queue
  readonly signals: Signals
  readonly clock: Clock
  readonly logger: Logger
  readonly backlog: Backlog
  /** What else one of all processes does each time. */
  readonly also: (signal: AbortSignal) => Promise<void>
}

/**
 * Rings whatever the store holds as unfinished: at the start, when the queue has forgotten what it knew, and once a
 * minute, by one of all the processes, should a ring ever have been lost.
 */
export class Sweep {
  readonly #parts: SweepParts
  #isForgotten = false
  #wake = () => {}

  constructor(parts: SweepParts) {
    this.#parts = parts
    parts.queue.onForgotten(() => {
      this.#isForgotten = true
      this.#wake()
    })
  }

  /**
   * Goes on until the signal.
   * @throws TakenOverError when another server works the database
   */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, clock } = this.#parts
    while (!signal.aborted) {
      try {
        const wait = await this.#untilDue()
        if (wait === 0) await this.#ringAll(signal)
        else await this.#pause(wait, signal)
      } catch (error) {
        if (error instanceof TakenOverError) throw error
        logger.error({ err: error }, 'unfinished messages could not be looked up; trying again')
        await sleep(clock, RETRY_AFTER_MS, signal)
        this.#isForgotten = true
      }
    }
  }

  /** @returns milliseconds until it is this process's turn, or may be */
  async #untilDue(): Promise<number> {
    if (this.#isForgotten) {
      this.#isForgotten = false
      return 0
    }
    // A bucket of one token for all processes, which fills once in the interval.
    return this.#parts.signals.takeToken(BUCKET, { perSecond: 1_000 / INTERVAL_MS })
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    const wake = () => woken.abort()
    signal.addEventListener('abort', wake)
    this.#wake = wake
    if (!this.#isForgotten && !signal.aborted) await sleep(this.#parts.clock, milliseconds, woken.signal)
    this.#wake = () => {}
    signal.removeEventListener('abort', wake)
  }

  async #ringAll(signal: AbortSignal): Promise<void> {
    const { backlog, store, also } = this.#parts
    await this.#ringUnfinished('incoming', signal)
    await this.#ringUnfinished('outgoing', signal)
    await backlog.count(store)
    await also(signal)
  }

  async #ringUnfinished(kind: Lane['kind'], signal: AbortSignal): Promise<void> {
    const { store, queue } = this.#parts
    let after: Lane | undefined
    while (!signal.aborted) {
      const page = await store.openLanes(kind, after, PAGE)
      await Promise.all(page.map(({ lane, notBefore }) => queue.ring(lane, notBefore)))
      after = page.at(-1)?.lane
      if (page.length < PAGE) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
