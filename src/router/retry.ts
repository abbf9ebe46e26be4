/** Growing delays. */
export interface Backoff {
  /** Milliseconds before the first retry. */
  readonly firstDelay: number
  readonly longestDelay: number
}

/**
 * The delay before the next try: doubled each time, between half and the whole of it by chance, so that what
 * failed together does not come back together.
 * @param failures how many tries have failed, from 1
 * @param random from 0 up to 1
 */
export function backoffDelay(failures: number, backoff: Backoff, random: () => number = Math.random): number {
  const whole = Math.min(backoff.longestDelay, backoff.firstDelay * 2 ** Math.min(failures - 1, 30))
  return Math.round(whole / 2 + (random() * whole) / 2)
}
