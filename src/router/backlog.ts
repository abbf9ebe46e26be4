import { type Clock, sleep } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Store } from '../store/store.ts'
import { BacklogError } from './errors.ts'

const COUNTED_EVERY_MS = 2_000

/**
 * How many incoming messages wait for their phases, and whether more may come. What this process takes and settles is
 * counted here at once; what others do, by asking the store.
 */
export class Backlog {
  readonly #most: number
  #open = 0
  /** Being recorded: the store does not count them yet. */
  #recording = 0

  /** @param most messages that may wait before new ones are refused */
  constructor(most: number) {
    this.#most = most
  }

  /** @throws BacklogError when no more may wait */
  refuseWhenFull(): void {
    const waiting = this.#open + this.#recording
    if (waiting < this.#most) return
    throw new BacklogError(`${waiting} messages wait already; the setting queue.backlog allows no more.`)
  }

  /** Counts a message in while it is being recorded. */
  async during<T>(recording: Promise<T>): Promise<T> {
    this.#recording++
    try {
      return await recording
    } finally {
      this.#recording--
    }
  }

  opened(count = 1): void {
    this.#open += count
  }

  settled(): void {
    this.#open--
  }

  async count(store: Store): Promise<void> {
    this.#open = await store.countOpenIncoming()
  }

  /** Asks the store again and again, where other processes take and settle messages too; ends with the signal. */
  async follow(store: Store, clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(clock, COUNTED_EVERY_MS, signal)
      if (signal.aborted) return
      await this.count(store).catch((error: unknown) => logger.debug({ err: error }, 'the backlog was not counted'))
    }
  }
}
