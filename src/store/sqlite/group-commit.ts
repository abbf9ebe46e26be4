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

type Outcome = { readonly result: unknown } | { readonly error: unknown }

/** What stands beside the database and has to keep in step with it. */
export interface CommitHooks {
  /** Runs first in every transaction. */
  began(): void
  /** Writes were undone: what was learnt within them does not hold. */
  undone(): void
}

/**
 * Gathers all the writes of one turn of the event loop into one transaction, so that many callers share one
 * sync to disk. A caller is answered only after the commit.
 */
export class GroupCommit {
  #pending: Work[] = []
  #scheduled = false
  #transaction = 0
  #endedAt = 0
  /** The last commit had several callers: there is load. */
  #lastShared = false
  readonly #database: Database
  readonly #seq: SeqCounter
  readonly #hooks: CommitHooks
  readonly #pause: number
  readonly #begin
  readonly #commit
  readonly #rollback
  readonly #savepoint
  readonly #rollbackTo
  readonly #release

  /** @param pause milliseconds between two commits under load; the fewer commits, the less each caller costs */
  constructor(database: Database, seq: SeqCounter, hooks: CommitHooks, pause = 0) {
    this.#pause = pause
    this.#database = database
    this.#seq = seq
    this.#hooks = hooks
    this.#begin = database.prepare('BEGIN IMMEDIATE')
    this.#commit = database.prepare('COMMIT')
    this.#rollback = database.prepare('ROLLBACK')
    this.#savepoint = database.prepare('SAVEPOINT work')
    this.#rollbackTo = database.prepare('ROLLBACK TO work')
    this.#release = database.prepare('RELEASE work')
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
      this.#schedule()
    })
  }

  /** The number of the transaction that runs now, or ran last. */
  get transaction(): number {
    return this.#transaction
  }

  /** At the end of this turn; under load a little later, so that one commit serves more callers. */
  #schedule(): void {
    const wait = this.#lastShared ? this.#pause - (performance.now() - this.#endedAt) : 0
    if (wait < 1) setImmediate(() => this.flush())
    else setTimeout(() => this.flush(), wait)
  }

  /** Commits what has gathered so far. */
  flush(): void {
    this.#scheduled = false
    const works = this.#pending
    if (works.length === 0) return
    this.#pending = []
    if (!this.#attempt(works, false)) this.#attempt(works, true)
    this.#lastShared = works.length > 1
    this.#endedAt = performance.now()
  }

  /** @returns false when one of several failed by itself, so that they have to be kept apart from each other */
  #attempt(works: readonly Work[], apart: boolean): boolean {
    const outcomes: Outcome[] = []
    this.#transaction++
    try {
      this.#begin.run()
      this.#hooks.began()
      for (const work of works) outcomes.push(apart ? this.#runApart(work) : { result: work.run() })
      this.#seq.save()
      this.#commit.run()
    } catch (error) {
      this.#undo()
      const isAway = isUnavailable(error)
      if (!isAway && !apart && works.length > 1) return false
      const reason = isAway ? unavailable(this.#database.name, error) : error
      for (const work of works) work.reject(reason)
      return true
    }
    this.#seq.committed()
    works.forEach((work, index) => {
      const outcome = outcomes[index]
      if (outcome === undefined) return
      if ('error' in outcome) {
        work.reject(outcome.error)
        return
      }
      work.committed?.(outcome.result as never)
      work.resolve(outcome.result)
    })
    return true
  }

  /** Runs one caller's statements so that its failure takes back its own writes only. */
  #runApart(work: Work): Outcome {
    this.#savepoint.run()
    try {
      const result = work.run()
      this.#release.run()
      return { result }
    } catch (error) {
      // After some errors, such as a full disk, there is no transaction left to go on with.
      if (isUnavailable(error) || !this.#database.inTransaction) throw error
      this.#rollbackTo.run()
      this.#release.run()
      this.#hooks.undone()
      return { error }
    }
  }

  #undo(): void {
    this.#seq.reset()
    this.#hooks.undone()
    try {
      // SQLite has rolled back by itself after some errors, such as a full disk.
      if (this.#database.inTransaction) this.#rollback.run()
    } catch {
      // The next BEGIN reports what is still wrong.
    }
  }
}
