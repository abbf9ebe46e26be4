import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../../messages/clock.ts'
import { type Lane, laneKey, type MessageClass, parseLaneKey } from '../../messages/lane.ts'
import { laneClass } from '../lane-class.ts'
import { PoolHolds } from '../pool-hold.ts'
import { PoolSlot } from '../pool-slot.ts'
import type { LaneHandler, LaneResult, PoolSettings, Queue } from '../queue.ts'
import type { RedisConnection } from './connection.ts'
import { type HeldLane, HeldLanes } from './held-lanes.ts'
import { RedisPool } from './redis-pool.ts'
import { Rings } from './rings.ts'
import { classDigit, wasForgotten as wasForgottenScript } from './scripts.ts'

const LEASE_MS = 3_000
const LOOK_EVERY_MS = 1_000
const RETRY_AFTER_FAULT_MS = 1_000
const LATEST_MS = 8.64e15

export interface RedisQueueOptions {
  readonly connection: RedisConnection
  /** What its timers go by, and the times that lanes are rung for. */
  readonly clock: Clock
  /** Which pool a lane's work counts in; the same in all processes. Concurrency is each process's own, rates are not. */
  readonly poolOf: (lane: Lane) => PoolSettings
  /** Milliseconds after which a process that says nothing loses its lanes; 3 s by default. */
  readonly lease?: number
  /** Whose time leases and due lanes are compared with: Redis's by default; the clock's, for tests that move it. */
  readonly timeOf?: 'redis' | 'clock'
}

/**
 * The queue of all processes that share one Redis. It knows busy lanes only, and every step is one script, which Redis
 * runs as a whole (`scripts.ts` says what lies where).
 *
 * A process takes as many lanes as it has free slots, under leases that it renews every second; what a dead process held
 * is taken over when its leases have run out. A process that was frozen past its leases, or worked lanes while Redis was
 * emptied, may work a lane beside its new holder; what it gives back is not heeded, and the fence of the store refuses
 * its results. Redis may lose everything at any time.
 *
 * `notBefore` is compared with Redis's time: the clocks of all machines are taken to agree within a second.
 */
export class RedisQueue implements Queue {
  readonly #options: RedisQueueOptions
  readonly #pools = new Map<string, RedisPool>()
  readonly #holds = new PoolHolds()
  readonly #working = new Set<Promise<void>>()
  readonly #held: HeldLanes
  readonly #rings: Rings
  readonly #id = randomBytes(9).toString('base64url')
  #leases = 0
  #known = 0
  #handler: LaneHandler | undefined
  #forgotten = () => {}
  #look: Timer | undefined
  #unsubscribe: (() => void) | undefined

  constructor(options: RedisQueueOptions) {
    this.#options = options
    const { connection, clock, lease = LEASE_MS } = options
    this.#held = new HeldLanes({ connection, clock, lease, now: () => this.#now() })
    this.#rings = new Rings({
      connection,
      heading: (pool) => this.#heading(pool),
      rung: (name, state, known) => {
        this.#known = known
        this.#pools.get(name)?.heed(state)
      },
    })
    connection.onReady(() => this.#back())
  }

  /** @throws QueueUnavailableError when Redis does not take it in time; it is tried again when Redis is back */
  async ring(lane: Lane, notBefore = 0): Promise<void> {
    const pool = this.#poolOf(lane)
    await this.#rings.add(pool.name, { key: laneKey(lane), class: classDigit(laneClass(lane)) }, timeOf(notBefore))
  }

  hold(pool: string, classes: readonly MessageClass[]): void {
    this.#holds.of(pool).hold(classes)
    this.#pools.get(pool)?.look()
  }

  letOne(pool: string, classes: readonly MessageClass[]): void {
    this.#holds.of(pool).letOne(classes)
    this.#pools.get(pool)?.look()
  }

  work(handler: LaneHandler): void {
    const { connection } = this.#options
    this.#handler = handler
    this.#unsubscribe ??= connection.subscribe(connection.keys.wakes, (message) => this.#wake(message))
    this.#lookForPools()
    this.#lookAgain()
  }

  async stop(limit: number): Promise<number> {
    const { clock } = this.#options
    this.#handler = undefined
    this.#look?.cancel()
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    for (const pool of this.#pools.values()) pool.rest()
    let timeIsUp = false
    let wake = () => {}
    const upAt = new Promise<void>((resolve) => {
      wake = resolve
    })
    const timer = clock.schedule(clock.now() + limit, () => {
      timeIsUp = true
      wake()
    })
    for (let busy = this.#busy(); busy.length > 0 && !timeIsUp; busy = this.#busy()) {
      await Promise.race([upAt, ...busy])
    }
    timer.cancel()
    return this.#working.size
  }

  /** As Redis told this process when they last spoke: at the latest ring, the latest lane worked, the latest second. */
  size(): number {
    return Math.max(this.#known, this.#held.size)
  }

  async ping(): Promise<void> {
    await this.#options.connection.ping()
  }

  onForgotten(listener: () => void): void {
    this.#forgotten = listener
  }

  #busy(): Promise<void>[] {
    const steps = [...this.#pools.values()].map((pool) => pool.steps).filter((each) => each !== undefined)
    return [...this.#working, ...steps]
  }

  #now(): string {
    return this.#options.timeOf === 'clock' ? String(this.#options.clock.now()) : ''
  }

  #heading(pool: string): readonly string[] {
    return [this.#now(), pool, this.#options.connection.keys.wakes, this.#id]
  }

  #poolOf(lane: Lane): RedisPool {
    const settings = this.#options.poolOf(lane)
    return this.#pools.get(settings.name) ?? this.#addPool(settings.name, settings)
  }

  #addPool(name: string, settings: PoolSettings): RedisPool {
    const { connection, clock, lease = LEASE_MS } = this.#options
    const pool = new RedisPool({
      name,
      settings,
      hold: this.#holds.of(name),
      connection,
      clock,
      lease,
      heading: (of) => this.#heading(of),
      newLease: () => `${this.#id}.${(this.#leases++).toString(36)}`,
      works: () => this.#handler !== undefined,
      begin: (of, lane, id) => this.#begin(of, lane, id),
      seen: (known) => {
        this.#known = known
      },
      // Who has died may have recorded something just before, and not rung it any more.
      expired: () => this.#forgotten(),
    })
    this.#pools.set(name, pool)
    return pool
  }

  #wake(message: string): void {
    const [from, ...rest] = message.split('\n')
    if (from === this.#id || this.#handler === undefined) return
    const pool = this.#pools.get(rest.join('\n'))
    if (pool === undefined) this.#lookForPools()
    else pool.look()
  }

  /** Should a word of another process have been lost, and for what dead ones held. */
  #lookAgain(): void {
    const { clock, connection } = this.#options
    this.#look?.cancel()
    // Processes that were started together look at different times.
    const pause = Math.floor(LOOK_EVERY_MS * (0.8 + Math.random() * 0.3))
    this.#look = clock.schedule(clock.now() + pause, () => {
      if (this.#handler === undefined) return
      this.#lookForPools()
      connection.pingSubscriber().catch(() => {})
      this.#lookAgain()
    })
  }

  #lookForPools(): void {
    for (const pool of this.#pools.values()) pool.look()
    this.#findPools().catch(() => {})
  }

  async #findPools(): Promise<void> {
    const { connection } = this.#options
    const wasForgotten = Number(await connection.run(wasForgottenScript, [connection.keys.mark], [])) === 1
    if (wasForgotten) this.#forgotten()
    for (const [name, key] of await connection.pools()) {
      const lane = parseLaneKey(key)
      if (this.#pools.has(name) || lane === undefined) continue
      this.#addPool(name, this.#options.poolOf(lane)).look()
    }
  }

  #back(): void {
    void this.#held.renew()
    this.#rings.again()
    if (this.#handler !== undefined) this.#lookForPools()
  }

  #begin(pool: RedisPool, lane: Lane, lease: string): 'begun' | 'held already' | 'not begun' {
    const key = laneKey(lane)
    const mine = this.#held.get(key)
    if (mine !== undefined) {
      mine.lease = lease
      mine.again = true
      return 'held already'
    }
    const handler = this.#handler
    if (handler === undefined) return 'not begun'
    this.#start(pool, handler, { lane, key, class: classDigit(laneClass(lane)), pool: pool.name, lease, again: false })
    return 'begun'
  }

  #start(pool: RedisPool, handler: LaneHandler, held: HeldLane): void {
    this.#held.add(held)
    const slot = new PoolSlot({ take: () => pool.takeAgain(), free: () => pool.free() })
    const giveBack = (result: LaneResult) => {
      this.#working.delete(done)
      this.#held.remove(held)
      pool.giveBack(held, held.again ? '0' : askedFor(result))
      slot.end()
      pool.look()
    }
    const failed = () => giveBack({ next: 'later', at: this.#options.clock.now() + RETRY_AFTER_FAULT_MS })
    const done = (async () => handler(held.lane, slot))().then(giveBack, failed)
    this.#working.add(done)
  }
}

function askedFor(result: LaneResult): string {
  if (result.next === 'idle') return ''
  return result.next === 'more' ? '0' : String(timeOf(result.at))
}

/** A time that scripts can compare, whatever was asked for. */
function timeOf(at: number): number {
  return Number.isNaN(at) ? 0 : Math.min(Math.max(0, Math.ceil(at)), LATEST_MS)
}
