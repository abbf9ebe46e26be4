import { createHash } from 'node:crypto'
import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import { QueueUnavailableError } from '../queue/errors.ts'
import { RedisConnection } from '../queue/redis/connection.ts'

/** How often something may happen. */
export interface Limit {
  /** Tells what is counted; limits with the same name and key share a count. */
  readonly name: string
  /** 0 for no limit. */
  readonly amount: number
  /** Milliseconds from the first time on, after which the count begins anew. */
  readonly per: number
  /** Counted in memory, it is not forgotten before its time, however many others are counted. */
  readonly lasting?: true
}

/** One more of what a limit counts. */
export interface Claim {
  readonly limit: Limit
  /** Whose count it is: a client's address, a number, a user. */
  readonly key: string
}

/** What is left of a limit when something was taken; `resetAfter`: milliseconds until its count begins anew. */
export interface Left {
  readonly limit: Limit
  readonly remaining: number
  readonly resetAfter: number
}

/**
 * `left` has the claims that have a limit, in their order; `retryAfter`: milliseconds until the count of what refused
 * begins anew.
 */
export type Taken =
  | { readonly taken: true; readonly left: readonly Left[] }
  | { readonly taken: false; readonly limit: Limit; readonly retryAfter: number }

/** Counts, and refuses what is too much. */
export interface Limiter {
  /** May be called again after `close`. */
  open(): void
  close(): void
  /**
   * Takes all of these or none, in one step: what is refused counts nowhere, and prolongs nothing.
   * @throws QueueUnavailableError when it cannot be known whether there is room; nothing may be done then
   */
  take(claims: readonly Claim[]): Promise<Taken>
}

const TAKEN: Taken = { taken: true, left: [] }
const MOST_COUNTS = 200_000

interface Count {
  count: number
  readonly until: number
  readonly isLasting: boolean
}

/** Counts in this process: for one process alone, until it ends. */
export class MemoryLimiter implements Limiter {
  readonly #counts = new Map<string, Count>()
  readonly #clock: Clock
  readonly #most: number

  /** @param most counts that are kept; beyond, those that began first are forgotten, but for lasting ones */
  constructor(clock: Clock, most = MOST_COUNTS) {
    this.#clock = clock
    this.#most = most
  }

  open(): void {}

  close(): void {}

  async take(claims: readonly Claim[]): Promise<Taken> {
    const now = this.#clock.now()
    const limited = claims.filter(({ limit }) => limit.amount > 0)
    for (const { limit, key } of limited) {
      const counted = this.#current(nameOf(limit, key), now)
      if (counted !== undefined && counted.count >= limit.amount) {
        return { taken: false, limit, retryAfter: counted.until - now }
      }
    }
    const left = limited.map(({ limit, key }) => {
      const { count, until } = this.#added(nameOf(limit, key), now, limit)
      return { limit, remaining: limit.amount - count, resetAfter: until - now }
    })
    return { taken: true, left }
  }

  #current(name: string, now: number): Count | undefined {
    const counted = this.#counts.get(name)
    if (counted === undefined || counted.until > now) return counted
    this.#counts.delete(name)
    return undefined
  }

  #added(name: string, now: number, { per, lasting }: Limit): Count {
    const counted = this.#current(name, now)
    if (counted !== undefined) {
      counted.count++
      return counted
    }
    if (this.#counts.size >= this.#most) this.#makeRoom(now)
    const begun = { count: 1, until: now + per, isLasting: lasting === true }
    this.#counts.set(name, begun)
    return begun
  }

  /** What is over goes first; where nothing is, a part of those that began first. */
  #makeRoom(now: number): void {
    for (const [name, { until }] of this.#counts) if (until <= now) this.#counts.delete(name)
    let surplus = this.#counts.size - Math.floor(this.#most * 0.9)
    for (const [name, { isLasting }] of this.#counts) {
      if (surplus <= 0) return
      if (isLasting) continue
      this.#counts.delete(name)
      surplus--
    }
  }
}

/**
 * Refused: `{ which, milliseconds }`, the place of the limit from 1; taken: `{ 0, 0 }` and then, for each key, its count and
 * the milliseconds until that begins anew. Arguments: for each key its amount and its milliseconds.
 */
const SOURCE = `
for i, key in ipairs(KEYS) do
  local count = tonumber(redis.call('GET', key) or '0')
  if count >= tonumber(ARGV[2 * i - 1]) then
    return { i, math.max(0, redis.call('PTTL', key)) }
  end
end
local taken = { 0, 0 }
for i, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  if count == 1 then redis.call('PEXPIRE', key, ARGV[2 * i]) end
  table.insert(taken, count)
  table.insert(taken, math.max(0, redis.call('PTTL', key)))
end
return taken
`
const takeAll = { source: SOURCE, sha: createHash('sha1').update(SOURCE).digest('hex') }

export interface RedisLimiterOptions {
  readonly url: string
  readonly prefix: string
  readonly logger: Logger
  /** Milliseconds that Redis may take; 2 s by default. */
  readonly limit?: number
}

/** Counts in a Redis, for all processes that share it; over a connection of its own, opened at its first use. */
export class RedisLimiter implements Limiter {
  readonly #options: RedisLimiterOptions
  #connection: RedisConnection

  constructor(options: RedisLimiterOptions) {
    this.#options = options
    this.#connection = new RedisConnection(options)
  }

  open(): void {
    if (this.#connection.isClosed) this.#connection = new RedisConnection(this.#options)
    // That it is away is told by the connection, and better now than at the first request.
    this.#connection.ping().catch(() => {})
  }

  close(): void {
    this.#connection.close()
  }

  async take(claims: readonly Claim[]): Promise<Taken> {
    const limited = claims.filter(({ limit }) => limit.amount > 0)
    if (limited.length === 0) return TAKEN
    const keys = limited.map(({ limit, key }) => this.#connection.keys.limit(nameOf(limit, key)))
    const args = limited.flatMap(({ limit: { amount, per } }) => [String(amount), String(per)])
    const [which, retryAfter, ...counts] = answerOf(await this.#connection.run(takeAll, keys, args))
    const refusing = limited[which - 1]?.limit
    if (refusing !== undefined) return { taken: false, limit: refusing, retryAfter }
    const left = limited.map(({ limit }, index) => {
      const [count = limit.amount, resetAfter = limit.per] = counts.slice(2 * index)
      return { limit, remaining: Math.max(0, limit.amount - count), resetAfter }
    })
    return { taken: true, left }
  }
}

function nameOf({ name }: Limit, key: string): string {
  return `${name}:${key}`
}

function answerOf(answer: unknown): readonly [which: number, retryAfter: number, ...counts: readonly number[]] {
  const numbers = Array.isArray(answer) ? answer.filter((each: unknown) => typeof each === 'number') : []
  const [which, retryAfter, ...counts] = numbers
  if (which !== undefined && retryAfter !== undefined) return [which, retryAfter, ...counts]
  throw new QueueUnavailableError('Redis gave no answer that a limit could be told by.')
}
