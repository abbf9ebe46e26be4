import { type Clock, sleep } from '../messages/clock.ts'
import { type Lane, laneKey, type MessageClass, messageClasses } from '../messages/lane.ts'
import { Delays } from './delays.ts'
import { Fifo } from './fifo.ts'
import { laneClass } from './lane-class.ts'
import { type PoolHold, PoolHolds } from './pool-hold.ts'
import { PoolSlot } from './pool-slot.ts'
import type { LaneHandler, LaneResult, PoolSettings, Queue } from './queue.ts'
import type { Signals } from './signals.ts'

// A handler deals with its own errors; one that throws all the same must not spin.
const RETRY_AFTER_FAULT_MS = 1_000
// A commit, what it answers and what that rings lie a turn of the loop apart.
const QUIET_TURNS = 5
const BUSY_TURNS = 100

interface Entry {
  readonly lane: Lane
  readonly key: string
  readonly pool: Pool
  status: 'ready' | 'delayed' | 'working'
  /** While delayed, when it is due; rung to an earlier time, an older delay is void. */
  due: number
  /** Rung while being worked: the earliest time asked for. */
  again: number | undefined
}

interface Pool {
  readonly settings: PoolSettings
  readonly hold: PoolHold
  ready: Record<MessageClass, Fifo<Entry>>
  active: number
  /** Lanes in hand that wait to have a slot again. */
  readonly returning: Fifo<() => void>
  dispatching: boolean
}

export interface MemoryQueueOptions {
  readonly clock: Clock
  readonly signals: Signals
  /** Which pool a lane's work counts in. */
  readonly poolOf: (lane: Lane) => PoolSettings
}

/** The queue within this process. */
export class MemoryQueue implements Queue {
  readonly #options: MemoryQueueOptions
  readonly #entries = new Map<string, Entry>()
  readonly #pools = new Map<string, Pool>()
  readonly #holds = new PoolHolds()
  readonly #delays: Delays<{ entry: Entry; due: number }>
  readonly #working = new Set<Promise<void>>()
  #handler: LaneHandler | undefined
  #stopping = new AbortController()

  constructor(options: MemoryQueueOptions) {
    this.#options = options
    this.#delays = new Delays(options.clock, ({ entry, due }) => {
      if (entry.status === 'delayed' && entry.due === due) this.#makeReady(entry)
    })
  }

  async ring(lane: Lane, notBefore = 0): Promise<void> {
    const key = laneKey(lane)
    const entry = this.#entries.get(key)
    if (entry === undefined) {
      const created: Entry = { lane, key, pool: this.#poolOf(lane), status: 'delayed', due: 0, again: undefined }
      this.#entries.set(key, created)
      this.#place(created, notBefore)
    } else if (entry.status === 'working') {
      entry.again = Math.min(entry.again ?? Number.POSITIVE_INFINITY, notBefore)
    } else if (entry.status === 'delayed' && notBefore < entry.due) {
      this.#place(entry, notBefore)
    }
  }

  hold(pool: string, classes: readonly MessageClass[]): void {
    this.#holds.of(pool).hold(classes)
    this.#dispatchNamed(pool)
  }

  letOne(pool: string, classes: readonly MessageClass[]): void {
    this.#holds.of(pool).letOne(classes)
    this.#dispatchNamed(pool)
  }

  #dispatchNamed(name: string): void {
    const pool = this.#pools.get(name)
    if (pool !== undefined) this.#dispatch(pool)
  }

  work(handler: LaneHandler): void {
    this.#handler = handler
    this.#stopping = new AbortController()
    for (const pool of this.#pools.values()) this.#dispatch(pool)
  }

  async stop(limit: number): Promise<number> {
    this.#handler = undefined
    this.#stopping.abort()
    this.#forgetWaiting()
    let timeIsUp = false
    let wake = () => {}
    const timer = this.#options.clock.schedule(this.#options.clock.now() + limit, () => {
      timeIsUp = true
      wake()
    })
    const upAt = new Promise<void>((resolve) => {
      wake = resolve
    })
    while (this.#working.size > 0 && !timeIsUp) await Promise.race([upAt, ...this.#working])
    timer.cancel()
    this.#forgetWaiting()
    return this.#working.size
  }

  /** Forgets all lanes but those being worked, which stay taken until their handlers return. */
  #forgetWaiting(): void {
    this.#delays.clear()
    for (const pool of this.#pools.values()) pool.ready = noneReady()
    for (const entry of this.#entries.values()) if (entry.status !== 'working') this.#entries.delete(entry.key)
  }

  size(): number {
    return this.#entries.size
  }

  async ping(): Promise<void> {}

  /** This process's memory forgets nothing while it lasts. */
  onForgotten(): void {}

  /**
   * Waits until nothing more happens unless the clock moves on or a lane is rung: for tests with a clock that stands
   * still. Lanes that are delayed, or wait for a token of their rate, count as idle.
   * @param limit milliseconds of real time to wait at the most
   * @returns the lanes that were still being worked when the time was up; none when all is idle
   */
  async idle(limit: number): Promise<readonly Lane[]> {
    const end = performance.now() + limit
    for (let turns = 0, quiet = 0; quiet < QUIET_TURNS; turns++) {
      await new Promise<void>((resolve) => {
        if (turns < BUSY_TURNS) setImmediate(resolve)
        else setTimeout(resolve, 1)
      })
      quiet = this.#working.size === 0 ? quiet + 1 : 0
      if (quiet === 0 && performance.now() >= end) {
        return [...this.#entries.values()].filter(({ status }) => status === 'working').map(({ lane }) => lane)
      }
    }
    return []
  }

  #poolOf(lane: Lane): Pool {
    const settings = this.#options.poolOf(lane)
    const known = this.#pools.get(settings.name)
    if (known !== undefined) return known
    const hold = this.#holds.of(settings.name)
    const pool: Pool = { settings, hold, ready: noneReady(), active: 0, returning: new Fifo(), dispatching: false }
    this.#pools.set(settings.name, pool)
    return pool
  }

  #place(entry: Entry, notBefore: number): void {
    if (notBefore <= this.#options.clock.now()) {
      this.#makeReady(entry)
      return
    }
    entry.status = 'delayed'
    entry.due = notBefore
    this.#delays.add(notBefore, { entry, due: notBefore })
  }

  #makeReady(entry: Entry): void {
    entry.status = 'ready'
    entry.pool.ready[laneClass(entry.lane)].push(entry)
    this.#dispatch(entry.pool)
  }

  #dispatch(pool: Pool): void {
    if (this.#handler === undefined || pool.dispatching) return
    if (pool.settings.rate !== undefined) {
      void this.#dispatchAtRate(pool)
      return
    }
    // A handler that gives its slot back at once must not lead back in here.
    pool.dispatching = true
    while (pool.active < pool.settings.concurrency) {
      const entry = nextEntry(pool)
      if (entry === undefined) break
      this.#start(entry)
    }
    pool.dispatching = false
  }

  async #dispatchAtRate(pool: Pool): Promise<void> {
    const { name, rate, concurrency } = pool.settings
    if (rate === undefined) return
    const { clock, signals } = this.#options
    pool.dispatching = true
    while (this.#handler !== undefined && pool.active < concurrency && hasReady(pool)) {
      const wait = await signals.takeToken(name, rate).catch(() => RETRY_AFTER_FAULT_MS)
      if (wait > 0) {
        await sleep(clock, wait, this.#stopping.signal)
        continue
      }
      // Chosen only now: a reply that came meanwhile goes before the broadcast that was waiting.
      const isFree = this.#handler !== undefined && pool.active < concurrency
      const entry = isFree ? nextEntry(pool) : undefined
      if (entry === undefined) await signals.spendTokens(name, -1, rate).catch(() => {})
      else this.#start(entry)
    }
    pool.dispatching = false
  }

  #start(entry: Entry): void {
    const handler = this.#handler
    if (handler === undefined) return
    const { pool } = entry
    entry.status = 'working'
    entry.again = undefined
    pool.active++
    const slot = new PoolSlot({ take: () => takeAgain(pool), free: () => this.#free(pool) })
    const giveBack = (result: LaneResult) => {
      this.#working.delete(done)
      this.#giveBack(entry, result)
      slot.end()
    }
    const failed = () => giveBack({ next: 'later', at: this.#options.clock.now() + RETRY_AFTER_FAULT_MS })
    const done = (async () => handler(entry.lane, slot))().then(giveBack, failed)
    this.#working.add(done)
  }

  #free(pool: Pool): void {
    const next = pool.returning.shift()
    if (next !== undefined) {
      next()
      return
    }
    pool.active--
    this.#dispatch(pool)
  }

  #giveBack(entry: Entry, result: LaneResult): void {
    if (this.#handler === undefined) {
      this.#entries.delete(entry.key)
      return
    }
    const asked = result.next === 'more' ? 0 : result.next === 'later' ? result.at : Number.POSITIVE_INFINITY
    const at = Math.min(asked, entry.again ?? Number.POSITIVE_INFINITY)
    if (at === Number.POSITIVE_INFINITY) this.#entries.delete(entry.key)
    else this.#place(entry, at)
  }
}

async function takeAgain(pool: Pool): Promise<void> {
  if (pool.active < pool.settings.concurrency) pool.active++
  else await new Promise<void>((resolve) => pool.returning.push(resolve))
}

function noneReady(): Pool['ready'] {
  return { urgent: new Fifo(), reply: new Fifo(), normal: new Fifo(), bulk: new Fifo() }
}

function hasReady(pool: Pool): boolean {
  return messageClasses.some((name) => pool.ready[name].length > 0 && pool.hold.lets(name))
}

function nextEntry(pool: Pool): Entry | undefined {
  for (const name of messageClasses) {
    const entry = pool.hold.lets(name) ? pool.ready[name].shift() : undefined
    if (entry === undefined) continue
    pool.hold.passed(name)
    return entry
  }
  return undefined
}
