import { type Clock, sleep } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'

/** What each part has at the least, however long the messages in hand took. */
const LEAST_MS = 200

interface Part {
  readonly name: string
  stop?(): Promise<void> | void
}

/**
 * Stops one app or backend. What it does wrong then, or does not end in time, keeps nothing else from stopping.
 * @param deadline milliseconds since 1970
 */
export async function stopPart(part: Part, deadline: number, clock: Clock, logger: Logger): Promise<void> {
  if (part.stop === undefined) return
  const ended = new AbortController()
  const limit = Math.max(LEAST_MS, deadline - clock.now())
  const timeIsUp = sleep(clock, limit, ended.signal).then(() => {
    if (!ended.signal.aborted) logger.error({ part: part.name }, 'did not stop in time, and is left as it is')
  })
  try {
    await Promise.race([part.stop(), timeIsUp])
  } catch (error) {
    logger.error({ part: part.name, err: error }, 'failed to stop')
  } finally {
    ended.abort()
  }
}
