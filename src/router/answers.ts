import type { Clock } from '../messages/clock.ts'
import type { Lane, MessageClass } from '../messages/lane.ts'
import type { Signals } from '../queue/signals.ts'
import type { ClaimedIncoming } from '../store/incoming-records.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import type { Received } from './backend.ts'
import type { Hooks } from './hooks.ts'
import type { Ringer } from './ring.ts'
import { type Answered, allowedByHooks, tellAnswered } from './send-hooks.ts'

/** What waits for a message's responses is told on this channel. */
export const answeredChannel = (id: string) => `answered:${id}`

export interface AnsweredSignal {
  readonly responses: readonly {
    readonly id: string
    readonly class: MessageClass
    readonly text: string
    readonly end: boolean
  }[]
}

/** What the answer to the request can carry: nothing to somebody else, nor from another address of ours. */
export function answeredBy(outgoing: readonly NewOutgoing[], message: ClaimedIncoming): AnsweredSignal {
  const own = outgoing.filter(
    ({ state, inResponseTo, backend, identity, address }) =>
      state === 'WAITING' &&
      inResponseTo?.id === message.id &&
      backend === message.backend &&
      identity === message.identity &&
      address === message.address,
  )
  return {
    responses: own.map(({ id, class: messageClass, text, options }) => ({
      id,
      class: messageClass,
      text,
      end: options.end === true,
    })),
  }
}

/** Somebody who waits for the responses to a message. */
export interface Listening {
  /** Undefined when the time was over first. */
  readonly signal: Promise<AnsweredSignal | undefined>
  end(): void
}

export interface AnswersParts {
  readonly store: Store
  readonly ringer: Ringer
  readonly hooks: Hooks
  readonly signals: Signals
  readonly clock: Clock
}

/** The responses that a view gives in its own answer to the request. */
export class Answers {
  readonly #parts: AnswersParts

  constructor(parts: AnswersParts) {
    this.#parts = parts
  }

  /**
   * Listens; from before the message is recorded, so that no answer can be missed.
   * @param wait milliseconds at the most
   */
  listen(id: string, wait: number): Listening {
    const { signals, clock } = this.#parts
    let end = () => {}
    const signal = new Promise<AnsweredSignal | undefined>((resolve) => {
      const done = (answered?: AnsweredSignal) => {
        timer.cancel()
        unsubscribe()
        resolve(answered)
      }
      const unsubscribe = signals.subscribe(answeredChannel(id), (payload) => done(payload as AnsweredSignal))
      const timer = clock.schedule(clock.now() + wait, () => done())
      end = () => done()
    })
    return { signal, end }
  }

  /** Makes the responses ours to give; those that the worker has begun to send are not. */
  async take(message: Answered, answered: AnsweredSignal | undefined): Promise<Received['responses']> {
    if (answered === undefined) return undefined
    const { store, ringer, hooks, clock } = this.#parts
    const { backend, identity } = message
    const { responses } = answered
    const given = hooks.hasBefore('send') ? await allowedByHooks(hooks, message, responses, clock.now()) : responses
    const ids = given.map(({ id }) => id)
    const taken = new Set(await store.settleAnswered(ids, clock.now()))
    const ours = given.filter(({ id }) => taken.has(id))
    // What was recorded behind them has waited for them, as they waited to be taken.
    for (const messageClass of new Set(responses.map((response) => response.class))) {
      const lane: Lane = { kind: 'outgoing', owner: backend, class: messageClass, identity }
      ringer.ring(lane)
    }
    if (hooks.hasAfter('send')) for (const response of ours) tellAnswered(hooks, message, response, clock.now())
    return ours.map(({ text, end }) => ({ text, end }))
  }

  /** A repeated request gets what the first one got, and waits with it where that is not known yet. */
  async again(message: Answered, wait: number): Promise<Received['responses']> {
    const { store } = this.#parts
    const listening = this.listen(message.id, wait)
    try {
      const first = await store.log.find(message.id)
      if (first?.state === 'RECEIVED' && (await this.take(message, await listening.signal)) === undefined) {
        return undefined
      }
      return await store.log.answersGiven(message)
    } finally {
      listening.end()
    }
  }
}
