import { REPLAYED_AT_ONCE } from '../callback-rows.ts'
import type { PostgresDatabase, Statement } from './database.ts'

export interface ReplayOfCallbacks {
  /** Null for all callbacks. */
  readonly callback: number | null
  /** Events; null for all. */
  readonly ids: readonly string[] | null
  readonly at: number
}

interface ReplayedPage {
  /** Null where the page is empty. */
  readonly last: number | null
  readonly size: number
  readonly replayed: number
}

/** However much was given up, one page takes no longer than a statement may. */
const REPLAY_PAGE: Statement = {
  name: 'callbacks-replay',
  text: `WITH page AS MATERIALIZED (SELECT seq FROM callback_deliveries
      WHERE dead_at IS NOT NULL AND ($2::bigint IS NULL OR callback = $2) AND seq > $4 ORDER BY seq LIMIT $5),
    replayed AS (UPDATE callback_deliveries d SET dead_at = NULL, tries = 0, since = $1, not_before = 0,
        leased_until = 0, target = c.target, lane = md5(c.target || d.identity)
      FROM page p, callbacks c WHERE d.seq = p.seq AND c.id = d.callback AND d.dead_at IS NOT NULL
        AND ($3::text[] IS NULL OR d.id = ANY($3)) RETURNING d.target),
    unheld AS (DELETE FROM callback_holds WHERE target IN (SELECT target FROM replayed))
    SELECT (SELECT max(seq) FROM page) AS last, (SELECT count(*) FROM page) AS size,
      (SELECT count(*) FROM replayed) AS replayed`,
}

/** Has what was given up tried again; returns how many there were. */
export async function replayCallbacks(database: PostgresDatabase, replay: ReplayOfCallbacks): Promise<number> {
  const { callback, ids, at } = replay
  let count = 0
  for (let after = 0; ; ) {
    const [page] = await database.query<ReplayedPage>(REPLAY_PAGE, [at, callback, ids, after, REPLAYED_AT_ONCE])
    count += page?.replayed ?? 0
    if (page === undefined || page.last === null || page.size < REPLAYED_AT_ONCE) return count
    after = page.last
  }
}
