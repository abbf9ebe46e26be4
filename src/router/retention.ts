import { type Clock, sleep } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Store } from '../store/store.ts'

const DAY_MS = 24 * 3600_000
/** After a start there is other work first. */
const FIRST_AFTER_MS = 60_000
const INTERVAL_MS = 3600_000
/** One of these takes a SQLite file some milliseconds, in which no message is recorded. */
const BATCH = 200
const PAUSE_MS = 100

export interface RetentionParts {
  readonly settings: {
    /** For how many days finished messages are kept; for ever when left out. */
    readonly days?: number | undefined
  }
  readonly store: Pick<Store, 'purge'>
  readonly clock: Clock
  readonly logger: Logger
}

/** The time (milliseconds since 1970) before which messages are older than so many days. */
export function daysAgo(days: number, clock: Clock): number {
  return clock.now() - days * DAY_MS
}

/**
 * Removes messages that have been kept for their days: soon after the start and once an hour, in small batches with
 * pauses between them, so that messages are worked meanwhile. Several processes may do it on one store.
 */
export class Retention {
  readonly #parts: RetentionParts
  #ending = new AbortController()
  #running: Promise<void> | undefined

  constructor(parts: RetentionParts) {
    this.#parts = parts
  }

  /** Does nothing where messages are kept for ever. The store has to be open from now on until the stop. */
  start(): void {
    const { days } = this.#parts.settings
    if (days === undefined || this.#running !== undefined) return
    this.#ending = new AbortController()
    this.#running = this.#run(days, this.#ending.signal)
  }

  /** Resolves when the batch in hand has ended; after it the store may be closed. */
  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#running
    this.#running = undefined
  }

  async #run(days: number, ending: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts
    await sleep(clock, FIRST_AFTER_MS, ending)
    while (!ending.aborted) {
      try {
        await this.#removeAll(daysAgo(days, clock), ending)
      } catch (error) {
        logger.error({ err: error }, 'old messages could not be removed; trying again in an hour')
      }
      await sleep(clock, INTERVAL_MS, ending)
    }
  }

  async #removeAll(before: number, ending: AbortSignal): Promise<void> {
    const { store, clock, logger } = this.#parts
    let messages = 0
    let more = true
    while (more && !ending.aborted) {
      const purged = await store.purge({ before, now: clock.now(), limit: BATCH })
      messages += purged.incoming + purged.outgoing
      more = purged.more
      if (more) await sleep(clock, PAUSE_MS, ending)
    }
    if (messages > 0) logger.info({ messages, before: new Date(before).toISOString() }, 'removed old messages')
  }
}
