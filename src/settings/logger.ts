import { createRequire } from 'node:module'
import pino from 'pino'
import type { Logger } from '../messages/logger.ts'
import type { GeneralSettings } from './schema.ts'

/** A logger that can be told to write out what it still holds. */
export interface ProcessLogger extends Logger {
  flush(): void
}

const BUFFER_BYTES = 8 * 1024
const FLUSH_INTERVAL_MS = 250

/** Lines of JSON on standard output; for people where that is a terminal and pino-pretty is installed. */
export function createLogger({ level }: GeneralSettings['log']): ProcessLogger {
  const pretty = process.stdout.isTTY ? prettyStream() : undefined
  if (pretty !== undefined) {
    const logger = pino({ level, base: null }, pretty)
    return bound(logger, () => {})
  }
  const destination = pino.destination({ fd: 1, sync: false, minLength: BUFFER_BYTES })
  const logger = pino({ level, base: null }, destination)
  setInterval(() => destination.flush(), FLUSH_INTERVAL_MS).unref()
  return bound(logger, () => {
    try {
      destination.flushSync()
    } catch {
      // Not open yet: nothing was written.
    }
  })
}

function bound(logger: pino.Logger, flush: () => void): ProcessLogger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush,
  }
}

function prettyStream(): pino.DestinationStream | undefined {
  try {
    const load = createRequire(import.meta.url)
    const pretty = load('pino-pretty') as (options: object) => pino.DestinationStream
    return pretty({ colorize: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', sync: true })
  } catch {
    return undefined
  }
}
