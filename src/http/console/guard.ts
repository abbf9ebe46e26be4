import { isIP } from 'node:net'
import type Koa from 'koa'
import { type Access, SESSION_LIFE_MS } from './access.ts'
import { refusalPage } from './refusal-page.ts'

/** How the server is reached, as far as the console has to know. */
export interface ServedAt {
  readonly host: string
  readonly publicUrl?: string | undefined
}

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

const OWN_NAMES = ['localhost', '127.0.0.1', '[::1]']
const EVERY_ADDRESS = ['0.0.0.0', '::', '[::]']

/** The checks before every page and endpoint of the console. */
export class Guard {
  readonly #access: Access
  readonly #servedAt: ServedAt
  readonly #publicUrl: URL | undefined

  constructor(access: Access, servedAt: ServedAt) {
    this.#access = access
    this.#servedAt = servedAt
    this.#publicUrl = servedAt.publicUrl === undefined ? undefined : new URL(servedAt.publicUrl)
  }

  /** Sets the headers and refuses names that are not ours: a foreign name that points here may be a trap (DNS rebinding). */
  readonly open: Koa.Middleware = async (ctx, next) => {
    ctx.set(HEADERS)
    if (this.#knowsHost(ctx.req.headers.host)) return next()
    ctx.status = 421
    ctx.body =
      'This server is not known by that name. The settings http.host and http.publicUrl say what it is known by.\n'
  }

  /** Lets in who has a session; shows others how to get one. */
  readonly session: Koa.Middleware = async (ctx, next) => {
    if (this.isIn(ctx)) return next()
    if (wantsJson(ctx)) answerError(ctx, 403, 'Your session has ended: open a new link.')
    else refusalPage(ctx, 'none')
  }

  /** Refuses what another site's page asks for in the name of whoever is in. */
  readonly sameOrigin: Koa.Middleware = async (ctx, next) => {
    const { origin, 'sec-fetch-site': site } = ctx.req.headers
    const fromHere = site === undefined || site === 'same-origin'
    const named = origin === undefined ? site === 'same-origin' || ctx.method === 'GET' : this.#isOwn(ctx, origin)
    if (fromHere && named) return next()
    answerError(ctx, 403, 'Only a page of this console may ask for this.')
  }

  isIn(ctx: Koa.Context): boolean {
    return this.#access.isIn(ctx.cookies.get(cookieName(ctx)))
  }

  /** What tells later on whether the session of this request still lives. */
  watch(ctx: Koa.Context): () => boolean {
    const session = ctx.cookies.get(cookieName(ctx))
    return () => this.#access.isIn(session)
  }

  /** Opens a session for the key of a link; false when the key does not serve. */
  enter(ctx: Koa.Context, key: string): boolean {
    const session = this.#access.enter(key)
    if (session === undefined) return false
    const secure = this.#publicUrl?.protocol === 'https:' ? '; Secure' : ''
    const life = `Max-Age=${SESSION_LIFE_MS / 1000}`
    // Koa's cookies refuse Secure over a connection that is not encrypted itself, as behind a proxy it is not.
    ctx.append(
      'Set-Cookie',
      `${cookieName(ctx)}=${session}; Path=/console; ${life}; HttpOnly; SameSite=Strict${secure}`,
    )
    return true
  }

  #knowsHost(header: string | undefined): boolean {
    const name = nameOf(header)
    if (name === undefined) return false
    const { host } = this.#servedAt
    if (OWN_NAMES.includes(name) || name === host.toLowerCase() || name === `[${host.toLowerCase()}]`) return true
    if (name === this.#publicUrl?.hostname) return true
    // Served on every address, it may be called by any of them; rebinding needs a name.
    return EVERY_ADDRESS.includes(host) && isIP(name.replace(/^\[|\]$/g, '')) !== 0
  }

  #isOwn(ctx: Koa.Context, origin: string): boolean {
    if (origin === this.#publicUrl?.origin) return true
    const scheme = 'encrypted' in ctx.req.socket ? 'https' : 'http'
    return origin === `${scheme}://${ctx.req.headers.host}`.toLowerCase()
  }
}

/** Answers with an error that the page shows, or that stands for itself where no script runs. */
export function answerError(ctx: Koa.Context, status: number, error: string): void {
  ctx.status = status
  if (wantsJson(ctx)) ctx.body = { error }
  else ctx.body = `${error}\n`
}

export function wantsJson(ctx: Koa.Context): boolean {
  return ctx.accepts('html', 'json') === 'json'
}

function nameOf(host: string | undefined): string | undefined {
  if (host === undefined || /[\s/@?#\\]/.test(host)) return undefined
  return /^(\[[\da-f:.]+\]|[^:]+)(:\d+)?$/i.exec(host)?.[1]?.toLowerCase()
}

/** Cookies do not know ports: two switchboards on one machine must not take each other's. */
function cookieName(ctx: Koa.Context): string {
  const port = /:(\d+)$/.exec(ctx.req.headers.host ?? '')?.[1]
  return port === undefined ? 'switchboard' : `switchboard-${port}`
}
