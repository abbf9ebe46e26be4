import { Agent, errors, request as undiciRequest } from 'undici'
import { errorText } from '../messages/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../router/backend.ts'
import {
  AuthError,
  ConnectionError,
  LimitsError,
  type ProviderError,
  RequestError,
  ServerError,
} from '../router/errors.ts'

const LARGEST_ANSWER = 1024 * 1024

/** A pool of kept-alive connections that all backends share. */
export class HttpPool {
  readonly #agent = new Agent({ keepAliveTimeout: 30_000, connect: { timeout: 10_000 } })

  /** A client whose requests end with the signal. */
  client(signal: AbortSignal): HttpClient {
    return { request: (request) => this.#request(request, signal) }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #request(
    { method = 'GET', url, headers, body, timeLimit }: HttpRequest,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const signals = timeLimit === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeLimit)])
    try {
      const answer = await undiciRequest(url, {
        method: method as 'GET',
        ...(headers === undefined ? {} : { headers }),
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : Buffer.from(body) }),
        dispatcher: this.#agent,
        signal: signals,
      })
      const bytes = await readBody(answer.body)
      return {
        status: answer.statusCode,
        headers: flat(answer.headers),
        body: bytes,
        text: () => bytes.toString('utf8'),
      }
    } catch (error) {
      throw connectionError(url, error)
    }
  }
}

async function readBody(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > LARGEST_ANSWER) throw new Error(`the answer is larger than ${LARGEST_ANSWER} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): HttpResponse['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  )
}

// Errors that come before a byte of the request has left: the service cannot have taken the message.
const NEVER_REACHED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

function connectionError(url: string, error: unknown): ConnectionError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const invalid = error instanceof errors.InvalidArgumentError
  const outcomeUnknown = !NEVER_REACHED.has(code) && !invalid
  const text = errorText(error) || code
  // The query may carry passwords: the origin is enough to know which service it was.
  return new ConnectionError(`No answer from ${originOf(url)}: ${text}`, { cause: error, outcomeUnknown })
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'a URL that is not valid'
}

/** The error that an HTTP status stands for, when the service says nothing more precise. */
export function errorFromResponse(response: HttpResponse, what: string): ProviderError {
  const { status } = response
  const details = { providerCode: String(status), ...retryAfterOf(response) }
  const text = `${what} answered ${status}: ${response.text().slice(0, 200)}`
  if (status === 401 || status === 403) return new AuthError(text, details)
  if (status === 429) return new LimitsError(text, details)
  if (status === 408 || status >= 500) return new ServerError(text, details)
  return new RequestError(text, details)
}

function retryAfterOf(response: HttpResponse): { retryAfter?: number } {
  const seconds = Number(response.headers['retry-after'])
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfter: seconds * 1000 } : {}
}
