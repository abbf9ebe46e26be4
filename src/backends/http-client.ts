import type { Agent } from 'undici'
import { errorText } from '../messages/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../router/backend.ts'
import {
  AuthError,
  ConnectionError,
  CreditError,
  LimitsError,
  type ProviderError,
  RequestError,
  ServerError,
} from '../router/errors.ts'
import { undici } from './undici.ts'

const LARGEST_ANSWER = 1024 * 1024
const CONNECT_LIMIT_MS = 10_000
// A service that closes an idle connection just as we write leaves us not knowing what it took: be the first to close.
const KEEP_ALIVE_MS = 4_000

/** A pool of kept-alive connections that all backends share. Closed, it can be used again. */
export class HttpPool {
  #agent: Agent | undefined

  /** A client whose requests end with the signal. */
  client(signal: AbortSignal): HttpClient {
    return { request: (request) => this.#request(request, signal) }
  }

  /** Ends whatever is still asked. */
  async close(): Promise<void> {
    const agent = this.#agent
    this.#agent = undefined
    await agent?.destroy()
  }

  async #request(
    { method = 'GET', url, headers, body, timeLimit }: HttpRequest,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const signals = timeLimit === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeLimit)])
    if (signals.aborted) throw new ConnectionError(`${originOf(url)} was not asked: there is no time left.`)
    try {
      const answer = await undici().request(url, {
        method: method as 'GET',
        ...(headers === undefined ? {} : { headers }),
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : Buffer.from(body) }),
        dispatcher: this.#dispatcher(),
        signal: signals,
      })
      const bytes = await readBody(answer.body, answer.statusCode >= 400)
      return {
        status: answer.statusCode,
        headers: flat(answer.headers),
        body: bytes,
        text: () => bytes.toString('utf8'),
      }
    } catch (error) {
      throw noAnswer(url, error, timeLimit)
    }
  }

  #dispatcher(): Agent {
    const options = { keepAliveTimeout: KEEP_ALIVE_MS, connect: { timeout: CONNECT_LIMIT_MS } }
    this.#agent ??= new (undici().Agent)(options)
    return this.#agent
  }
}

/** @param refused the status says already what became of the request; the body is only for people */
async function readBody(stream: AsyncIterable<Buffer>, refused: boolean): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of stream) {
      size += chunk.length
      if (size > LARGEST_ANSWER) throw new Error(`the answer is larger than ${LARGEST_ANSWER} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    if (!refused) throw error
  }
  return Buffer.concat(chunks)
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): HttpResponse['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  )
}

// Errors that come before a byte of the request has left: the service cannot have taken the message.
const NEVER_REACHED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|CERT_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|UNABLE_TO_.*|ERR_TLS_.*|ERR_SSL_.*)$/

// What cannot even be written as a request.
const NOT_A_REQUEST = /^(ERR_INVALID_URL|ERR_INVALID_CHAR|UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED)$/

function noAnswer(url: string, error: unknown, timeLimit: number | undefined): ProviderError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const origin = originOf(url)
  if (NOT_A_REQUEST.test(code)) {
    // What is wrong may be the URL or a header, either of which may hold a password: no cause, and no more text.
    return new RequestError(`The request to ${origin} cannot be written: ${code}`)
  }
  const isOver = error instanceof Error && error.name === 'TimeoutError' && timeLimit !== undefined
  const text = isOver ? `nothing within ${timeLimit} ms` : errorText(error) || code
  // The query may carry passwords: the origin is enough to know which service it was.
  return new ConnectionError(`No answer from ${origin}: ${text}`, {
    cause: error,
    outcomeUnknown: !NEVER_REACHED.test(code),
  })
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'a URL that is not valid'
}

/**
 * The error that an HTTP status stands for, when the service says nothing more precise.
 * @param what who answered, for the text
 * @param secrets never shown, even where the service repeats them
 */
export function errorFromResponse(
  response: HttpResponse,
  what: string,
  secrets: readonly string[] = [],
): ProviderError {
  const { status } = response
  const details = { providerCode: String(status), ...retryAfterOf(response) }
  const said = excerpt(response, secrets)
  const text = said === '' ? `${what} answered ${status}` : `${what} answered ${status}: ${said}`
  if (status === 401 || status === 403) return new AuthError(text, details)
  if (status === 402) return new CreditError(text, details)
  if (status === 429) return new LimitsError(text, details)
  // Somebody between us and the service stopped waiting; the service itself may have taken the message.
  if (status === 504) return new ServerError(text, { ...details, outcomeUnknown: true })
  if (status === 408 || status >= 500) return new ServerError(text, details)
  return new RequestError(text, details)
}

const LONGEST_EXCERPT = 200
const SHORTEST_SECRET = 4

/**
 * The beginning of an answer, on one line, for the text of an error.
 * @param secrets replaced where the service repeats them, also as they are written in URLs and in JSON
 */
export function excerpt(response: HttpResponse, secrets: readonly string[] = []): string {
  return excerptOf(response.text(), secrets)
}

/** The same of a text, such as one element of an answer. */
export function excerptOf(said: string, secrets: readonly string[] = []): string {
  let text = said
  const spellings = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret.toWellFormed()),
      new URLSearchParams({ '': secret }).toString().slice(1),
      JSON.stringify(secret).slice(1, -1),
      // As PHP writes it.
      JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/'),
    ])
  const longestFirst = [...new Set(spellings)].sort((a, b) => b.length - a.length)
  for (const spelling of longestFirst) text = text.replaceAll(spelling, '[secret]')
  return text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_EXCERPT)
    .toWellFormed()
}

/** Seconds, or a date, which is read against the service's own clock. */
function retryAfterOf({ headers }: HttpResponse): { retryAfter?: number } {
  const asked = headers['retry-after']?.trim() ?? ''
  const here = Date.parse(headers['date'] ?? '')
  const wait = /^\d{1,9}$/.test(asked)
    ? Number(asked) * 1000
    : Date.parse(asked) - (Number.isNaN(here) ? Date.now() : here)
  return wait > 0 ? { retryAfter: wait } : {}
}
