import type { Usage, UsageLimits, UsageStore } from '../usage-store.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { keyOf } from './keys.ts'

/** The bounds are $6 to $8, null where there is none. */
const TAKE: Statement = {
  name: 'usage-take',
  text: `INSERT INTO usage AS u (key, messages, parts, cost, expires_at)
    SELECT $1, $2::bigint, $3::bigint, $4::double precision, $5::bigint
    WHERE ($6::bigint IS NULL OR $2 <= $6) AND ($7::bigint IS NULL OR $3 <= $7)
      AND ($8::double precision IS NULL OR $4 <= $8)
    ON CONFLICT (key) DO UPDATE SET messages = u.messages + $2, parts = u.parts + $3, cost = u.cost + $4,
      expires_at = excluded.expires_at
    WHERE ($6 IS NULL OR u.messages + $2 <= $6) AND ($7 IS NULL OR u.parts + $3 <= $7)
      AND ($8 IS NULL OR u.cost + $4 <= $8) RETURNING key`,
}
const CORRECT: Statement = {
  name: 'usage-correct',
  text: `UPDATE usage SET messages = GREATEST(0, messages + $2), parts = GREATEST(0, parts + $3),
    cost = GREATEST(0, cost + $4) WHERE key = $1`,
}
const GET: Statement = { name: 'usage-get', text: 'SELECT messages, parts, cost FROM usage WHERE key = $1' }

/** What was sent, counted by name. */
export class PostgresUsage implements UsageStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async take(name: string, what: Usage, limits: UsageLimits, expiresAt: number): Promise<boolean> {
    const { messages = null, parts = null, cost = null } = limits
    const values = [keyOf(name), what.messages, what.parts, what.cost, expiresAt, messages, parts, cost]
    return (await this.#database.query(TAKE, values)).length === 1
  }

  async correct(name: string, { messages, parts, cost }: Usage): Promise<void> {
    await this.#database.query(CORRECT, [keyOf(name), messages, parts, cost])
  }

  async get(name: string): Promise<Usage> {
    const [row] = await this.#database.query<Usage>(GET, [keyOf(name)])
    return row ?? { messages: 0, parts: 0, cost: 0 }
  }
}
