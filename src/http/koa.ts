import type { IncomingMessage, ServerResponse } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import type { Logger } from '../messages/logger.ts'
import type { ViewAnswer } from '../router/backend.ts'
import { Proxies } from './proxies.ts'
import { type RequestSettings, readBody, readHead, withoutOrigin } from './request.ts'
import type { RouteTable } from './routes.ts'
import type { ViewCaller } from './view-answer.ts'

/** Takes requests of any Node HTTP server; what is not ours goes to `next`, or gets 404. */
export type RequestCallback = (req: IncomingMessage, res: ServerResponse, next?: () => void) => void

export interface WebParts {
  readonly table: RouteTable
  readonly caller: ViewCaller
  readonly request: RequestSettings
  readonly logger: Logger
  /** Adds the pages and endpoints that are not views of a backend. */
  readonly rooms: readonly ((router: Router) => void)[]
}

/** The web side as a callback for any Node HTTP server. */
export function createCallback(parts: WebParts): RequestCallback {
  const router = new Router()
  for (const add of parts.rooms) add(router)
  const app = new Koa()
  app.silent = true
  app.use(logRequests(parts))
  app.use(answerViews(parts))
  app.use(router.routes())
  app.use(router.allowedMethods())
  const callback = app.callback()

  return (req, res, next) => {
    if (next !== undefined && !isOurs(req.url ?? '/', parts.table, router)) next()
    else void callback(req, res)
  }
}

function isOurs(url: string, table: RouteTable, router: Router): boolean {
  const path = pathOf(url)
  return table.find(path) !== undefined || router.match(path, 'GET').path.length > 0
}

function logRequests({ logger, table }: WebParts): Koa.Middleware {
  return async (ctx, next) => {
    // A path may hold a secret: logs name the view instead.
    const path = table.printable(pathOf(ctx.url))
    const began = performance.now()
    try {
      await next()
    } catch (error) {
      logger.error({ err: error, path }, 'a request failed')
      ctx.status = 500
      ctx.body = 'Internal Server Error'
    }
    const ms = Math.round((performance.now() - began) * 100) / 100
    logger.info({ method: ctx.method, path, status: ctx.status, ms }, 'request')
  }
}

function answerViews({ table, caller, request }: WebParts): Koa.Middleware {
  const proxies = new Proxies(request.trustedProxies)
  return async (ctx, next) => {
    const route = table.find(pathOf(ctx.url))
    if (route === undefined) return next()
    const head = readHead(ctx.req, request.publicUrl, proxies)
    write(ctx, await caller.answer(route, head, () => readBody(ctx.req, request.bodyLimit)))
  }
}

function write(ctx: Koa.Context, { status, headers = {}, body = '' }: ViewAnswer): void {
  ctx.status = status
  ctx.set(headers)
  ctx.body = body
  // Koa writes 204 where a body is empty.
  ctx.status = status
}

function pathOf(url: string): string {
  const target = withoutOrigin(url)
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}

/** What a Koa application gives its middleware, as far as it is needed here. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  respond?: boolean
}

/**
 * Mounts routes in a Koa application, before its body parsers: `app.use(koaMiddleware(switchboard.callback()))`.
 * What is not Switchboard's goes on to the middleware after it.
 */
export function koaMiddleware(
  callback: RequestCallback,
): (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void> {
  return (ctx, next) =>
    new Promise((resolve, reject) => {
      const { req, res } = ctx
      const answered = () => resolve()
      ctx.respond = false
      res.once('close', answered)
      callback(req, res, () => {
        res.removeListener('close', answered)
        ctx.respond = true
        next().then(answered, reject)
      })
    })
}
