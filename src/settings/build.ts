import { HttpPool } from '../backends/http-client.ts'
import { type Clock, systemClock } from '../messages/clock.ts'
import { type NewId, uuidv7Generator } from '../messages/ids.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import { MemoryQueue } from '../queue/memory-queue.ts'
import { MemorySignals } from '../queue/memory-signals.ts'
import type { PoolSettings, Queue } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import type { Backend, SendTools } from '../router/backend.ts'
import { Router } from '../router/router.ts'
import { SqliteStore } from '../store/sqlite/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { warnOfSharedKeywords } from './keywords.ts'
import type { Settings } from './parse.ts'

/** What may be replaced: by tests, and by commands that only record. */
export interface Replacements {
  readonly clock?: Clock
  readonly newId?: NewId
  readonly logger?: Logger
  readonly role?: 'server' | 'command'
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
  readonly router: Router
  readonly http: HttpPool
}

/** Joins the parts. Nothing is opened or started. */
export function build(settings: Settings, logger: Logger, replacements: Replacements = {}): Built {
  const { clock = systemClock, role = 'server' } = replacements
  const newId = replacements.newId ?? uuidv7Generator(clock)
  const store = new SqliteStore({ file: settings.databaseUrl.slice('sqlite:'.length), role })
  const signals = new MemorySignals(clock)
  const queue =
    replacements.queue?.({ clock, signals, store }) ??
    new MemoryQueue({ clock, signals, poolOf: (lane) => poolOf(settings, lane) })
  const http = new HttpPool()
  const router = new Router({
    settings: {
      apps: settings.appCalls,
      retry: settings.retry,
      backlog: settings.queue.backlog,
      languages: settings.languages,
      logTexts: settings.log.texts,
      logNumbers: settings.log.numbers,
    },
    apps: settings.apps,
    backends: settings.backends,
    store,
    queue,
    signals,
    clock,
    newId,
    logger,
    toolsOf: (owner, backend, signal) => sendTools(owner, backend, signal, settings, http, logger),
  })
  warnOfSharedKeywords(settings.apps, logger)
  return { settings, clock, logger, store, queue, signals, router, http }
}

/** Slots are separate for incoming messages and for each backend's sending. */
export function poolOf(settings: Settings, lane: Lane): PoolSettings {
  if (lane.kind === 'incoming') return { name: 'incoming', concurrency: settings.queue.concurrency }
  const sending = settings.backends.get(lane.owner)?.common.sending
  if (sending === undefined) return { name: lane.owner, concurrency: 1 }
  const { concurrency, rate } = sending
  return { name: lane.owner, concurrency, ...(rate === undefined ? {} : { rate }) }
}

function sendTools(
  router: Router,
  backend: Backend,
  signal: AbortSignal,
  settings: Settings,
  http: HttpPool,
  logger: Logger,
): SendTools<unknown> {
  return {
    backend: backend.name,
    settings: backend.settings,
    http: http.client(signal),
    urls: { status: statusUrl(backend, settings.http.publicUrl) },
    logger,
    receive: (message) => router.receive(backend.name, message),
    report: (report) => router.report(backend.name, report),
    signal,
  }
}

function statusUrl(backend: Backend, publicUrl: string | undefined): string | undefined {
  if (publicUrl === undefined || !('status' in backend.views)) return undefined
  const { path, paths, secret } = backend.common
  const prefix = path ?? `/backends/${backend.name}/`
  const guarded = secret?.in === 'path' ? `${prefix}${secret.value}/` : prefix
  return new URL(paths['status'] ?? `${guarded}status`, publicUrl).href
}
