import type { Database } from 'better-sqlite3'
import type { GroupCommit } from './group-commit.ts'

/** Messages that may stand outside the index; a reader looks through them one by one. */
const UNSORTED = 1_024

/**
 * Keeps which messages belong to one person's conversation. Entered one by one, every message would touch a page of its
 * own in an index as large as the whole history; so they are entered in sorted batches, and the newest ones, from the
 * counter `indexed` on, are found by their `seq`.
 */
export class ConversationIndex {
  readonly #commit: GroupCommit
  readonly #statements
  #indexed: number
  #reached = 0
  #scheduled = false

  constructor(database: Database, commit: GroupCommit) {
    this.#commit = commit
    this.#statements = prepare(database)
    this.#indexed = this.#statements.indexed.get()?.value ?? 0
  }

  /** Told after a commit how far the count of messages has come. */
  reached(seq: number): void {
    this.#reached = seq
    if (this.#scheduled || !this.#isBehind) return
    this.#scheduled = true
    void this.#catchUp()
  }

  get #isBehind(): boolean {
    return this.#reached - this.#indexed >= UNSORTED
  }

  /** In several batches where many came at once, so that none holds up other writes for long. */
  async #catchUp(): Promise<void> {
    try {
      do this.#indexed = await this.#commit.write(() => this.#enter())
      while (this.#isBehind)
    } catch {
      // The messages are still found by their seq; the next commit tries again.
    } finally {
      this.#scheduled = false
    }
  }

  #enter(): number {
    const from = this.#statements.indexed.get()?.value ?? 0
    const to = Math.min(this.#reached, from + 2 * UNSORTED)
    this.#statements.enter.run(from, to, from, to)
    this.#statements.mark.run(to)
    return to
  }
}

function prepare(database: Database) {
  return {
    indexed: database.prepare<[], { value: number }>(`SELECT value FROM counters WHERE name = 'indexed'`),
    mark: database.prepare<[number]>(`UPDATE counters SET value = ? WHERE name = 'indexed'`),
    enter: database.prepare<[number, number, number, number]>(
      `INSERT OR IGNORE INTO conversation (backend, identity, seq, outgoing)
       SELECT backend, identity, seq, 0 FROM incoming WHERE seq > ? AND seq <= ?
       UNION ALL SELECT backend, identity, seq, 1 FROM outgoing WHERE seq > ? AND seq <= ?
       ORDER BY 1, 2, 3`,
    ),
  }
}
