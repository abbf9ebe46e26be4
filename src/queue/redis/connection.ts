import { createRequire } from 'node:module'
import type { Redis } from 'ioredis'
import { errorText } from '../../messages/errors.ts'
import type { Logger } from '../../messages/logger.ts'
import { QueueUnavailableError } from '../errors.ts'
import { RedisKeys, type Script, scripts } from './scripts.ts'

const LIMIT_MS = 2_000
const LONGEST_RETRY_MS = 1_000

export interface RedisConnectionOptions {
  /** `redis://[user:password@]host[:port][/number]`, `rediss://` for TLS, or the path of a socket. */
  readonly url: string
  /** Keeps projects that share one Redis apart. */
  readonly prefix?: string
  readonly logger: Logger
  /** Milliseconds that Redis may take for an answer, and that a command waits for a lost connection; 2 s by default. */
  readonly limit?: number
}

type Listener = (message: string) => void

/**
 * What the queue and the signals of one process share: one connection for commands, one to listen on. Both are opened
 * at their first use and come back by themselves. A command is sent once or not at all: while Redis is away nothing
 * piles up, and nothing is repeated after it.
 */
export class RedisConnection {
  readonly keys: RedisKeys
  readonly #options: RedisConnectionOptions
  readonly #limit: number
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #onReady = new Set<() => void>()
  #commands: Redis | undefined
  #subscriber: Redis | undefined
  #awaySince: number | undefined
  #isClosed = false

  constructor(options: RedisConnectionOptions) {
    this.#options = options
    this.#limit = options.limit ?? LIMIT_MS
    this.keys = new RedisKeys(options.prefix ?? 'switchboard:')
  }

  /**
   * Connects, so that nothing is missed from the first moment on.
   * @throws QueueUnavailableError when Redis does not answer in time; it is looked for further on
   */
  async open(): Promise<void> {
    this.#isClosed = false
    this.#listen()
    await Promise.all([this.ping(), this.pingSubscriber()])
  }

  /** Gives both connections up until they are opened again; until then everything fails. */
  close(): void {
    this.#isClosed = true
    this.#commands?.disconnect()
    this.#subscriber?.disconnect()
    this.#commands = undefined
    this.#subscriber = undefined
    this.#awaySince = undefined
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** @throws QueueUnavailableError */
  async ping(): Promise<void> {
    await this.#ask((redis) => redis.ping())
  }

  /**
   * Notices a connection that is dead without having been closed, which one that only listens never would.
   * @throws QueueUnavailableError
   */
  async pingSubscriber(): Promise<void> {
    if (this.#isClosed) throw unavailable('closed')
    const redis = this.#listen()
    if (redis.status !== 'ready') await this.#untilReady(redis, this.#limit)
    await this.#within(redis, redis.ping())
  }

  /**
   * Runs a script, which Redis may have to be given first.
   * @throws QueueUnavailableError when it cannot be known whether it ran, or it did not
   */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.#ask(async (redis) => {
      try {
        return await redis.evalsha(script.sha, keys.length, ...keys, ...args)
      } catch (error) {
        if (!errorText(error).startsWith('NOSCRIPT')) throw error
        return await redis.eval(script.source, keys.length, ...keys, ...args)
      }
    })
  }

  /** A pool, and one lane of it, for each pool that was ever rung. */
  async pools(): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries(await this.#ask((redis) => redis.hgetall(this.keys.pools))))
  }

  /** Has one of the processes that work be told that lanes were forgotten. @throws QueueUnavailableError */
  async forget(): Promise<void> {
    await this.#ask((redis) => redis.del(this.keys.mark))
  }

  /** Tells all other processes that listen now. @throws QueueUnavailableError */
  async publish(channel: string, message: string): Promise<void> {
    await this.#ask((redis) => redis.publish(channel, message))
  }

  /** @returns takes the listener away again */
  subscribe(channel: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set()
    const isNew = listeners.size === 0
    this.#listeners.set(channel, listeners.add(listener))
    const redis = this.#isClosed ? undefined : this.#listen()
    if (isNew && redis?.status === 'ready') redis.subscribe(channel).catch(ignore)
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0 || this.#listeners.get(channel) !== listeners) return
      this.#listeners.delete(channel)
      if (this.#subscriber?.status === 'ready') this.#subscriber.unsubscribe(channel).catch(ignore)
    }
  }

  /** Calls whenever commands can be sent again. @returns takes the listener away again */
  onReady(listener: () => void): () => void {
    this.#onReady.add(listener)
    return () => void this.#onReady.delete(listener)
  }

  async #ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw unavailable('closed')
    const redis = this.#connect()
    if (redis.status !== 'ready') {
      const waited = performance.now() - (this.#awaySince ?? performance.now())
      await this.#untilReady(redis, this.#limit - waited)
    }
    return this.#within(redis, command(redis))
  }

  async #within<T>(redis: Redis, answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      const text = errorText(error)
      // Whoever does not answer may never again: a machine that is gone closes no connection.
      if (text === 'Command timed out' && redis.status === 'ready') redis.disconnect(true)
      throw unavailable(text)
    }
  }

  #untilReady(redis: Redis, limit: number): Promise<void> {
    if (limit <= 0) return Promise.reject(unavailable('not connected'))
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        redis.off('ready', ready).off('end', lost)
      }
      const ready = () => {
        end()
        resolve()
      }
      const lost = () => {
        end()
        reject(unavailable('not connected'))
      }
      const timer = setTimeout(lost, limit)
      redis.once('ready', ready).once('end', lost)
    })
  }

  #connect(): Redis {
    if (this.#commands !== undefined) return this.#commands
    const { logger } = this.#options
    const redis = this.#open()
    this.#commands = redis
    this.#awaySince = performance.now()
    let isTold = false
    redis.on('error', (error: Error) => {
      if (!isTold) logger.error({ err: new Error(errorText(error)) }, 'Redis is away; trying again until it is back')
      isTold = true
    })
    redis.on('close', () => {
      if (this.#commands === redis) this.#awaySince ??= performance.now()
    })
    redis.on('ready', () => {
      if (isTold) logger.info({}, 'Redis is back')
      isTold = false
      this.#awaySince = undefined
      // Before anything else, so that what follows runs in its order.
      for (const { source } of scripts) redis.script('LOAD', source).catch(ignore)
      for (const listener of [...this.#onReady]) listener()
    })
    return redis
  }

  #listen(): Redis {
    if (this.#subscriber !== undefined) return this.#subscriber
    const redis = this.#open()
    this.#subscriber = redis
    // The connection for commands tells of the same.
    redis.on('error', ignore)
    redis.on('ready', () => {
      if (this.#listeners.size > 0) redis.subscribe(...this.#listeners.keys()).catch(ignore)
    })
    redis.on('message', (channel: string, message: string) => {
      for (const listener of [...(this.#listeners.get(channel) ?? [])]) listener(message)
    })
    return redis
  }

  #open(): Redis {
    // Loaded with the first use: a server without Redis starts without it.
    const ioredis: typeof import('ioredis') = createRequire(import.meta.url)('ioredis')
    const redis = new ioredis.Redis(this.#options.url, {
      commandTimeout: this.#limit,
      connectTimeout: this.#limit,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(50 * times, LONGEST_RETRY_MS) + Math.floor(Math.random() * 100),
    })
    // Each command that waits for the connection listens to it, and there may be many.
    redis.setMaxListeners(0)
    return redis
  }
}

// The reason is a text of its own: the client's errors carry the command, and with it people's numbers.
function unavailable(reason: string): QueueUnavailableError {
  return new QueueUnavailableError(`Redis did not take it: ${reason}.`)
}

function ignore(): void {}
