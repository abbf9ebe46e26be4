import type { Clock } from '../messages/clock.ts'
import { errorText } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import { IncomingMessage, type Text } from '../messages/incoming.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { LaneResult, Slot } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import { DocumentConflictError, StaleResultError, StoreUnavailableError, TakenOverError } from '../store/errors.ts'
import type { Fence } from '../store/fence.ts'
import type { ClaimedIncoming, IncomingOutcome } from '../store/incoming-records.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import { answeredBy, answeredChannel } from './answers.ts'
import type { App } from './app.ts'
import type { AppCalls } from './app-calls.ts'
import { MessageContext } from './context.ts'
import { tellConversation } from './conversation-signal.ts'
import type { Copies } from './copies.ts'
import type { Identities } from './identities.ts'
import type { Objections } from './objections.ts'
import type { OptOuts } from './opt-outs.ts'
import type { OutgoingTexts } from './outgoing-texts.ts'
import { type CallApp, runIncomingPhases } from './phases.ts'
import { Responses } from './responses.ts'
import { type Backoff, backoffDelay } from './retry.ts'
import type { Ringer } from './ring.ts'
import type { Sender } from './send.ts'
import type { Staleness } from './staleness.ts'
import { isStoreFault } from './store-fault.ts'
import type { TemplateTexts } from './template-texts.ts'

/** What happens to messages whose phases fail. */
export interface IncomingRetry extends Backoff {
  /** How many times the phases run at the most. */
  readonly attempts: number
  /** Sent to the person when the message is given up. */
  readonly errorReply?: Text | undefined
}

export interface IncomingWorkerParts {
  readonly apps: readonly App[]
  readonly calls: AppCalls
  readonly store: Store
  readonly ringer: Ringer
  readonly signals: Signals
  readonly sender: Sender
  readonly identities: Identities
  readonly texts: OutgoingTexts
  readonly templates: TemplateTexts
  readonly copies: Copies
  /** Told when the store does not answer. */
  readonly storeAway: () => void
  readonly optOuts: OptOuts
  readonly objections: Objections
  readonly staleness: Staleness
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  readonly retry: IncomingRetry
  /** Told of each message that is no longer open. */
  readonly settled: () => void
}

const MESSAGES_PER_TURN = 10
/** The message to be worked, and whether there is one behind it. */
const LOOKED_AT = 2
const MOST_CONFLICTS = 10
const STORE_RETRY_MS = 1_000

/** Takes incoming messages through the phases and commits what came of them. */
export class IncomingWorker {
  readonly #parts: IncomingWorkerParts
  readonly #responses: Responses

  constructor(parts: IncomingWorkerParts) {
    this.#parts = parts
    this.#responses = new Responses(parts)
  }

  /** Works the first messages of a lane. Never throws. */
  async work(lane: Lane, slot: Slot): Promise<LaneResult> {
    const { store, clock, logger } = this.#parts
    try {
      for (let worked = 0; worked < MESSAGES_PER_TURN; worked++) {
        const { fence, messages } = await store.claimIncoming(lane, LOOKED_AT)
        const message = messages[0]
        if (message === undefined) return { next: 'idle' }
        if (message.notBefore > clock.now()) return { next: 'later', at: message.notBefore }
        const isDone = await this.#process(message, fence, slot)
        // What is recorded from now on rings the lane: no need to look once more.
        if (isDone && messages.length < LOOKED_AT) return { next: 'idle' }
      }
      return { next: 'more' }
    } catch (error) {
      if (error instanceof StaleResultError) return { next: 'more' }
      if (error instanceof TakenOverError) return { next: 'later', at: clock.now() + STORE_RETRY_MS }
      if (error instanceof StoreUnavailableError) this.#parts.storeAway()
      logger.error({ err: error, backend: lane.owner }, 'the message could not be recorded as processed; it runs again')
      return { next: 'later', at: clock.now() + STORE_RETRY_MS }
    }
  }

  /** @returns whether the message is finished: processed, or kept as failed */
  async #process(message: ClaimedIncoming, fence: Fence, slot: Slot): Promise<boolean> {
    const refusal = await this.#parts.staleness.refusal(message)
    if (refusal !== null) return this.#refuse(message, fence, refusal)
    let current = message
    for (let conflicts = 0; ; conflicts++) {
      try {
        return await this.#processOnce(current, fence, slot)
      } catch (error) {
        if (isStoreFault(error)) throw error
        // What the apps left cannot be recorded, now or later: their failure, not the store's.
        const mayPass = error instanceof DocumentConflictError && conflicts < MOST_CONFLICTS
        if (!mayPass) return this.#failed(message, fence, slot, error)
        // Somebody may have made, or deleted, the contact meanwhile.
        current = { ...message, contact: (await this.#parts.store.contacts.ofConnection(message)) ?? null }
      }
    }
  }

  async #refuse(message: ClaimedIncoming, fence: Fence, error: string): Promise<boolean> {
    const { id, backend } = message
    this.#parts.logger.warn({ id, backend, error }, 'the message is not worked')
    await this.#finish(message, fence, { kind: 'failed', error }, this.#parts.copies.ofFailed(message))
    return true
  }

  async #processOnce(claimed: ClaimedIncoming, fence: Fence, slot: Slot): Promise<boolean> {
    const { apps, calls, clock, logger } = this.#parts
    const began = clock.now()
    const message = new IncomingMessage(claimed)
    const context = this.#context(claimed)
    const call: CallApp = (app, phase, run) => calls.call(app, phase, run, slot)
    let outgoing: readonly NewOutgoing[]
    let copies: readonly NewOutgoing[]
    let handledBy: string | null
    try {
      const verdict = await runIncomingPhases(apps, message, context, call)
      handledBy = verdict.handledBy ?? verdict.filteredBy
      outgoing = await this.#responses.prepare(message.responses, {
        to: claimed,
        context,
        call,
        defaults: verdict.defaults,
      })
      copies = this.#parts.copies.of({ kind: 'incoming', message: claimed })
    } catch (error) {
      return this.#failed(claimed, fence, slot, error)
    } finally {
      context.seal()
    }
    const all = [...outgoing, ...context.outgoing, ...copies]
    await this.#finish(claimed, fence, { kind: 'processed', handledBy }, all, context)
    const answers = outgoing.map(({ id }) => id)
    const { id, backend } = claimed
    logger.info({ id, backend, handledBy, answers, ms: clock.now() - began }, 'processed')
    return true
  }

  #context(claimed: ClaimedIncoming): MessageContext {
    const { store, sender, identities, optOuts, clock, newId, logger } = this.#parts
    return new MessageContext({
      store,
      logger,
      messageId: claimed.id,
      connection: { backend: claimed.backend, identity: claimed.identity },
      contact: claimed.contact,
      now: () => clock.now(),
      newId,
      optOutPer: optOuts.per,
      canonical: (connection) => identities.canonical(connection),
      prepareSend: async (request, people) => (await sender.prepare(request, people)).messages,
    })
  }

  async #failed(message: ClaimedIncoming, fence: Fence, slot: Slot, error: unknown): Promise<boolean> {
    const { retry, clock, logger } = this.#parts
    const tries = message.tries + 1
    const text = errorText(error)
    const fields = {
      id: message.id,
      backend: message.backend,
      identity: message.identity,
      text: message.text,
      tries,
      err: error,
    }
    if (tries < retry.attempts) {
      const at = clock.now() + backoffDelay(tries, retry)
      logger.warn(fields, 'an app failed; the message is tried again')
      await this.#finish(message, fence, { kind: 'retry', at, error: text }, [])
      return false
    }
    logger.error(fields, 'an app failed; the message is kept as failed')
    const outgoing = [...(await this.#errorReply(message, slot)), ...this.#parts.copies.ofFailed(message)]
    await this.#finish(message, fence, { kind: 'failed', error: text }, outgoing)
    return true
  }

  /** What the person gets of a message that is given up; nothing when the outgoing phase fails, which might cancel it. */
  async #errorReply(message: ClaimedIncoming, slot: Slot): Promise<readonly NewOutgoing[]> {
    const { retry, calls, logger } = this.#parts
    const { errorReply } = retry
    if (errorReply === undefined) return []
    const context = this.#context(message)
    const call: CallApp = (app, phase, run) => calls.call(app, phase, run, slot)
    try {
      return await this.#responses.prepare([{ text: errorReply, options: {} }], { to: message, context, call })
    } catch (error) {
      const { id, backend } = message
      logger.warn({ id, backend, err: error }, 'an app failed in the outgoing phase; the person is told nothing')
      return []
    } finally {
      context.seal()
    }
  }

  async #finish(
    message: ClaimedIncoming,
    fence: Fence,
    outcome: IncomingOutcome,
    outgoing: readonly NewOutgoing[],
    context?: MessageContext,
  ): Promise<void> {
    const { store, ringer, signals, staleness, clock, settled } = this.#parts
    const changes = context?.changes ?? []
    await store.finishIncoming([{ fence, message, outcome, outgoing, changes, at: clock.now() }])
    tellConversation(signals, message.backend, message.id)
    for (const { id, backend, state } of outgoing) if (state === 'WAITING') tellConversation(signals, backend, id)
    ringer.ringOutgoing(outgoing)
    if (outcome.kind === 'retry') return
    settled()
    if (message.answerBy !== null) await signals.publish(answeredChannel(message.id), answeredBy(outgoing, message))
    await staleness.finished(message)
  }
}
