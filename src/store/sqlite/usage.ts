import type { Database } from 'better-sqlite3'
import type { Usage, UsageLimits, UsageStore } from '../usage-store.ts'
import type { GroupCommit } from './group-commit.ts'

/** What was sent, counted by name. */
export class SqliteUsage implements UsageStore {
  readonly #statements
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#statements = prepare(database)
    this.#commit = commit
  }

  async take(name: string, what: Usage, limits: UsageLimits, expiresAt: number): Promise<boolean> {
    const { messages = null, parts = null, cost = null } = limits
    const bounds = { mostMessages: messages, mostParts: parts, mostCost: cost }
    const counted = { ...what, ...bounds, name: name.toWellFormed(), expiresAt }
    return this.#commit.write(() => this.#statements.take.run(counted).changes === 1)
  }

  async correct(name: string, by: Usage): Promise<void> {
    await this.#commit.write(() => this.#statements.correct.run({ ...by, name: name.toWellFormed() }))
  }

  async get(name: string): Promise<Usage> {
    return this.#statements.get.get(name.toWellFormed()) ?? { messages: 0, parts: 0, cost: 0 }
  }
}

const fits = (column: string, bound: string) => `(${bound} IS NULL OR ${column} <= ${bound})`

function prepare(database: Database) {
  const first = ['messages', 'parts', 'cost'].map((name) => fits(`@${name}`, boundOf(name))).join(' AND ')
  const next = ['messages', 'parts', 'cost']
    .map((name) => fits(`usage.${name} + @${name}`, boundOf(name)))
    .join(' AND ')
  return {
    take: database.prepare(
      `INSERT INTO usage (name, messages, parts, cost, expires_at)
       SELECT @name, @messages, @parts, @cost, @expiresAt WHERE ${first}
       ON CONFLICT (name) DO UPDATE SET messages = usage.messages + @messages, parts = usage.parts + @parts,
       cost = usage.cost + @cost, expires_at = excluded.expires_at WHERE ${next}`,
    ),
    correct: database.prepare(
      `UPDATE usage SET messages = MAX(0, messages + @messages), parts = MAX(0, parts + @parts),
       cost = MAX(0, cost + @cost) WHERE name = @name`,
    ),
    get: database.prepare<[string], Usage>('SELECT messages, parts, cost FROM usage WHERE name = ?'),
  }
}

function boundOf(name: string): string {
  return `@most${name.charAt(0).toUpperCase()}${name.slice(1)}`
}
