import type { RedisConnection } from './connection.ts'
import { ring } from './scripts.ts'

const MOST_AT_ONCE = 250
const MOST_KEPT = 10_000

/** A lane as scripts know it. */
export interface RungLane {
  readonly key: string
  /** A digit. */
  readonly class: string
}

/** What Redis says of a pool after a step in it. */
export interface PoolState {
  readonly ready: number
  /** Milliseconds until the next delayed lane is due. */
  readonly dueIn: number | undefined
}

export interface RingsParts {
  readonly connection: RedisConnection
  /** What begins the arguments of every script of this pool. */
  readonly heading: (pool: string) => readonly string[]
  readonly rung: (pool: string, state: PoolState, known: number) => void
}

type Batch = Map<string, { readonly class: string; readonly at: number }>

/** Rings on their way to Redis: those of one turn of the loop go together, each lane once. */
export class Rings {
  readonly #parts: RingsParts
  #batches = new Map<string, Batch>()
  /** What Redis did not take; tried again when it is back. */
  #missed = new Map<string, Batch>()
  #missedCount = 0
  #isOverfull = false
  #sending: Promise<void> | undefined

  constructor(parts: RingsParts) {
    this.#parts = parts
  }

  /** Fulfilled when Redis has taken it. @throws QueueUnavailableError */
  add(pool: string, lane: RungLane, at: number): Promise<void> {
    note(this.#batches, pool, lane, at)
    this.#sending ??= new Promise((resolve, reject) => {
      setImmediate(() => this.#send().then(resolve, reject))
    })
    return this.#sending
  }

  /** Redis is back: rings what it missed. Beyond that, whoever holds the truth rings again. */
  again(): void {
    const missed = this.#missed
    this.#missed = new Map()
    this.#missedCount = 0
    this.#sendAll(missed).catch(() => {})
    if (!this.#isOverfull) return
    const { connection } = this.#parts
    connection.forget().then(
      () => {
        this.#isOverfull = false
      },
      () => {},
    )
  }

  #send(): Promise<void> {
    const batches = this.#batches
    this.#batches = new Map()
    this.#sending = undefined
    return this.#sendAll(batches)
  }

  async #sendAll(batches: ReadonlyMap<string, Batch>): Promise<void> {
    const sent: Promise<void>[] = []
    for (const [pool, batch] of batches) {
      const lanes = [...batch]
      for (let from = 0; from < lanes.length; from += MOST_AT_ONCE) {
        sent.push(this.#sendSome(pool, lanes.slice(from, from + MOST_AT_ONCE)))
      }
    }
    const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #sendSome(pool: string, lanes: readonly (readonly [string, { class: string; at: number }])[]): Promise<void> {
    const { connection, heading, rung } = this.#parts
    const args = lanes.flatMap(([key, lane]) => [key, lane.class, String(lane.at)])
    try {
      const reply = await connection.run(ring, connection.keys.ofPool(pool), [...heading(pool), ...args])
      const [ready, dueIn, known] = numbers(reply)
      rung(pool, { ready, dueIn: dueIn < 0 ? undefined : dueIn }, known)
    } catch (error) {
      for (const [key, lane] of lanes) this.#miss(pool, { key, class: lane.class }, lane.at)
      throw error
    }
  }

  #miss(pool: string, lane: RungLane, at: number): void {
    if (this.#missedCount >= MOST_KEPT) {
      this.#isOverfull = true
      return
    }
    this.#missedCount++
    note(this.#missed, pool, lane, at)
  }
}

/** The numbers that a script's answer begins with. */
export function numbers(reply: unknown): readonly [number, number, number, number] {
  const [a, b, c, d] = Array.isArray(reply) ? reply : []
  return [Number(a ?? 0), Number(b ?? -1), Number(c ?? 0), Number(d ?? 0)]
}

function note(batches: Map<string, Batch>, pool: string, lane: RungLane, at: number): void {
  const batch = batches.get(pool) ?? new Map()
  batches.set(pool, batch)
  const known = batch.get(lane.key)
  if (known === undefined || at < known.at) batch.set(lane.key, { class: lane.class, at })
}
