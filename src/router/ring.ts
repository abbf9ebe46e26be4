import type { Clock } from '../messages/clock.ts'
import type { Connection } from '../messages/incoming.ts'
import { type Lane, laneKey, parseLaneKey } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { Queue } from '../queue/queue.ts'
import type { Fence } from '../store/fence.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'

const SAID_EVERY_MS = 60_000

export interface RingerParts {
  readonly queue: Queue
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Rings the lanes of what has been recorded. Nobody waits for it, and nobody's message fails by it: what the queue does
 * not take now, the sweep rings again.
 */
export class Ringer {
  readonly #parts: RingerParts
  #saidAt = Number.NEGATIVE_INFINITY

  constructor(parts: RingerParts) {
    this.#parts = parts
  }

  ring(lane: Lane, notBefore?: number): void {
    this.#parts.queue.ring(lane, notBefore).catch((error: unknown) => this.#say(error))
  }

  /** Rings the lanes of these messages, each once, at the time its first one may leave. */
  ringOutgoing(messages: readonly NewOutgoing[]): void {
    const rung = new Set<string>()
    for (const { backend, class: messageClass, identity, notBefore, state } of messages) {
      if (state !== 'WAITING') continue
      const lane: Lane = { kind: 'outgoing', owner: backend, class: messageClass, identity }
      const key = laneKey(lane)
      if (rung.has(key)) continue
      rung.add(key)
      this.ring(lane, notBefore)
    }
  }

  /** Rings the lane that a message has moved to from another one, whose fence was held. */
  ringMoved(fence: Fence, { backend, identity }: Connection): void {
    const left = parseLaneKey(fence.lane)
    if (left?.kind === 'outgoing') this.ring({ ...left, owner: backend, identity })
  }

  #say(error: unknown): void {
    const { clock, logger } = this.#parts
    if (clock.now() - this.#saidAt < SAID_EVERY_MS) return
    this.#saidAt = clock.now()
    logger.warn({ err: error }, 'the queue is not reached; messages are recorded, and worked when it is back')
  }
}
