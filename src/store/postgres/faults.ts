import { SwitchboardError } from '../../messages/errors.ts'
import { StoreUnavailableError } from '../errors.ts'

/** Codes of Node.js: the server cannot be reached. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EACCES',
  'EMFILE',
])

/**
 * Classes and codes of PostgreSQL (appendix A of its manual): connection, authorization, no such database, read-only,
 * deadlock and the like are told apart elsewhere; no resources, operator intervention (shutting down, starting up, time
 * limit), system error; a lock not had in time.
 */
const AWAY = /^(08...|28...|3D000|25006|25P03|53...|57...|58...|55P03)$/

/** No connection left, starting up, a lock not had in time: no transaction that is told so is committed. */
const NOTHING_WRITTEN = /^(53300|55P03|57P03)$/

/** Errors of the driver have no code. */
const AWAY_TEXT =
  /^(timeout e|Connection (terminated|ended)|Query read timeout|Client (was closed|has encountered)|Cannot use a pool|The server does not support SSL)/

/** True for what may pass: not reachable, starting, stopping, no answer in time, disk full, read-only. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof StoreUnavailableError) return true
  if (!(error instanceof Error) || error instanceof SwitchboardError) return false
  const code = codeOf(error)
  if (error instanceof AggregateError) return error.errors.every(isUnavailable)
  return code === undefined ? AWAY_TEXT.test(error.message) : UNREACHABLE.has(code) || AWAY.test(code)
}

/** True where two transactions got in each other's way and the same one can be run again. */
export function isClash(error: unknown): boolean {
  const code = error instanceof Error ? codeOf(error) : undefined
  return code === '40001' || code === '40P01'
}

/** The error as one of the store where it is one that may pass. */
export function explained(label: string, error: unknown): unknown {
  if (error instanceof SwitchboardError || !isUnavailable(error)) return error
  return unavailable(label, error)
}

/** The error as {@link explained}, of who was being connected: nothing was asked for yet. */
export function notConnected(label: string, error: unknown): unknown {
  if (error instanceof SwitchboardError || !isUnavailable(error)) return error
  return new StoreUnavailableError(messageOf(label, error), { cause: error, nothingWritten: true })
}

export function unavailable(label: string, error: unknown): StoreUnavailableError {
  const code = error instanceof Error ? codeOf(error) : undefined
  const nothingWritten = NOTHING_WRITTEN.test(code ?? '')
  return new StoreUnavailableError(messageOf(label, error), { cause: error, nothingWritten })
}

function messageOf(label: string, error: unknown): string {
  const why = error instanceof AggregateError ? String(error.errors[0]) : error instanceof Error ? error.message : error
  return `The database ${label} cannot be used now: ${why}`
}

/** The SQLSTATE, or the code of Node.js. */
export function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
