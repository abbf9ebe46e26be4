import type { Database } from 'better-sqlite3'
import type { Pause, PauseCause, PauseStore } from '../pause-store.ts'
import type { GroupCommit } from './group-commit.ts'
import { wellFormed } from './well-formed.ts'

/** The backends over which nothing is sent. */
export class SqlitePauses implements PauseStore {
  readonly #statements
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#statements = prepare(database)
    this.#commit = commit
  }

  async all(): Promise<readonly Pause[]> {
    return this.#statements.all.all()
  }

  async begin(pause: Pause): Promise<boolean> {
    return this.#commit.write(() => this.#statements.begin.run(wellFormed(pause)).changes === 1)
  }

  async probed(backend: string, since: number, probeAt: number): Promise<void> {
    await this.#commit.write(() => this.#statements.probed.run(probeAt, backend, since))
  }

  async end(backend: string, by: 'hand' | 'success'): Promise<boolean> {
    const kept: PauseCause | '' = by === 'hand' ? '' : 'HAND'
    return this.#commit.write(() => this.#statements.end.run(backend, kept).changes === 1)
  }
}

function prepare(database: Database) {
  return {
    all: database.prepare<[], Pause>(
      'SELECT backend, cause, reason, since, probes, probe_at AS probeAt FROM pauses ORDER BY backend',
    ),
    begin: database.prepare<[Pause]>(
      `INSERT INTO pauses (backend, cause, reason, since, probes, probe_at)
       VALUES (@backend, @cause, @reason, @since, @probes, @probeAt)
       ON CONFLICT (backend) DO UPDATE SET cause = excluded.cause, reason = excluded.reason, since = excluded.since,
       probes = excluded.probes, probe_at = excluded.probe_at WHERE excluded.cause = 'HAND'`,
    ),
    probed: database.prepare<[number, string, number]>(
      `UPDATE pauses SET probes = probes + 1, probe_at = ? WHERE backend = ? AND since = ? AND cause <> 'HAND'`,
    ),
    end: database.prepare<[string, string]>('DELETE FROM pauses WHERE backend = ? AND cause <> ?'),
  }
}
