import { SwitchboardError } from '../messages/errors.ts'

/** What a service said of a message it did not take, and where it happened. Never a secret. */
export interface ProviderDetails {
  readonly cause?: unknown
  /** The service's own code. */
  readonly providerCode?: string
  /** Whether the service may have taken the message all the same: its answer never came. */
  readonly outcomeUnknown?: boolean
  /** Milliseconds the service asks us to wait. */
  readonly retryAfter?: number
  /** The service sends this person nothing, since she has told it to stop. */
  readonly optedOut?: boolean
  /** Whether another service may take what this one did not; by default as the class says. */
  readonly elsewhere?: boolean
  /** Where the outcome is not known: by which ids the service will report, should it have taken the message. */
  readonly externalIds?: readonly string[]
}

/** The base of what `send` throws. Each class knows whether trying again can help. */
export abstract class ProviderError extends SwitchboardError {
  abstract readonly retry: boolean
  readonly providerCode: string | null
  readonly outcomeUnknown: boolean
  readonly retryAfter: number | null
  readonly optedOut: boolean
  /** Whether another service may take the message; null where the class says it. */
  readonly elsewhere: boolean | null
  readonly externalIds: readonly string[]

  constructor(message: string, details: ProviderDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.providerCode = details.providerCode ?? null
    this.outcomeUnknown = details.outcomeUnknown ?? false
    this.retryAfter = details.retryAfter ?? null
    this.optedOut = details.optedOut ?? false
    this.elsewhere = details.elsewhere ?? null
    this.externalIds = details.externalIds ?? []
  }
}

/** The service could not be reached, or did not answer. */
export class ConnectionError extends ProviderError {
  readonly code = 'CONNECTION'
  readonly retry = true
}

/** The service failed. */
export class ServerError extends ProviderError {
  readonly code = 'SERVER'
  readonly retry = true
}

/** We were too fast, or a quota is used up. */
export class LimitsError extends ProviderError {
  readonly code = 'LIMITS'
  readonly retry = true
}

/** The service does not understand or accept the request. */
export class RequestError extends ProviderError {
  readonly code = 'REQUEST'
  readonly retry = false
}

/** User, password or key are not accepted. */
export class AuthError extends ProviderError {
  readonly code = 'AUTH'
  readonly retry = false
}

/** The account has no credit. */
export class CreditError extends ProviderError {
  readonly code = 'CREDIT'
  readonly retry = false
}

/** The service cannot do this: a recipient it does not reach, a text it does not carry. */
export class UnsupportedError extends ProviderError {
  readonly code = 'UNSUPPORTED'
  readonly retry = false
}

/** The service refused this message. */
export class MessageSendError extends ProviderError {
  readonly code = 'MESSAGE_SEND'
  readonly retry = false
}

/** The backend was paused by hand: nothing is sent over it until it is resumed. */
export class PausedError extends ProviderError {
  readonly code = 'PAUSED'
  readonly retry = true
}

/** An app did not return within its time limit. */
export class AppTimeoutError extends SwitchboardError {
  readonly code = 'APP_TIMEOUT'
}

/**
 * A hook that runs before failed: nothing was recorded, or given to the service. What the hook said may quote the
 * message, so that it is neither in the text nor the cause, which anybody may log.
 */
export class HookError extends SwitchboardError {
  readonly code = 'HOOK'
  /** What the hook threw. */
  readonly thrown: unknown

  constructor(message: string, thrown: unknown) {
    super(message)
    this.thrown = thrown
  }
}

/** A hook did not return within its time limit. */
export class HookTimeoutError extends SwitchboardError {
  readonly code = 'HOOK_TIMEOUT'
}

/** More messages wait than the settings allow; the sender is asked to come again. */
export class BacklogError extends SwitchboardError {
  readonly code = 'BACKLOG'
}

/** The message was not sent: an app vetoed it, its recipient has opted out, or its time was over. */
export class CancelledError extends SwitchboardError {
  readonly code = 'CANCELLED'
}

/** The idempotency key was used before, for something else. */
export class IdempotencyMismatchError extends SwitchboardError {
  readonly code = 'IDEMPOTENCY_MISMATCH'
}

/** The routing of the settings cannot choose a backend: its function threw, or answered what is none. */
export class RoutingError extends SwitchboardError {
  readonly code = 'ROUTING'
}

/** The switchboard is stopping or was not started. */
export class NotRunningError extends SwitchboardError {
  readonly code = 'NOT_RUNNING'
}

const byCode = {
  CONNECTION: ConnectionError,
  SERVER: ServerError,
  LIMITS: LimitsError,
  REQUEST: RequestError,
  AUTH: AuthError,
  CREDIT: CreditError,
  UNSUPPORTED: UnsupportedError,
  MESSAGE_SEND: MessageSendError,
  PAUSED: PausedError,
} as const

/** The error of a settled message, from what was kept of it; its class is known by its code. */
export function providerErrorOf(code: string | null, text: string | null, providerCode: string | null): ProviderError {
  const known = code === null ? undefined : Object.entries(byCode).find(([name]) => name === code)
  const outcomeUnknown = code === 'OUTCOME_UNKNOWN'
  const ErrorClass = known?.[1] ?? (outcomeUnknown ? ConnectionError : MessageSendError)
  return new ErrorClass(text ?? 'The message was not sent.', {
    ...(providerCode === null ? {} : { providerCode }),
    outcomeUnknown,
  })
}
