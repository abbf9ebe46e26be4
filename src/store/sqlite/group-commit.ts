import type { Database } from 'better-sqlite3'
import { isUnavailable, unavailable } from './database.ts'
import type { SeqCounter } from './seq-counter.ts'

interface Work {
  /** Runs statements; nothing is on disk yet. */
  run(): unknown
  /** Runs right after the commit, before anybody is answered. */
  committed: ((result: never) => void) | undefined
  resolve(value: unknown): void
  reject(error: unknown): void
}

/**
 * Gathers all the writes of one turn of the event loop into one transaction, so that many callers share one
 * sync to disk. A caller is answered only after the commit.
 */
export class GroupCommit {
  #pending: Work[] = []
  #scheduled = false
  readonly #database: Database
  readonly #seq: SeqCounter
  readonly #begin
  readonly #commit
  readonly #rollback

  constructor(database: Database, seq: SeqCounter) {
    this.#database = database
    this.#seq = seq
    this.#begin = database.prepare('BEGIN IMMEDIATE')
    this.#commit = database.prepare('COMMIT')
    this.#rollback = database.prepare('ROLLBACK')
  }

  /**
   * @param run the statements; a throw undoes this caller's writes alone
   * @param committed told the result right after the commit, in the same turn
   * @throws StoreUnavailableError when the commit is not possible now
   */
  write<T>(run: () => T, committed?: (result: T) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ run, committed, resolve: resolve as (value: unknown) => void, reject })
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => this.flush())
    })
  }

  /** Commits what has gathered so far. */
  flush(): void {
    this.#scheduled = false
    const works = this.#pending
    if (works.length === 0) return
    this.#pending = []
    if (this.#attempt(works) || works.length === 1) return
    for (const work of works) this.#attempt([work])
  }

  /** @returns false when one of several failed by itself, so that each has to be tried alone */
  #attempt(works: readonly Work[]): boolean {
    const results: unknown[] = []
    try {
      this.#begin.run()
      for (const work of works) results.push(work.run())
      this.#seq.save()
      this.#commit.run()
    } catch (error) {
      this.#undo()
      if (isUnavailable(error)) {
        const reason = unavailable(this.#database.name, error)
        for (const work of works) work.reject(reason)
        return true
      }
      if (works.length === 1) works[0]?.reject(error)
      return false
    }
    works.forEach((work, index) => {
      work.committed?.(results[index] as never)
      work.resolve(results[index])
    })
    return true
  }

  #undo(): void {
    this.#seq.reset()
    try {
      // SQLite has rolled back by itself after some errors, such as a full disk.
      if (this.#database.inTransaction) this.#rollback.run()
    } catch {
      // The next BEGIN reports what is still wrong.
    }
  }
}
