import type { Clock } from '../messages/clock.ts'
import type { Rate } from './queue.ts'
import type { Signals } from './signals.ts'

// A bucket holds what comes in 50 ms: enough to make up for late timers, too little for a burst to be noticed.
const BURST_SECONDS = 0.05

interface Bucket {
  tokens: number
  filledAt: number
}

/** Signals within this process. */
export class MemorySignals implements Signals {
  readonly #listeners = new Map<string, Set<(payload: unknown) => void>>()
  readonly #buckets = new Map<string, Bucket>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async publish(channel: string, payload: unknown): Promise<void> {
    const listeners = this.#listeners.get(channel)
    if (listeners === undefined) return
    for (const listener of [...listeners]) {
      try {
        listener(payload)
      } catch {
        // A listener deals with its own errors; they are nothing to whoever publishes, nor to other listeners.
      }
    }
  }

  subscribe(channel: string, listener: (payload: unknown) => void): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(channel) === listeners) this.#listeners.delete(channel)
    }
  }

  async takeToken(bucket: string, rate: Rate): Promise<number> {
    const filled = this.#fill(bucket, rate)
    if (filled.tokens < 1) return Math.ceil(((1 - filled.tokens) / rate.perSecond) * 1000)
    filled.tokens--
    return 0
  }

  async spendTokens(bucket: string, count: number, rate: Rate): Promise<void> {
    this.#fill(bucket, rate).tokens -= count
  }

  #fill(name: string, { perSecond }: Rate): Bucket {
    const now = this.#clock.now()
    const capacity = Math.max(1, perSecond * BURST_SECONDS)
    const bucket = this.#buckets.get(name) ?? { tokens: capacity, filledAt: now }
    this.#buckets.set(name, bucket)
    const elapsed = Math.max(0, now - bucket.filledAt) / 1000
    bucket.tokens = Math.min(capacity, bucket.tokens + elapsed * perSecond)
    bucket.filledAt = now
    return bucket
  }
}
