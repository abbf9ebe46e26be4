import { noHttp } from '../backends/no-http.ts'
import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Backend, HttpClient, View, ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { BacklogError, HookError, NotRunningError } from '../router/errors.ts'
import type { Router } from '../router/router.ts'
import { StoreUnavailableError } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { RequestHead } from './request.ts'
import { type Route, refusal } from './routes.ts'

export interface ViewParts {
  readonly router: Router
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  readonly http: { client(signal: AbortSignal): HttpClient }
  /** The address the settings have us serve on. */
  readonly host: string
  readonly publicUrl?: string | undefined
}

/** Seconds after which a sender may come again when we cannot take its message now. */
const RETRY_AFTER = '5'

/** Calls views with the tools of their backend; an error of ours becomes an answer that makes the sender come again. */
export class ViewCaller {
  readonly #parts: ViewParts
  readonly #tools = new Map<string, ViewTools<unknown>>()

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  /**
   * @param readBody is asked only when the request has shown the secret; gives the answer instead where the body
   * cannot be taken
   */
  async answer(
    { backend, view }: Route,
    head: RequestHead,
    readBody: () => Promise<Uint8Array | ViewAnswer>,
  ): Promise<ViewAnswer> {
    const refused = refusal(backend.common.secret, head.headers) ?? this.#refusalToShow(backend, view, head)
    if (refused !== undefined) return refused
    let body: Uint8Array | ViewAnswer = NO_BODY
    try {
      body = await readBody()
      if (!(body instanceof Uint8Array)) return body
      return await view({ ...head, body } satisfies ViewRequest, this.#toolsOf(backend))
    } catch (error) {
      const { logger } = this.#parts
      if (isTemporary(error)) {
        logger.warn({ backend: backend.name, err: error }, 'not taken; the sender is asked to come again')
        return {
          status: 503,
          headers: { 'retry-after': RETRY_AFTER, 'content-type': 'text/plain' },
          body: 'Service Unavailable',
        }
      }
      logger.error({ backend: backend.name, text: textOf(head, body), err: error }, 'a view failed')
      return { status: 500, headers: { 'content-type': 'text/plain' }, body: 'Internal Server Error' }
    }
  }

  /** What people wrote is nobody's business: without a secret, only this machine may see it. */
  #refusalToShow({ name, common }: Backend, view: View, head: RequestHead): ViewAnswer | undefined {
    if (view.showsMessages !== true || common.secret !== undefined) return undefined
    const { host, publicUrl } = this.#parts
    const isOurs = isLoopback(host) && (publicUrl === undefined || isLoopback(new URL(publicUrl).hostname))
    if (isOurs && isFromHere(head)) return undefined
    return {
      status: 403,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: `This shows what people wrote, to whoever can reach this server. Set backends.${name}.secret to protect it.`,
    }
  }

  #toolsOf(backend: Backend): ViewTools<unknown> {
    const known = this.#tools.get(backend.name)
    if (known !== undefined) return known
    const { router, store, clock, logger, http } = this.#parts
    const { name } = backend
    const tools: ViewTools<unknown> = {
      backend: name,
      settings: backend.settings,
      logger,
      clock,
      http: backend.common.debug ? noHttp : http.client(new AbortController().signal),
      receive: (message, options) => router.receive(name, message, options),
      receivePart: (part) => router.means.receivePart(name, part),
      report: (report) => router.report(name, report),
      outbox: router.means.outbox(name),
      memory: router.means.memory(name),
      conversation: (identity, limit) =>
        store.log.conversation({ ...router.canonical({ backend: name, identity }), limit }),
      find: (id) => store.log.find(id),
      relay: (message, limit) => router.sendNow(message, limit),
    }
    this.#tools.set(name, tools)
    return tools
  }
}

/**
 * Whether somebody on this machine asks, and not somebody elsewhere through a proxy on it, or through a page in a
 * browser on it whose name was made to point here (DNS rebinding).
 */
function isFromHere({ ip, headers }: RequestHead): boolean {
  const named = headers['host']
  if (named === undefined || !URL.canParse(`http://${named}`) || !isLoopback(new URL(`http://${named}`).hostname)) {
    return false
  }
  const isForwarded = Object.keys(headers).some((name) => name === 'forwarded' || name.startsWith('x-forwarded-'))
  return isLoopback(ip) && !isForwarded
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^(::ffff:)?127(\.\d+){3}$/.test(host)
}

const NO_BODY = new Uint8Array()
const LONGEST_TEXT = 2_000

/** What the request brought, for a log that may show texts, and to take it out of the error in one that may not. */
function textOf({ rawQuery }: RequestHead, body: Uint8Array | ViewAnswer): string {
  const bytes = body instanceof Uint8Array ? body.subarray(0, LONGEST_TEXT) : NO_BODY
  const brought = `${rawQuery} ${Buffer.from(bytes).toString('utf8')}`.slice(0, LONGEST_TEXT)
  return brought.replaceAll('+', ' ').replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
    return Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8')
  })
}

function isTemporary(error: unknown): boolean {
  return [StoreUnavailableError, BacklogError, HookError, NotRunningError].some((known) => error instanceof known)
}
