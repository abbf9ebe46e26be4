import type { Clock, Timer } from '../messages/clock.ts'

interface Entry {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** Nine o'clock on a Monday (UTC): inside anybody's office hours, far from a change of the day. */
const START = Date.UTC(2026, 0, 5, 9)

/** A clock that stands still until it is moved. Only timers whose time has come are called by themselves. */
export class TestClock implements Clock {
  readonly #timers = new Set<Entry>()
  #now: number
  #order = 0

  /** @param start milliseconds since 1970 at which it stands; by default Monday, 5 January 2026, 9:00 UTC */
  constructor(start: number = START) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  schedule(at: number, callback: () => void): Timer {
    const entry: Entry = { at, order: this.#order++, callback }
    this.#timers.add(entry)
    if (at <= this.#now) setImmediate(() => this.#fire([entry]))
    return { cancel: () => this.#timers.delete(entry) }
  }

  /**
   * Moves on, stopping at each timer on the way, in the order of their times.
   * @param milliseconds how far, 0 or more
   * @param settle awaited before the first step and after each, so that what a timer has set off is done before time
   *   goes on; by default one turn of the event loop
   */
  async advance(milliseconds: number, settle: () => Promise<unknown> = oneTurn): Promise<void> {
    if (!(milliseconds >= 0)) throw new RangeError(`A clock only goes forward: 0 or more, not ${milliseconds}`)
    const end = this.#now + milliseconds
    await settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next)
      this.#fire(this.#due())
      await settle()
    }
    this.#now = end
  }

  #next(end: number): number | undefined {
    let earliest: number | undefined
    for (const { at } of this.#timers) {
      if (at <= end && (earliest === undefined || at < earliest)) earliest = at
    }
    return earliest
  }

  #due(): Entry[] {
    return [...this.#timers].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at || a.order - b.order)
  }

  #fire(entries: readonly Entry[]): void {
    for (const entry of entries) if (this.#timers.delete(entry)) entry.callback()
  }
}

function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
