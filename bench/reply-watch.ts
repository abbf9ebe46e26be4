import Sqlite, { type Database } from 'better-sqlite3'
import { Times, type TimesSummary } from './percentiles.ts'

const PAGE = 5_000

interface ReplyRow {
  readonly seq: number
  readonly text: string
  readonly open: number
}

/**
 * Looks in the server's database for the replies to numbered messages. A row is seen there only after its commit is on
 * disk, so that what is measured ends where the promise of the server does.
 */
export class ReplyWatch {
  readonly #database: Database
  readonly #rows
  readonly #due: Map<number, number>
  readonly #times = new Times()
  /** All replies up to here have been seen. */
  #seen: number

  /** @param due when each numbered message was due, by `performance.now()`; those that were answered are taken out */
  constructor(file: string, due: Map<number, number>) {
    this.#database = new Sqlite(file, { readonly: true })
    this.#due = due
    this.#rows = this.#database.prepare<[number], ReplyRow>(
      `SELECT seq, text, open FROM outgoing WHERE seq > ? AND class = 'reply' ORDER BY seq LIMIT ${PAGE}`,
    )
    this.#seen = this.#database.prepare<[], number>('SELECT MAX(seq) FROM outgoing').pluck().get() ?? 0
  }

  get missing(): number {
    return this.#due.size
  }

  look(): void {
    const rows = this.#rows.all(this.#seen)
    const now = performance.now()
    let allSettled = true
    for (const { seq, text, open } of rows) {
      if (open === 1) allSettled = false
      else {
        this.#settled(Number(text), now)
        if (allSettled) this.#seen = seq
      }
    }
  }

  close(): TimesSummary {
    this.#database.close()
    return this.#times.summary()
  }

  #settled(number: number, now: number): void {
    const due = this.#due.get(number)
    if (due === undefined) return
    this.#due.delete(number)
    this.#times.add(now - due)
  }
}
