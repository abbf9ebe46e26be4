import type { Database } from 'better-sqlite3'

/**
 * Gives messages their order. The count is read once and written once in each transaction that needs it, so that
 * the order of `seq` is the order of the commits, also between processes.
 */
export class SeqCounter {
  #last: number | undefined
  #saved: number | undefined
  #listener: (seq: number) => void = () => {}
  readonly #read
  readonly #write

  constructor(database: Database) {
    this.#read = database.prepare<[], { value: number }>(`SELECT value FROM counters WHERE name = 'seq'`)
    this.#write = database.prepare<[number]>(`UPDATE counters SET value = ? WHERE name = 'seq'`)
  }

  /** The next number. Only inside a transaction. */
  next = (): number => {
    this.#last ??= this.#read.get()?.value ?? 0
    this.#last++
    return this.#last
  }

  /** Keeps the count; the last thing in a transaction. */
  save(): void {
    if (this.#last === undefined) return
    this.#write.run(this.#last)
    this.#saved = this.#last
    this.#last = undefined
  }

  /** The transaction was committed. */
  committed(): void {
    if (this.#saved === undefined) return
    this.#listener(this.#saved)
    this.#saved = undefined
  }

  /** Tells the listener, after each commit that used numbers, the last of them. */
  onCommit(listener: (seq: number) => void): void {
    this.#listener = listener
  }

  /** The transaction was undone. */
  reset(): void {
    this.#last = undefined
    this.#saved = undefined
  }
}
