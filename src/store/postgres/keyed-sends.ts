import type { KeptSend, KeyedSend, KeyedSends } from '../keyed-sends.ts'
import type { NewOutgoing } from '../outgoing-records.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import type { GroupCommit } from './group-commit.ts'
import { keptFrom } from './keep-keys.ts'
import { keyOf } from './keys.ts'

const FIND: Statement = {
  name: 'find-keyed',
  text: 'SELECT result FROM idempotency_keys WHERE key = $1 AND expires_at > $2',
}

const FORGET: Statement = { name: 'forget-keyed', text: 'DELETE FROM idempotency_keys WHERE key = $1' }

/** Sends that are known by a key. */
export class PostgresKeyedSends implements KeyedSends<NewOutgoing> {
  readonly #database: PostgresDatabase
  readonly #commit: GroupCommit

  constructor(database: PostgresDatabase, commit: GroupCommit) {
    this.#database = database
    this.#commit = commit
  }

  async find(key: string, now: number): Promise<KeptSend | undefined> {
    const [row] = await this.#database.query<{ result: string }>(FIND, [keyOf(key), now])
    return row === undefined ? undefined : keptFrom(row.result)
  }

  async record(send: KeyedSend<NewOutgoing>): Promise<KeptSend | undefined> {
    return this.#commit.write({ kind: 'keyed', send })
  }

  async forget(key: string): Promise<void> {
    await this.#database.query(FORGET, [keyOf(key)])
  }
}
