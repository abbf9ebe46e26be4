/** The codes of refusals; the same word always has the same status. */
export const refusals = {
  INVALID_INPUT: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CONFLICT: 409,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  IDEMPOTENCY_MISMATCH: 422,
  TOO_MANY_REQUESTS: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const
export type RefusalCode = keyof typeof refusals

/** What an endpoint answers. */
export interface ApiAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Written as JSON; nothing is written where it is undefined. */
  readonly body?: unknown
}

export interface RefusalDetails {
  /** What is wrong with which field. */
  readonly fields?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Why a request is refused. Thrown within the API, and answered in one shape. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly details: RefusalDetails

  constructor(code: RefusalCode, message: string, details: RefusalDetails = {}) {
    super(message)
    this.code = code
    this.details = details
  }

  get answer(): ApiAnswer {
    const { fields, headers = {} } = this.details
    const error = { code: this.code, message: this.message, ...(fields === undefined ? {} : { fields }) }
    return { status: refusals[this.code], headers, body: { error } }
  }
}

/** Whole ones, as HTTP has them; not fewer than 1, since who comes again at once is no later. */
export function seconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1_000))
}

export function retryAfter(milliseconds: number): Readonly<Record<string, string>> {
  return { 'Retry-After': String(seconds(milliseconds)) }
}
