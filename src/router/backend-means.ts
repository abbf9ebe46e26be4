import type { Clock } from '../messages/clock.ts'
import { InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { Store } from '../store/store.ts'
import type {
  Backend,
  BackendMemory,
  Outbox,
  Received,
  ReceivedMessage,
  ReceivedPart,
  SendTools,
  TakenPart,
} from './backend.ts'
import { Ending } from './ending.ts'
import type { Holds } from './holds.ts'
import type { OptOuts } from './opt-outs.ts'
import { BackendOutbox } from './outbox.ts'
import { PartJoiner } from './part-joiner.ts'
import { Polling } from './polling.ts'

export interface BackendMeansParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  readonly receive: (backend: string, message: ReceivedMessage) => Promise<Received>
  readonly report: (backend: string, report: DeliveryReport) => Promise<void>
  /** Takes what we say ourselves of a message. */
  readonly ownReport: (backend: string, report: DeliveryReport) => Promise<void>
  readonly optOuts: Pick<OptOuts, 'per'>
  readonly holds: Pick<Holds, 'refusal'>
  readonly toolsOf: (backend: Backend, ending: Ending) => SendTools<unknown>
}

/** What backends have beside taking and sending messages: joined parts, an outbox, a memory, polling, own methods. */
export class BackendMeans {
  readonly #parts: BackendMeansParts
  readonly #joiner: PartJoiner
  #stopping = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(parts: BackendMeansParts) {
    this.#parts = parts
    this.#joiner = new PartJoiner(parts)
  }

  /** Begins to poll, and to hand on what waits for parts that do not come. For processes that work messages. */
  start(): void {
    const { newId } = this.#parts
    this.#stopping = new AbortController()
    const { signal } = this.#stopping
    const polling = new Polling({ ...this.#parts, holder: newId() })
    this.#running = Promise.all([this.#joiner.run(signal), polling.run(signal)])
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  receivePart(backend: string, part: ReceivedPart): Promise<TakenPart> {
    return this.#joiner.take(backend, part, this.#backend(backend).common.joinTimeLimit)
  }

  outbox(backend: string): Outbox {
    const { optOuts, holds } = this.#parts
    const isPaused = (name: string) => holds.refusal(name) !== undefined
    return new BackendOutbox(backend, { ...this.#parts, optOut: optOuts, isPaused })
  }

  memory(backend: string): BackendMemory {
    const { memory } = this.#parts.store
    return {
      get: (key) => memory.get(backend, key),
      put: (key, value) => memory.put(backend, key, value),
    }
  }

  /** @throws InvalidInputError when there is no such backend or method; whatever the method throws */
  async call(name: string, method: string, values: readonly unknown[]): Promise<unknown> {
    const backend = this.#backend(name)
    const called = Object.hasOwn(backend.methods, method) ? backend.methods[method] : undefined
    if (called === undefined) {
      const known = Object.keys(backend.methods).join(', ') || 'none'
      throw new InvalidInputError(`method: the backend "${name}" has no method "${method}"; it has ${known}`)
    }
    const ending = new Ending()
    const { clock } = this.#parts
    const timer = clock.schedule(clock.now() + backend.common.sending.timeLimit, () => ending.abort())
    try {
      return await called(this.#parts.toolsOf(backend, ending), ...values)
    } finally {
      timer.cancel()
    }
  }

  #backend(name: string): Backend {
    const backend = this.#parts.backends.get(name)
    if (backend !== undefined) return backend
    const known = [...this.#parts.backends.keys()].join(', ')
    throw new InvalidInputError(`backend: there is no backend "${name}"; there are ${known}`)
  }
}
