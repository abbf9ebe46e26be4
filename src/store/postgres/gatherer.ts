/** A call that waits for its answer. */
export interface Waiting<Item> {
  readonly item: Item
  resolve(value: unknown): void
  reject(error: unknown): void
}

export interface GathererParts<Item> {
  /** Items in flight together never have the same key within one batch; undefined is no key. */
  keyOf(item: Item): string | undefined
  /** How much room an item takes in a batch. */
  sizeOf(item: Item): number
  /** Answers each of the batch. Never throws. */
  work(batch: readonly Waiting<Item>[]): Promise<void>
}

/** Batches on their way at the same time: one is prepared by us while the other is synced to disk. */
const MOST_IN_FLIGHT = 2
/** More in one batch make it slow without making it cheaper. */
const MOST_PER_BATCH = 500

/** Gathers the calls of a turn of the loop, and all that come while batches are on their way, into batches. */
export class Gatherer<Item> {
  readonly #parts: GathererParts<Item>
  #pending: Waiting<Item>[] = []
  #inFlight = 0
  #scheduled = false
  #idle: (() => void)[] = []

  constructor(parts: GathererParts<Item>) {
    this.#parts = parts
  }

  ask(item: Item): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ item, resolve, reject })
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.#launch()
      })
    })
  }

  /** Resolves when all that was asked so far has been answered. */
  async flush(): Promise<void> {
    this.#launch()
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Those who wait for their turn would wait in vain. */
  failPending(error: unknown): void {
    for (const waiting of this.#pending.splice(0)) waiting.reject(error)
  }

  #launch(): void {
    while (this.#inFlight < MOST_IN_FLIGHT && this.#pending.length > 0) {
      this.#inFlight++
      void this.#parts.work(this.#take()).then(() => {
        this.#inFlight--
        this.#launch()
        if (this.#inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve()
      })
    }
  }

  #take(): Waiting<Item>[] {
    const { keyOf, sizeOf } = this.#parts
    const taken: Waiting<Item>[] = []
    const left: Waiting<Item>[] = []
    const keys = new Set<string>()
    let size = 0
    for (const waiting of this.#pending) {
      const key = keyOf(waiting.item)
      const isFull = size > 0 && size + sizeOf(waiting.item) > MOST_PER_BATCH
      if (isFull || (key !== undefined && keys.has(key))) {
        left.push(waiting)
        continue
      }
      if (key !== undefined) keys.add(key)
      size += sizeOf(waiting.item)
      taken.push(waiting)
    }
    this.#pending = left
    return taken
  }
}
