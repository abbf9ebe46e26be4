import type { Clock, Timer } from '../../messages/clock.ts'
import { type Lane, parseLaneKey } from '../../messages/lane.ts'
import { Fifo } from '../fifo.ts'
import { laneClass } from '../lane-class.ts'
import type { PoolHold } from '../pool-hold.ts'
import type { PoolSettings } from '../queue.ts'
import type { RedisConnection } from './connection.ts'
import type { HeldLane } from './held-lanes.ts'
import { numbers, type PoolState } from './rings.ts'
import { classDigit, NOT_BEGUN, turn } from './scripts.ts'

const MOST_AT_ONCE = 250
const RETRY_AFTER_FAULT_MS = 1_000
// Timers and the way to Redis take as long as a few tokens of a fast rate: they are fetched together.
const TOKENS_TOGETHER_MS = 10

/** A lane on its way back: its key, its class, its lease, when it has work again. */
type GivenBack = readonly [key: string, laneClass: string, lease: string, at: string]

export interface RedisPoolParts {
  readonly name: string
  readonly settings: PoolSettings
  readonly hold: PoolHold
  readonly connection: RedisConnection
  readonly clock: Clock
  readonly lease: number
  readonly heading: (pool: string) => readonly string[]
  readonly newLease: () => string
  /** Whether lanes are wanted now. */
  readonly works: () => boolean
  /** Begins a lane that was taken; its slot is counted already. */
  readonly begin: (pool: RedisPool, lane: Lane, lease: string) => 'begun' | 'held already' | 'not begun'
  readonly seen: (known: number) => void
  /** Leases have run out: a process has died or was cut off. */
  readonly expired: () => void
}

/**
 * This process's share of one pool. One step after the other gives back what has been worked and takes as many lanes as
 * there are free slots, so that what ends while a step is on its way goes with the next one.
 */
export class RedisPool {
  readonly name: string
  readonly #parts: RedisPoolParts
  /** Lanes in hand that wait to have a slot again. */
  readonly #returning = new Fifo<() => void>()
  #active = 0
  /** Slots for the lanes that are being asked for. */
  #reserved = 0
  #back: GivenBack[] = []
  #steps: Promise<void> | undefined
  #isAsked = false
  #timer: { readonly at: number; readonly timer: Timer } | undefined
  /** Until when there is no token. */
  #noTokenUntil = 0

  constructor(parts: RedisPoolParts) {
    this.name = parts.name
    this.#parts = parts
  }

  /** What is being done now; undefined while all is quiet. */
  get steps(): Promise<void> | undefined {
    return this.#steps
  }

  /** Looks for lanes, and gives back those that have been worked. */
  look(): void {
    this.#isAsked = true
    this.#steps ??= this.#stepOn().finally(() => {
      this.#steps = undefined
      if (this.#isAsked) this.look()
    })
  }

  /** Redis has told how the pool stands. */
  heed({ ready, dueIn }: PoolState): void {
    if (!this.#parts.works()) return
    if (ready > 0) this.look()
    else if (dueIn !== undefined) this.#lookIn(dueIn)
  }

  giveBack({ key, class: laneClass, lease }: HeldLane, at: string): void {
    this.#back.push([key, laneClass, lease, at])
  }

  async takeAgain(): Promise<void> {
    if (this.#free() > 0) this.#active++
    else await new Promise<void>((resolve) => this.#returning.push(resolve))
  }

  free(): void {
    this.#active--
    this.#returnSlots()
    this.look()
  }

  rest(): void {
    this.#timer?.timer.cancel()
    this.#timer = undefined
    this.#noTokenUntil = 0
  }

  #free(): number {
    return this.#parts.settings.concurrency - this.#active - this.#reserved
  }

  #returnSlots(): void {
    while (this.#free() > 0) {
      const next = this.#returning.shift()
      if (next === undefined) return
      this.#active++
      next()
    }
  }

  async #stepOn(): Promise<void> {
    // What ends in the same turn of the loop goes together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#isAsked) {
      this.#isAsked = false
      try {
        await this.#step()
      } catch {
        if (this.#parts.works()) this.#lookIn(RETRY_AFTER_FAULT_MS)
        // Their leases run out, which gives them back as well.
        else this.#back = []
        this.#isAsked = false
      }
    }
  }

  async #step(): Promise<void> {
    const { connection, heading, lease, newLease, settings, name } = this.#parts
    const back = this.#back.splice(0, MOST_AT_ONCE)
    const wanted = this.#wanted()
    if (back.length === 0 && wanted === 0) return
    const id = newLease()
    const classes = this.#parts.hold.open.classes.map(classDigit).join('')
    const order = [String(wanted), id, String(lease), String(settings.rate?.perSecond ?? ''), classes]
    this.#reserved = wanted
    let reply: unknown
    try {
      reply = await connection.run(turn, connection.keys.ofPool(name), [...heading(name), ...order, ...back.flat()])
    } catch (error) {
      this.#back.unshift(...back)
      throw error
    } finally {
      this.#reserved = 0
    }
    if (expiredIn(reply) > 0) this.#parts.expired()
    this.#begin(takenOf(reply), id)
    this.#returnSlots()
    this.#plan(reply, wanted)
  }

  #wanted(): number {
    const { works, clock, hold } = this.#parts
    if (!works()) return 0
    const pause = this.#noTokenUntil - clock.now()
    if (pause > 0) {
      this.#lookIn(pause)
      return 0
    }
    const { classes, most } = hold.open
    return classes.length === 0 ? 0 : Math.max(0, Math.min(MOST_AT_ONCE, most, this.#free()))
  }

  #begin(keys: readonly string[], lease: string): void {
    const { begin, hold } = this.#parts
    const notBegun: GivenBack[] = []
    for (const key of keys) {
      const lane = parseLaneKey(key)
      this.#active++
      if (lane !== undefined) hold.passed(laneClass(lane))
      const how = lane === undefined ? 'no lane' : begin(this, lane, lease)
      if (how === 'begun') continue
      this.#active--
      if (lane === undefined) this.#back.push([key, '0', lease, ''])
      else if (how === 'not begun') notBegun.push([key, classDigit(laneClass(lane)), lease, NOT_BEGUN])
    }
    // They are put at the head one by one.
    this.#back.push(...notBegun.reverse())
    if (this.#back.length > 0) this.#isAsked = true
  }

  #plan(reply: unknown, wanted: number): void {
    const { works, clock, seen, settings } = this.#parts
    const [ready, dueIn, known, wait] = numbers(reply)
    seen(known)
    if (!works() || wanted === 0) return
    if (ready === 0) {
      if (dueIn >= 0) this.#lookIn(dueIn)
    } else if (wait === 0) {
      this.#isAsked = true
    } else {
      const isFast = (settings.rate?.perSecond ?? 0) * TOKENS_TOGETHER_MS >= 1_000
      const pause = isFast ? Math.max(wait, TOKENS_TOGETHER_MS) : wait
      this.#noTokenUntil = clock.now() + pause
      this.#lookIn(pause)
    }
  }

  #lookIn(milliseconds: number): void {
    const { clock } = this.#parts
    const at = clock.now() + milliseconds
    if (this.#timer !== undefined && this.#timer.at <= at) return
    this.#timer?.timer.cancel()
    const timer = clock.schedule(at, () => {
      this.#timer = undefined
      this.look()
    })
    this.#timer = { at, timer }
  }
}

function expiredIn(reply: unknown): number {
  return Number(Array.isArray(reply) ? reply[5] : 0)
}

function takenOf(reply: unknown): readonly string[] {
  const taken: unknown = Array.isArray(reply) ? reply[4] : undefined
  return Array.isArray(taken) ? taken.map(String) : []
}
