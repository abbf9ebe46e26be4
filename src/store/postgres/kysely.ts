import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'

/** What runs a query of Kysely. */
export interface QueryRunner {
  query<Row>(text: string, values: readonly unknown[]): Promise<{ rows: Row[]; rowCount: number | null }>
}

/** A connection that is given back. */
export interface LentConnection extends QueryRunner {
  release(): void
}

/** Kysely over connections that belong to somebody else, who opens and closes them. */
export function kyselyOver<Tables>(connect: () => Promise<LentConnection>): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new LendingDriver(connect),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

class LendingDriver implements Driver {
  readonly #connect: () => Promise<LentConnection>

  constructor(connect: () => Promise<LentConnection>) {
    this.#connect = connect
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<LendingConnection> {
    return new LendingConnection(await this.#connect())
  }

  async beginTransaction(connection: LendingConnection): Promise<void> {
    await connection.lent.query('BEGIN', [])
  }

  async commitTransaction(connection: LendingConnection): Promise<void> {
    await connection.lent.query('COMMIT', [])
  }

  async rollbackTransaction(connection: LendingConnection): Promise<void> {
    await connection.lent.query('ROLLBACK', [])
  }

  async releaseConnection(connection: LendingConnection): Promise<void> {
    connection.lent.release()
  }

  async destroy(): Promise<void> {}
}

class LendingConnection implements DatabaseConnection {
  readonly lent: LentConnection

  constructor(lent: LentConnection) {
    this.lent = lent
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, rowCount } = await this.lent.query<Row>(sql, parameters)
    return { rows, numAffectedRows: BigInt(rowCount ?? 0) }
  }

  // biome-ignore lint/correctness/useYield: nothing here is read as a stream
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('this connection does not stream')
  }
}
