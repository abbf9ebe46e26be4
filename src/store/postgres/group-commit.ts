import type { PostgresDatabase } from './database.ts'
import { isClash, isUnavailable } from './faults.ts'
import { Gatherer, type Waiting } from './gatherer.ts'
import { keyOfOperation, type Operation, type ResultOf, sizeOf } from './operations.ts'
import { Refused, writeBatch } from './write-batch.ts'

const MOST_CLASHES = 5

type Work = Waiting<Operation>

/**
 * Writes what many callers want in few transactions, so that a thousand who wait cost a handful of round trips. Nobody
 * is answered before the commit. Where its outcome is not known, because the connection broke, the callers are told that
 * the store is away, and what they wanted may or may not have been written.
 */
export class GroupCommit {
  readonly #database: PostgresDatabase
  readonly #tells: boolean
  readonly #gatherer: Gatherer<Operation>

  /** @param tells whether word of recorded messages is left for the servers beside this process */
  constructor(database: PostgresDatabase, tells: boolean) {
    this.#database = database
    this.#tells = tells
    this.#gatherer = new Gatherer<Operation>({
      // The second of two results of one message has to see what the first wrote.
      keyOf: keyOfOperation,
      sizeOf,
      work: (works) => this.#commit(works),
    })
  }

  /**
   * @throws StoreUnavailableError when the commit is not possible now
   * @throws StaleResultError, DocumentConflictError for this operation alone
   */
  write<O extends Operation>(operation: O): Promise<ResultOf<O>> {
    // A batch answers each operation with what belongs to its kind.
    return this.#gatherer.ask(operation) as Promise<ResultOf<O>>
  }

  /** Resolves when all that was given so far has been answered. */
  flush(): Promise<void> {
    return this.#gatherer.flush()
  }

  async #commit(works: readonly Work[], clashes = 0): Promise<void> {
    if (works.length === 0) return
    try {
      const operations = works.map(({ item }) => item)
      const outcomes = await this.#database.transaction((run) => writeBatch(run, operations, this.#tells))
      works.forEach((work, index) => {
        const outcome = outcomes[index] ?? { error: new Error('a batch left an operation without an answer') }
        if ('error' in outcome) work.reject(outcome.error)
        else work.resolve(outcome.result)
      })
    } catch (error) {
      await this.#recover(works, error, clashes)
    }
  }

  /** Nothing of the batch was written. */
  async #recover(works: readonly Work[], error: unknown, clashes: number): Promise<void> {
    if (isUnavailable(error)) {
      for (const work of works) work.reject(error)
      return this.#gatherer.failPending(error)
    }
    if (error instanceof Refused) {
      works[error.index]?.reject(error.reason)
      return this.#commit(
        works.filter((_, index) => index !== error.index),
        clashes,
      )
    }
    if (isClash(error) && clashes < MOST_CLASHES) return this.#commit(works, clashes + 1)
    const [only] = works
    if (works.length === 1 && only !== undefined) return only.reject(error)
    // One of them cannot be written, and the database does not say which.
    const half = Math.ceil(works.length / 2)
    await this.#commit(works.slice(0, half), clashes)
    await this.#commit(works.slice(half), clashes)
  }
}
