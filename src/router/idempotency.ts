import { createHash } from 'node:crypto'
import type { Clock } from '../messages/clock.ts'
import { errorText, InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import { canonicalJson } from '../messages/plain-json.ts'
import type { KeptSend } from '../store/keyed-sends.ts'
import type { Store } from '../store/store.ts'
import { IdempotencyMismatchError } from './errors.ts'
import type { PreparedSend } from './send.ts'
import { checkRequest } from './send-checks.ts'
import type { SendRequest, Submission } from './send-request.ts'

export interface IdempotencyParts {
  readonly store: Store
  readonly clock: Clock
  readonly newId: NewId
  /** Milliseconds for which a key is known. */
  readonly keyFor: number
}

/** What was asked for, and by which method: the same key stands for nothing else. */
export interface Asked {
  readonly key: string
  readonly digest: string
}

type Result = Pick<Submission, 'messages' | 'leftOut'>

/** Has requests with a key come to one result, however often and wherever they are made. */
export class Idempotency {
  readonly #parts: IdempotencyParts

  constructor(parts: IdempotencyParts) {
    this.#parts = parts
  }

  /**
   * @returns what the first call came to; undefined when this may be the first
   * @throws IdempotencyMismatchError when it asked for something else
   */
  async first(asked: Asked): Promise<Submission | undefined> {
    const kept = await this.#parts.store.keyed.find(asked.key, this.#parts.clock.now())
    return kept === undefined ? undefined : submissionOf(kept, asked)
  }

  /**
   * Records the messages together with the key.
   * @returns what the first call came to, where that was not this one
   * @throws IdempotencyMismatchError when it asked for something else
   */
  async record(asked: Asked, { messages, leftOut }: PreparedSend): Promise<Submission | undefined> {
    const { store, clock, newId, keyFor } = this.#parts
    const now = clock.now()
    const sent = messages.map(({ id, backend, identity }) => ({ id, backend, identity }))
    const result: Result = { messages: sent, leftOut }
    const kept = await store.keyed.record({ ...asked, id: newId(), result, messages, now, expiresAt: now + keyFor })
    return kept === undefined ? undefined : submissionOf(kept, asked)
  }
}

/**
 * @param method `send` and `sendNow` with one key are two things
 * @returns undefined for a request without a key
 * @throws InvalidInputError naming the field that is wrong
 */
export function askedOf(request: SendRequest, method: 'send' | 'sendNow'): Asked | undefined {
  const { idempotencyKey: key, ...plain } = request
  if (key === undefined) return undefined
  checkRequest(request)
  return {
    key,
    digest: createHash('sha256')
      .update(jsonOf([method, plain]))
      .digest('base64'),
  }
}

function jsonOf(request: unknown): string {
  try {
    return canonicalJson(request)
  } catch (error) {
    throw new InvalidInputError(`idempotencyKey: the request cannot be written as JSON: ${errorText(error)}`)
  }
}

function submissionOf({ digest, result }: KeptSend, asked: Asked): Submission {
  if (digest === asked.digest) return { ...(result as Result), isRepeat: true }
  throw new IdempotencyMismatchError('idempotencyKey: the key has been used for another request')
}
