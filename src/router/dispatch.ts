import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Signals } from '../queue/signals.ts'
import type { NewOutgoing, Store } from '../store/store.ts'
import { tellConversation } from './conversation-signal.ts'
import { CancelledError, MessageSendError, NotRunningError, providerErrorOf } from './errors.ts'
import { type SettledSignal, settledChannel } from './outgoing-worker.ts'
import type { RelayOutcome } from './passing.ts'
import type { Ringer } from './ring.ts'
import type { Sender, SendRequest, SentMessage } from './send.ts'

export interface DispatchParts {
  readonly store: Store
  readonly sender: Sender
  readonly signals: Signals
  readonly ringer: Ringer
  readonly clock: Clock
  readonly logger: Logger
  /** Aborted when the process stops waiting for what is in hand. */
  readonly stopping: () => AbortSignal
}

/** Records messages to send, and waits for what becomes of them where somebody wants to know at once. */
export class Dispatch {
  readonly #parts: DispatchParts

  constructor(parts: DispatchParts) {
    this.#parts = parts
  }

  /** @throws InvalidInputError naming what is wrong; nothing is recorded then */
  async send(request: SendRequest): Promise<readonly SentMessage[]> {
    const messages = await this.#parts.sender.prepare(request)
    await this.record(messages)
    return messages.map(({ id, backend, identity }) => ({ id, backend, identity }))
  }

  /** See `Router.sendNow`. */
  async sendNow(request: SendRequest, limit?: number): Promise<SentMessage & RelayOutcome> {
    const { sender, clock } = this.#parts
    const [message, ...others] = await sender.prepare({ ...request, class: 'urgent' })
    if (message === undefined || others.length > 0)
      throw new MessageSendError('sendNow takes exactly one recipient, and a text that is not split.')
    const listening = this.#listenUntilSettled(message.id)
    try {
      await this.record([{ ...message, once: true }])
    } catch (error) {
      listening.end()
      throw error
    }
    const timer = limit === undefined ? undefined : clock.schedule(clock.now() + limit, listening.end)
    const settled = await listening.signal
    timer?.cancel()
    const { id, backend, identity } = message
    if (settled !== undefined) return { ...outcomeOf(settled), id, backend, identity }
    if (limit !== undefined) return { id, backend, identity, state: 'WAITING', externalIds: [] }
    throw new NotRunningError('Stopped before it was known what became of the message.')
  }

  /** Records messages and rings their lanes. */
  async record(messages: readonly NewOutgoing[]): Promise<void> {
    const { store, signals, ringer, logger } = this.#parts
    if (messages.length === 0) return
    await store.recordOutgoing(messages)
    for (const { id, backend, class: messageClass, identity, text } of messages) {
      logger.info({ id, backend, identity, class: messageClass, text }, 'to be sent')
      tellConversation(signals, backend, id)
    }
    ringer.ringOutgoing(messages)
  }

  /** Listens from before the message is recorded, until it is settled or the switchboard stops. */
  #listenUntilSettled(id: string): { readonly signal: Promise<SettledSignal | undefined>; end(): void } {
    const stopping = this.#parts.stopping()
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
