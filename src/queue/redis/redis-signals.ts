import { randomBytes } from 'node:crypto'
import type { Clock } from '../../messages/clock.ts'
import type { Rate } from '../queue.ts'
import type { Signals } from '../signals.ts'
import type { RedisConnection } from './connection.ts'
import { spendTokens, takeToken } from './scripts.ts'

export interface RedisSignalsOptions {
  readonly connection: RedisConnection
  readonly clock: Clock
  /** Whose time rates are measured by: Redis's by default; the clock's, for tests that move it. */
  readonly timeOf?: 'redis' | 'clock'
}

/**
 * Signals of all processes that share one Redis. There is one channel for all of them, so that listening is a matter of
 * this process: `subscribe` is effective when it returns, once `open` of the connection is done. What is published
 * reaches this process at once, and others as long as Redis is there. Payloads are JSON.
 */
export class RedisSignals implements Signals {
  readonly #options: RedisSignalsOptions
  readonly #listeners = new Map<string, Set<(payload: unknown) => void>>()
  readonly #id = randomBytes(9).toString('base64url')
  #saying: string[] = []
  #unsubscribe: (() => void) | undefined

  constructor(options: RedisSignalsOptions) {
    this.#options = options
  }

  async ping(): Promise<void> {
    await this.#options.connection.pingSubscriber()
  }

  /** Never fails for a lost Redis. @throws TypeError when the payload has no JSON */
  async publish(channel: string, payload: unknown): Promise<void> {
    this.#tell(channel, payload)
    // Neither holds a line feed, so that whoever does not listen has nothing to parse.
    const words = [JSON.stringify(channel), JSON.stringify(payload) ?? 'null']
    if (this.#saying.push(...words) === words.length) setImmediate(() => this.#say())
  }

  subscribe(channel: string, listener: (payload: unknown) => void): () => void {
    const { connection } = this.#options
    this.#unsubscribe ??= connection.subscribe(connection.keys.signals, (message) => this.#hear(message))
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(channel) === listeners) this.#listeners.delete(channel)
    }
  }

  /** @throws QueueUnavailableError */
  async takeToken(bucket: string, rate: Rate): Promise<number> {
    const { connection } = this.#options
    return Number(await connection.run(takeToken, [connection.keys.rate(bucket)], this.#rated(rate)))
  }

  /** Counts without being waited for, and not at all while Redis is away. */
  async spendTokens(bucket: string, count: number, rate: Rate): Promise<void> {
    const { connection } = this.#options
    const args = [...this.#rated(rate), String(count)]
    connection.run(spendTokens, [connection.keys.rate(bucket)], args).catch(() => {})
  }

  #rated({ perSecond }: Rate): readonly string[] {
    const { clock, timeOf } = this.#options
    return [timeOf === 'clock' ? String(clock.now()) : '', String(perSecond)]
  }

  #say(): void {
    const { connection } = this.#options
    const words = this.#saying
    this.#saying = []
    connection.publish(connection.keys.signals, `${this.#id}\n${words.join('\n')}`).catch(() => {})
  }

  #hear(message: string): void {
    if (message.startsWith(this.#id)) return
    const words = message.split('\n')
    for (let at = 1; at + 1 < words.length; at += 2) {
      const channel = parse(words[at])
      if (typeof channel !== 'string' || !this.#listeners.has(channel)) continue
      const payload = parse(words[at + 1])
      if (payload !== undefined) this.#tell(channel, payload)
    }
  }

  #tell(channel: string, payload: unknown): void {
    for (const listener of [...(this.#listeners.get(channel) ?? [])]) {
      try {
        listener(payload)
      } catch {
        // A listener deals with its own errors; they are nothing to whoever publishes, nor to other listeners.
      }
    }
  }
}

/** Undefined when it is no JSON: others may write to the same Redis. */
function parse(text = ''): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
