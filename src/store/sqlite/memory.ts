import type { Database } from 'better-sqlite3'
import type { MemoryStore } from '../memory-store.ts'
import type { GroupCommit } from './group-commit.ts'

/** What backends remember, and leases. */
export class SqliteMemory implements MemoryStore {
  readonly #statements
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#statements = prepare(database)
    this.#commit = commit
  }

  async get(backend: string, key: string): Promise<unknown> {
    const row = this.#statements.get.get(backend, key)
    return row === undefined ? undefined : JSON.parse(row.value)
  }

  async put(backend: string, key: string, value: unknown): Promise<void> {
    const json = JSON.stringify(value)
    await this.#commit.write(() =>
      json === undefined ? this.#statements.remove.run(backend, key) : this.#statements.put.run(backend, key, json),
    )
  }

  async lease(name: string, holder: string, now: number, until: number): Promise<boolean> {
    return this.#commit.write(() => this.#statements.lease.run({ name, holder, now, until }).changes === 1)
  }

  async release(name: string, holder: string): Promise<void> {
    await this.#commit.write(() => this.#statements.release.run(name, holder))
  }
}

function prepare(database: Database) {
  return {
    get: database.prepare<[string, string], { value: string }>(
      'SELECT value FROM backend_memory WHERE backend = ? AND key = ?',
    ),
    put: database.prepare(
      `INSERT INTO backend_memory (backend, key, value) VALUES (?, ?, ?)
       ON CONFLICT (backend, key) DO UPDATE SET value = excluded.value`,
    ),
    remove: database.prepare('DELETE FROM backend_memory WHERE backend = ? AND key = ?'),
    lease: database.prepare(
      `INSERT INTO leases (name, holder, until) VALUES (@name, @holder, @until)
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
       WHERE leases.holder = excluded.holder OR leases.until <= @now`,
    ),
    release: database.prepare('DELETE FROM leases WHERE name = ? AND holder = ?'),
  }
}
