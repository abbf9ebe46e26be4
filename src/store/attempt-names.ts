import type { AttemptResult } from './outgoing-records.ts'

/** What an attempt came to, as it is listed: RETRY, MOVED, or the state of the settled message. */
export function outcomeName(outcome: AttemptResult['outcome']): string {
  if (outcome.kind === 'settled') return outcome.state
  return outcome.kind === 'moved' ? 'MOVED' : 'RETRY'
}
