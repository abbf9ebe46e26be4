import type { Clock } from '../../messages/clock.ts'
import type { Challenge, ChallengeRequest } from './settings.ts'

/** Milliseconds. */
const LIMIT_MS = 10_000

/**
 * Asks the settings' function whether a person is there.
 * @throws whatever it throws, or Error when it takes too long: then nobody knows
 */
export async function passesChallenge(
  challenge: Challenge,
  request: Omit<ChallengeRequest, 'signal'>,
  clock: Clock,
): Promise<boolean> {
  const ending = new AbortController()
  let timer: { cancel(): void } | undefined
  const timeIsUp = new Promise<never>((_, reject) => {
    timer = clock.schedule(clock.now() + LIMIT_MS, () => {
      ending.abort()
      reject(new Error(`proxy.challenge did not answer within ${LIMIT_MS} ms.`))
    })
  })
  try {
    const asked = Promise.resolve().then(() => challenge({ ...request, signal: ending.signal }))
    return (await Promise.race([asked, timeIsUp])) === true
  } finally {
    timer?.cancel()
  }
}
