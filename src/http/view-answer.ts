import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Backend, ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { BacklogError, NotRunningError } from '../router/errors.ts'
import type { Router } from '../router/router.ts'
import { StoreUnavailableError } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import { type Route, refusal } from './routes.ts'

export interface ViewParts {
  readonly router: Router
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
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

  async answer({ backend, view }: Route, request: ViewRequest): Promise<ViewAnswer> {
    const refused = refusal(backend.common.secret, request)
    if (refused !== undefined) return refused
    try {
      return await view(request, this.#toolsOf(backend))
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
      logger.error({ backend: backend.name, err: error }, 'a view failed')
      return { status: 500, headers: { 'content-type': 'text/plain' }, body: 'Internal Server Error' }
    }
  }

  #toolsOf(backend: Backend): ViewTools<unknown> {
    const known = this.#tools.get(backend.name)
    if (known !== undefined) return known
    const { router, store, clock, logger } = this.#parts
    const { name } = backend
    const tools: ViewTools<unknown> = {
      backend: name,
      settings: backend.settings,
      logger,
      clock,
      receive: (message, options) => router.receive(name, message, options),
      report: (report) => router.report(name, report),
      conversation: (identity, limit) => store.log.conversation({ backend: name, identity, limit }),
    }
    this.#tools.set(name, tools)
    return tools
  }
}

function isTemporary(error: unknown): boolean {
  return error instanceof StoreUnavailableError || error instanceof BacklogError || error instanceof NotRunningError
}
