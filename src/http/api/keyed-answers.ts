import { createHash, randomUUID } from 'node:crypto'
import type { Clock } from '../../messages/clock.ts'
import { InvalidInputError } from '../../messages/errors.ts'
import { canonicalJson } from '../../messages/plain-json.ts'
import { StoreUnavailableError } from '../../store/errors.ts'
import type { KeyedSend } from '../../store/keyed-sends.ts'
import type { Store } from '../../store/store.ts'
import type { User } from '../users/settings.ts'
import { type ApiAnswer, Refusal, type RefusalCode } from './api-answer.ts'
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
type Outcome<Kept> = { readonly kept: Kept } | { readonly refused: string; readonly code?: RefusalCode }

/** One user's keys are nobody else's. */
export function keyOf(user: User, given: string): string {
  return `api:${user.name}:${createHash('sha256').update(given, 'utf8').digest('base64url')}`
}

/**
 * Makes what a request asks for once, however often it comes with the same key. The key is taken before anything is
 * made, and what it came to is kept after: what breaks off between both is not made again. Where it is certain that
 * nothing was made, the key is free again.
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
    if (standing === undefined) return { body: await this.#first(entry, make) }
    if (standing.digest !== digest) {
      throw new Refusal('IDEMPOTENCY_MISMATCH', 'This Idempotency-Key has been used for another request.')
    }
    const found = await store.keyed.find(outcomeKey(entry.key), now)
    if (found === undefined) throw new Refusal('CONFLICT', UNDER_WAY)
    const outcome = found.result as Outcome<Kept>
    if ('refused' in outcome) {
      if (outcome.code === undefined) throw new InvalidInputError(outcome.refused)
      throw new Refusal(outcome.code, outcome.refused)
    }
    return { headers: { 'Idempotency-Replayed': 'true' }, body: await again(outcome.kept) }
  }

  async #first<Kept>(entry: Entry, make: () => Promise<Made<Kept>>): Promise<unknown> {
    // Forgotten together with the key.
    const outcome = { ...entry, key: outcomeKey(entry.key) }
    const { kept, body } = await make().catch(async (error: unknown) => {
      const refused = refusedOutcome(error)
      if (refused !== undefined) await this.#keep(outcome, refused)
      if (!(error instanceof StoreUnavailableError)) throw error
      // Who is told to come again must not come in vain.
      if (error.nothingWritten && (await this.#release(entry.key))) throw error
      throw new Refusal('CONFLICT', UNDER_WAY)
    })
    await this.#keep(outcome, { kept } satisfies Outcome<Kept>).catch((error: unknown) => {
      // It was made, whether it can be told again or not.
      if (!(error instanceof StoreUnavailableError)) throw error
    })
    return body
  }

  /** @returns whether the key is free again */
  async #release(key: string): Promise<boolean> {
    try {
      await this.#parts.store.keyed.forget(key)
      return true
    } catch {
      return false
    }
  }

  /** @returns what the key stands for already */
  #keep(entry: Entry, result: unknown) {
    return this.#parts.store.keyed.record({ ...entry, id: randomUUID(), result, messages: [] })
  }
}

const UNDER_WAY =
  'The first request with this Idempotency-Key is under way, or was broken off: look what it made before you ask with another key.'

function refusedOutcome(error: unknown): Outcome<never> | undefined {
  if (error instanceof InvalidInputError) return { refused: error.message }
  return error instanceof Refusal ? { refused: error.message, code: error.code } : undefined
}

function outcomeKey(key: string): string {
  return `${key}:outcome`
}
