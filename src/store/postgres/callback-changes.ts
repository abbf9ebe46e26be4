import { setTimeout as pause } from 'node:timers/promises'
import { backendsText, CALLBACK, type CallbackRow, isMended } from '../callback-rows.ts'
import type { CallbackValues } from '../callback-store.ts'
import { inTransaction } from './partitions.ts'
import { rowsOf, type Session } from './session.ts'

export interface ChangeOfCallback {
  readonly id: number
  readonly revision: number
  readonly values: CallbackValues
  readonly at: number
}

const LOCK = `SELECT ${CALLBACK} FROM callbacks WHERE id = $1 AND revision = COALESCE($2, revision) FOR UPDATE`
const CHANGE = `UPDATE callbacks SET name = $2, url = $3, target = $4, format = $5, backends = $6, secret = $7,
  updated_at = $8, disabled_at = NULL, disabled_reason = NULL, revision = revision + CASE WHEN disabled_at IS NOT NULL
    OR (name, url, target, format, backends, secret) IS DISTINCT FROM ($2, $3, $4, $5, $6, $7) THEN 1 ELSE 0 END
  WHERE id = $1
  RETURNING ${CALLBACK}`
const RETARGET = `UPDATE callback_deliveries SET target = $2, lane = md5($2 || identity), not_before = 0
  WHERE callback = $1 AND dead_at IS NULL AND (target <> $2 OR not_before > 0)`
/** What a change that was broken off has left elsewhere. */
const FOLLOW_LATE = `UPDATE callback_deliveries SET target = $2, lane = md5($2 || identity), not_before = 0
  WHERE callback = $1 AND dead_at IS NULL AND target <> $2`
/** The same, of all callbacks. */
export const FOLLOW = `UPDATE callback_deliveries d SET target = c.target, lane = md5(c.target || d.identity), not_before = 0
  FROM callbacks c WHERE c.id = d.callback AND d.dead_at IS NULL AND d.target <> c.target`
const KEEP_BACK = `INSERT INTO callback_holds AS h VALUES ($1, $2, 0)
  ON CONFLICT (target) DO UPDATE SET until = GREATEST(h.until, excluded.until)`
const UNHOLD = 'DELETE FROM callback_holds WHERE target = $1'
/** Its owner's other callbacks may share it. */
export const UNHOLD_UNUSED = `${UNHOLD} AND NOT EXISTS (SELECT 1 FROM callbacks c WHERE c.target = $1)`

const READERS = `SELECT DISTINCT virtualtransaction AS id FROM pg_locks WHERE relation = 'callbacks'::regclass
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()`
const LEFT = 'SELECT 1 AS one FROM pg_locks WHERE virtualtransaction = ANY($1::text[]) LIMIT 1'

/** How long the new URL is left alone at the most, while what waits is on its way there. */
const MOVE_LIMIT_MS = 30_000
/** A transaction that records lasts no longer. */
const WRITERS_LIMIT_MS = 5_000
const LOOK_EVERY_MS = 10

/**
 * Changes a callback. What waits goes to the new URL, in two steps: first the URL is another one, and is left alone; then,
 * when everybody who may have read the URL of before has committed, what they have recorded for it follows, and is told
 * there before what came later. Should the process end between the two, it follows with the next change, or when the
 * next process begins.
 */
export async function changeCallback(client: Session, change: ChangeOfCallback): Promise<CallbackRow | undefined> {
  const { id, revision, at, values: given } = change
  const { name, url, target, format, backends, secret } = given
  const values = [id, name, url, target, format, backendsText(backends), secret, at]
  const moved = await inTransaction(client, async () => {
    const [before] = await rowsOf<CallbackRow>(client, LOCK, [id, revision])
    if (before === undefined) return undefined
    const [changed] = await rowsOf<CallbackRow>(client, CHANGE, values)
    if (changed === undefined) return undefined
    const isElsewhere = before.target !== target
    if (isElsewhere) await rowsOf(client, KEEP_BACK, [target, at + MOVE_LIMIT_MS])
    else if (isMended(before, changed)) await deliverAnew(client, id, target)
    else await rowsOf(client, FOLLOW_LATE, [id, target])
    return { before, changed, isElsewhere }
  })
  if (moved?.isElsewhere === true) await follow(client, id, moved.before.target)
  return moved?.changed
}

async function follow(client: Session, id: number, before: string): Promise<void> {
  // By itself: two that change places would wait for each other.
  await rowsOf(client, UNHOLD_UNUSED, [before])
  await writersEnded(client)
  await inTransaction(client, async () => {
    const [now] = await rowsOf<CallbackRow>(client, LOCK, [id, null])
    if (now !== undefined) await deliverAnew(client, id, now.target)
  })
  // What was being told there until now may have been answered 429.
  await rowsOf(client, UNHOLD_UNUSED, [before])
}

/** Very much may wait: this takes its time. */
async function deliverAnew(client: Session, id: number, target: string): Promise<void> {
  await rowsOf(client, RETARGET, [id, target])
  await rowsOf(client, UNHOLD, [target])
}

/**
 * Until all have ended that may have read the callbacks as they were before: whoever reads a table keeps a lock on it
 * until its transaction ends. Others, however long they last, are not waited for.
 */
async function writersEnded(client: Session): Promise<void> {
  // Who was just reading may have had no lock yet.
  await pause(LOOK_EVERY_MS)
  const readers = (await rowsOf<{ id: string }>(client, READERS)).map(({ id }) => id)
  const deadline = performance.now() + WRITERS_LIMIT_MS
  while (performance.now() < deadline) {
    const [left] = await rowsOf(client, LEFT, [readers])
    if (left === undefined) return
    await pause(LOOK_EVERY_MS)
  }
}
