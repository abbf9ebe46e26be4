import type { Pause, PauseStore } from '../pause-store.ts'
import type { PostgresDatabase, Statement } from './database.ts'

const ALL: Statement = {
  name: 'pauses-all',
  text: 'SELECT backend, cause, reason, since, probes, probe_at AS "probeAt" FROM pauses ORDER BY backend',
}
const BEGIN: Statement = {
  name: 'pauses-begin',
  text: `INSERT INTO pauses (backend, cause, reason, since, probes, probe_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (backend) DO UPDATE SET cause = excluded.cause, reason = excluded.reason, since = excluded.since,
    probes = excluded.probes, probe_at = excluded.probe_at WHERE excluded.cause = 'HAND' RETURNING backend`,
}
const PROBED: Statement = {
  name: 'pauses-probed',
  text: `UPDATE pauses SET probes = probes + 1, probe_at = $1 WHERE backend = $2 AND since = $3 AND cause <> 'HAND'`,
}
const END: Statement = {
  name: 'pauses-end',
  text: 'DELETE FROM pauses WHERE backend = $1 AND cause <> $2 RETURNING backend',
}

/** The backends over which nothing is sent. */
export class PostgresPauses implements PauseStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async all(): Promise<readonly Pause[]> {
    return this.#database.query<Pause>(ALL, [])
  }

  async begin({ backend, cause, reason, since, probes, probeAt }: Pause): Promise<boolean> {
    return (await this.#database.query(BEGIN, [backend, cause, reason, since, probes, probeAt])).length === 1
  }

  async probed(backend: string, since: number, probeAt: number): Promise<void> {
    await this.#database.query(PROBED, [probeAt, backend, since])
  }

  async end(backend: string, by: 'hand' | 'success'): Promise<boolean> {
    return (await this.#database.query(END, [backend, by === 'hand' ? '' : 'HAND'])).length === 1
  }
}
