import { errorText, SwitchboardError } from '../messages/errors.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { AttemptResult, ClaimedOutgoing } from '../store/outgoing-records.ts'
import type { Backend, SendingSettings, SendResult } from './backend.ts'
import { ProviderError } from './errors.ts'
import type { Prices } from './prices.ts'
import { backoffDelay } from './retry.ts'

/** What came of a message, with or without an attempt. */
export type Settlement = Pick<AttemptResult, 'outcome' | 'startedAt'> &
  Partial<Omit<AttemptResult, 'fence' | 'message' | 'at'>>

/** What a failure is weighed by. */
export interface Failure {
  /** When the attempt began; null when there was none. */
  readonly startedAt: number | null
  readonly error: unknown
  /** Whether another try may help. */
  readonly retry: boolean
  readonly now: number
}

export function settled(state: OutgoingState): AttemptResult['outcome'] {
  return { kind: 'settled', state }
}

/** The service took it. */
export function succeeded(result: SendResult, startedAt: number): Settlement {
  return { outcome: settled(result.state ?? 'SENT'), startedAt, ...recordable(result) }
}

/** Another try, as far as settings allow one, or ERROR. */
export function failed(claimed: ClaimedOutgoing, sending: SendingSettings, failure: Failure): Settlement {
  const { startedAt, error, retry, now } = failure
  const tries = claimed.tries + 1
  const details = { startedAt, ...recordableError(error) }
  const at = now + Math.max(waitAskedFor(error), backoffDelay(tries, sending))
  // One without a try of its own has waited for its backend's pause to end.
  const since = claimed.tries === 0 ? null : claimed.firstAttemptAt
  const tooOld = at - (since ?? startedAt ?? now) > sending.maxAge
  if (!retry || claimed.once || tries >= sending.attempts || tooOld) return { ...details, outcome: settled('ERROR') }
  return { ...details, outcome: { kind: 'retry', at } }
}

/**
 * The backend is paused by the error of this attempt: the message waits for the end of that, at its place, and the try is
 * none of its own. One that goes on elsewhere does, and one that is to be tried once only has its error.
 */
export function waitingOutPause(claimed: ClaimedOutgoing, failed: Settlement, now: number): Settlement {
  if (claimed.once || failed.outcome.kind === 'moved') return failed
  return { ...failed, outcome: { kind: 'retry', at: now, uncounted: true } }
}

/** With the project's own price, where the service has told no cost. */
export function withPrice(given: Settlement, claimed: ClaimedOutgoing, prices: Prices): Settlement {
  if (typeof given.cost === 'number' || given.outcome.kind !== 'settled') return given
  const { backend, identity } = claimed
  const estimate = prices.estimate({
    backend,
    identity,
    network: given.network ?? null,
    parts: given.parts ?? claimed.parts,
  })
  return estimate === undefined ? given : { ...given, ...estimate, estimated: true }
}

export function cancelled(reason: string, done: Pick<AttemptResult, 'changes' | 'outgoing'> = {}): Settlement {
  return { outcome: settled('CANCELLED'), startedAt: null, code: 'CANCELLED', error: reason, ...done }
}

export function outcomeUnknown(reason: string, startedAt: number | null = null): Settlement {
  return { outcome: settled('UNKNOWN'), startedAt, code: 'OUTCOME_UNKNOWN', error: reason }
}

/** Whether the message may go out again although the service may have it. */
export function mayRepeat(claimed: ClaimedOutgoing, backend: Backend): boolean {
  if (claimed.once) return false
  return backend.removesDuplicates || backend.common.sending.unknownOutcome[claimed.class] === 'retry'
}

export function isUnknown(error: unknown): boolean {
  return error instanceof ProviderError && error.outcomeUnknown
}

/** What a backend throws by mistake says nothing of the service: tried again as far as the settings allow. */
export function isRetryable(error: unknown): boolean {
  return error instanceof ProviderError ? error.retry : true
}

/**
 * What a service said, as it can be recorded whatever a backend returned: the message has been given, and a result that
 * cannot be recorded would make it be given again.
 */
function recordable({ idsName, parts, cost, currency, network, extra, ...taken }: SendResult): Partial<Settlement> {
  const externalIds = [...new Set((taken.externalIds ?? []).map(String))]
  return {
    externalIds,
    ...(externalIds.length > 1 && idsName !== 'message' ? { isIdPerPart: true } : {}),
    ...(Number.isSafeInteger(parts) ? { parts: Number(parts) } : {}),
    cost: Number.isFinite(cost) ? Number(cost) : null,
    currency: currency === undefined ? null : String(currency),
    network: network === undefined ? null : String(network),
    extra: extra === undefined || !isJson(extra) ? null : extra,
  }
}

/** A refusal that cannot be recorded would be taken for an outcome that cannot be known. */
export function recordableError(error: unknown): Pick<AttemptResult, 'code' | 'providerCode' | 'error'> {
  const providerCode = error instanceof ProviderError ? (error.providerCode ?? null) : null
  return {
    code: error instanceof SwitchboardError ? String(error.code) : 'UNEXPECTED',
    providerCode: providerCode === null ? null : String(providerCode),
    error: errorText(error),
  }
}

/** Whole milliseconds, whatever a backend made of the service's answer. */
function waitAskedFor(error: unknown): number {
  const asked = error instanceof ProviderError ? error.retryAfter : null
  return asked !== null && Number.isFinite(asked) ? Math.ceil(asked) : 0
}

function isJson(value: object): boolean {
  try {
    JSON.stringify(value)
    return true
  } catch {
    return false
  }
}
