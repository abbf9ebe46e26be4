import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Environment } from '../settings/env.ts'
import { createLogger } from '../settings/logger.ts'
import { parseSettings } from '../settings/parse.ts'
import type { Role } from '../settings/roles.ts'
import type { SettingsInput } from '../settings/schema.ts'
import { joinSwitchboard, type Switchboard } from '../settings/switchboard.ts'
import { type CommonOptions, readSettings } from './open.ts'
import type { Output } from './output.ts'
import { StopSignal } from './stop-signal.ts'

export interface StartOptions extends CommonOptions {
  readonly role: Role
  readonly port?: number
  readonly host?: string
}

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** For requests that were on their way when the server was told to stop. */
const LAST_REQUESTS_MS = 1_000
/** A little longer than a connection is kept that nobody uses. */
const LEAVING_MS = 5_500
const LOOKED_EVERY_MS = 50

/** Serves until SIGTERM or SIGINT; then takes nothing more and finishes what is in hand. */
export async function start(options: StartOptions, output: Output): Promise<number> {
  const stopSignal = new StopSignal()
  const input = await readSettings(options)
  const env = {
    ...process.env,
    ...(options.port === undefined ? {} : { PORT: String(options.port) }),
    ...(options.host === undefined ? {} : { HOST: options.host }),
  }
  return serveSettings({ input, env, role: options.role, stopSignal }, output)
}

/** What is served: settings as a file exports them, with what the environment puts over them. */
export interface Served {
  readonly input: SettingsInput
  readonly env: Environment
  readonly role: Role
  readonly stopSignal: StopSignal
}

/** Serves settings until the signal to stop; then takes nothing more and finishes what is in hand. */
export async function serveSettings({ input, env, role, stopSignal }: Served, output: Output): Promise<number> {
  const settings = parseSettings(input, env)
  const logger = createLogger(settings.log)
  const switchboard = joinSwitchboard(settings, { logger, role })
  const { host } = settings.http
  // Beside a server on the same machine, the port of the settings is that server's; a worker has but its health to show.
  const port = role === 'worker' && env['PORT'] === undefined ? 0 : settings.http.port
  outliveRejections(switchboard)
  const started = switchboard.start()
  // Where the signal to stop comes first, nobody else hears of it.
  started.catch(() => undefined)
  const leaving = new AbortController()
  const server = createWebServer(switchboard, leaving.signal)
  let forgetLinks = () => {}
  try {
    const early = await Promise.race([started, stopSignal.received])
    if (early === undefined) forgetLinks = await serve(server, switchboard, { host, port, role }, output)
    logger.info({ signal: early ?? (await ended(switchboard, stopSignal)) }, 'stopping')
    leaving.abort()
    if (settings.redisUrl !== undefined) await connectionsLeft(server)
    server.close()
    server.closeIdleConnections()
  } finally {
    await switchboard.stop()
    await endConnections(server)
    // Only now: without a listener, the signal would end the process.
    forgetLinks()
    logger.flush()
  }
  logger.info({}, 'stopped')
  logger.flush()
  return 0
}

/** A promise that an app lets go of is no reason to let go of everybody's messages; what it was called for has failed. */
function outliveRejections({ parts: { logger } }: Switchboard): void {
  process.on('unhandledRejection', (reason) => {
    logger.error({ err: reason }, 'a promise was rejected that nobody waited for; look for a missing await')
  })
}

/**
 * The signal to stop.
 * @throws TakenOverError when another server works the database
 */
async function ended({ router }: Switchboard, stopSignal: StopSignal): Promise<NodeJS.Signals> {
  const reason = await Promise.race([stopSignal.received, router.takenOver])
  if (reason instanceof Error) throw reason
  return reason
}

function createWebServer(switchboard: Switchboard, leaving: AbortSignal): Server {
  const callback = switchboard.callback()
  const server = createServer((request, response) => {
    // Told to stop, it ends each connection with the answer that is due on it.
    if (leaving.aborted) response.setHeader('connection', 'close')
    callback(request, response)
  })
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  return server
}

/** Takes requests, and says where. */
async function serve(
  server: Server,
  switchboard: Switchboard,
  { host, port: asked, role }: { readonly host: string; readonly port: number; readonly role: Role },
  output: Output,
): Promise<() => void> {
  const port = await listen(server, { host, port: asked })
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/`
  output.out(role === 'worker' ? `Switchboard works; its health is at ${url}readyz` : `Switchboard serves on ${url}`)
  return printTesterLinks(switchboard, reachedAt(host, port), output)
}

/**
 * Others serve as well: each answer from now on ends its connection, so that its client goes to one of them. A connection
 * that was closed by us could be closed under a request.
 */
async function connectionsLeft(server: Server): Promise<void> {
  const end = performance.now() + LEAVING_MS
  const count = () => new Promise<number>((resolve) => server.getConnections((_, open) => resolve(open)))
  while (performance.now() < end && (await count()) > 0) await delay(LOOKED_EVERY_MS)
}

/** Requests that were on their way get their answers; who takes too long over one is cut off. */
async function endConnections(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), LAST_REQUESTS_MS)
  await new Promise<void>((resolve) => server.close(() => resolve()))
  clearTimeout(cut)
}

/** Prints a link to the tester page, and another one whenever the process gets SIGUSR2. */
function printTesterLinks(switchboard: Switchboard, served: string, output: Output): () => void {
  const print = () => {
    const link = switchboard.testerLink(served)
    if (link !== undefined) output.out(`Tester page, by a link for one use within an hour: ${link}`)
  }
  print()
  process.on('SIGUSR2', print)
  return () => process.off('SIGUSR2', print)
}

/** An address to go to; served on every address, this machine's own name. */
function reachedAt(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

const explanations: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program serves there already; stop it, or take another port by --port or PORT',
  EACCES: 'this user may not serve on that port; take one above 1023 by --port or PORT',
  EADDRNOTAVAIL: 'this machine does not have that address; take another one by --host or HOST',
  ENOTFOUND: 'there is no such address; take another one by --host or HOST',
}

/** The port it listens on then; another one than given where that is 0. */
async function listen(server: Server, { port, host }: { readonly port: number; readonly host: string }) {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new Error(`Port ${port} of ${host} cannot be served: ${explanations[code] ?? message}.`, { cause: error })
  }
  return (server.address() as AddressInfo).port
}
