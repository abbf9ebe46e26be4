import type { HttpResponse } from '../router/backend.ts'
import { type ProviderDetails, type ProviderError, ServerError, UnsupportedError } from '../router/errors.ts'
import { errorFromResponse, excerpt } from './http-client.ts'
import { unexpectedAnswer } from './provider-codes.ts'

/**
 * What Kannel says when it takes a message: `0: Accepted for delivery`, `3: Queued for later delivery` while the SMSC
 * is away, and `Sent.` where `immediate-sendsms-reply` is on.
 */
const TAKEN = /^\s*(0:|3:|sent\.|$)/i

/** No SMSC takes this number; status 403, which has nothing to do with who we are. */
const NOT_ROUTABLE = /^\s*not routable/i

/** A white or black list, or a number that is none; status 400. */
const DENIED = /denied by white|empty receiver|missing receiver/i

/** Where `immediate-sendsms-reply` is on: those that were not taken, while all others were. */
const NOT_TAKEN = /(denied|failed) receivers are:([^.\n]*)/i

/** The error of Kannel's answer to one recipient; undefined when it took the message. */
export function refusalOf(response: HttpResponse, secrets: readonly string[]): ProviderError | undefined {
  const said = response.text()
  if (response.status >= 200 && response.status < 300) {
    return TAKEN.test(said) && !NOT_TAKEN.test(said) ? undefined : unexpectedAnswer(response, 'Kannel', secrets)
  }
  if (NOT_ROUTABLE.test(said) || DENIED.test(said)) {
    const { status } = response
    return new UnsupportedError(`Kannel answered ${status}: ${excerpt(response, secrets)}`, {
      providerCode: String(status),
    })
  }
  return errorFromResponse(response, 'Kannel', secrets)
}

/**
 * What came of a request to several recipients whose reports are asked for. Kannel waits for the first one alone
 * before it answers: what it says of the SMSC is said of that one, and the reports tell of the others.
 */
export function outcomesOf(
  response: HttpResponse,
  recipients: readonly string[],
  secrets: readonly string[],
): readonly (ProviderError | undefined)[] {
  const said = response.text()
  const [, how = '', listed = ''] = NOT_TAKEN.exec(said) ?? []
  if (how !== '') {
    const names = new Set(listed.split(/\s+/).filter((each) => each !== ''))
    const details = { providerCode: String(response.status) }
    return recipients.map((recipient) => (names.has(recipient) ? notTaken(how, details) : undefined))
  }
  // The first is reported as rejected, too.
  if (NOT_ROUTABLE.test(said)) return recipients.map(() => undefined)
  const refusal = refusalOf(response, secrets)
  if (!(refusal instanceof ServerError)) return recipients.map(() => refusal)
  const { message, providerCode, retryAfter } = refusal
  const others = new ServerError(message, {
    outcomeUnknown: true,
    ...(providerCode === null ? {} : { providerCode }),
    ...(retryAfter === null ? {} : { retryAfter }),
  })
  return recipients.map((_, index) => (index === 0 ? refusal : others))
}

function notTaken(how: string, details: ProviderDetails): ProviderError {
  const isDenied = how.toLowerCase() === 'denied'
  const ErrorOf = isDenied ? UnsupportedError : ServerError
  return new ErrorOf(`Kannel ${isDenied ? 'denies this receiver' : 'failed to send to this receiver'}.`, details)
}
