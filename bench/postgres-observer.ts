import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Counts } from './counts.ts'

/** What a database has been asked. */
export interface PostgresCounts {
  readonly transactions: number
  /** BEGIN and COMMIT among them; undefined where they are not counted. */
  readonly statements: number | undefined
}

const POLL_MS = 20
const FINISH_WITHIN_MS = 120_000
/** PostgreSQL's own figures are as late as this. */
const FIGURES_AFTER_MS = 1_500

const OPEN = `SELECT EXISTS (SELECT FROM incoming_open) OR EXISTS (SELECT FROM outgoing_open) AS open`
const COUNTS = `SELECT (SELECT count(*) FROM incoming_open)::int + (SELECT count(*) FROM incoming)::int AS incoming,
  (SELECT count(*) FROM incoming WHERE state = 'PROCESSED')::int AS processed,
  (SELECT count(*) FROM outgoing_open)::int + (SELECT count(*) FROM outgoing)::int AS outgoing,
  (SELECT count(*) FROM outgoing WHERE state = 'SENT')::int AS sent,
  (SELECT coalesce(sum(length(attempts) - length(replace(attempts, chr(10), ''))), 0) FROM outgoing)::int AS attempts`
const CALLS = `SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`
const TRANSACTIONS = `SELECT xact_commit::int AS commits FROM pg_stat_database WHERE datname = current_database()`

/** Looks at a server's database in PostgreSQL from beside it. */
export class PostgresObserver {
  readonly #client: pg.Client
  readonly #counting: boolean
  /** Asked by this observer itself. */
  #own = 0

  private constructor(client: pg.Client, counting: boolean) {
    this.#client = client
    this.#counting = counting
  }

  static async connect(url: string): Promise<PostgresObserver> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const counting = await client
      .query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
      .then(() => client.query('SELECT count(*) FROM pg_stat_statements').then(isTrue, isFalse), isFalse)
    return new PostgresObserver(client, counting)
  }

  async counts(): Promise<Counts> {
    const none = { incoming: 0, processed: 0, outgoing: 0, sent: 0, attempts: 0 }
    return (await this.#row<Counts>(COUNTS)) ?? none
  }

  /** Without what was asked by this observer. */
  async asked(): Promise<PostgresCounts> {
    await delay(FIGURES_AFTER_MS)
    const transactions = await this.#row<{ commits: number }>(TRANSACTIONS)
    const statements = this.#counting ? await this.#row<{ calls: number }>(CALLS) : undefined
    const own = this.#own
    return {
      transactions: (transactions?.commits ?? 0) - own,
      statements: statements === undefined ? undefined : statements.calls - own,
    }
  }

  /**
   * Waits until nothing is unfinished.
   * @throws Error when that takes longer than two minutes
   */
  async finished(): Promise<void> {
    const deadline = performance.now() + FINISH_WITHIN_MS
    while ((await this.#row<{ open: boolean }>(OPEN))?.open === true) {
      if (performance.now() > deadline) throw new Error('messages are still unfinished after two minutes')
      await delay(POLL_MS)
    }
  }

  async close(): Promise<void> {
    await this.#client.end()
  }

  async #row<Row extends pg.QueryResultRow>(text: string): Promise<Row | undefined> {
    this.#own++
    return (await this.#client.query<Row>(text)).rows[0]
  }
}

const isTrue = () => true
const isFalse = () => false
