import { randomUUID } from 'node:crypto'
import { systemClock } from '../../src/messages/clock.ts'
import type { Lane } from '../../src/messages/lane.ts'
import type { PoolSettings } from '../../src/queue/queue.ts'
import { RedisConnection } from '../../src/queue/redis/connection.ts'
import { RedisQueue } from '../../src/queue/redis/redis-queue.ts'
import { RedisSignals } from '../../src/queue/redis/redis-signals.ts'
import { type LogLine, recordedLogger } from '../../src/testing/recorded-logger.ts'
import { startRedis, type TestRedis } from './redis.ts'

export { whyNoRedis } from './redis.ts'

/** A Redis, and queues on it that stand for a process each: with connections of their own. */
export class RedisBench {
  prefix = `${randomUUID()}:`
  readonly log: LogLine[] = []
  readonly #connections: RedisConnection[] = []
  readonly #queues: RedisQueue[] = []
  #redis: TestRedis | undefined

  async start(): Promise<void> {
    this.#redis = await startRedis()
  }

  get redis(): TestRedis {
    if (this.#redis === undefined) throw new Error('Redis is not started')
    return this.#redis
  }

  get url(): string {
    return this.redis.url
  }

  connection(limit?: number): RedisConnection {
    const logger = recordedLogger(this.log)
    const { url, prefix } = this
    const connection = new RedisConnection({ url, prefix, logger, ...(limit === undefined ? {} : { limit }) })
    this.#connections.push(connection)
    return connection
  }

  /** All lanes are of one pool of these settings. */
  queue(settings: Partial<PoolSettings> = {}, limit?: number): RedisQueue {
    const pool = { name: 'pool', concurrency: 64, ...settings }
    const poolOf = (_: Lane) => pool
    const queue = new RedisQueue({ connection: this.connection(limit), clock: systemClock, poolOf })
    this.#queues.push(queue)
    return queue
  }

  signals(limit?: number): RedisSignals {
    return new RedisSignals({ connection: this.connection(limit), clock: systemClock })
  }

  /** The lanes that Redis knows. */
  async known(): Promise<number> {
    return Number(await this.redis.call('HLEN', `{${this.prefix.slice(0, -1)}}:lanes`))
  }

  /** Ends all queues and forgets their lanes. */
  async clear(): Promise<void> {
    await Promise.all(this.#queues.splice(0).map((queue) => queue.stop(0)))
    for (const connection of this.#connections.splice(0)) connection.close()
    await this.redis.call('FLUSHALL')
    this.prefix = `${randomUUID()}:`
    this.log.length = 0
  }

  async remove(): Promise<void> {
    await this.#redis?.remove()
  }
}
