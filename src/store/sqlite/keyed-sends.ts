import type { Database } from 'better-sqlite3'
import type { KeptSend, KeyedSend, KeyedSends } from '../keyed-sends.ts'
import type { NewOutgoing } from '../outgoing-records.ts'
import type { GroupCommit } from './group-commit.ts'
import type { OpenOutgoing } from './outgoing.ts'

/** How messages are recorded: within the transaction, and after its commit. */
export interface OutgoingRecorder {
  record(messages: readonly NewOutgoing[]): readonly (OpenOutgoing | undefined)[]
  committed(recorded: readonly (OpenOutgoing | undefined)[]): void
}

interface Outcome {
  readonly kept?: KeptSend
  readonly recorded: readonly (OpenOutgoing | undefined)[]
}

/** Sends that are known by a key. */
export class SqliteKeyedSends implements KeyedSends<NewOutgoing> {
  readonly #statements
  readonly #commit: GroupCommit
  readonly #recorder: OutgoingRecorder

  constructor(database: Database, commit: GroupCommit, recorder: OutgoingRecorder) {
    this.#statements = prepare(database)
    this.#commit = commit
    this.#recorder = recorder
  }

  async find(key: string, now: number): Promise<KeptSend | undefined> {
    return this.#kept(key.toWellFormed(), now)
  }

  async record({
    key,
    digest,
    result,
    messages,
    now,
    expiresAt,
  }: KeyedSend<NewOutgoing>): Promise<KeptSend | undefined> {
    const wellFormed = key.toWellFormed()
    const json = JSON.stringify({ digest, result } satisfies KeptSend)
    const { kept } = await this.#commit.write(
      (): Outcome => {
        const kept = this.#kept(wellFormed, now)
        if (kept !== undefined) return { kept, recorded: [] }
        this.#statements.put.run(wellFormed, json, expiresAt)
        return { recorded: this.#recorder.record(messages) }
      },
      ({ recorded }) => this.#recorder.committed(recorded),
    )
    return kept
  }

  async forget(key: string): Promise<void> {
    await this.#commit.write(() => this.#statements.forget.run(key.toWellFormed()))
  }

  #kept(key: string, now: number): KeptSend | undefined {
    const row = this.#statements.find.get(key, now)
    return row === undefined ? undefined : (JSON.parse(row.result) as KeptSend)
  }
}

function prepare(database: Database) {
  return {
    find: database.prepare<[string, number], { result: string }>(
      'SELECT result FROM idempotency_keys WHERE key = ? AND expires_at > ?',
    ),
    put: database.prepare<[string, string, number]>('INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?)'),
    forget: database.prepare<[string]>('DELETE FROM idempotency_keys WHERE key = ?'),
  }
}
