import { InvalidInputError } from '../../messages/errors.ts'
import { QueueUnavailableError } from '../../queue/errors.ts'
import {
  BacklogError,
  HookError,
  HookTimeoutError,
  IdempotencyMismatchError,
  NotRunningError,
} from '../../router/errors.ts'
import { DocumentConflictError, StoreUnavailableError } from '../../store/errors.ts'
import { Refusal, retryAfter } from './api-answer.ts'

/** Milliseconds after which a client may come again when we cannot serve it now. */
const COME_AGAIN_MS = 5_000

/**
 * What an error of ours says to the client; undefined for one that nobody expected.
 * @param names how the fields of the router are called in this request, where they are called otherwise
 */
export function refusalOf(error: unknown, names: Readonly<Record<string, string>>): Refusal | undefined {
  if (error instanceof Refusal) return error
  if (error instanceof InvalidInputError) return invalid(error.message, names)
  if (error instanceof IdempotencyMismatchError) {
    return new Refusal('IDEMPOTENCY_MISMATCH', 'This Idempotency-Key has been used for another request.')
  }
  if (error instanceof DocumentConflictError) {
    return new Refusal('CONFLICT', 'Somebody else has changed it meanwhile; ask again.')
  }
  const temporary = [
    StoreUnavailableError,
    QueueUnavailableError,
    NotRunningError,
    BacklogError,
    HookError,
    HookTimeoutError,
  ]
  if (!temporary.some((ErrorClass) => error instanceof ErrorClass)) return undefined
  return new Refusal('UNAVAILABLE', 'This cannot be taken or given now; come again.', {
    headers: retryAfter(COME_AGAIN_MS),
  })
}

/** Ours begin with the field: `to: a number is expected`. */
function invalid(message: string, names: Readonly<Record<string, string>>): Refusal {
  const [, field, fault] = /^([A-Za-z]\w*)[\w.]*: (.+)$/s.exec(message) ?? []
  if (field === undefined || fault === undefined) return new Refusal('INVALID_INPUT', message)
  const name = Object.hasOwn(names, field) ? (names[field] ?? field) : field
  return new Refusal('INVALID_INPUT', `${name}: ${fault}`, { fields: { [name]: fault } })
}
