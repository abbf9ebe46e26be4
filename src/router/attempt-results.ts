import { type Clock, sleep } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Signals } from '../queue/signals.ts'
import { DocumentConflictError, StoreUnavailableError } from '../store/errors.ts'
import type { Fence } from '../store/fence.ts'
import type { AttemptResult, ClaimedOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import type { Settlement } from './attempt-outcome.ts'
import type { Backend } from './backend.ts'
import { tellConversation } from './conversation-signal.ts'
import type { Copies } from './copies.ts'
import type { Holds } from './holds.ts'
import type { Hooks } from './hooks.ts'
import type { Ringer } from './ring.ts'
import { tellSent } from './send-hooks.ts'
import { type SettledSignal, settledChannel } from './settled-signal.ts'

export interface AttemptResultsParts {
  readonly store: Pick<Store, 'finishAttempts'>
  readonly signals: Signals
  readonly hooks: Hooks
  readonly backends: ReadonlyMap<string, Backend>
  readonly copies: Copies
  readonly holds: Pick<Holds, 'caps'>
  readonly ringer: Ringer
  readonly clock: Clock
  readonly logger: Logger
  /** Told when the store does not answer. */
  readonly storeAway: () => void
  /** Other processes work the same lanes. */
  readonly isShared: boolean
  /** Aborted when the process stops waiting for what is in hand. */
  readonly stopping: () => AbortSignal
}

/** Sooner than lanes are taken again: after an outage, who has a result is before who would have to guess it. */
const RESULT_RETRY_MS = 300
/** As long as a lease lasts. */
const HELD_MS = 3_000

/** Records what came of messages, and tells whoever waits for it. */
export class AttemptResults {
  readonly #parts: AttemptResultsParts

  constructor(parts: AttemptResultsParts) {
    this.#parts = parts
  }

  /** Records what came of a message. What a service has been given is not forgotten while the store is away. */
  async settle(claimed: ClaimedOutgoing, fence: Fence, settlement: Settlement, text = claimed.text): Promise<void> {
    const { clock, holds } = this.#parts
    const copies = this.#parts.copies.ofSettled(claimed, settlement)
    const result: AttemptResult = {
      externalIds: [],
      code: null,
      providerCode: null,
      error: null,
      cost: null,
      currency: null,
      network: null,
      extra: null,
      ...(claimed.route === undefined ? {} : { reason: claimed.route.why }),
      ...settlement,
      ...(copies.length === 0 ? {} : { outgoing: [...(settlement.outgoing ?? []), ...copies] }),
      fence,
      message: claimed,
      at: clock.now(),
    }
    const recording = this.#recordResult(claimed, result, text)
    await (this.#parts.isShared ? this.#heldAtMost(recording) : recording)
    if (holds.caps.counts(claimed)) await holds.caps.settled(claimed, settlement)
  }

  /** Others may reach the store: they get the lane, while the result is still tried to be recorded under its fence. */
  #heldAtMost(recording: Promise<void>): Promise<void> {
    const { clock } = this.#parts
    return new Promise((resolve, reject) => {
      const timer = clock.schedule(clock.now() + HELD_MS, () => {
        reject(new StoreUnavailableError('The result of an attempt could not be recorded in time.'))
      })
      recording.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  async #recordResult(claimed: ClaimedOutgoing, given: AttemptResult, text: string): Promise<void> {
    const { store, clock, logger, storeAway, ringer } = this.#parts
    const stopping = this.#parts.stopping()
    let result = given
    for (;;) {
      try {
        await store.finishAttempts([result])
        break
      } catch (error) {
        // The person's own word, come meanwhile, goes over what the service said of her.
        if (error instanceof DocumentConflictError && result.startedAt !== null && result.changes !== undefined) {
          result = { ...result, changes: [] }
          continue
        }
        if (!(error instanceof StoreUnavailableError) || stopping.aborted) throw error
        logger.error({ id: claimed.id, err: error }, 'the result of an attempt could not be recorded; trying again')
        storeAway()
        await sleep(clock, RESULT_RETRY_MS, stopping)
      }
    }
    if (result.outgoing !== undefined) ringer.ringOutgoing(result.outgoing)
    if (result.outcome.kind === 'moved') {
      ringer.ringMoved(result.fence, result.outcome.to)
      tellConversation(this.#parts.signals, result.outcome.to.backend, claimed.id)
    }
    await this.#announce(claimed, result, text)
  }

  async #announce(claimed: ClaimedOutgoing, result: AttemptResult, text: string): Promise<void> {
    const { outcome, code, providerCode, error, externalIds } = result
    const { logger, signals, hooks, backends } = this.#parts
    tellConversation(signals, claimed.backend, claimed.id)
    const fields = {
      id: claimed.id,
      backend: claimed.backend,
      identity: claimed.identity,
      inResponseTo: claimed.inResponseTo?.id,
      text,
      tries: claimed.tries + (result.startedAt === null ? 0 : 1),
    }
    if (outcome.kind === 'moved') {
      const { code, reason } = result
      logger.warn({ ...fields, to: outcome.to.backend, code, reason }, 'moved to another backend')
      return
    }
    if (outcome.kind !== 'settled') {
      const what = outcome.kind === 'retry' ? 'to be tried again' : 'put off'
      logger.info({ ...fields, at: outcome.at, ...(outcome.kind === 'later' ? { reason: error } : {}) }, what)
      return
    }
    logger.info({ ...fields, state: outcome.state, ...(code === null ? {} : { code, error }) }, 'settled')
    const signal: SettledSignal = { state: outcome.state, code, providerCode, error, externalIds }
    await signals.publish(settledChannel(claimed.id), signal)
    if (hooks.hasAfter('send')) tellSent(hooks, claimed, result, text, backends.get(claimed.backend))
  }
}
