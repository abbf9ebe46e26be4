import type pg from 'pg'
import type { PoolClient, QueryResultRow } from 'pg'
import { driver } from './driver.ts'
import { explained, isUnavailable, notConnected } from './faults.ts'
import type { LentConnection } from './kysely.ts'
import { fromDatabase, toDatabase } from './texts.ts'

/** A statement that each connection prepares once, under its name. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export type Value = string | number | boolean | null | readonly string[]

/** Runs one statement and gives its rows. */
export type Run = <Row extends object>(statement: Statement, values: readonly Value[]) => Promise<Row[]>

export const CONNECT_LIMIT_MS = 2_000
/** A server that is frozen, or a network that swallows packets, is noticed after this time at the latest. */
export const STATEMENT_LIMIT_MS = 2_500
const END_LIMIT_MS = 1_000
/** The locks of a process that was cut off hold up whoever takes its lanes over, and all who are batched with him. */
const FORGOTTEN_TRANSACTION_MS = 2_000

const TEXT = 25
const BIGINT = 20

/**
 * All statements find their rows by a key. A plan made while a table was empty would walk through it, and be kept when
 * it has grown; so the connections plan without that, whatever the statistics say.
 */
export const PLANS = 'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off'

const SESSION = `${PLANS};
  SET statement_timeout = ${STATEMENT_LIMIT_MS};
  SET idle_in_transaction_session_timeout = ${FORGOTTEN_TRANSACTION_MS};
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`

/** How to reach the database; what is read back are texts as they were given, and numbers. */
export function clientConfig(url: string) {
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    query_timeout: STATEMENT_LIMIT_MS,
    keepAlive: true,
    application_name: 'switchboard',
    types: { getTypeParser },
  }
}

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === TEXT) return fromDatabase
  if (oid === BIGINT) return Number
  return driver().types.getTypeParser(oid, format)
}

/** The connections to one database, shared by all that is quick. */
export class PostgresDatabase {
  /** Names the database in errors, without secrets. */
  readonly label: string
  readonly #pool: pg.Pool
  readonly #clients = new Set<pg.ClientBase>()
  #ended = false

  constructor(url: string, poolSize: number) {
    this.label = labelOf(url)
    this.#pool = new (driver().Pool)({
      ...clientConfig(url),
      max: poolSize,
      onConnect: async (client) => {
        // A connection that breaks while nobody waits for it must not end the process.
        client.on('error', () => {})
        this.#clients.add(client)
        client.once('end', () => this.#clients.delete(client))
        await client.query(SESSION)
      },
    })
    this.#pool.on('error', () => {})
  }

  /**
   * Runs one statement in a transaction of its own.
   * @throws StoreUnavailableError when the database cannot be reached, or does not answer in time
   */
  async query<Row extends object>(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    return this.#withClient((client) => runner(client)<Row>(statement, values))
  }

  /**
   * Runs statements in one transaction.
   * @throws StoreUnavailableError also when it is not known whether the commit was done
   */
  async transaction<T>(work: (run: Run) => Promise<T>): Promise<T> {
    return this.#withClient(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
      try {
        const result = await work(runner(client))
        await client.query('COMMIT')
        return result
      } catch (error) {
        if (!isUnavailable(error)) await client.query('ROLLBACK')
        throw error
      }
    })
  }

  /** A connection for Kysely, which gives it back. */
  async connect(): Promise<LentConnection> {
    const client = await this.#client()
    let isBroken = false
    return {
      query: async <Row>(text: string, values: readonly unknown[]) => {
        try {
          return await client.query<Row & QueryResultRow>(text, values.map(encoded))
        } catch (error) {
          isBroken = isUnavailable(error)
          throw explained(this.label, error)
        }
      },
      release: () => client.release(isBroken),
    }
  }

  async end(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, END_LIMIT_MS)
    })
    await Promise.race([this.#pool.end(), late])
    clearTimeout(timer)
    // A frozen server never says goodbye.
    for (const client of this.#clients) if (client instanceof driver().Client) client.connection?.stream.destroy()
  }

  async #withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#client()
    let isBroken = false
    try {
      return await work(client)
    } catch (error) {
      isBroken = isUnavailable(error)
      throw explained(this.label, error)
    } finally {
      client.release(isBroken)
    }
  }

  async #client(): Promise<PoolClient> {
    try {
      return await this.#pool.connect()
    } catch (error) {
      throw notConnected(this.label, error)
    }
  }
}

function runner(client: PoolClient): Run {
  return async <Row extends object>({ name, text }: Statement, values: readonly Value[]) => {
    const { rows } = await client.query<Row & QueryResultRow>({ name, text, values: values.map(encoded) })
    return rows
  }
}

function encoded(value: unknown): unknown {
  if (typeof value === 'string') return toDatabase(value)
  if (Array.isArray(value)) return value.map(encoded)
  return value
}

function labelOf(url: string): string {
  try {
    const { host, pathname, searchParams } = new URL(url)
    return `${searchParams.get('host') ?? host}${pathname}`
  } catch {
    return 'of DATABASE_URL'
  }
}
