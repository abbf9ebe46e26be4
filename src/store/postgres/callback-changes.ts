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
  updated_at = $8, revision = revision + 1, disabled_at = NULL, disabled_reason = NULL WHERE id = $1
  RETURNING ${CALLBACK}`
const RETARGET = `UPDATE callback_deliveries SET target = $2, lane = md5($2 || identity), not_before = 0
  WHERE callback = $1 AND dead_at IS NULL AND (target <> $2 OR not_before > 0)`
const KEEP_BACK = `INSERT INTO callback_holds AS h VALUES ($1, $2, 0)
  ON CONFLICT (target) DO UPDATE SET until = GREATEST(h.until, excluded.until)`
const UNHOLD = 'DELETE FROM callback_holds WHERE target = $1'
/** Its owner's other callbacks may share it. */
export const UNHOLD_UNUSED = `${UNHOLD} AND NOT EXISTS (SELECT 1 FROM callbacks c WHERE c.target = $1)`

/** How long the new URL is left alone at the most, while what waits is on its way there. */
const MOVE_LIMIT_MS = 30_000
/** A transaction that records lasts no longer. */
const WRITERS_LIMIT_MS = 5_000
const LOOK_EVERY_MS = 10

/**
 * Changes a callback. What waits goes to the new URL, in two steps: first the URL is another one, and is left alone; then,
 * when everybody who may have read the URL of before has committed, what they have recorded for it follows, and is told
 * there before what came later. Should the process end between the two, each follows when it is to be told.
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

/** Until all that had begun to write when this was called has ended. */
async function writersEnded(client: Session): Promise<void> {
  const next = 'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xid'
  const ended = 'SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 AS ended'
  const [{ xid } = { xid: '0' }] = await rowsOf<{ xid: string }>(client, next)
  const deadline = performance.now() + WRITERS_LIMIT_MS
  while (performance.now() < deadline) {
    const [now] = await rowsOf<{ ended: boolean }>(client, ended, [xid])
    if (now?.ended === true) return
    await pause(LOOK_EVERY_MS)
  }
}
