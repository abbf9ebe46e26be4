import { isIP, type LookupFunction } from 'node:net'
import type { Agent } from 'undici'
import { undici } from '../../backends/undici.ts'
import type { Clock } from '../../messages/clock.ts'
import { InvalidInputError } from '../../messages/errors.ts'
import type { CallbackClient, CallbackOutcome } from '../../router/callback-client.ts'
import type { CallbackEvent, StoredCallback } from '../../store/callback-store.ts'
import { AddressRules } from './addresses.ts'
import { bodyOf } from './callback-body.ts'
import { signatureHeaders } from './callback-signature.ts'
import { OutsideNames } from './outside-names.ts'
import type { CallbackSettings } from './settings.ts'
import type { Resolve, ResolvedAddress } from './shared-looks.ts'
import { TrustedNames } from './trusted-names.ts'

export interface SafeClientParts {
  readonly settings: Pick<CallbackSettings, 'allow' | 'ports' | 'timeLimit'>
  readonly clock: Clock
  readonly resolve?: Resolve
}

const LONGEST_URL = 2_000
const MOST_READ = 16_384
const KEEP_ALIVE_MS = 4_000
const LONGEST_RETRY_AFTER_MS = 86_400_000
/** Part of the time limit after which the next address of a host is tried. */
const CONNECT_SHARE = 5
const LONGEST_CHECK_MS = 2_000
const BROKEN_OFF = 'broken off'
const NOT_ALLOWED = 'this address may not be reached; the setting http.callbacks.allow says which may'

/**
 * Tells URLs that outsiders chose, and reaches none of our own network for them. A host is looked up once for each
 * connection, all its addresses are checked, and those very addresses are connected to: what the name stands for a
 * moment later makes no difference. Redirects are not followed.
 */
export class SafeCallbackClient implements CallbackClient {
  readonly #parts: SafeClientParts
  readonly #rules: AddressRules
  readonly #resolve: Resolve
  #agent: Agent | undefined
  #isClosed = false

  constructor(parts: SafeClientParts) {
    this.#parts = parts
    this.#rules = new AddressRules(parts.settings.allow)
    this.#resolve = parts.resolve ?? this.#namesOf()
  }

  open(): void {
    this.#isClosed = false
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const agent = this.#agent
    this.#agent = undefined
    await agent?.destroy()
  }

  async check(given: string): Promise<void> {
    if (given.length > LONGEST_URL) throw new InvalidInputError(`url: at most ${LONGEST_URL} characters are expected`)
    const url = URL.canParse(given) ? new URL(given) : undefined
    if (url === undefined) throw new InvalidInputError('url: a URL is expected, such as https://example.org/callback')
    const fault = this.#faultOf(url)
    if (fault !== undefined) throw new InvalidInputError(`url: ${fault}`)
    const host = bareHost(url.hostname)
    if (isIP(host) !== 0 || this.#rules.trusts(host)) return
    // A name that stands for nothing now may do so later; it is looked up again each time.
    const addresses = await inTime(this.#resolve(host), LONGEST_CHECK_MS).catch(() => [])
    if (addresses.some(({ address }) => !this.#rules.allows(address)))
      throw new InvalidInputError(`url: ${NOT_ALLOWED}`)
  }

  async tell(callback: StoredCallback, event: CallbackEvent, signal: AbortSignal): Promise<CallbackOutcome> {
    const { settings, clock } = this.#parts
    const url = URL.canParse(callback.url) ? new URL(callback.url) : undefined
    const fault = url === undefined ? 'the URL is not valid' : this.#faultOf(url)
    if (url === undefined || fault !== undefined) return { kind: 'unreached', failure: fault ?? '' }
    if (this.#isClosed) return { kind: 'unreached', failure: BROKEN_OFF }
    const limit = AbortSignal.timeout(settings.timeLimit)
    const { contentType, text } = bodyOf(callback, event)
    const at = Math.floor(clock.now() / 1_000)
    try {
      this.#agent ??= this.#newAgent()
      const answer = await undici().request(withoutCredentials(url), {
        method: 'POST',
        headers: {
          ...{ 'content-type': contentType, 'user-agent': 'Switchboard Callback Client' },
          ...{ accept: '*/*', ...authorization(url) },
          ...signatureHeaders(callback.secret, event.id, at, text),
        },
        body: text,
        dispatcher: this.#agent,
        signal: AbortSignal.any([signal, limit]),
      })
      // What the status says stands, whatever becomes of the body.
      await answer.body.dump({ limit: MOST_READ }).catch(() => undefined)
      const { statusCode: status, headers } = answer
      return { kind: 'answered', status, retryAfter: retryAfterOf(headers['retry-after'], clock.now()) }
    } catch (error) {
      const isLate = limit.aborted && !signal.aborted
      return { kind: 'unreached', failure: isLate ? `no answer within ${settings.timeLimit} ms` : failureOf(error) }
    }
  }

  /** No outsider has the system look anything up: that would take threads that all else needs. */
  #namesOf(): Resolve {
    const [trusted, outside] = [new TrustedNames(), new OutsideNames()]
    return (host) => (this.#rules.trusts(host) ? trusted : outside).addressesOf(host)
  }

  /** What is wrong with a URL as it is written. */
  #faultOf(url: URL): string | undefined {
    const { ports } = this.#parts.settings
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'a URL of http or https is expected'
    const port = Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port)
    if (ports !== 'any' && !ports.includes(port))
      return `the port ${port} may not be reached; http.callbacks.ports says which may`
    const host = bareHost(url.hostname)
    if (this.#rules.trusts(host)) return undefined
    return isIP(host) !== 0 && !this.#rules.allows(host) ? NOT_ALLOWED : undefined
  }

  #newAgent(): Agent {
    const { Agent, buildConnector } = undici()
    const { timeLimit } = this.#parts.settings
    const connect = buildConnector({
      ...{ timeout: timeLimit, lookup: this.#lookup },
      // RFC 8305, over the addresses that were found good; a quarter of a second is too short for a host far away.
      ...{ autoSelectFamily: true, autoSelectFamilyAttemptTimeout: Math.ceil(timeLimit / CONNECT_SHARE) },
    })
    return new Agent({
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: timeLimit,
      bodyTimeout: timeLimit,
      connect: (options, callback) => {
        const host = bareHost(options.hostname)
        // An address is connected to without being looked up.
        const isRefused = isIP(host) !== 0 && !this.#rules.allows(host) && !this.#rules.trusts(host)
        if (isRefused) callback(new Error(NOT_ALLOWED), null)
        else connect({ ...options, hostname: host }, callback)
      },
    })
  }

  /** Given to the sockets themselves: what it has found good is what they connect to. */
  readonly #lookup: LookupFunction = (host, options, callback) => {
    const fail = (error: unknown) => callback(error instanceof Error ? error : new Error(NOT_ALLOWED), '', 0)
    this.#goodAddresses(host, Number(options.family ?? 0)).then((addresses) => {
      const [first] = addresses
      if (first === undefined) fail(new Error('the host has no address'))
      else if (options.all === true) callback(null, [...addresses])
      else callback(null, first.address, first.family)
    }, fail)
  }

  async #goodAddresses(host: string, family: number): Promise<readonly ResolvedAddress[]> {
    const addresses = await this.#resolve(host)
    const isTrusted = this.#rules.trusts(host)
    if (!isTrusted && addresses.some(({ address }) => !this.#rules.allows(address))) throw new Error(NOT_ALLOWED)
    return family === 4 || family === 6 ? addresses.filter((each) => each.family === family) : addresses
  }
}

function bareHost(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname.replace(/\.$/, '')
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  bare.hash = ''
  return bare
}

function authorization({ username, password }: URL): { readonly authorization?: string } {
  if (username === '' && password === '') return {}
  const pair = `${decoded(username)}:${decoded(password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function retryAfterOf(given: string | string[] | undefined, now: number): number | undefined {
  const asked = [given].flat()[0]?.trim() ?? ''
  const wait = /^\d{1,9}$/.test(asked) ? Number(asked) * 1_000 : Date.parse(asked) - now
  return wait > 0 ? Math.min(wait, LONGEST_RETRY_AFTER_MS) : undefined
}

/** Codes and our own words only: what a system says may hold what the URL holds. */
function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer'
  if (error.message === NOT_ALLOWED) return NOT_ALLOWED
  if (error.name === 'AbortError') return BROKEN_OFF
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return `no answer: ${code}`
}

async function inTime<T>(work: Promise<T>, limit: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('too late')), limit)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
