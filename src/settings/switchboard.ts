import { health } from '../http/health.ts'
import { createCallback, type RequestCallback } from '../http/koa.ts'
import { type Route, RouteTable, routesOf } from '../http/routes.ts'
import { ViewCaller } from '../http/view-answer.ts'
import type { Router } from '../router/router.ts'
import { type Built, build, type Replacements } from './build.ts'
import type { Environment } from './env.ts'
import { SettingsError } from './errors.ts'
import { createLogger } from './logger.ts'
import { parseSettings, type Settings } from './parse.ts'
import type { SettingsInput } from './schema.ts'

/** One switchboard: everything joined, nothing running until `start()`. */
export interface Switchboard {
  readonly settings: Settings
  readonly router: Router
  /** The parts it is joined from; for tests and for who embeds it deeply. */
  readonly parts: Built
  readonly routes: readonly Route[]
  /** Opens the store and works whatever is unfinished. */
  start(): Promise<void>
  /** Takes nothing more, waits for what is in hand (at the most `queue.drain`), closes the store. */
  stop(): Promise<void>
  /** All routes, for any Node HTTP server: `createServer(switchboard.callback())`. */
  callback(): RequestCallback
  /** The views of one backend under a prefix of yours, for any Node HTTP server. */
  views(backend: string, options: { readonly prefix: string }): RequestCallback
}

export interface CreateOptions extends Replacements {
  /** What stands over the settings; nothing unless given. */
  readonly env?: Environment
}

/**
 * Builds a switchboard from settings.
 * @throws SettingsError with every fault of the settings
 */
export function createSwitchboard(input: SettingsInput, options: CreateOptions = {}): Switchboard {
  const settings = parseSettings(input, options.env)
  const logger = options.logger ?? createLogger(settings.log)
  const parts = build(settings, logger, options)
  const { store, queue, router, clock } = parts
  const table = new RouteTable([...settings.backends.values()].flatMap((backend) => routesOf(backend)))
  refuseClashes(table)
  const caller = new ViewCaller({ router, store, clock, logger })
  const request = settings.http

  return {
    settings,
    router,
    parts,
    routes: table.routes,
    async start() {
      await store.open()
      await router.start()
    },
    async stop() {
      await router.stop(settings.queue.drain)
      await parts.http.close()
      await store.close()
    },
    callback: () => createCallback({ table, caller, request, logger, rooms: [health(store, queue)] }),
    views(name, { prefix }) {
      const backend = settings.backends.get(name)
      if (backend === undefined) {
        throw new SettingsError([{ path: `backends.${name}`, message: 'there is no such backend' }])
      }
      return createCallback({ table: new RouteTable(routesOf(backend, prefix)), caller, request, logger, rooms: [] })
    },
  }
}

function refuseClashes({ clashes }: RouteTable): void {
  if (clashes.length === 0) return
  throw new SettingsError(
    clashes.map(({ path, claimants: [one, other] }) => ({
      path: `backends.${other.backend.name}`,
      message: `its view "${other.viewName}" claims the path ${path}, which is the backend "${one.backend.name}"'s`,
    })),
  )
}
