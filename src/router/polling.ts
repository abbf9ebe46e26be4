import { type Clock, sleep } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Store } from '../store/store.ts'
import type { Backend, SendTools } from './backend.ts'
import { Ending } from './ending.ts'

export interface PollingParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  /** Names this process among those that could poll. */
  readonly holder: string
  readonly toolsOf: (backend: Backend, ending: Ending) => SendTools<unknown>
}

const LONGEST_BACKOFF_MS = 15 * 60_000
/** After this, a poll that hangs is given up. */
const POLL_LIMIT_MS = 120_000

/** Polls the backends that ask for it. Of several processes one polls a backend at a time. */
export class Polling {
  readonly #parts: PollingParts

  constructor(parts: PollingParts) {
    this.#parts = parts
  }

  /** Polls until the signal is aborted. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const polled = [...this.#parts.backends.values()].filter(
      ({ poll, common }) => poll !== undefined && common.pollInterval !== undefined && !common.debug,
    )
    await Promise.all(polled.map((backend) => this.#pollForever(backend, signal)))
  }

  async #pollForever(backend: Backend, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts
    const interval = backend.common.pollInterval ?? 0
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#pollOnce(backend, interval, signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) break
        failures++
        logger.warn({ backend: backend.name, failures, err: error }, 'a poll failed; it is tried again later')
      }
      await sleep(clock, failures === 0 ? interval : backoff(interval, failures), signal)
    }
  }

  /** The lease is held until the next poll is due, so that each interval has one poll and not one in each process. */
  async #pollOnce(backend: Backend, interval: number, signal: AbortSignal): Promise<void> {
    const { store, clock, holder, toolsOf } = this.#parts
    const name = `poll:${backend.name}`
    const now = clock.now()
    if (!(await store.memory.lease(name, holder, now, now + POLL_LIMIT_MS))) return
    const ending = new Ending()
    const abort = () => ending.abort()
    signal.addEventListener('abort', abort, { once: true })
    try {
      await this.#inTime(backend, toolsOf(backend, ending), ending)
    } finally {
      signal.removeEventListener('abort', abort)
      if (signal.aborted) await store.memory.release(name, holder).catch(() => undefined)
      else await store.memory.lease(name, holder, clock.now(), clock.now() + interval)
    }
  }

  #inTime(backend: Backend, tools: SendTools<unknown>, ending: Ending): Promise<void> {
    const { clock } = this.#parts
    return new Promise((resolve, reject) => {
      const timer = clock.schedule(clock.now() + POLL_LIMIT_MS, () => {
        ending.abort()
        reject(new Error(`The poll did not end within ${POLL_LIMIT_MS} ms.`))
      })
      ending.signal.addEventListener('abort', () => reject(new Error('The poll was ended.')), { once: true })
      Promise.resolve(backend.poll?.(tools))
        .then(() => resolve(), reject)
        .finally(() => timer.cancel())
    })
  }
}

function backoff(interval: number, failures: number): number {
  return Math.max(interval, Math.min(LONGEST_BACKOFF_MS, interval * 2 ** Math.min(failures, 20)))
}
