import type { MemoryStore } from '../memory-store.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { keyOf } from './keys.ts'

const GET: Statement = { name: 'memory-get', text: 'SELECT value FROM backend_memory WHERE key = $1' }
const PUT: Statement = {
  name: 'memory-put',
  text: `INSERT INTO backend_memory VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
}
const REMOVE: Statement = { name: 'memory-remove', text: 'DELETE FROM backend_memory WHERE key = $1' }
const LEASE: Statement = {
  name: 'memory-lease',
  text: `INSERT INTO leases (name, holder, until) VALUES ($1, $2, $4)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE leases.holder = excluded.holder OR leases.until <= $3 RETURNING name`,
}
const RELEASE: Statement = { name: 'memory-release', text: 'DELETE FROM leases WHERE name = $1 AND holder = $2' }

/** What backends remember, and leases. */
export class PostgresMemory implements MemoryStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async get(backend: string, key: string): Promise<unknown> {
    const [row] = await this.#database.query<{ value: string }>(GET, [keyOf(backend, key)])
    return row === undefined ? undefined : JSON.parse(row.value)
  }

  async put(backend: string, key: string, value: unknown): Promise<void> {
    const json = JSON.stringify(value)
    if (json === undefined) await this.#database.query(REMOVE, [keyOf(backend, key)])
    else await this.#database.query(PUT, [keyOf(backend, key), backend, key, json])
  }

  async lease(name: string, holder: string, now: number, until: number): Promise<boolean> {
    return (await this.#database.query(LEASE, [keyOf(name), holder, now, until])).length === 1
  }

  async release(name: string, holder: string): Promise<void> {
    await this.#database.query(RELEASE, [keyOf(name), holder])
  }
}
