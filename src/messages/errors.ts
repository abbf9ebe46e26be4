/**
 * The base of every error this project throws on purpose. `code` is stable across releases and
 * documented in docs/errors.md; compare it, never the text.
 */
export abstract class SwitchboardError extends Error {
  abstract readonly code: string

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
  }
}

/** Something given from outside (settings, a request, a call's arguments) is not of the form expected. */
export class InvalidInputError extends SwitchboardError {
  readonly code = 'INVALID_INPUT'
}

/** The text of whatever was thrown, for logs and for the `error` kept with a message. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.message || error.name
  try {
    return String(error)
  } catch {
    return 'something was thrown that has no text'
  }
}
