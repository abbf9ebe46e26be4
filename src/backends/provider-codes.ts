import type { DeliveryReport } from '../messages/report.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { HttpResponse } from '../router/backend.ts'
import { MessageSendError, type ProviderDetails, type ProviderError } from '../router/errors.ts'
import { excerptOf } from './http-client.ts'

type ErrorClass = new (message: string, details?: ProviderDetails) => ProviderError

/**
 * A service's codes: the error each stands for, which says whether to try again, and what the service means by it.
 * `{ '301': [CreditError, 'no credit left'] }`. A third member says that the person has told the service to stop, or whether another
 * service may take the message.
 */
export type ErrorTable = Readonly<
  Record<string, readonly [error: ErrorClass, meaning: string, facts?: Pick<ProviderDetails, 'optedOut' | 'elsewhere'>]>
>

/** Beside the code: who said it, what text came with it, and what must not be shown of that. */
export interface CodeDetails extends Omit<ProviderDetails, 'providerCode'> {
  readonly what: string
  readonly text?: string | undefined
  readonly secrets?: readonly string[]
}

/** The error of a code. One that the table has not is a `MessageSendError` with the code as it came. */
export function errorOfCode(table: ErrorTable, code: string, details: CodeDetails): ProviderError {
  const { what, text = '', secrets = [], ...rest } = details
  const [ErrorOfCode, meaning, facts] = (Object.hasOwn(table, code) ? table[code] : undefined) ?? [MessageSendError, '']
  const shown = excerptOf(code, secrets)
  const said = [meaning, excerptOf(text, secrets)].filter((each) => each !== '').join(': ')
  return new ErrorOfCode(`${what} answered ${shown}${said === '' ? '' : ` (${said})`}`, {
    ...rest,
    ...facts,
    providerCode: shown,
  })
}

/** A service's words for states: `{ delivered: 'DELIVERED' }`. EXPIRED is an ERROR since the time was over. */
export type StateTable = Readonly<Record<string, OutgoingState | 'EXPIRED'>>

/** The state of a word; undefined where it is not known, which leaves the message's state as it is. */
export function stateOf(table: StateTable, word: string): OutgoingState | undefined {
  const state = Object.hasOwn(table, word) ? table[word] : undefined
  return state === 'EXPIRED' ? 'ERROR' : state
}

/** What a word says in a report: its state, and whether that is so because the time was over. */
export function standingOf(table: StateTable, word: string): Pick<DeliveryReport, 'state' | 'expired'> {
  const state = stateOf(table, word)
  if (state === undefined) return {}
  return table[word] === 'EXPIRED' ? { state, expired: true } : { state }
}

/**
 * The error of an answer that does not say what the service's answers say. Where it is one of success, the message may
 * have been taken all the same.
 */
export function unexpectedAnswer(response: HttpResponse, what: string, secrets: readonly string[] = []): ProviderError {
  const said = excerptOf(response.text(), secrets)
  const { status } = response
  const text = `${what} answered ${status} with something else than expected: ${said}`
  return new MessageSendError(text, { outcomeUnknown: status >= 200 && status < 300 })
}

/**
 * Reads a JSON answer.
 * @throws MessageSendError with the beginning of what came when it is none
 */
export function jsonOf(response: HttpResponse, what: string, secrets: readonly string[] = []): unknown {
  try {
    return JSON.parse(response.text())
  } catch {
    throw unexpectedAnswer(response, what, secrets)
  }
}
