import type Router from '@koa/router'
import type Koa from 'koa'
import type { Clock } from '../../messages/clock.ts'
import type { Logger } from '../../messages/logger.ts'
import type { Router as MessageRouter } from '../../router/router.ts'
import type { Store } from '../../store/store.ts'
import type { Limiter } from '../limits.ts'
import { Proxies } from '../proxies.ts'
import { readBody, readHead } from '../request.ts'
import type { User, UsersSettings } from '../users/settings.ts'
import { SignIns } from '../users/sign-in.ts'
import { type ApiAnswer, Refusal, retryAfter, seconds } from './api-answer.ts'
import { ApiLimits } from './api-limits.ts'
import { callbackEndpoints } from './callback-endpoints.ts'
import { contactEndpoints } from './contact-endpoints.ts'
import { DocsPages } from './docs-pages.ts'
import type { Endpoint } from './endpoint.ts'
import { groupEndpoints } from './group-endpoints.ts'
import { KeyedAnswers } from './keyed-answers.ts'
import { limitHeaders } from './limit-headers.ts'
import { messageEndpoints } from './message-endpoints.ts'
import { PathTable, type Place } from './path-table.ts'
import { readBodyValues, readQuery } from './read-values.ts'
import { refusalOf } from './refusal-of.ts'
import type { ApiSettings } from './settings.ts'
import { smsEndpoints } from './sms-endpoints.ts'

export interface SendingApiParts {
  readonly settings: ApiSettings
  readonly users: UsersSettings
  readonly limiter: Limiter
  readonly router: MessageRouter
  readonly store: Pick<Store, 'listing' | 'keyed'>
  /** Milliseconds for which an idempotency key is known. */
  readonly keyFor: number
  readonly clock: Clock
  readonly logger: Logger
  readonly projectName: string
  readonly publicUrl: string | undefined
  readonly trustedProxies: readonly string[]
}

const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="switchboard", charset="UTF-8"' }
const LONGEST_KEY = 255

/** What programs send by, and look: `/api/v1/…`, with its description at `/openapi.json` and `/api/docs`. */
export class SendingApi {
  readonly endpoints: readonly Endpoint[]
  readonly #parts: SendingApiParts
  readonly #limits: ApiLimits
  readonly #signIns: SignIns
  readonly #proxies: Proxies
  readonly #table: PathTable
  readonly #pages: DocsPages

  constructor(parts: SendingApiParts) {
    const { settings, users, limiter, router, store, clock } = parts
    this.#parts = parts
    this.#limits = new ApiLimits(limiter, parts)
    const failures = { ...settings.limits.failures, name: 'api/failures' }
    this.#signIns = new SignIns({ users, limiter: this.#limits, clock, failures })
    this.#proxies = new Proxies(parts.trustedProxies)
    const keyed = new KeyedAnswers(parts)
    this.endpoints = [
      ...smsEndpoints({ router, store, clock, mostRecipients: settings.mostRecipients }),
      ...messageEndpoints({ router, store }),
      ...contactEndpoints(router.contacts, keyed),
      ...groupEndpoints(router.groups, keyed),
      ...callbackEndpoints(router.callbacks, keyed),
    ]
    this.#table = new PathTable(this.endpoints)
    this.#pages = new DocsPages(this.endpoints, parts)
  }

  async start(): Promise<void> {
    this.#limits.open()
  }

  stop(): void {
    this.#limits.close()
  }

  readonly room = (router: Router): void => {
    this.#pages.room(router)
    router.all('/api/v1{/*rest}', async (ctx) => {
      ctx.set(HEADERS)
      write(ctx, await this.#answer(ctx))
    })
  }

  async #answer(ctx: Koa.Context): Promise<ApiAnswer> {
    const place = this.#table.find(ctx.path)
    const endpoint = place?.byMethod.get((ctx.method === 'HEAD' ? 'GET' : ctx.method) as Endpoint['method'])
    let limits: Readonly<Record<string, string>> = {}
    try {
      if (ctx.method === 'OPTIONS' && place !== undefined) return { status: 204, headers: allow(place) }
      refuseForeign(ctx, this.#proxies)
      const user = await this.#user(ctx)
      if (place === undefined) throw new Refusal('NOT_FOUND', 'There is nothing under this path.')
      if (endpoint === undefined) throw notAllowed(place)
      this.#refuseRole(endpoint, user, place)
      limits = await this.#counted(endpoint, user, place)
      return withHeaders(await endpoint.run(await this.#asked(ctx, endpoint, user, place)), limits)
    } catch (error) {
      return withHeaders(this.#refused(error, endpoint).answer, limits)
    }
  }

  #refused(error: unknown, endpoint: Endpoint | undefined): Refusal {
    const refusal = refusalOf(error, endpoint?.names ?? {})
    if (refusal !== undefined) return refusal
    this.#parts.logger.error({ err: error, endpoint: endpoint?.id }, 'a request of the API failed')
    return new Refusal('INTERNAL', 'This failed; the log of the server says why.')
  }

  async #user(ctx: Koa.Context): Promise<User> {
    const signIn = await this.#signIns.of(ctx.req.headers.authorization, this.#proxies.clientOf(ctx.req))
    switch (signIn.kind) {
      case 'user':
        return signIn.user
      case 'limited':
        throw new Refusal('TOO_MANY_REQUESTS', 'Too many tries have failed.', {
          headers: retryAfter(signIn.retryAfter),
        })
      case 'busy':
        throw new Refusal('UNAVAILABLE', 'Too many are signing in; come again.', { headers: retryAfter(1_000) })
      default:
        throw new Refusal('UNAUTHORIZED', 'A name and a password, or a key, are expected.', { headers: CHALLENGE })
    }
  }

  /** A backend that the user may not see is as if it were not there. */
  #refuseRole(endpoint: Endpoint, user: User, { params }: Place): void {
    const { backend } = params
    const isSeen =
      backend === undefined || (this.#parts.router.backends.has(backend) && (user.backends?.includes(backend) ?? true))
    if (!isSeen) throw new Refusal('NOT_FOUND', 'There is no such backend.')
    if (!endpoint.roles.includes(user.role)) throw new Refusal('FORBIDDEN', `The role ${user.role} may not do this.`)
    if (endpoint.allBackends === true && user.backends !== undefined) {
      throw new Refusal('FORBIDDEN', 'People belong to all backends, and this user may see only some.')
    }
  }

  /** @returns the headers of whatever is answered */
  async #counted(endpoint: Endpoint, user: User, { params }: Place): Promise<Readonly<Record<string, string>>> {
    const limit = { ...this.#parts.settings.limits[endpoint.limit], name: `api/${endpoint.limit}` }
    const what = endpoint.limit === 'send' ? (params['backend'] ?? '') : endpoint.id
    const taken = await this.#limits.take([{ limit, key: `${user.name}:${what}` }])
    if (!taken.taken) {
      const told = `At most ${limit.amount} requests in ${seconds(limit.per)} s are taken.`
      const headers = { ...retryAfter(taken.retryAfter), ...limitHeaders(endpoint.limit, limit, 0, taken.retryAfter) }
      throw new Refusal('TOO_MANY_REQUESTS', told, { headers })
    }
    const [left] = taken.left
    return left === undefined ? {} : limitHeaders(endpoint.limit, limit, left.remaining, left.resetAfter)
  }

  async #asked(ctx: Koa.Context, { body, takesKey }: Endpoint, user: User, { params }: Place) {
    const head = readHead(ctx.req, undefined, this.#proxies)
    const query = readQuery(head.rawQuery)
    const idempotencyKey = takesKey === true ? keyOf(ctx) : undefined
    if (body === undefined) return { user, params, query, body: {}, idempotencyKey }
    const bytes = await readBody(ctx.req, this.#parts.settings.bodyLimit)
    if (!(bytes instanceof Uint8Array)) throw unreadable(bytes.status, bytes.body)
    return { user, params, query, body: readBodyValues(head, bytes), idempotencyKey }
  }
}

/** Without cookies there is still what a browser remembers of Basic authentication: no page of another site may use it. */
function refuseForeign(ctx: Koa.Context, proxies: Proxies): void {
  const { host, origin, 'sec-fetch-site': site } = ctx.req.headers
  const isOwnSite = site === undefined || site === 'same-origin' || site === 'none'
  const isOwn =
    origin === undefined || isSame(origin, `http://${host ?? ''}`) || isSame(origin, proxies.originOf(ctx.req))
  if (!isOwnSite || !isOwn) throw new Refusal('FORBIDDEN', 'Pages of other sites may not ask for this.')
}

/** Compares hosts alone: behind a proxy that ends TLS the scheme is another. What is no address is none's. */
function isSame(origin: string, own: string): boolean {
  return URL.canParse(origin) && URL.canParse(own) && new URL(origin).host === new URL(own).host
}

function withHeaders(answer: ApiAnswer, headers: Readonly<Record<string, string>>): ApiAnswer {
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

function keyOf(ctx: Koa.Context): string | undefined {
  const given = ctx.req.headers['idempotency-key']
  const key = Array.isArray(given) ? given.join(',') : given
  if (key === undefined) return undefined
  if (key.trim() !== '' && key.length <= LONGEST_KEY) return key.trim()
  throw new Refusal('INVALID_INPUT', `Idempotency-Key: 1 to ${LONGEST_KEY} characters are expected`)
}

function unreadable(status: number, body: unknown): Refusal {
  const message = String(body)
  if (status === 413) return new Refusal('TOO_LARGE', message)
  return new Refusal(status === 415 ? 'UNSUPPORTED_MEDIA_TYPE' : 'INVALID_INPUT', message)
}

function allow({ byMethod }: Place): { readonly Allow: string } {
  const methods = [...byMethod.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return { Allow: [...methods, 'OPTIONS'].join(', ') }
}

function notAllowed(place: Place): Refusal {
  const headers = allow(place)
  return new Refusal('METHOD_NOT_ALLOWED', `One of ${headers.Allow} is expected.`, { headers })
}

function write(ctx: Koa.Context, { status, headers = {}, body }: ApiAnswer): void {
  ctx.status = status
  ctx.set(headers)
  if (body === undefined) {
    ctx.body = null
    ctx.status = status
    return
  }
  ctx.set('Content-Type', 'application/json; charset=utf-8')
  ctx.body = `${JSON.stringify(body)}\n`
}
