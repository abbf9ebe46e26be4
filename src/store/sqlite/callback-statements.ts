import type { Database, Statement } from 'better-sqlite3'
import { CALLBACK, type CallbackRow, DELIVERY, type DeliveryRow } from '../callback-rows.ts'
import type { CallbackCounts, CallbackTarget, CallbackValues, ClaimCallbacks, NewCallback } from '../callback-store.ts'

type Added = Omit<NewCallback, 'backends'> & { backends: string | null }
type Changed = Omit<CallbackValues, 'backends'> & { backends: string | null; id: number; revision: number; at: number }
type Disabled = { id: number; revision: number; reason: string; at: number }
type Replayed = { callback: number | null; ids: string | null; at: number; after: number; last: number }
type ReplayPage = { callback: number | null; after: number; page: number }
type Held = { seq: number; holder: string }
type Failed = Held & { status: number | null; failure: string }

/** Named here, since the driver's own names cannot be written into our declarations. */
export interface CallbackStatements {
  readonly add: Statement<[Added], CallbackRow>
  readonly any: Statement<[], { id: number }>
  readonly list: Statement<[], CallbackRow>
  readonly own: Statement<[string | null], CallbackRow>
  readonly countOwn: Statement<[string | null], { count: number }>
  readonly find: Statement<[number], CallbackRow>
  readonly change: Statement<[Changed], CallbackRow>
  readonly retarget: Statement<[{ id: number; target: string }]>
  readonly remove: Statement<[number]>
  readonly removeDeliveries: Statement<[number]>
  readonly unholdUnused: Statement<[string]>
  readonly disable: Statement<[Disabled]>
  readonly targets: Statement<[number], CallbackTarget>
  readonly heads: Statement<[ClaimCallbacks], DeliveryRow>
  readonly pageEnd: Statement<[ClaimCallbacks], { last: number | null; size: number }>
  readonly lease: Statement<[ClaimCallbacks & { seq: number }]>
  readonly freeLeases: Statement<[]>
  readonly delivered: Statement<[Held]>
  readonly reached: Statement<[string, number]>
  readonly back: Statement<[string]>
  readonly retry: Statement<[Failed & { at: number }], { target: string }>
  readonly unhold: Statement<[string]>
  readonly hold: Statement<[{ target: string; until: number; now: number }]>
  readonly giveUpOne: Statement<[Failed & { now: number }]>
  readonly released: Statement<[Held & { at: number }]>
  readonly counts: Statement<[string], CallbackCounts>
  readonly dead: Statement<[{ callback: number | null; before: number | null; limit: number }], DeliveryRow>
  readonly replayPage: Statement<[ReplayPage], { last: number | null; size: number }>
  readonly replay: Statement<[Replayed], { target: string }>
}

const HELD = 'WHERE seq = @seq AND holder = @holder AND dead_at IS NULL'
const NOT_LEFT_ALONE = 'NOT EXISTS (SELECT 1 FROM callback_holds h WHERE h.target = @target AND h.until > @now)'

export function prepareCallbacks(database: Database): CallbackStatements {
  return { ...ofCallbacks(database), ...ofDeliveries(database), ...ofDead(database) }
}

function ofCallbacks(database: Database) {
  return {
    add: database.prepare<[Added], CallbackRow>(
      `INSERT INTO callbacks (user_name, name, url, target, format, backends, secret, created_at, updated_at)
       VALUES (@user, @name, @url, @target, @format, @backends, @secret, @createdAt, @updatedAt) RETURNING ${CALLBACK}`,
    ),
    any: database.prepare<[], { id: number }>('SELECT id FROM callbacks LIMIT 1'),
    list: database.prepare<[], CallbackRow>(`SELECT ${CALLBACK} FROM callbacks ORDER BY id`),
    own: database.prepare<[string | null], CallbackRow>(
      `SELECT ${CALLBACK} FROM callbacks WHERE user_name IS ? ORDER BY id`,
    ),
    countOwn: database.prepare<[string | null], { count: number }>(
      'SELECT COUNT(*) AS count FROM callbacks WHERE user_name IS ?',
    ),
    find: database.prepare<[number], CallbackRow>(`SELECT ${CALLBACK} FROM callbacks WHERE id = ?`),
    change: database.prepare<[Changed], CallbackRow>(
      `UPDATE callbacks SET name = @name, url = @url, target = @target, format = @format, backends = @backends,
       secret = @secret, updated_at = @at, revision = revision + (disabled_at IS NOT NULL
         OR (name, url, target, format, backends, secret) IS NOT (@name, @url, @target, @format, @backends, @secret)),
       disabled_at = NULL, disabled_reason = NULL
       WHERE id = @id AND revision = @revision
       RETURNING ${CALLBACK}`,
    ),
    retarget: database.prepare<[{ id: number; target: string }]>(
      `UPDATE callback_deliveries SET target = @target, not_before = 0
       WHERE callback = @id AND dead_at IS NULL AND (target <> @target OR not_before > 0)`,
    ),
    remove: database.prepare<[number]>('DELETE FROM callbacks WHERE id = ?'),
    removeDeliveries: database.prepare<[number]>('DELETE FROM callback_deliveries WHERE callback = ?'),
    // Its owner's other callbacks may share it.
    unholdUnused: database.prepare<[string]>(
      `DELETE FROM callback_holds WHERE target = ?
       AND NOT EXISTS (SELECT 1 FROM callbacks c WHERE c.target = callback_holds.target)`,
    ),
    disable: database.prepare<[Disabled]>(
      `UPDATE callbacks SET disabled_at = @at, disabled_reason = @reason
       WHERE id = @id AND revision = @revision AND disabled_at IS NULL`,
    ),
  }
}

function ofDeliveries(database: Database) {
  return {
    // From one URL to the next: what waits for each of them is not looked at.
    targets: database.prepare<[number], CallbackTarget>(
      `WITH RECURSIVE waiting (target) AS (
         SELECT MIN(target) FROM callback_deliveries WHERE dead_at IS NULL
         UNION ALL SELECT (SELECT MIN(d.target) FROM callback_deliveries d
           WHERE d.dead_at IS NULL AND d.target > w.target) FROM waiting w WHERE w.target IS NOT NULL)
       SELECT w.target, COALESCE(h.failures, 0) AS failures, (SELECT c.user_name FROM callback_deliveries d
         JOIN callbacks c ON c.id = d.callback WHERE d.dead_at IS NULL AND d.target = w.target LIMIT 1) AS user
       FROM waiting w
       LEFT JOIN callback_holds h ON h.target = w.target
       WHERE w.target IS NOT NULL AND COALESCE(h.until, 0) <= ?`,
    ),
    heads: database.prepare<[ClaimCallbacks], DeliveryRow>(
      `SELECT ${DELIVERY} FROM (SELECT * FROM callback_deliveries WHERE dead_at IS NULL AND target = @target
         AND seq > @after AND ${NOT_LEFT_ALONE} ORDER BY seq LIMIT @page) AS callback_deliveries
       WHERE not_before <= @now AND leased_until <= @now AND NOT EXISTS (SELECT 1 FROM callback_deliveries e
         WHERE e.dead_at IS NULL AND e.target = @target AND e.identity = callback_deliveries.identity
         AND e.seq < callback_deliveries.seq) ORDER BY seq LIMIT @limit`,
    ),
    pageEnd: database.prepare<[ClaimCallbacks], { last: number | null; size: number }>(
      `SELECT MAX(seq) AS last, COUNT(*) AS size FROM (SELECT seq FROM callback_deliveries WHERE dead_at IS NULL
       AND target = @target AND seq > @after AND ${NOT_LEFT_ALONE} ORDER BY seq LIMIT @page)`,
    ),
    lease: database.prepare<[ClaimCallbacks & { seq: number }]>(
      'UPDATE callback_deliveries SET leased_until = @until, holder = @holder WHERE seq = @seq',
    ),
    freeLeases: database.prepare<[]>(
      'UPDATE callback_deliveries SET leased_until = 0, holder = NULL WHERE leased_until > 0',
    ),
    delivered: database.prepare<[Held]>(`DELETE FROM callback_deliveries ${HELD}`),
    // While a URL is left alone, what succeeds was begun before.
    reached: database.prepare<[string, number]>('DELETE FROM callback_holds WHERE target = ? AND until <= ?'),
    back: database.prepare<[string]>(
      `UPDATE callback_deliveries INDEXED BY callback_deliveries_later SET not_before = 0 WHERE target = ? AND dead_at IS NULL AND leased_until = 0
       AND not_before > 0 AND (status IS NULL OR status IN (429, 503))`,
    ),
    retry: database.prepare<[Failed & { at: number }], { target: string }>(
      `UPDATE callback_deliveries SET tries = tries + 1, not_before = @at, status = @status, failure = @failure,
       leased_until = 0, holder = NULL ${HELD} RETURNING target`,
    ),
    unhold: database.prepare<[string]>('DELETE FROM callback_holds WHERE target = ?'),
    hold: database.prepare<[{ target: string; until: number; now: number }]>(
      `INSERT INTO callback_holds VALUES (@target, @until, 1)
       ON CONFLICT (target) DO UPDATE SET until = MAX(until, excluded.until), failures = failures + (until <= @now)`,
    ),
    giveUpOne: database.prepare<[Failed & { now: number }]>(
      `UPDATE callback_deliveries SET tries = tries + 1, dead_at = @now, status = @status, failure = @failure,
       holder = NULL ${HELD}`,
    ),
    released: database.prepare<[Held & { at: number }]>(
      `UPDATE callback_deliveries SET leased_until = 0, holder = NULL, not_before = MAX(not_before, @at),
       target = COALESCE((SELECT c.target FROM callbacks c WHERE c.id = callback), target) ${HELD}`,
    ),
  }
}

function ofDead(database: Database) {
  return {
    counts: database.prepare<[string], CallbackCounts>(
      `SELECT callback, COUNT(*) - COUNT(dead_at) AS waiting, COUNT(dead_at) AS dead FROM callback_deliveries
       WHERE callback IN (SELECT value FROM json_each(?)) GROUP BY callback`,
    ),
    dead: database.prepare<[{ callback: number | null; before: number | null; limit: number }], DeliveryRow>(
      `SELECT ${DELIVERY} FROM callback_deliveries WHERE dead_at IS NOT NULL
       AND (@callback IS NULL OR callback = @callback) AND (@before IS NULL OR seq < @before)
       ORDER BY seq DESC LIMIT @limit`,
    ),
    replayPage: database.prepare<[ReplayPage], { last: number | null; size: number }>(
      `SELECT MAX(seq) AS last, COUNT(*) AS size FROM (SELECT seq FROM callback_deliveries
       INDEXED BY callback_deliveries_dead_seq
       WHERE dead_at IS NOT NULL AND (@callback IS NULL OR callback = @callback) AND seq > @after
       ORDER BY seq LIMIT @page)`,
    ),
    replay: database.prepare<[Replayed], { target: string }>(
      `UPDATE callback_deliveries INDEXED BY callback_deliveries_dead_seq SET dead_at = NULL, tries = 0, since = @at, not_before = 0,
       leased_until = 0, target = (SELECT c.target FROM callbacks c WHERE c.id = callback)
       WHERE seq > @after AND seq <= @last AND dead_at IS NOT NULL AND callback IN (SELECT id FROM callbacks)
       AND (@callback IS NULL OR callback = @callback)
       AND (@ids IS NULL OR id IN (SELECT value FROM json_each(@ids))) RETURNING target`,
    ),
  }
}
