import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLogger } from '../settings/logger.ts'
import { parseSettings } from '../settings/parse.ts'
import { createSwitchboard } from '../settings/switchboard.ts'
import { type CommonOptions, readSettings } from './open.ts'
import type { Output } from './program.ts'

export interface StartOptions extends CommonOptions {
  readonly port?: number
  readonly host?: string
}

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000

/** Serves until SIGTERM or SIGINT; then takes nothing more and finishes what is in hand. */
export async function start(options: StartOptions, output: Output): Promise<number> {
  const input = await readSettings(options)
  const env = {
    ...process.env,
    ...(options.port === undefined ? {} : { PORT: String(options.port) }),
    ...(options.host === undefined ? {} : { HOST: options.host }),
  }
  const { http, log } = parseSettings(input, env)
  const logger = createLogger(log)
  const switchboard = createSwitchboard(input, { env, logger })
  const server = createServer(switchboard.callback())
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  await switchboard.start()
  server.listen(http.port, http.host)
  try {
    await once(server, 'listening')
  } catch (error) {
    await switchboard.stop()
    throw error
  }
  const { port } = server.address() as AddressInfo
  output.out(`Switchboard serves on http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${port}/`)

  const signal = await Promise.race([
    once(process, 'SIGTERM').then(() => 'SIGTERM'),
    once(process, 'SIGINT').then(() => 'SIGINT'),
  ])
  logger.info({ signal }, 'stopping')
  server.close()
  server.closeIdleConnections()
  await switchboard.stop()
  server.closeAllConnections()
  logger.info({}, 'stopped')
  logger.flush()
  return 0
}
