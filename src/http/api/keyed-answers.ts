import { createHash, randomUUID } from 'node:crypto'
import type { Clock } from '../../messages/clock.ts'
import { InvalidInputError } from '../../messages/errors.ts'
import { canonicalJson } from '../../messages/plain-json.ts'
import type { KeyedSend } from '../../store/keyed-sends.ts'
import type { Store } from '../../store/store.ts'
import type { User } from '../users/settings.ts'
import { type ApiAnswer, Refusal } from './api-answer.ts'
import type { EndpointWords } from './endpoint.ts'

export interface KeyedAnswersParts {
  readonly store: Pick<Store, 'keyed'>
  readonly clock: Clock
  /** Milliseconds for which a key is known. */
  readonly keyFor: number
}

/** What endpoints have in common that make something once for each key. */
export const KEYED = {
  takesKey: true,
  refuses: ['IDEMPOTENCY_MISMATCH'],
  headers: { 'Idempotency-Replayed': '`true` where the request was one before: this is what the first came to' },
} as const satisfies Partial<EndpointWords>

/** A request that makes something. */
export interface AskedOnce {
  readonly user: User
  readonly params: Readonly<Record<string, string>>
  readonly body: unknown
  readonly idempotencyKey: string | undefined
}

/** What was made, and what of it is kept with the key: plain JSON, by which the answer can be given again. */
export interface Made<Kept> {
  readonly kept: Kept
  readonly body: unknown
}

type Entry = Pick<KeyedSend<never>, 'key' | 'digest' | 'now' | 'expiresAt'>
type Outcome<Kept> = { readonly kept: Kept } | { readonly refused: string }

/** One user's keys are nobody else's. */
export function keyOf(user: User, given: string): string {
  return `api:${user.name}:${createHash('sha256').update(given, 'utf8').digest('base64url')}`
}

/**
 * Makes what a request asks for once, however often it comes with the same key. The key is taken before anything is
 * made, and what it came to is kept after: what breaks off between both is not made again.
 */
export class KeyedAnswers {
  readonly #parts: KeyedAnswersParts

  constructor(parts: KeyedAnswersParts) {
    this.#parts = parts
  }

  /**
   * @param id of the endpoint: the same key stands for nothing else
   * @param again the answer's body, of what was made before
   * @throws Refusal where the key was used for another request, or the first one has not come to anything yet; whatever
   *   `make` and `again` throw
   */
  async answer<Kept>(
    id: string,
    asked: AskedOnce,
    make: () => Promise<Made<Kept>>,
    again: (kept: Kept) => Promise<unknown>,
  ): Promise<Omit<ApiAnswer, 'status'>> {
    if (asked.idempotencyKey === undefined) return { body: (await make()).body }
    const { store, clock, keyFor } = this.#parts
    const digest = createHash('sha256')
      .update(canonicalJson([id, asked.params, asked.body]))
      .digest('base64')
    const now = clock.now()
    const entry: Entry = { key: keyOf(asked.user, asked.idempotencyKey), digest, now, expiresAt: now + keyFor }
    const standing = await this.#keep(entry, null)
    if (standing === undefined) return { body: await this.#first({ ...entry, key: outcomeKey(entry.key) }, make) }
    if (standing.digest !== digest) {
      throw new Refusal('IDEMPOTENCY_MISMATCH', 'This Idempotency-Key has been used for another request.')
    }
    const found = await store.keyed.find(outcomeKey(entry.key), now)
    if (found === undefined) throw new Refusal('CONFLICT', UNDER_WAY)
    const outcome = found.result as Outcome<Kept>
    if ('refused' in outcome) throw new InvalidInputError(outcome.refused)
    return { headers: { 'Idempotency-Replayed': 'true' }, body: await again(outcome.kept) }
  }

  /** The outcome is forgotten together with the key. */
  async #first<Kept>(entry: Entry, make: () => Promise<Made<Kept>>): Promise<unknown> {
    try {
      const { kept, body } = await make()
      await this.#keep(entry, { kept } satisfies Outcome<Kept>)
      return body
    } catch (error) {
      if (error instanceof InvalidInputError) {
        await this.#keep(entry, { refused: error.message } satisfies Outcome<Kept>)
      }
      throw error
    }
  }

  /** @returns what the key stands for already */
  #keep(entry: Entry, result: unknown) {
    return this.#parts.store.keyed.record({ ...entry, id: randomUUID(), result, messages: [] })
  }
}

const UNDER_WAY =
  'The first request with this Idempotency-Key is under way, or was broken off: look what it made before you ask with another key.'

function outcomeKey(key: string): string {
  return `${key}:outcome`
}
