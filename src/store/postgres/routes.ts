import type { AttemptResult, ClaimedOutgoing } from '../outgoing-records.ts'
import type { RouteStore } from '../store.ts'
import { attemptLine } from './attempts.ts'
import { type OutgoingRow, toOutgoing } from './claims.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { fenceKeyOf } from './keys.ts'
import { moveOutgoing } from './moves.ts'

const WAITING: Statement = {
  name: 'waiting-routed',
  text: `SELECT 0 AS n, 0 AS standing, NULL::bigint AS opted_out_at, NULL::text AS time_zone, seq, id, backend, identity,
      address, text, class, data, in_response_to, parts, phased, attempt_at, tries, not_before, expires_at,
      first_attempt_at, created_at, route FROM outgoing_open
    WHERE route IS NOT NULL AND backend = $1 AND seq > $2 AND attempt_at IS NULL ORDER BY seq LIMIT $3`,
}

/** Lanes that nobody has claimed yet are made, so that nobody claims them meanwhile. */
const LOCK: Statement = {
  name: 'lock-lanes-to-move',
  text: `INSERT INTO lanes AS l (key, token, claimed_at)
    SELECT key, nextval('fence_token'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM unnest($1::text[]) AS key ORDER BY key ON CONFLICT (key) DO UPDATE SET claimed_at = l.claimed_at`,
}

/** A lane of which an attempt is being taken is left alone: its result has to be recorded under its fence. */
const IDLE: Statement = {
  name: 'idle-routed',
  text: `SELECT o.id FROM outgoing_open o WHERE o.id = ANY($1) AND NOT EXISTS (
      SELECT FROM outgoing_open busy WHERE busy.lane = o.lane AND busy.attempt_at IS NOT NULL)
    ORDER BY o.id FOR UPDATE OF o`,
}

/** Who holds one of the lanes, and is about to take an attempt, holds it no more. */
const END_FENCES: Statement = {
  name: 'end-fences',
  text: `UPDATE lanes SET token = nextval('fence_token') WHERE key = ANY($1)`,
}

export class PostgresRoutes implements RouteStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async waiting(backend: string, after: number, limit: number): Promise<readonly ClaimedOutgoing[]> {
    return (await this.#database.query<OutgoingRow>(WAITING, [backend, after, limit])).map(toOutgoing)
  }

  async move(results: readonly AttemptResult[]): Promise<readonly string[]> {
    if (results.length === 0) return []
    return this.#database.transaction(async (run) => {
      await run(LOCK, [lanesOf(results)])
      const found = await run<{ id: string }>(IDLE, [results.map(({ message }) => message.id)])
      const idle = new Set(found.map(({ id }) => id))
      const moving = results.filter(({ message }) => idle.has(message.id))
      if (moving.length === 0) return []
      await run(END_FENCES, [lanesOf(moving)])
      return moveOutgoing(run, moving, attemptLine)
    })
  }
}

function lanesOf(results: readonly AttemptResult[]): readonly string[] {
  return [...new Set(results.map(({ fence }) => fenceKeyOf(fence.lane)))]
}
