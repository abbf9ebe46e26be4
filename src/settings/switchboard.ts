import { Console } from '../http/console/console.ts'
import { health } from '../http/health.ts'
import { createCallback, type RequestCallback } from '../http/koa.ts'
import { type Route, RouteTable, routesOf } from '../http/routes.ts'
import { ViewCaller } from '../http/view-answer.ts'
import { Retention } from '../router/retention.ts'
import type { Router } from '../router/router.ts'
import { apiRoutes, makeApi } from './api.ts'
import { type Built, build, type Replacements } from './build.ts'
import type { Environment } from './env.ts'
import { SettingsError } from './errors.ts'
import { Life } from './life.ts'
import { createLogger } from './logger.ts'
import { parseSettings, type Settings } from './parse.ts'
import { makeProxy } from './proxy.ts'
import type { SettingsInput } from './schema.ts'

/** One switchboard: everything joined, nothing running until `start()`. */
export interface Switchboard {
  readonly settings: Settings
  readonly router: Router
  /** The parts it is joined from; for tests and for who embeds it deeply. */
  readonly parts: Built
  readonly routes: readonly Route[]
  /**
   * Opens the store and works whatever is unfinished.
   * @throws NotRunningError while it stops, or when it is stopped before it has started
   */
  start(): Promise<void>
  /** Takes nothing more, waits for what is in hand (at the most `queue.drain`), closes the store. May be called at any time. */
  stop(): Promise<void>
  /** All routes, for any Node HTTP server: `createServer(switchboard.callback())`. */
  callback(): RequestCallback
  /** The views of one backend under a prefix of yours, for any Node HTTP server. */
  views(backend: string, options: { readonly prefix: string }): RequestCallback
  /**
   * Makes a link that opens the tester page once and within an hour; undefined where the console is off or no backend
   * is of the kind httptester.
   * @param served where the server is reached, such as `http://127.0.0.1:8000`; `http.publicUrl` goes before it
   */
  testerLink(served: string): string | undefined
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
  return joinSwitchboard(parseSettings(input, options.env), options)
}

/** Builds a switchboard from settings that have been checked, for who needs them before it is built. */
export function joinSwitchboard(settings: Settings, options: Replacements = {}): Switchboard {
  const parts = build(settings, options.logger ?? createLogger(settings.log), options)
  const { store, queue, router, clock, logger } = parts
  const served = parts.role === 'worker' ? [] : [...settings.backends.values()]
  const aliases = parts.role === 'worker' ? [] : apiRoutes(settings)
  const table = new RouteTable([...served.flatMap((backend) => routesOf(backend)), ...aliases])
  const caller = new ViewCaller({ router, store, clock, logger, http: parts.http, ...settings.http })
  const request = settings.http
  const { projectName, console } = settings
  const hasPages = console.enabled && parts.role !== 'worker'
  const pages = hasPages ? new Console({ ...parts, projectName, servedAt: settings.http }) : undefined
  // Where messages are worked, they are removed as well.
  const days = parts.role === 'web' ? undefined : settings.retention.days
  const retention = new Retention({ settings: { days }, store, clock, logger })
  const services = [makeProxy(parts), makeApi(parts)].flatMap((service) => service ?? [])
  const life = new Life({ ...parts, retention, pages, services, drain: settings.queue.drain })
  const rooms = [
    health(store, queue, router.holds),
    ...(pages === undefined ? [] : [pages.room]),
    ...services.map(({ room }) => room),
  ]

  return {
    settings,
    router,
    parts,
    routes: table.routes,
    start: () => life.start(),
    stop: () => life.stop(),
    testerLink: (served) => pages?.testerLink(served),
    callback: () => createCallback({ table, caller, request, logger, rooms }),
    views(name, { prefix }) {
      const backend = settings.backends.get(name)
      if (backend === undefined) {
        throw new SettingsError([{ path: `backends.${name}`, message: 'there is no such backend' }])
      }
      return createCallback({ table: new RouteTable(routesOf(backend, prefix)), caller, request, logger, rooms: [] })
    },
  }
}
