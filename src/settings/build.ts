import { HttpPool } from '../backends/http-client.ts'
import { noHttp } from '../backends/no-http.ts'
import { SafeCallbackClient } from '../http/callbacks/callback-client.ts'
import { routesOf } from '../http/routes.ts'
import { type Clock, systemClock } from '../messages/clock.ts'
import { type NewId, uuidv7Generator } from '../messages/ids.ts'
import { type Lane, poolName } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { PoolSettings, Queue } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import type { Backend, SendTools } from '../router/backend.ts'
import type { Ending } from '../router/ending.ts'
import { Router } from '../router/router.ts'
import type { ToolsOwner } from '../router/router-parts.ts'
import type { Store } from '../store/store.ts'
import { makeStore, makeTransport, type Transport } from './engines.ts'
import { warnOfSharedKeywords } from './keywords.ts'
import type { Settings } from './parse.ts'
import { privateLogger } from './private-logger.ts'
import { type Role, routerRole } from './roles.ts'
import { withTimeZone } from './sending-settings.ts'

/** What may be replaced: by tests, and by commands that only record. */
export interface Replacements {
  readonly clock?: Clock
  readonly newId?: NewId
  readonly logger?: Logger
  /** Everything, unless given; a command only records. */
  readonly role?: Role | 'command'
  readonly queue?: (parts: { readonly clock: Clock; readonly signals: Signals; readonly store: Store }) => Queue
}

/** The joined parts of one switchboard. */
export interface Built {
  readonly settings: Settings
  readonly clock: Clock
  readonly logger: Logger
  readonly store: Store
  readonly queue: Queue
  readonly signals: Signals
  readonly transport: Pick<Transport, 'open' | 'close'>
  readonly router: Router
  readonly http: HttpPool
  readonly role: Role | 'command'
}

/** Joins the parts. Nothing is opened or started. */
export function build(settings: Settings, givenLogger: Logger, replacements: Replacements = {}): Built {
  const logger = privateLogger(givenLogger, { ...settings.log, secrets: settings.secrets })
  const { clock = systemClock, role = 'all' } = replacements
  const isCommand = role === 'command'
  // A command records beside a server, whatever that server's roles are.
  const routerOf = isCommand ? 'alone' : routerRole(role, settings)
  const newId = replacements.newId ?? uuidv7Generator(clock)
  const store = makeStore(settings, isCommand ? 'command' : 'server')
  const transport = makeTransport(settings, { clock, logger, poolOf: (lane) => poolOf(settings, lane) })
  const { signals } = transport
  const queue = replacements.queue?.({ clock, signals, store }) ?? transport.queue
  const http = new HttpPool()
  const router = new Router({
    role: routerOf,
    settings: {
      apps: settings.appCalls,
      events: settings.events,
      retry: settings.retry,
      backlog: settings.queue.backlog,
      languages: settings.languages,
      optOut: settings.optOut,
      brake: settings.brake,
      incoming: settings.incoming,
      expiry: settings.expiry,
      prices: settings.prices,
      timeZone: settings.timeZone,
      routing: settings.routing,
      stateChecks: settings.stateChecks,
      quietHours: withTimeZone(settings.quietHours, settings.timeZone),
      idempotency: settings.idempotency,
      templates: settings.templates,
      templateRules: settings.templateRules,
      callbacks: { ...settings.http.callbacks, mayHear: mayHear(settings), isUser: isUser(settings) },
    },
    apps: settings.apps,
    backends: settings.backends,
    store,
    callbackClient: new SafeCallbackClient({ settings: settings.http.callbacks, clock }),
    queue,
    signals,
    clock,
    newId,
    logger,
    toolsOf: (owner, backend, ending) => new AttemptTools(owner, backend, ending, { settings, http, logger }),
  })
  warnOfSharedKeywords(settings.apps, logger)
  if (settings.debug) logger.warn({}, 'debug is on: nothing leaves')
  return { settings, clock, logger, store, queue, signals, transport, router, http, role }
}

/** A user who is gone hears nothing more, nor one who may not see the backend any more. */
function mayHear({ http }: Settings) {
  return (name: string, backend: string): boolean => {
    const user = Object.hasOwn(http.users, name) ? http.users[name] : undefined
    return user !== undefined && (user.backends?.includes(backend) ?? true)
  }
}

function isUser({ http }: Settings) {
  return (name: string): boolean => Object.hasOwn(http.users, name)
}

/** Slots are separate for incoming messages and for each backend's sending. */
export function poolOf(settings: Settings, lane: Lane): PoolSettings {
  const name = poolName(lane)
  if (lane.kind === 'incoming') return { name, concurrency: settings.queue.concurrency }
  const backend = settings.backends.get(lane.owner)
  if (backend === undefined) return { name, concurrency: 1 }
  const { common, sendBatch, batchLimit } = backend
  const { rate } = common.sending
  // As many people as its calls can serve: each call of a batch takes many.
  const concurrency = common.sending.concurrency * (sendBatch === undefined ? 1 : batchLimit)
  return { name, concurrency, ...(rate === undefined ? {} : { rate }) }
}

/** What a backend's `send` may use; made for each attempt, its parts only when they are asked for. */
class AttemptTools implements SendTools<unknown> {
  readonly #router: ToolsOwner
  readonly #backend: Backend
  readonly #ending: Ending
  readonly #parts: { readonly settings: Settings; readonly http: HttpPool; readonly logger: Logger }

  constructor(
    router: ToolsOwner,
    backend: Backend,
    ending: Ending,
    parts: { readonly settings: Settings; readonly http: HttpPool; readonly logger: Logger },
  ) {
    this.#router = router
    this.#backend = backend
    this.#ending = ending
    this.#parts = parts
  }

  get backend() {
    return this.#backend.name
  }

  get settings() {
    return this.#backend.settings
  }

  get http() {
    return this.#backend.common.debug ? noHttp : this.#parts.http.client(this.#ending.signal)
  }

  get urls() {
    return { status: statusUrl(this.#backend, this.#parts.settings.http.publicUrl) }
  }

  get logger() {
    return this.#parts.logger
  }

  get receive(): SendTools<unknown>['receive'] {
    return (message) => this.#router.receive(this.#backend.name, message)
  }

  get receivePart(): SendTools<unknown>['receivePart'] {
    return (part) => this.#router.means.receivePart(this.#backend.name, part)
  }

  get outbox() {
    return this.#router.means.outbox(this.#backend.name)
  }

  get memory() {
    return this.#router.means.memory(this.#backend.name)
  }

  get report(): SendTools<unknown>['report'] {
    return (report) => this.#router.report(this.#backend.name, report)
  }

  get signal() {
    return this.#ending.signal
  }
}

function statusUrl(backend: Backend, publicUrl: string | undefined): string | undefined {
  if (publicUrl === undefined) return undefined
  const route = routesOf(backend).find(({ viewName }) => viewName === 'status')
  return route === undefined ? undefined : new URL(route.path, publicUrl).href
}
