import type { Clock, Timer } from '../messages/clock.ts'
import { laneKey } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { Signals } from '../queue/signals.ts'
import type { AttemptResult, ClaimedOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import type { Availability } from './availability.ts'
import type { Backend } from './backend.ts'
import { tellConversation } from './conversation-signal.ts'
import type { Failover } from './failover.ts'
import type { Ringer } from './ring.ts'

export interface ReroutingParts {
  readonly store: Pick<Store, 'routes'>
  readonly backends: ReadonlyMap<string, Backend>
  readonly availability: Availability
  /** Calls the listener when the backend is paused. @returns ends it */
  readonly onPaused: (backend: string, listener: () => void) => () => void
  readonly failover: Failover
  readonly ringer: Ringer
  readonly signals: Signals
  readonly clock: Clock
  readonly logger: Logger
}

const PAGE = 500
/** Other processes may record messages for a backend of which this one knows that it takes none. */
const LOOK_MS = 5_000

/** Takes the routed messages that wait for a backend which takes none now to the next backend of their routes. */
export class Rerouting {
  readonly #parts: ReroutingParts
  readonly #rounds = new Map<string, Promise<void>>()
  /** Backends of which more may wait than the round that is under way has seen. */
  readonly #again = new Set<string>()
  readonly #timers = new Map<string, Timer>()
  #runs = false

  constructor(parts: ReroutingParts) {
    this.#parts = parts
  }

  /** Goes on until the signal; then what is under way ends. */
  async run(signal: AbortSignal): Promise<void> {
    const { backends, onPaused } = this.#parts
    this.#runs = !signal.aborted
    const names = [...backends.keys()]
    const ends = names.map((backend) => onPaused(backend, () => this.wake(backend)))
    for (const backend of names) this.wake(backend)
    if (this.#runs) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    this.#runs = false
    for (const end of ends) end()
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    await Promise.all(this.#rounds.values())
  }

  /** Looks at what waits for a backend, unless that is available, and again now and then until it is. Never throws. */
  wake(backend: string): void {
    if (!this.#runs || this.#parts.availability.isAvailable(backend)) return
    if (this.#rounds.has(backend)) {
      this.#again.add(backend)
      return
    }
    const { logger } = this.#parts
    const round = this.#takeOn(backend)
      .catch((err: unknown) => logger.warn({ backend, err }, 'what waits could not be taken to another backend'))
      .finally(() => this.#rounded(backend))
    this.#rounds.set(backend, round)
  }

  #rounded(backend: string): void {
    const { clock } = this.#parts
    this.#rounds.delete(backend)
    this.#timers.get(backend)?.cancel()
    this.#timers.delete(backend)
    if (!this.#runs) return
    if (this.#again.delete(backend)) this.wake(backend)
    else
      this.#timers.set(
        backend,
        clock.schedule(clock.now() + LOOK_MS, () => this.wake(backend)),
      )
  }

  async #takeOn(backend: string): Promise<void> {
    const { store, availability, logger } = this.#parts
    let after = 0
    let count = 0
    while (!availability.isAvailable(backend)) {
      const page = await store.routes.waiting(backend, after, PAGE)
      after = page.at(-1)?.seq ?? after
      count += await this.#move(page)
      if (page.length < PAGE) break
    }
    if (count > 0) logger.warn({ backend, count }, 'messages that waited have moved to other backends')
  }

  /** @returns how many have moved */
  async #move(page: readonly ClaimedOutgoing[]): Promise<number> {
    const results = new Map(
      page.flatMap((message) => this.#resultOf(message) ?? []).map((one) => [one.message.id, one]),
    )
    if (results.size === 0) return 0
    const moved = await this.#parts.store.routes.move([...results.values()])
    for (const id of moved) {
      const result = results.get(id)
      if (result !== undefined) this.#tell(result)
    }
    return moved.length
  }

  /** Undefined where the message stays: nobody else can take it now, or its text would have to be split. */
  #resultOf(message: ClaimedOutgoing): AttemptResult | undefined {
    const { failover, clock } = this.#parts
    const now = clock.now()
    const settlement = failover.instead(message, 'not available', now, false)
    if (settlement === undefined || settlement.outgoing !== undefined) return undefined
    const { backend, identity, class: messageClass } = message
    return {
      ...{ externalIds: [], code: null, providerCode: null, error: null, cost: null, currency: null, network: null },
      extra: null,
      ...settlement,
      fence: { lane: laneKey({ kind: 'outgoing', owner: backend, class: messageClass, identity }), token: 0 },
      message,
      at: now,
    }
  }

  #tell({ message, outcome, fence, reason }: AttemptResult): void {
    if (outcome.kind !== 'moved') return
    const { ringer, signals, logger } = this.#parts
    const { backend, identity } = outcome.to
    ringer.ringMoved(fence, outcome.to)
    tellConversation(signals, message.backend, message.id)
    tellConversation(signals, backend, message.id)
    logger.debug(
      { id: message.id, backend: message.backend, to: backend, identity, reason },
      'moved to another backend',
    )
  }
}
