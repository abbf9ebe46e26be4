import type { Limit } from '../limits.ts'
import { seconds } from './api-answer.ts'
import type { LimitName } from './endpoint.ts'

/** What the headers say, for the description of the API. */
export const limitHeaderMeanings = {
  'RateLimit-Policy': 'The limit this request counts for: `"send";q=6000;w=60` are 6000 requests in 60 seconds',
  RateLimit: 'What is left: `"send";r=5999;t=42` are 5999 requests, and all of them again in 42 seconds',
} as const

/**
 * As draft-ietf-httpapi-ratelimit-headers (08 and later) has them.
 * @param resetAfter milliseconds
 */
export function limitHeaders(
  name: LimitName,
  { amount, per }: Limit,
  remaining: number,
  resetAfter: number,
): Readonly<Record<keyof typeof limitHeaderMeanings, string>> {
  return {
    'RateLimit-Policy': `"${name}";q=${amount};w=${seconds(per)}`,
    RateLimit: `"${name}";r=${remaining};t=${seconds(resetAfter)}`,
  }
}
