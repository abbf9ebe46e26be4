/** What the project asks of a logger; pino's loggers fit. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const nothing = () => undefined

/** A logger that says nothing, for tests and for embedding where logs are not wanted. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
