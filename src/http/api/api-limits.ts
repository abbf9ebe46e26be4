import type { Clock } from '../../messages/clock.ts'
import type { Logger } from '../../messages/logger.ts'
import { QueueUnavailableError } from '../../queue/errors.ts'
import { type Claim, type Limiter, MemoryLimiter, type Taken } from '../limits.ts'

/** Milliseconds for which a Redis that gave no answer is not asked again. */
const LEFT_ALONE_MS = 5_000

/**
 * Counts as the given limiter does, and within this process while that cannot tell: messages are taken without Redis, so
 * that they are taken here too.
 */
export class ApiLimits implements Limiter {
  readonly #shared: Limiter
  readonly #own: MemoryLimiter
  readonly #clock: Clock
  readonly #logger: Logger
  #askAt = 0

  constructor(shared: Limiter, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#shared = shared
    this.#own = new MemoryLimiter(clock)
    this.#clock = clock
    this.#logger = logger
  }

  open(): void {
    this.#shared.open()
  }

  close(): void {
    this.#shared.close()
  }

  async take(claims: readonly Claim[]): Promise<Taken> {
    if (this.#clock.now() < this.#askAt) return this.#own.take(claims)
    try {
      return await this.#shared.take(claims)
    } catch (error) {
      if (!(error instanceof QueueUnavailableError)) throw error
      this.#askAt = this.#clock.now() + LEFT_ALONE_MS
      this.#logger.warn({ err: error }, 'the limits of the API are counted in this process alone')
      return this.#own.take(claims)
    }
  }
}
