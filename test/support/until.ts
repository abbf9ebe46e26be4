import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 20

/**
 * Asks until the answer is something, and gives that.
 * @param what names what is waited for, in the error
 * @param limit milliseconds
 * @throws Error when it is still nothing at the limit; the last error of `ask` is its cause
 */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  limit = 5_000,
): Promise<T> {
  const deadline = Date.now() + limit
  for (;;) {
    let failure: unknown
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      failure = error
    }
    if (Date.now() >= deadline) throw new Error(`waited ${limit} ms in vain for: ${what}`, { cause: failure })
    await pause(POLL_MS)
  }
}
