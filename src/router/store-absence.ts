import { type Clock, sleep } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Queue } from '../queue/queue.ts'
import type { Store } from '../store/store.ts'

const LOOKED_EVERY_MS = 1_000

export interface StoreAbsenceParts {
  readonly store: Store
  readonly queue: Queue
  readonly clock: Clock
  readonly logger: Logger
  /** Other processes work the same lanes. */
  readonly isShared: boolean
  /** Begins to take lanes again. */
  readonly resume: () => void
}

/**
 * What a process does that does not reach the store, while others may: it takes no lanes, since each one it took and
 * could not work would wait for it, until the store answers again.
 */
export class StoreAbsence {
  readonly #parts: StoreAbsenceParts
  #signal: AbortSignal | undefined
  #waiting: Promise<void> | undefined

  constructor(parts: StoreAbsenceParts) {
    this.#parts = parts
  }

  /** @param signal aborted when the process stops */
  begin(signal: AbortSignal): void {
    this.#signal = signal
  }

  /** The store did not answer. */
  noticed(): void {
    const signal = this.#signal
    if (!this.#parts.isShared || signal === undefined || signal.aborted) return
    this.#waiting ??= this.#wait(signal).finally(() => {
      this.#waiting = undefined
    })
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { store, queue, clock, logger, resume } = this.#parts
    logger.warn({}, 'the store is not reached; other processes work the messages meanwhile')
    await queue.stop(0)
    while (!signal.aborted) {
      await sleep(clock, LOOKED_EVERY_MS, signal)
      const isBack = await store.ping().then(
        () => true,
        () => false,
      )
      if (signal.aborted || !isBack) continue
      logger.info({}, 'the store is reached again')
      resume()
      return
    }
  }
}
