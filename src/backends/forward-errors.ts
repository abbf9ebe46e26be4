import { z } from 'zod'
import { errorText, InvalidInputError } from '../messages/errors.ts'
import type { HttpResponse } from '../router/backend.ts'
import {
  AuthError,
  CancelledError,
  ConnectionError,
  CreditError,
  LimitsError,
  MessageSendError,
  ProviderError,
  RequestError,
  ServerError,
  UnsupportedError,
} from '../router/errors.ts'
import { errorFromResponse, excerptOf } from './http-client.ts'
import { jsonOf } from './provider-codes.ts'

/** The exceptions that both sides know, by their names in py-smsframework (smsframework/exc.py). */
const known = {
  ConnectionError,
  MessageSendError,
  ProviderError: MessageSendError,
  RequestError,
  UnsupportedError,
  ServerError,
  AuthError,
  LimitsError,
  CreditError,
} as const

/** Beside the exception, which Python makes of its name and arguments alone. */
const details = z
  .object({
    code: z.string().max(200).optional().catch(undefined),
    outcomeUnknown: z.boolean().optional().catch(undefined),
    retryAfter: z.number().min(0).optional().catch(undefined),
  })
  .optional()
  .catch(undefined)

const failure = z.object({
  error: z.object({ '?E': z.tuple([z.string(), z.array(z.unknown())]) }),
  details,
})

/** What is answered to a message that was not sent: `{"error": {"?E": ["ServerError", ["Offline"]]}}`. */
export function errorBody(error: unknown): object {
  const name = Object.entries(known).find(([, KnownError]) => error instanceof KnownError)?.[0]
  const nearest = error instanceof InvalidInputError ? 'RequestError' : 'MessageSendError'
  const body = { error: { '?E': [name ?? nearest, [errorText(error)]] } }
  if (!(error instanceof ProviderError)) return body
  const { providerCode, outcomeUnknown, retryAfter } = error
  const told = {
    ...(providerCode === null ? {} : { code: providerCode }),
    ...(outcomeUnknown ? { outcomeUnknown } : {}),
    ...(retryAfter === null ? {} : { retryAfter }),
  }
  return Object.keys(told).length === 0 ? body : { ...body, details: told }
}

/** What is the message's own fate, and not a fault of ours. */
export function isTellable(error: unknown): boolean {
  return error instanceof ProviderError || error instanceof CancelledError || error instanceof InvalidInputError
}

export interface OtherSide {
  readonly what: string
  readonly secrets: readonly string[]
  /** What an exception stands for that only Python knows. */
  readonly otherwise: typeof ServerError | typeof MessageSendError
}

/**
 * What the other side answered, where it took what was given.
 * @throws ProviderError of the class that was thrown there; by the HTTP status where it says none
 */
export function answerOf(response: HttpResponse, { what, secrets, otherwise }: OtherSide): unknown {
  const isJson = /^application\/json\b/i.test(response.headers['content-type'] ?? '')
  const isSuccess = response.status >= 200 && response.status < 300
  if (!isJson && !isSuccess) throw errorFromResponse(response, what, secrets)
  const body = isSuccess ? jsonOf(response, what, secrets) : tried(() => jsonOf(response, what, secrets))
  const failed = failure.safeParse(body)
  if (!failed.success) {
    if (!isSuccess) throw errorFromResponse(response, what, secrets)
    return body
  }
  const { error, details: told = {} } = failed.data
  const [name, args] = error['?E']
  const said = args.map((arg) => (typeof arg === 'string' ? arg : JSON.stringify(arg))).join(', ')
  const isKnown = Object.hasOwn(known, name)
  const { code = isKnown ? undefined : name, outcomeUnknown, retryAfter } = told
  const KnownError = Object.entries(known).find(([own]) => own === name)?.[1] ?? otherwise
  throw new KnownError(`${what}: ${excerptOf(said === '' ? name : said, secrets)}`, {
    ...(code === undefined ? {} : { providerCode: excerptOf(code, secrets) }),
    ...(outcomeUnknown === undefined ? {} : { outcomeUnknown }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}

function tried<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
