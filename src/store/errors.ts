import { SwitchboardError } from '../messages/errors.ts'

/** The store cannot read or write now: disk full, read-only, not reachable. It may work again later. */
export class StoreUnavailableError extends SwitchboardError {
  readonly code = 'STORE_UNAVAILABLE'
  /** Whether it is certain that nothing was written: then what was asked for can be asked for again. */
  readonly nothingWritten: boolean

  constructor(message: string, options: { readonly cause?: unknown; readonly nothingWritten?: boolean } = {}) {
    super(message, options)
    this.nothingWritten = options.nothingWritten === true
  }
}

/** A result came from someone who no longer holds the lane, or for a message already settled. Nothing was written. */
export class StaleResultError extends SwitchboardError {
  readonly code = 'STALE_RESULT'
}

/** Another server has begun to work this database: the one that gets this may work nothing any more. */
export class TakenOverError extends SwitchboardError {
  readonly code = 'TAKEN_OVER'
}

/** A document, or whose a connection is, changed between being read and being written. */
export class DocumentConflictError extends SwitchboardError {
  readonly code = 'DOCUMENT_CONFLICT'
}

/** Another server has this database file open. */
export class StoreLockedError extends SwitchboardError {
  readonly code = 'STORE_LOCKED'
}

/** The database has migrations that this version does not know, or one that failed. */
export class MigrationError extends SwitchboardError {
  readonly code = 'MIGRATION'
}
