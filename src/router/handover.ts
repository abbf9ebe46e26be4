import type { Clock } from '../messages/clock.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { Backend, BatchOutcome, SendResult, SendTools } from './backend.ts'
import { type Ending, Endings } from './ending.ts'
import { ConnectionError } from './errors.ts'

export interface HandoverParts {
  readonly clock: Clock
  readonly toolsOf: (backend: Backend, ending: Ending) => SendTools<unknown>
  /** Aborted when the process stops waiting for what is in hand. */
  readonly stopping: () => AbortSignal
}

/** Of a batch, many messages may have been taken by the time the rest is cut off: only the backend knows which. */
const TELLING_MS = 1_000

interface Waiting {
  readonly message: OutgoingMessage
  resolve(result: SendResult | undefined): void
  reject(error: unknown): void
}

/** Messages to one backend that go together, and how many calls of it are under way. */
interface Gathering {
  readonly waiting: Waiting[]
  calls: number
  scheduled: boolean
}

/**
 * Gives messages to services, each call within the backend's time limit. Where a backend takes batches, those whose
 * attempts begin together go together: they are the first ones of their lanes, so that nobody's order is touched.
 */
export class Handover {
  readonly #parts: HandoverParts
  readonly #endings = new Endings()
  readonly #gatherings = new Map<string, Gathering>()

  constructor(parts: HandoverParts) {
    this.#parts = parts
  }

  /** @throws whatever the backend threw of this message; ConnectionError when it did not finish in time */
  send(message: OutgoingMessage, backend: Backend): Promise<SendResult | undefined> {
    return backend.sendBatch === undefined ? this.#sendAlone(message, backend) : this.#gather(message, backend)
  }

  #sendAlone(message: OutgoingMessage, backend: Backend): Promise<SendResult | undefined> {
    return this.#call(backend, (tools) => Promise.resolve(backend.send?.(message, tools)))
  }

  #gather(message: OutgoingMessage, backend: Backend): Promise<SendResult | undefined> {
    const known = this.#gatherings.get(backend.name)
    const gathering: Gathering = known ?? { waiting: [], calls: 0, scheduled: false }
    if (known === undefined) this.#gatherings.set(backend.name, gathering)
    return new Promise((resolve, reject) => {
      gathering.waiting.push({ message, resolve, reject })
      this.#schedule(gathering, backend)
    })
  }

  /** At the end of the turn, in which the attempts of one commit have begun. */
  #schedule(gathering: Gathering, backend: Backend): void {
    if (gathering.scheduled) return
    gathering.scheduled = true
    setImmediate(() => {
      gathering.scheduled = false
      const { concurrency } = backend.common.sending
      while (gathering.waiting.length > 0 && gathering.calls < concurrency) {
        gathering.calls++
        void this.#sendTogether(gathering.waiting.splice(0, backend.batchLimit), backend).then(() => {
          gathering.calls--
          if (gathering.waiting.length > 0) this.#schedule(gathering, backend)
        })
      }
    })
  }

  async #sendTogether(batch: readonly Waiting[], backend: Backend): Promise<void> {
    const [only] = batch
    if (batch.length === 1 && only !== undefined) {
      await this.#sendAlone(only.message, backend).then(only.resolve, only.reject)
      return
    }
    const messages = batch.map(({ message }) => message)
    const give = async (tools: SendTools<unknown>) => backend.sendBatch?.(messages, tools) ?? []
    try {
      const outcomes = await this.#call(backend, give, TELLING_MS)
      for (const [index, waiting] of batch.entries()) settle(waiting, outcomes[index], backend)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  /** @param telling milliseconds that a call has, once its time is over and its signal aborted, to say what came of it */
  async #call<T>(backend: Backend, act: (tools: SendTools<unknown>) => Promise<T>, telling = 0): Promise<T> {
    const { clock, toolsOf, stopping } = this.#parts
    const ending = this.#endings.begin(stopping())
    const { timeLimit } = backend.common.sending
    const sending = act(toolsOf(backend, ending))
    try {
      return await new Promise<T>((resolve, reject) => {
        const giveUp = () => {
          const text = `The backend "${backend.name}" did not finish within ${timeLimit} ms.`
          reject(new ConnectionError(text, { outcomeUnknown: true }))
        }
        let timer = clock.schedule(clock.now() + timeLimit, () => {
          ending.abort()
          if (telling === 0) giveUp()
          else timer = clock.schedule(clock.now() + telling, giveUp)
        })
        sending.then(resolve, reject).finally(() => timer.cancel())
      })
    } finally {
      this.#endings.done(ending)
    }
  }
}

function settle({ resolve, reject }: Waiting, outcome: BatchOutcome | undefined, { name }: Backend): void {
  if (outcome === undefined) {
    reject(new ConnectionError(`The backend "${name}" said nothing of this message.`, { outcomeUnknown: true }))
  } else if ('error' in outcome) reject(outcome.error)
  else resolve(outcome.result)
}
