/** A timer that can be taken back. */
export interface Timer {
  cancel(): void
}

/**
 * The only source of time. Everything that waits or stamps takes one, so that tests can freeze it.
 * Times are milliseconds since 1970 (UTC).
 */
export interface Clock {
  now(): number
  /** Calls `callback` once when `now()` has reached `at`; never before the current turn of the loop ends. */
  schedule(at: number, callback: () => void): Timer
}

const LONGEST_TIMEOUT = 2_147_483_647

/** The machine's clock. Timers longer than Node can hold (24.8 days) are chained. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(at, callback) {
    let handle: NodeJS.Timeout
    const arm = () => {
      const wait = Math.max(0, at - Date.now())
      handle = setTimeout(wait > LONGEST_TIMEOUT ? arm : callback, Math.min(wait, LONGEST_TIMEOUT))
    }
    arm()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves once the clock has passed `milliseconds`, or at once when the signal is aborted. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.schedule(clock.now() + milliseconds, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
