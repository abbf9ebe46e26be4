import { setMaxListeners } from 'node:events'
import type { Clock } from '../messages/clock.ts'
import { InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { Signals } from '../queue/signals.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import { askedOfAll } from './asked-of-all.ts'
import { tellConversation } from './conversation-signal.ts'
import { CancelledError, MessageSendError, NotRunningError, type ProviderError, providerErrorOf } from './errors.ts'
import type { Holds } from './holds.ts'
import { type Asked, askedOf, Idempotency } from './idempotency.ts'
import type { RelayOutcome } from './passing.ts'
import type { Ringer } from './ring.ts'
import type { PreparedSend, Sender } from './send.ts'
import { refuseExpired } from './send-checks.ts'
import type { LaterRequests, LeftOut, SendRequest, SentMessage, Submission } from './send-request.ts'
import { type SettledSignal, settledChannel } from './settled-signal.ts'
import type { TemplateTexts } from './template-texts.ts'

export interface DispatchParts {
  readonly store: Store
  readonly sender: Sender
  readonly templates: TemplateTexts
  readonly signals: Signals
  readonly ringer: Ringer
  readonly clock: Clock
  readonly logger: Logger
  readonly newId: NewId
  /** Milliseconds for which an idempotency key is known. */
  readonly keyFor: number
  /** Aborted when the process stops waiting for what is in hand. */
  readonly stopping: () => AbortSignal
  readonly holds: Pick<Holds, 'refusal' | 'onPaused'>
}

/** Somebody who waits until a message is settled. */
interface Listening {
  /** Undefined when it was ended first. */
  readonly signal: Promise<SettledSignal | undefined>
  end(): void
}

/** Records messages to send, and waits for what becomes of them where somebody wants to know at once. */
export class Dispatch {
  readonly #parts: DispatchParts
  readonly #idempotency: Idempotency

  constructor(parts: DispatchParts) {
    this.#parts = parts
    this.#idempotency = new Idempotency(parts)
  }

  /** See `Router.submit`. */
  async submit(request: SendRequest): Promise<Submission> {
    const { idempotencyKey: _, ...plain } = request
    return this.#submit([plain], askedOf(request, 'send'))
  }

  /** See `Router.submitAll`. */
  async submitAll(requests: readonly SendRequest[] | LaterRequests, key?: string): Promise<Submission> {
    return this.#submit(requests, askedOfAll(requests, key))
  }

  async #submit(given: readonly SendRequest[] | LaterRequests, asked: Asked | undefined): Promise<Submission> {
    const first = asked && (await this.#idempotency.first(asked))
    if (first !== undefined) return first
    const requests = 'make' in given ? await given.make() : given
    for (const request of requests) refuseExpired(request, this.#parts.clock.now())
    const prepared = await this.#prepared(requests)
    for (const { contact, reason } of prepared.leftOut)
      if (contact !== undefined) this.#parts.logger.warn({ contact, reason }, 'a member of a group was left out')
    const repeated = await this.#recordOnce(prepared, asked)
    if (repeated !== undefined) return repeated
    const { messages: recorded, leftOut } = await this.#parts.templates.unrepeated(prepared.messages)
    const messages = recorded.map(({ id, backend, identity }) => ({ id, backend, identity }))
    return { messages, leftOut: [...prepared.leftOut, ...leftOut], isRepeat: false }
  }

  async #prepared(requests: readonly SendRequest[]): Promise<PreparedSend> {
    const { sender } = this.#parts
    const [only] = requests
    if (only !== undefined && requests.length === 1) return sender.prepare(only)
    const messages: NewOutgoing[] = []
    const leftOut: LeftOut[] = []
    for (const request of requests) {
      const prepared = await sender.prepare(request)
      messages.push(...prepared.messages)
      leftOut.push(...prepared.leftOut)
    }
    return { messages, leftOut }
  }

  /** See `Router.sendNow`. */
  async sendNow(request: SendRequest, limit?: number): Promise<SentMessage & RelayOutcome> {
    const { idempotencyKey: _, ...plain } = request
    const asked = askedOf(request, 'sendNow')
    const first = asked && (await this.#idempotency.first(asked))
    if (first !== undefined) return this.#again(first, limit)
    refuseExpired(plain, this.#parts.clock.now())
    const prepared = await this.#parts.sender.prepare({ ...plain, class: 'urgent' })
    const [message, ...others] = prepared.messages
    refuseLeftOut(prepared.leftOut)
    if (message === undefined || others.length > 0)
      throw new MessageSendError('sendNow takes exactly one recipient, and a text that is not split.')
    const { holds } = this.#parts
    const refusal = holds.refusal(message.backend)
    if (refusal !== undefined) throw refusal
    const listening = this.#listenUntilSettled(message.id)
    const unwatch = holds.onPaused(message.backend, (error) => void this.#takeBack(message.id, error))
    try {
      const repeated = await this.#recordOnce({ messages: [{ ...message, once: true }], leftOut: [] }, asked)
      // It may have been paused while the message was being recorded.
      const paused = holds.refusal(message.backend)
      if (paused !== undefined) void this.#takeBack(message.id, paused)
      if (repeated === undefined) refuseLeftOut((await this.#parts.templates.unrepeated([message])).leftOut)
      return await (repeated === undefined ? this.#outcome(message, listening, limit) : this.#again(repeated, limit))
    } finally {
      unwatch()
      listening.end()
    }
  }

  /** The backend has been paused: who waits for a message that was not tried yet is told, and it is not sent later. */
  async #takeBack(id: string, { code, message }: ProviderError): Promise<void> {
    const { store, signals, clock, logger } = this.#parts
    try {
      const taken = await store.waiting.cancel([id], message, clock.now())
      const signal: SettledSignal = { state: 'ERROR', code, providerCode: null, error: message, externalIds: [] }
      if (taken.length > 0) await signals.publish(settledChannel(id), signal)
    } catch (err) {
      logger.warn({ id, err }, 'a message for a paused backend could not be taken back')
    }
  }

  /** What became of the message of the first call with the same key; waited for like that one where it is not known. */
  async #again({ messages }: Submission, limit: number | undefined): Promise<SentMessage & RelayOutcome> {
    const [message] = messages
    if (message === undefined) throw new MessageSendError('The first call with this key sent nothing.')
    const listening = this.#listenUntilSettled(message.id)
    try {
      const settled = await this.#settledBefore(message.id)
      if (settled !== undefined) return { ...outcomeOf(settled), ...message }
      return await this.#outcome(message, listening, limit)
    } finally {
      listening.end()
    }
  }

  /** What was announced when the message was settled; undefined when it has not been. */
  async #settledBefore(id: string): Promise<SettledSignal | undefined> {
    const { log } = this.#parts.store
    const kept = await log.find(id)
    if (kept === undefined)
      throw new InvalidInputError('idempotencyKey: the message it stands for is not kept any more')
    if (kept.state === 'WAITING' || kept.state === 'SENDING') return undefined
    const attempt = (await log.attempts(id)).at(-1)
    if (attempt === undefined || attempt.outcome === 'RETRY') {
      const state = kept.state as OutgoingState
      const code = state === 'UNKNOWN' ? 'OUTCOME_UNKNOWN' : null
      return { state, code, providerCode: null, error: kept.error, externalIds: [] }
    }
    const { outcome, code, providerCode, error } = attempt
    const externalIds = await log.externalIds(id)
    return { state: outcome as OutgoingState, code, providerCode, error, externalIds }
  }

  async #outcome(
    { id, backend, identity }: SentMessage,
    listening: Listening,
    limit: number | undefined,
  ): Promise<SentMessage & RelayOutcome> {
    const { clock } = this.#parts
    const timer = limit === undefined ? undefined : clock.schedule(clock.now() + limit, listening.end)
    const settled = await listening.signal
    timer?.cancel()
    if (settled !== undefined) return { ...outcomeOf(settled), id, backend, identity }
    if (limit !== undefined) return { id, backend, identity, state: 'WAITING', externalIds: [] }
    throw new NotRunningError('Stopped before it was known what became of the message.')
  }

  /** @returns what the first call with the key came to, where that was another one */
  async #recordOnce(prepared: PreparedSend, asked: Asked | undefined): Promise<Submission | undefined> {
    if (asked === undefined) {
      await this.record(prepared.messages)
      return undefined
    }
    const repeated = await this.#idempotency.record(asked, prepared)
    if (repeated === undefined) this.#recorded(prepared.messages)
    return repeated
  }

  /** Records messages and rings their lanes. */
  async record(messages: readonly NewOutgoing[]): Promise<void> {
    if (messages.length === 0) return
    await this.#parts.store.recordOutgoing(messages)
    this.#recorded(messages)
  }

  #recorded(messages: readonly NewOutgoing[]): void {
    const { signals, ringer, logger } = this.#parts
    for (const { id, backend, class: messageClass, identity, text, reason, route } of messages) {
      const why = { ...(reason === null ? {} : { reason }), ...(route === undefined ? {} : { route: route.why }) }
      logger.info({ id, backend, identity, class: messageClass, text, ...why }, 'to be sent')
      tellConversation(signals, backend, id)
    }
    ringer.ringOutgoing(messages)
  }

  /** Listens from before the message is recorded, until it is settled or the switchboard stops. */
  #listenUntilSettled(id: string): Listening {
    const stopping = this.#parts.stopping()
    // One for each call that waits, however many there are.
    setMaxListeners(0, stopping)
    let end = () => {}
    const signal = new Promise<SettledSignal | undefined>((resolve) => {
      const done = (settled?: SettledSignal) => {
        unsubscribe()
        stopping.removeEventListener('abort', end)
        resolve(settled)
      }
      const unsubscribe = this.#parts.signals.subscribe(settledChannel(id), (payload) => done(payload as SettledSignal))
      end = () => done()
      stopping.addEventListener('abort', end)
    })
    return { signal, end }
  }
}

/** Of the recipients of a template, who does not get it. */
function refuseLeftOut(leftOut: readonly LeftOut[]): void {
  const [first] = leftOut
  if (first?.connection !== undefined) throw new CancelledError(`${first.connection.identity} ${first.reason}.`)
}

/** @throws what the settled message failed with */
function outcomeOf({
  state,
  code,
  providerCode,
  error,
  externalIds,
}: SettledSignal): Pick<RelayOutcome, 'state' | 'externalIds'> {
  if (state === 'CANCELLED') throw new CancelledError(error ?? 'The message was cancelled.')
  if (state === 'ERROR' || state === 'UNKNOWN') throw providerErrorOf(code, error, providerCode)
  return { state, externalIds }
}
