import { InvalidInputError } from '../messages/errors.ts'

/** A length of time: milliseconds, or a text such as `10m`, `2h` or `1h30m`. */
export type Duration = number | string

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g
const WHOLE = /^(\d+(\.\d+)?(ms|s|m|h|d))+$/

/**
 * @returns milliseconds
 * @throws InvalidInputError for anything that is no length of time
 */
export function milliseconds(duration: Duration): number {
  if (typeof duration === 'number') {
    if (duration >= 0 && Number.isFinite(duration)) return duration
  } else if (WHOLE.test(duration)) {
    return [...duration.matchAll(PART)].reduce(
      (sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0),
      0,
    )
  }
  throw new InvalidInputError(
    `A length of time is expected, milliseconds or a text such as 10m, 2h or 1h30m, not ${JSON.stringify(duration)}`,
  )
}
