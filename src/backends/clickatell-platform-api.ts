import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { BatchOutcome, HttpClient, HttpResponse } from '../router/backend.ts'
import {
  AuthError,
  ConnectionError,
  CreditError,
  LimitsError,
  MessageSendError,
  type ProviderError,
  RequestError,
  ServerError,
} from '../router/errors.ts'
import { platformErrors } from './clickatell-platform-codes.ts'
import { errorFromResponse, excerptOf } from './http-client.ts'
import { errorOfCode, jsonOf, unexpectedAnswer } from './provider-codes.ts'

const WHAT = 'Clickatell'

export interface PlatformAccount {
  readonly baseUrl: string
  readonly apiKey: string
}

const error = z.union([
  z.string().transform((text) => ({ code: '', text })),
  z
    .looseObject({ code: z.union([z.string(), z.number()]).optional(), description: z.string().nullish() })
    .transform(({ code = '', description }) => ({ code: String(code), text: description ?? '' })),
])
type Fault = z.output<typeof error>

const message = z.looseObject({
  apiMessageId: z.string().nullish(),
  accepted: z.boolean().nullish(),
  to: z.union([z.string(), z.number().transform(String)]).nullish(),
  error: error.nullish(),
})
const answer = z.looseObject({ messages: z.array(message).nullish(), error: error.nullish() })
const status = z.looseObject({ sms: z.looseObject({ status: z.string(), timestamp: z.number().optional() }) })
const money = z.looseObject({ balance: z.coerce.number(), currency: z.string().nullish() })

/** What both APIs of the platform are asked and answer. */
export class PlatformApi {
  readonly #account: PlatformAccount
  readonly #http: HttpClient
  readonly #secrets: readonly string[]

  constructor(account: PlatformAccount, http: HttpClient) {
    this.#account = account
    this.#http = http
    this.#secrets = [account.apiKey]
  }

  /** Gives messages in one request; one outcome for each, in their order. */
  async send(path: string, body: object, numbers: readonly string[]): Promise<readonly BatchOutcome[]> {
    const response = await this.#request('POST', path, body)
    const said = answer.safeParse(this.#jsonOf(response))
    if (!said.success) throw this.#unexpected(response)
    const { messages, error: fault } = said.data
    if (messages === null || messages === undefined || messages.length === 0) {
      throw fault === null || fault === undefined ? this.#unexpected(response) : this.#errorOf(fault, response)
    }
    const isFor = (each: z.output<typeof message>, number: string | undefined) => each.to?.replace(/^\+/, '') === number
    const isInOrder =
      messages.length === numbers.length &&
      messages.every((each, index) => (each.to ?? '') === '' || isFor(each, numbers[index]))
    return numbers.map((number, index) => {
      const found = isInOrder ? messages[index] : messages.find((each) => isFor(each, number))
      return this.#outcomeOf(found, response)
    })
  }

  /** The status of a message of One API; undefined when it is not known. */
  async statusOf(id: string): Promise<string | undefined> {
    const response = await this.#request('GET', `v1/message/${encodeURIComponent(id)}`)
    if (response.status === 404) return undefined
    return this.#read(status, response).sms.status
  }

  /** What is left on the account, as One API tells it. */
  async balance(): Promise<{ readonly amount: number; readonly currency?: string }> {
    const { balance: amount, currency } = this.#read(money, await this.#request('GET', 'v1/balance'))
    return { amount, ...(currency ? { currency } : {}) }
  }

  #read<Answer>(form: z.ZodType<Answer>, response: HttpResponse): Answer {
    if (!isTaken(response)) throw this.#refusal(response)
    const said = form.safeParse(jsonOf(response, WHAT, this.#secrets))
    if (!said.success) throw this.#unexpected(response)
    return said.data
  }

  /** The reason that stands in an answer, else what its status means. */
  #refusal(response: HttpResponse): ProviderError {
    const said = answer.safeParse(this.#jsonOf(response))
    const fault = said.success ? said.data.error : undefined
    return fault ? this.#errorOf(fault, response) : errorFromResponse(response, WHAT, this.#secrets)
  }

  #jsonOf(response: HttpResponse): unknown {
    try {
      return jsonOf(response, WHAT, this.#secrets)
    } catch (error) {
      throw isTaken(response) ? error : errorFromResponse(response, WHAT, this.#secrets)
    }
  }

  #unexpected(response: HttpResponse): ProviderError {
    return isTaken(response)
      ? unexpectedAnswer(response, WHAT, this.#secrets)
      : errorFromResponse(response, WHAT, this.#secrets)
  }

  #outcomeOf(found: z.output<typeof message> | undefined, response: HttpResponse): BatchOutcome {
    if (found === undefined) {
      const text = `${WHAT} answered without a word about this recipient.`
      return { error: new ConnectionError(text, { outcomeUnknown: true }) }
    }
    if (found.error) return { error: this.#errorOf(found.error, response) }
    if (found.accepted === false) return { error: this.#errorOf({ code: '', text: 'not accepted' }, response) }
    return { result: found.apiMessageId ? { externalIds: [found.apiMessageId] } : {} }
  }

  #errorOf({ code, text }: Fault, response: HttpResponse): ProviderError {
    const secrets = this.#secrets
    if (code !== '') return errorOfCode(platformErrors, code, { what: WHAT, text, secrets })
    const said = `${WHAT} refused it: ${excerptOf(text, secrets)}`
    if (!isTaken(response) && response.status !== 400) return errorFromResponse(response, WHAT, secrets)
    const known = WORDS.find(([pattern]) => pattern.test(text))
    return new (known?.[1] ?? MessageSendError)(said, known?.[2])
  }

  #request(method: string, path: string, body?: object): Promise<HttpResponse> {
    const { baseUrl, apiKey } = this.#account
    return this.#http.request({
      method,
      url: `${baseUrl.replace(/\/+$/, '')}/${path}`,
      headers: {
        // The key as it is, without a word before it.
        authorization: apiKey,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }
}

/** The first API of the platform has reasons in words and no codes. */
const WORDS = [
  [/opted?[ -]?out/i, MessageSendError, { optedOut: true }],
  [/api ?key|authenticat|authoriz|not active|inactive|ip address/i, AuthError],
  [/balance|credit/i, CreditError],
  [/rate|too many requests|throttl/i, LimitsError],
  [/internal/i, ServerError],
  [/invalid|missing|malformed|too long/i, RequestError],
] as const

function isTaken({ status }: HttpResponse): boolean {
  return status >= 200 && status <= 299
}

/** Digits alone; undefined when it is no number. */
export function platformNumber(identity: OutgoingMessage['identity']): string | undefined {
  const digits = identity.replace(/^\+|^00|[\s()-]/g, '')
  return /^\d+$/.test(digits) ? digits : undefined
}
