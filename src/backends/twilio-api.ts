import { z } from 'zod'
import type { HttpClient, HttpResponse, SendResult } from '../router/backend.ts'
import { type ProviderError, RequestError, ServerError } from '../router/errors.ts'
import { errorFromResponse } from './http-client.ts'
import { errorOfCode, jsonOf, unexpectedAnswer } from './provider-codes.ts'
import { twilioErrors, twilioStatuses } from './twilio-codes.ts'

const WHAT = 'Twilio'

/** Who asks the API. */
export interface TwilioAccount {
  readonly baseUrl: string
  readonly accountSid: string
  readonly authToken: string
  readonly apiKey?: { readonly sid: string; readonly secret: string } | undefined
}

/** A request below the account: `Messages.json`. */
export interface TwilioRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly form?: URLSearchParams
}

const textOrNumber = z.union([z.string(), z.number().transform(String)]).nullish()

/** The message resource, as sending and asking answer it. */
const message = z.object({
  sid: z.string().min(1),
  status: z.string().default(''),
  num_segments: textOrNumber,
  price: textOrNumber,
  price_unit: z.string().nullish(),
  error_code: textOrNumber,
  error_message: z.string().nullish(),
})
export type TwilioMessage = z.output<typeof message>

const balance = z.object({ balance: z.coerce.number(), currency: z.string() })

/** The API of one account, version 2010-04-01. */
export class TwilioApi {
  readonly #account: TwilioAccount
  readonly #http: HttpClient

  constructor(account: TwilioAccount, http: HttpClient) {
    this.#account = account
    this.#http = http
  }

  /**
   * Creates a message.
   * @throws ProviderError
   */
  async send(form: URLSearchParams): Promise<TwilioMessage> {
    return this.#messageOf(await this.#ask({ method: 'POST', path: 'Messages.json', form }))
  }

  /**
   * The message of a SID; undefined where Twilio does not know it.
   * @throws ProviderError
   */
  async find(sid: string): Promise<TwilioMessage | undefined> {
    const response = await this.#request({ method: 'GET', path: messagePath(sid) })
    return response.status === 404 ? undefined : this.#messageOf(this.#taken(response))
  }

  /**
   * Changes a message: `{ Status: 'canceled' }` of one that is scheduled, `{ Body: '' }` takes its text away.
   * @throws ProviderError
   */
  async change(sid: string, values: Readonly<Record<string, string>>): Promise<TwilioMessage> {
    const form = new URLSearchParams(values)
    return this.#messageOf(await this.#ask({ method: 'POST', path: messagePath(sid), form }))
  }

  /**
   * Deletes what Twilio keeps of a message.
   * @throws ProviderError
   */
  async remove(sid: string): Promise<void> {
    await this.#ask({ method: 'DELETE', path: messagePath(sid) })
  }

  /**
   * What is left on the account, with its ISO 4217 currency.
   * @throws ProviderError
   */
  async balance(): Promise<{ readonly amount: number; readonly currency: string }> {
    const response = await this.#ask({ method: 'GET', path: 'Balance.json' })
    const said = balance.safeParse(jsonOf(response, WHAT, this.#secrets))
    if (!said.success) throw unexpectedAnswer(response, WHAT, this.#secrets)
    return { amount: said.data.balance, currency: said.data.currency.toUpperCase() }
  }

  /** The error of a message that Twilio took and gave up at once. */
  failure({ status, error_code, error_message }: TwilioMessage): ProviderError {
    return errorOfCode(twilioErrors, error_code ?? status, {
      what: WHAT,
      text: error_message ?? undefined,
      secrets: this.#secrets,
    })
  }

  async #ask(request: TwilioRequest): Promise<HttpResponse> {
    return this.#taken(await this.#request(request))
  }

  #request({ method, path, form }: TwilioRequest): Promise<HttpResponse> {
    const { baseUrl, accountSid } = this.#account
    const base = `${baseUrl.replace(/\/+$/, '')}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}`
    return this.#http.request({
      method,
      url: `${base}/${path}`,
      headers: {
        authorization: `Basic ${this.#credentials}`,
        accept: 'application/json',
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(form === undefined ? {} : { body: form.toString() }),
    })
  }

  #taken(response: HttpResponse): HttpResponse {
    if (response.status < 200 || response.status > 299) throw errorOf(response, this.#secrets)
    return response
  }

  #messageOf(response: HttpResponse): TwilioMessage {
    const said = message.safeParse(jsonOf(response, WHAT, this.#secrets))
    if (!said.success) throw unexpectedAnswer(response, WHAT, this.#secrets)
    return said.data
  }

  get #credentials(): string {
    const { accountSid, authToken, apiKey = { sid: accountSid, secret: authToken } } = this.#account
    return Buffer.from(`${apiKey.sid}:${apiKey.secret}`).toString('base64')
  }

  get #secrets(): readonly string[] {
    const { authToken, apiKey } = this.#account
    return [authToken, this.#credentials, ...(apiKey === undefined ? [] : [apiKey.secret])]
  }
}

function messagePath(sid: string): string {
  return `Messages/${encodeURIComponent(sid)}.json`
}

const refusal = z.object({
  code: z.union([z.int().transform(String), z.string().min(1)]),
  message: z.string().nullish(),
})

/** Twilio splits its codes further from time to time: one that is not known goes by the HTTP status. */
function errorOf(response: HttpResponse, secrets: readonly string[]): ProviderError {
  const byStatus = errorFromResponse(response, WHAT, secrets)
  const said = refusal.safeParse(jsonIn(response))
  if (!said.success) return byStatus
  const { code, message: text } = said.data
  const { retryAfter } = byStatus
  const other = Object.entries(twilioStatuses).find(([status]) => status === String(response.status))?.[1]
  const unknown = other ?? ([response.status >= 500 ? ServerError : RequestError, ''] as const)
  return errorOfCode(Object.hasOwn(twilioErrors, code) ? twilioErrors : { [code]: unknown }, code, {
    what: WHAT,
    text: text ?? undefined,
    secrets,
    ...(retryAfter === null ? {} : { retryAfter }),
  })
}

function jsonIn(response: HttpResponse): unknown {
  try {
    return JSON.parse(response.text())
  } catch {
    return undefined
  }
}

/** Of a messaging service, segments are not counted at first; the price comes later, and is negative. */
export function billOf({ num_segments, price, price_unit }: TwilioMessage): Omit<SendResult, 'extra' | 'state'> {
  const parts = Number(num_segments ?? 0)
  const cost = Number.parseFloat(price ?? '')
  return {
    ...(Number.isSafeInteger(parts) && parts > 0 ? { parts } : {}),
    ...(Number.isFinite(cost) ? { cost: Math.abs(cost) } : {}),
    ...(Number.isFinite(cost) && price_unit ? { currency: price_unit.toUpperCase() } : {}),
  }
}
