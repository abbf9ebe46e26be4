import { setTimeout as delay } from 'node:timers/promises'
import Sqlite, { type Database } from 'better-sqlite3'

/** How many messages of a database stand where. */
export interface Counts {
  readonly incoming: number
  readonly processed: number
  readonly outgoing: number
  readonly sent: number
  readonly attempts: number
}

const POLL_MS = 20
const FINISH_WITHIN_MS = 120_000

/** Looks at a server's database from beside it. */
export class Observer {
  readonly #database: Database

  constructor(file: string) {
    this.#database = new Sqlite(file, { readonly: true })
  }

  /** Messages that are not finished, in both directions. */
  open(): number {
    return this.openIncoming() + this.#number('SELECT COUNT(*) FROM outgoing WHERE open = 1')
  }

  openIncoming(): number {
    return this.#number('SELECT COUNT(*) FROM incoming WHERE open = 1')
  }

  bulkSent(): number {
    return this.#number(`SELECT COUNT(*) FROM outgoing WHERE class = 'bulk' AND state = 'SENT'`)
  }

  counts(): Counts {
    return {
      incoming: this.#number('SELECT COUNT(*) FROM incoming'),
      processed: this.#number(`SELECT COUNT(*) FROM incoming WHERE state = 'PROCESSED'`),
      outgoing: this.#number('SELECT COUNT(*) FROM outgoing'),
      sent: this.#number(`SELECT COUNT(*) FROM outgoing WHERE state = 'SENT'`),
      attempts: this.#number('SELECT COUNT(*) FROM attempts'),
    }
  }

  /**
   * Waits until nothing is unfinished.
   * @throws Error when that takes longer than two minutes
   */
  async finished(): Promise<void> {
    const open = await this.unfinishedAfter(FINISH_WITHIN_MS)
    if (open > 0) throw new Error(`${open} messages are still unfinished after ${FINISH_WITHIN_MS / 1000} s`)
  }

  /**
   * Waits until nothing is unfinished, or the time is up.
   * @param limit milliseconds
   * @returns how many messages are still unfinished
   */
  async unfinishedAfter(limit: number): Promise<number> {
    const deadline = performance.now() + limit
    for (;;) {
      const open = this.open()
      if (open === 0 || performance.now() > deadline) return open
      await delay(POLL_MS)
    }
  }

  close(): void {
    this.#database.close()
  }

  #number(query: string): number {
    return this.#database.prepare<[], number>(query).pluck().get() ?? 0
  }
}
