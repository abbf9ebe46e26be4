import type { Clock, Timer } from '../../src/messages/clock.ts'

interface Waiting {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  readonly #waiting = new Set<Waiting>()
  readonly #settle: () => Promise<void>
  #now: number
  #order = 0

  /** @param settleAll lets what a timer began come to its end, where that takes more than a turn of the loop */
  constructor(now = 1_700_000_000_000, settleAll = settle) {
    this.#now = now
    this.#settle = settleAll
  }

  now(): number {
    return this.#now
  }

  schedule(at: number, callback: () => void): Timer {
    const waiting = { at, order: this.#order++, callback }
    this.#waiting.add(waiting)
    if (at <= this.#now) {
      setImmediate(() => {
        if (this.#waiting.delete(waiting)) callback()
      })
    }
    return { cancel: () => void this.#waiting.delete(waiting) }
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#waiting.size
  }

  /** Sets the time without calling anybody, also backwards. */
  jump(now: number): void {
    this.#now = now
  }

  /** Lets the time pass: timers are called in their order, each at its time, and what they started goes on between. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    await this.#settle()
    for (let first = this.#first(end); first !== undefined; first = this.#first(end)) {
      this.#waiting.delete(first)
      this.#now = Math.max(this.#now, first.at)
      first.callback()
      await this.#settle()
    }
    this.#now = end
    await this.#settle()
  }

  #first(until: number): Waiting | undefined {
    let first: Waiting | undefined
    for (const waiting of this.#waiting) {
      if (waiting.at > until) continue
      if (first === undefined || waiting.at < first.at || (waiting.at === first.at && waiting.order < first.order)) {
        first = waiting
      }
    }
    return first
  }
}

/** Lets everything that is ready to run, run: a turn of the loop, with all the promises in it. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
