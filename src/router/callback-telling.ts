import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { CallbackDelivery, CallbackStore, DeliveryResult, StoredCallback } from '../store/callback-store.ts'
import type { CallbackClient } from './callback-client.ts'
import { type CallbackRetry, GONE, resultOf } from './callback-result.ts'
import { Endings } from './ending.ts'

export interface CallbackTellingParts {
  readonly settings: CallbackRetry & { mayHear(user: string, backend: string): boolean }
  readonly store: { readonly callbacks: CallbackStore }
  readonly client: CallbackClient
  readonly clock: Clock
  readonly logger: Logger
}

/** How a delivery was claimed. */
export interface ClaimedFor {
  readonly target: string
  /** How often in a row the URL was not reached. */
  readonly failures: number
  readonly holder: string
  readonly signal: AbortSignal
}

/** Tells a callback one thing. */
export class CallbackTelling {
  readonly #parts: CallbackTellingParts
  readonly #endings = new Endings()

  constructor(parts: CallbackTellingParts) {
    this.#parts = parts
  }

  /** @returns what it came to, for the store */
  async tell(delivery: CallbackDelivery, claimed: ClaimedFor): Promise<DeliveryResult> {
    const { settings, store, client, clock } = this.#parts
    const { holder, target, failures, signal } = claimed
    const key = { seq: delivery.seq, holder, target }
    const callback = await store.callbacks.find(delivery.callback)
    if (callback === undefined) return { ...key, kind: 'removed' }
    // It goes where its callback is now, and is told there in its turn.
    if (callback.target !== target) return { ...key, kind: 'released' }
    const refused = this.#refusal(callback, delivery)
    if (refused !== undefined) return { ...key, kind: 'dead', now: clock.now(), status: null, failure: refused }
    const ending = this.#endings.begin(signal)
    const outcome = await client.tell(callback, delivery, ending.signal).finally(() => this.#endings.done(ending))
    if (outcome.kind === 'unreached' && signal.aborted) return { ...key, kind: 'released' }
    const result = resultOf({ outcome, delivery, failures, now: clock.now() }, settings)
    if (result.kind === 'gone') await this.#disable(callback, result.failure)
    // What a callback answered that was changed meanwhile says nothing of what it is now. Not at once: its receiver may
    // change it each time that it is asked.
    const isStale = result.kind !== 'delivered' && !(await this.#isAsTold(callback))
    if (isStale) return { ...key, kind: 'released', at: clock.now() + settings.firstDelay }
    const settled =
      result.kind === 'gone' ? ({ ...result, kind: 'dead', now: clock.now(), status: GONE } as const) : result
    this.#tellOf(settled, delivery)
    return { ...key, ...settled }
  }

  /** What else waits for it is given up as it is claimed. */
  async #disable({ id, user, revision }: StoredCallback, failure: string): Promise<void> {
    const { store, clock, logger } = this.#parts
    if (await store.callbacks.disable(id, revision, failure, clock.now()))
      logger.warn({ callback: id, user }, 'a callback answered 410 and is told nothing more')
  }

  /** Whether an answer of then is one of now. What else is changed of it has nothing to do with how it answers. */
  async #isAsTold({ id, url, secret }: StoredCallback): Promise<boolean> {
    const now = await this.#parts.store.callbacks.find(id)
    return now?.url === url && now.secret === secret
  }

  #tellOf(result: { readonly kind: string; readonly failure?: string }, delivery: CallbackDelivery): void {
    const { logger } = this.#parts
    const { callback, id: event, messageId: id, tries } = delivery
    const fields = { callback, event, id, tries: tries + 1 }
    if (result.kind === 'dead') logger.warn({ ...fields, failure: result.failure }, 'a callback was given up')
    else if (result.kind === 'retry') logger.info({ ...fields, failure: result.failure }, 'a callback failed')
    else logger.debug(fields, 'a callback was told')
  }

  /** Why it is not told any more; recorded a moment before that was so. */
  #refusal({ user, disabledAt, disabledReason }: StoredCallback, { backend }: CallbackDelivery): string | undefined {
    if (disabledAt !== null) return disabledReason ?? 'it is disabled'
    const isHeard = user === null || this.#parts.settings.mayHear(user, backend)
    return isHeard ? undefined : 'its user may not see this backend'
  }
}
