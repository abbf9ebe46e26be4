import type pg from 'pg'
import { PostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/postgres-store.ts'
import { type PostgresServer, startPostgres } from './postgres.ts'

/** The server that the tests of one process share, and a database in it that stores have been opened on. */
export interface SharedPostgres {
  readonly server: PostgresServer
  /** The address of a fresh database with the schema. */
  create(): Promise<string>
}

const shared: { server?: Promise<SharedPostgres> } = {}

/** Started by the first test that needs it, stopped when this process ends. */
export function sharedPostgres(): Promise<SharedPostgres> {
  shared.server ??= startShared()
  return shared.server
}

async function startShared(): Promise<SharedPostgres> {
  const server = await startPostgres()
  const template = await server.create()
  const store = new PostgresStore({ url: template, role: 'server' })
  await store.open()
  await store.close()
  const name = new URL(template).pathname.slice(1)
  return { server, create: () => server.create(name) }
}

/** A database of a test's own in the shared server, and the stores opened on it. */
export interface PostgresTestDatabase {
  readonly url: string
  readonly server: PostgresServer
  open(options?: Partial<PostgresStoreOptions>): Promise<PostgresStore>
  run<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  remove(): Promise<void>
}

export async function postgresDatabase(on?: PostgresServer): Promise<PostgresTestDatabase> {
  const common = on === undefined ? await sharedPostgres() : undefined
  const server = on ?? common?.server
  if (server === undefined) throw new Error('there is no server')
  const url = await (common === undefined ? server.create() : common.create())
  const stores: PostgresStore[] = []
  return {
    url,
    server,
    async open(options = {}) {
      const store = new PostgresStore({ url, role: 'server', ...options })
      await store.open()
      stores.push(store)
      return store
    },
    run: (text, values) => server.run(url, text, values),
    async remove() {
      await Promise.all(stores.map((store) => store.close()))
      if (common === undefined) return
      await server.run(server.urlOf('postgres'), `DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`)
    },
  }
}
