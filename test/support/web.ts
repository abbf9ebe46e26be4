import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSwitchboard, type IncomingMessage, type SettingsInput, type Switchboard } from '../../src/index.ts'
import type { Logger } from '../../src/messages/logger.ts'

/** A switchboard in memory behind a real HTTP server, and all that its last app was given and its logger told. */
export interface Web {
  /** Without a slash at the end. */
  readonly url: string
  readonly switchboard: Switchboard
  /** What came through to the apps, in order. */
  readonly messages: readonly IncomingMessage[]
  /** All lines, as one text. */
  log(): string
  stop(): Promise<void>
}

export interface WebOptions {
  /** Whether it is started; true by default. */
  readonly start?: boolean
  /** In place of the switchboard's own callback. */
  readonly listener?: (switchboard: Switchboard) => RequestListener
}

/** Serves settings on a free port, with the store in memory unless they name another. */
export async function serveWeb(settings: Partial<SettingsInput>, options: WebOptions = {}): Promise<Web> {
  const messages: IncomingMessage[] = []
  const { logger, lines } = collectingLogger()
  const witness = {
    name: 'witness',
    parse(message: IncomingMessage) {
      messages.push(message)
    },
  }
  const switchboard = createSwitchboard(
    { databaseUrl: 'sqlite::memory:', backends: {}, ...settings, apps: [witness, ...(settings.apps ?? [])] },
    { logger },
  )
  if (options.start !== false) await switchboard.start()
  const server = createServer(options.listener?.(switchboard) ?? switchboard.callback())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    switchboard,
    messages,
    log: () => lines.join('\n'),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await switchboard.stop()
    },
  }
}

/** A logger that keeps what it is told, errors with all their causes. */
export function collectingLogger(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const note = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields, plain)}`)
  }
  return { logger: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }, lines }
}

function plain(_name: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  return { ...value, type: value.name, message: value.message, stack: value.stack, cause: value.cause }
}
