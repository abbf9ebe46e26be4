import type { CallbackDelivery } from '../store/callback-store.ts'
import type { CallbackOutcome } from './callback-client.ts'
import { type Backoff, backoffDelay } from './retry.ts'

export interface CallbackRetry extends Backoff {
  /** Milliseconds after the event, when a try that fails is the last one. */
  readonly maxAge: number
}

/** What to do about a delivery. */
export type CallbackResult =
  | { readonly kind: 'delivered'; readonly now: number }
  | { readonly kind: 'gone'; readonly failure: string }
  | { readonly kind: 'dead'; readonly now: number; readonly status: number | null; readonly failure: string }
  | {
      readonly kind: 'retry'
      readonly at: number
      readonly now: number
      readonly status: number | null
      readonly failure: string
      readonly hold: number | null
    }

/** How long a URL is left alone at the most between two requests that look whether it is back. */
const LONGEST_HOLD_MS = 60_000
/** It wants to hear nothing more. */
export const GONE = 410
/** What speaks of the URL as a whole, not of this one request. */
const BUSY: readonly number[] = [429, 503]

export interface Told {
  readonly outcome: CallbackOutcome
  readonly delivery: Pick<CallbackDelivery, 'tries' | 'since'>
  /** How often in a row the URL was not reached before. */
  readonly failures: number
  readonly now: number
}

/** 2xx is success. Whatever else is tried again, until it is too old. */
export function resultOf({ outcome, delivery, failures, now }: Told, retry: CallbackRetry): CallbackResult {
  const status = outcome.kind === 'answered' ? outcome.status : null
  if (status !== null && status >= 200 && status < 300) return { kind: 'delivered', now }
  const failure = outcome.kind === 'answered' ? `answered ${outcome.status}` : outcome.failure
  if (status === GONE) return { kind: 'gone', failure }
  const last = delivery.since + retry.maxAge
  if (now >= last) return { kind: 'dead', now, status, failure }
  const isAway = status === null || BUSY.includes(status)
  const asked = (isAway && outcome.kind === 'answered' ? outcome.retryAfter : undefined) ?? 0
  const delay = Math.max(asked, backoffDelay(delivery.tries + 1, retry))
  const hold = Math.max(asked, Math.min(LONGEST_HOLD_MS, backoffDelay(failures + 1, retry)))
  return { kind: 'retry', at: Math.min(now + delay, last), now, status, failure, hold: isAway ? now + hold : null }
}
