import type { Clock, Timer } from '../../messages/clock.ts'
import type { Lane } from '../../messages/lane.ts'
import type { RedisConnection } from './connection.ts'
import { renew } from './scripts.ts'

const MOST_AT_ONCE = 500

/** A lane in hand. */
export interface HeldLane {
  readonly lane: Lane
  readonly key: string
  readonly class: string
  readonly pool: string
  lease: string
  /** It was given to us once more, since a lease had run out; it has work after this. */
  again: boolean
}

export interface HeldLanesParts {
  readonly connection: RedisConnection
  readonly clock: Clock
  /** Milliseconds that a lease lasts; renewed at a third of it. */
  readonly lease: number
  /** The time that scripts are given; empty for Redis's own. */
  readonly now: () => string
}

/** The lanes that this process works, and the leases it holds them by. */
export class HeldLanes {
  readonly #parts: HeldLanesParts
  readonly #held = new Map<string, HeldLane>()
  #timer: Timer | undefined

  constructor(parts: HeldLanesParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#held.size
  }

  get(key: string): HeldLane | undefined {
    return this.#held.get(key)
  }

  add(held: HeldLane): void {
    this.#held.set(held.key, held)
    this.#arm()
  }

  remove(held: HeldLane): void {
    this.#held.delete(held.key)
    if (this.#held.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Renews all leases, and enters them again where Redis has forgotten them. */
  async renew(): Promise<void> {
    this.#arm()
    const pools = new Map<string, HeldLane[]>()
    for (const held of this.#held.values()) {
      const others = pools.get(held.pool)
      if (others === undefined) pools.set(held.pool, [held])
      else others.push(held)
    }
    const sent: Promise<void>[] = []
    for (const [pool, lanes] of pools) {
      for (let from = 0; from < lanes.length; from += MOST_AT_ONCE) {
        sent.push(this.#renewSome(pool, lanes.slice(from, from + MOST_AT_ONCE)))
      }
    }
    await Promise.all(sent)
  }

  /** A lane that is lost is worked to its end all the same: its store takes no result of it, nor does Redis. */
  async #renewSome(pool: string, lanes: readonly HeldLane[]): Promise<void> {
    const { connection, lease, now } = this.#parts
    const args = lanes.flatMap((held) => [held.key, held.class, held.lease])
    try {
      await connection.run(renew, connection.keys.ofPool(pool), [now(), String(lease), ...args])
    } catch {
      // Tried again at the next turn, and as soon as Redis is back.
    }
  }

  #arm(): void {
    const { clock, connection, lease } = this.#parts
    // A handler that never returns keeps no process alive.
    if (this.#held.size === 0 || connection.isClosed) return
    this.#timer ??= clock.schedule(clock.now() + Math.floor(lease / 3), () => {
      this.#timer = undefined
      void this.renew()
    })
  }
}
