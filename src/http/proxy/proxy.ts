import type Router from '@koa/router'
import type Koa from 'koa'
import { type RequestValues, UnreadableRequest } from '../../backends/body.ts'
import type { Clock } from '../../messages/clock.ts'
import { type DialledNumber, readDialledNumber } from '../../messages/dialled-number.ts'
import type { Logger } from '../../messages/logger.ts'
import { isRegion, type Region } from '../../messages/numbers.ts'
import { QueueUnavailableError } from '../../queue/errors.ts'
import { BacklogError, NotRunningError } from '../../router/errors.ts'
import type { Router as MessageRouter } from '../../router/router.ts'
import { StoreUnavailableError } from '../../store/errors.ts'
import type { Store } from '../../store/store.ts'
import { clientKey } from '../client-address.ts'
import type { Limit, Limiter } from '../limits.ts'
import { Proxies } from '../proxies.ts'
import { isCallbackName, type Outcome, writeAnswer } from './answers.ts'
import { passesChallenge } from './challenge.ts'
import { CountryGuess } from './country.ts'
import { CountryDatabase } from './country-database.ts'
import { acceptedLanguages } from './languages.ts'
import { Origins } from './origins.ts'
import { readProxyValues, textValue } from './request.ts'
import { Sending } from './sending.ts'
import { type HandlerSettings, handlerPath, type ProxySettings } from './settings.ts'

export interface PublicProxyParts {
  readonly settings: ProxySettings
  readonly limiter: Limiter
  readonly router: MessageRouter
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  readonly languages: readonly string[]
  /** The country of numbers where nothing else tells. */
  readonly region: string | undefined
  readonly publicUrl: string | undefined
  readonly trustedProxies: readonly string[]
}

interface Asked {
  readonly values: RequestValues
  readonly ip: string
  readonly languages: readonly string[]
}

type Answering = (asked: Asked) => Promise<Outcome>

const OWN_NETWORK = /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd])/i

/**
 * What web pages of anybody may ask for: that a text of the settings' is sent to a number, and whether a number is one.
 * The words are those of the Nexmo messaging proxy: https://github.com/nellessen/nexmo-download-link
 */
export class PublicProxy {
  readonly #parts: PublicProxyParts
  readonly #proxies: Proxies
  readonly #origins: Origins
  readonly #guess: CountryGuess
  readonly #sending: Sending
  #database: CountryDatabase | undefined
  #isWarned = false

  constructor(parts: PublicProxyParts) {
    const { settings, publicUrl, trustedProxies, region } = parts
    this.#parts = parts
    this.#proxies = new Proxies(trustedProxies)
    this.#origins = new Origins({ ...settings, publicUrl })
    this.#guess = new CountryGuess(settings.country, regionOf(settings.country.default ?? region))
    this.#sending = new Sending({ ...parts, answerLimit: settings.answerLimit })
  }

  /** @throws InvalidInputError when the database of countries cannot be read */
  async start(): Promise<void> {
    const { settings, limiter } = this.#parts
    const { address } = settings.country
    limiter.open()
    if (address !== false) this.#database ??= await CountryDatabase.open(address === true ? undefined : address)
  }

  stop(): void {
    this.#parts.limiter.close()
  }

  readonly room = (router: Router): void => {
    const { handlers, validation, limits } = this.#parts.settings
    for (const [name, handler] of Object.entries(handlers)) {
      const limit = { ...limits.perClient, ...handler.limit, name: `message/${name}` }
      this.#serve(router, handlerPath(name, handler), limit, (asked) => this.#message(name, handler, asked))
    }
    if (!validation.enabled) return
    const limit = { ...limits.perClient, ...validation.limit, name: 'check' }
    this.#serve(router, validation.path, limit, (asked) => this.#check(asked))
  }

  #serve(router: Router, path: string, limit: Limit, answer: Answering): void {
    router.all(path.length > 1 ? path.replace(/\/$/, '') : path, async (ctx) => {
      ctx.set({ 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' })
      const mayAsk = this.#origins.admit(ctx, hostOf(this.#proxies.originOf(ctx.req)))
      if (ctx.method === 'OPTIONS' && mayAsk) return this.#origins.preflight(ctx)
      const { settings, logger } = this.#parts
      const callback = callbackOf(ctx)
      const isGood = callback === undefined || (settings.jsonp && isCallbackName(callback))
      const outcome = mayAsk ? await this.#outcome(ctx, isGood, limit, answer) : ({ kind: 'foreign' } as const)
      logger.info({ room: limit.name, outcome: outcome.kind }, 'proxy')
      writeAnswer(ctx, outcome, settings.compat, isGood && mayAsk ? callback : undefined)
    })
  }

  async #outcome(ctx: Koa.Context, isGood: boolean, limit: Limit, answer: Answering): Promise<Outcome> {
    if (ctx.method !== 'GET' && ctx.method !== 'POST') return { kind: 'method' }
    if (!isGood) return { kind: 'callback' }
    try {
      const ip = this.#proxies.clientOf(ctx.req)
      this.#warnOfProxy(ctx, ip)
      // Before anything is looked at: requests that are wrong count as well.
      const taken = await this.#parts.limiter.take([{ limit, key: clientKey(ip) }])
      if (!taken.taken) return { kind: 'limited', retryAfter: taken.retryAfter }
      const values = await readProxyValues(ctx, this.#proxies)
      return await answer({ values, ip, languages: acceptedLanguages(ctx.req.headers['accept-language']) })
    } catch (error) {
      if (error instanceof UnreadableRequest) return { kind: 'unreadable', status: error.status }
      if (!isTemporary(error)) throw error
      this.#parts.logger.warn({ err: error }, 'the proxy cannot serve now')
      return { kind: 'unavailable' }
    }
  }

  async #message(name: string, handler: HandlerSettings, asked: Asked): Promise<Outcome> {
    const { settings, limiter } = this.#parts
    const { perNumber, total } = settings.limits
    const given = textValue(asked.values, 'receiver')
    if (given === '') return { kind: 'missing', field: 'receiver' }
    const number = this.#number(given, asked)
    if (number === undefined || !isAllowed(number, settings.allowedCountries)) return { kind: 'invalid' }
    const { honeypot } = settings
    // Told that all is well, a program that fills every field does not try another way.
    if (honeypot !== undefined && textValue(asked.values, honeypot) !== '') {
      return { kind: 'sent', number: number.shown, isKnown: true }
    }
    const refused = await this.#challenge(name, asked)
    if (refused !== undefined) return refused
    const taken = await limiter.take([
      { limit: { ...perNumber, name: 'number', lasting: true }, key: number.e164 },
      { limit: { ...total, name: 'total', lasting: true }, key: 'all' },
    ])
    if (!taken.taken) return { kind: 'limited', retryAfter: taken.retryAfter }
    const sent = await this.#sending.send(name, handler, number, asked.languages)
    if (sent === 'failed') return { kind: 'failed', number: number.shown }
    return { kind: 'sent', number: number.shown, isKnown: sent === 'sent' }
  }

  async #challenge(handler: string, { ip, values }: Asked): Promise<Outcome | undefined> {
    const { settings, clock, logger } = this.#parts
    if (settings.challenge === undefined) return undefined
    try {
      const passes = await passesChallenge(settings.challenge, { handler, ip, values }, clock)
      return passes ? undefined : { kind: 'challenged' }
    } catch (error) {
      logger.error({ handler, err: error }, 'proxy.challenge failed; the request is refused')
      return { kind: 'unavailable' }
    }
  }

  async #check(asked: Asked): Promise<Outcome> {
    const given = textValue(asked.values, 'number')
    if (given === '') return { kind: 'missing', field: 'number' }
    return { kind: 'checked', number: this.#number(given, asked)?.shown }
  }

  #number(given: string, { values, ip, languages }: Asked): DialledNumber | undefined {
    const hints = { country: textValue(values, 'country'), ip, languages }
    return readDialledNumber(given, this.#guess.countriesFor(hints, this.#database), this.#parts.settings.numbers)
  }

  /** Behind a proxy that is not trusted all clients are one. */
  #warnOfProxy(ctx: Koa.Context, ip: string): void {
    if (this.#isWarned || ctx.req.headers['x-forwarded-for'] === undefined || !OWN_NETWORK.test(ip)) return
    this.#isWarned = true
    this.#parts.logger.warn(
      { proxy: ip },
      'X-Forwarded-For of this address is not believed, so that all its clients share one limit; a proxy of yours belongs into http.trustedProxies',
    )
  }
}

function isAllowed({ region }: DialledNumber, allowed: readonly string[] | undefined): boolean {
  return allowed === undefined || (region !== undefined && allowed.includes(region))
}

function regionOf(given: string | undefined): Region | undefined {
  return given !== undefined && isRegion(given) ? given : undefined
}

function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : ''
}

/** Of a GET alone: a script is what a page loads. */
function callbackOf(ctx: Koa.Context): string | undefined {
  const given = ctx.method === 'GET' ? ctx.query['callback'] : undefined
  return Array.isArray(given) ? given.join(',') : given
}

function isTemporary(error: unknown): boolean {
  const classes = [QueueUnavailableError, StoreUnavailableError, NotRunningError, BacklogError]
  return classes.some((ErrorClass) => error instanceof ErrorClass)
}
