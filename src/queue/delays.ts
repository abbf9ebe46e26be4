import type { Clock, Timer } from '../messages/clock.ts'

interface Entry<T> {
  readonly at: number
  readonly order: number
  readonly item: T
}

/** Things that wait for their time: a binary heap with one timer for the earliest. */
export class Delays<T> {
  readonly #heap: Entry<T>[] = []
  readonly #clock: Clock
  readonly #due: (item: T) => void
  #timer: { readonly at: number; readonly timer: Timer } | undefined
  #order = 0

  /** @param due called with each item when its time has come, in the order of the times */
  constructor(clock: Clock, due: (item: T) => void) {
    this.#clock = clock
    this.#due = due
  }

  add(at: number, item: T): void {
    this.#heap.push({ at, order: this.#order++, item })
    this.#up(this.#heap.length - 1)
    this.#arm()
  }

  clear(): void {
    this.#heap.length = 0
    this.#arm()
  }

  #arm(): void {
    const at = this.#heap[0]?.at
    if (at === this.#timer?.at) return
    this.#timer?.timer.cancel()
    this.#timer = at === undefined ? undefined : { at, timer: this.#clock.schedule(at, () => this.#fire()) }
  }

  #fire(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    const due: T[] = []
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      due.push(first.item)
      this.#removeFirst()
    }
    this.#arm()
    for (const item of due) this.#due(item)
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#down()
  }

  #up(from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#swapIfBefore(index, parent)) return
      index = parent
    }
  }

  #down(): void {
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      const child = this.#before(right, left) ? right : left
      if (!this.#swapIfBefore(child, index)) return
      index = child
    }
  }

  #swapIfBefore(a: number, b: number): boolean {
    const first = this.#heap[a]
    const second = this.#heap[b]
    if (first === undefined || second === undefined || !this.#before(a, b)) return false
    this.#heap[a] = second
    this.#heap[b] = first
    return true
  }

  #before(a: number, b: number): boolean {
    const first = this.#heap[a]
    const second = this.#heap[b]
    if (first === undefined || second === undefined) return false
    return first.at === second.at ? first.order < second.order : first.at < second.at
  }
}
