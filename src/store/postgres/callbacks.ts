import {
  backendsText,
  CALLBACK,
  type CallbackRow,
  DELIVERY,
  type DeliveryRow,
  toCallback,
  toDelivery,
} from '../callback-rows.ts'
import type {
  CallbackCounts,
  CallbackDelivery,
  CallbackStore,
  CallbackTarget,
  CallbackValues,
  ClaimCallbacks,
  ClaimedCallbacks,
  DeadQuery,
  DeliveryResult,
  NewCallback,
  StoredCallback,
} from '../callback-store.ts'
import { changeCallback, FOLLOW, UNHOLD_UNUSED } from './callback-changes.ts'
import { replayCallbacks } from './callback-replay.ts'
import { addWithTriggers, removeWithTriggers } from './callback-triggers.ts'
import type { PostgresDatabase, Run, Statement } from './database.ts'
import { type Cold, rowsOf } from './session.ts'

const statement = (name: string, text: string): Statement => ({ name: `callbacks-${name}`, text })

const LIST = statement('list', `SELECT ${CALLBACK} FROM callbacks ORDER BY id`)
export const OWN = statement(
  'own',
  `SELECT ${CALLBACK} FROM callbacks WHERE user_name = $1::text OR ($1::text IS NULL AND user_name IS NULL) ORDER BY id`,
)
/** Counted under the lock of the triggers, which whoever adds holds: whoever had it before has committed. */
const ADD = `INSERT INTO callbacks (user_name, name, url, target, format, backends, secret, created_at, updated_at)
  SELECT $1::text, $2, $3, $4, $5, $6, $7, $8::bigint, $9::bigint WHERE (SELECT count(*) FROM callbacks
    WHERE user_name = $1::text OR ($1::text IS NULL AND user_name IS NULL)) < $10::bigint
  RETURNING ${CALLBACK}`
const FIND = statement('find', `SELECT ${CALLBACK} FROM callbacks WHERE id = $1`)
const DISABLE = statement(
  'disable',
  `UPDATE callbacks SET disabled_at = $3, disabled_reason = $2 WHERE id = $1 AND revision = $4 AND disabled_at IS NULL
   RETURNING id`,
)
/** From one URL to the next: what waits for each of them is not looked at. */
const TARGETS = statement(
  'targets',
  `WITH RECURSIVE waiting AS (
     (SELECT target FROM callback_deliveries WHERE dead_at IS NULL ORDER BY target LIMIT 1)
     UNION ALL SELECT (SELECT d.target FROM callback_deliveries d WHERE d.dead_at IS NULL AND d.target > w.target
       ORDER BY d.target LIMIT 1) FROM waiting w WHERE w.target IS NOT NULL)
   SELECT w.target, COALESCE(h.failures, 0) AS failures, (SELECT c.user_name FROM callback_deliveries d
     JOIN callbacks c ON c.id = d.callback WHERE d.dead_at IS NULL AND d.target = w.target
     ORDER BY d.target, d.seq LIMIT 1) AS "user"
   FROM waiting w LEFT JOIN callback_holds h ON h.target = w.target
   WHERE w.target IS NOT NULL AND COALESCE(h.until, 0) <= $1`,
)
const CLAIM = statement(
  'claim',
  `WITH page AS MATERIALIZED (SELECT seq, lane, not_before, leased_until FROM callback_deliveries
     WHERE dead_at IS NULL AND target = $1 AND seq > $6
       AND NOT EXISTS (SELECT FROM callback_holds h WHERE h.target = $1 AND h.until > $2) ORDER BY seq LIMIT $7),
   heads AS MATERIALIZED (SELECT seq FROM page p WHERE not_before <= $2 AND leased_until <= $2
     AND seq = (SELECT min(e.seq) FROM callback_deliveries e WHERE e.dead_at IS NULL AND e.lane = p.lane)
     ORDER BY seq LIMIT $5),
   due AS MATERIALIZED (SELECT d.seq FROM heads h JOIN callback_deliveries d ON d.seq = h.seq
     WHERE d.leased_until <= $2 AND d.dead_at IS NULL ORDER BY d.seq FOR UPDATE OF d SKIP LOCKED),
   taken AS (UPDATE callback_deliveries SET leased_until = $3, holder = $4 FROM due
     WHERE callback_deliveries.seq = due.seq RETURNING ${DELIVERY})
   SELECT taken.*, page_end.last, page_end.size FROM (SELECT max(seq) AS last, count(*) AS size FROM page) page_end
   LEFT JOIN taken ON true`,
)

const HELD = 'WHERE seq = $1 AND holder = $2 AND dead_at IS NULL'
const DELIVERED = statement('delivered', `DELETE FROM callback_deliveries ${HELD} RETURNING seq`)
/** While a URL is left alone, what succeeds was begun before. */
const REACHED = statement('reached', 'DELETE FROM callback_holds WHERE target = $1 AND until <= $2 RETURNING target')
const BACK = statement(
  'back',
  `UPDATE callback_deliveries SET not_before = 0 WHERE seq IN (SELECT seq FROM callback_deliveries WHERE target = $1
     AND dead_at IS NULL AND leased_until = 0 AND not_before > 0 AND (status IS NULL OR status IN (429, 503))
     LIMIT 5000 FOR UPDATE SKIP LOCKED)`,
)
const RETRY = statement(
  'retry',
  `UPDATE callback_deliveries SET tries = tries + 1, not_before = $3, status = $4, failure = $5, leased_until = 0,
   holder = NULL ${HELD} RETURNING target`,
)
const HOLD = statement(
  'hold',
  `INSERT INTO callback_holds AS h VALUES ($1, $2, 1)
   ON CONFLICT (target) DO UPDATE SET until = GREATEST(h.until, excluded.until),
   failures = h.failures + CASE WHEN h.until <= $3 THEN 1 ELSE 0 END`,
)
const DEAD = statement(
  'dead',
  `UPDATE callback_deliveries SET tries = tries + 1, dead_at = $3, status = $4, failure = $5, holder = NULL ${HELD}`,
)
const PRESENT = 'COALESCE((SELECT c.target FROM callbacks c WHERE c.id = callback), target)'
const RELEASED = statement(
  'released',
  `UPDATE callback_deliveries SET leased_until = 0, holder = NULL, target = ${PRESENT},
   not_before = GREATEST(not_before, $3), lane = md5(${PRESENT} || identity) ${HELD}`,
)

export const COUNTS = statement(
  'counts',
  `SELECT callback, count(*) FILTER (WHERE dead_at IS NULL) AS waiting, count(dead_at) AS dead
   FROM callback_deliveries WHERE callback = ANY($1::bigint[]) GROUP BY callback`,
)
const LIST_DEAD = statement(
  'list-dead',
  `SELECT ${DELIVERY} FROM callback_deliveries WHERE dead_at IS NOT NULL AND ($1::bigint IS NULL OR callback = $1)
   AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3`,
)
interface PageEnd {
  last: number | null
  size: number
}
type TakenRow = DeliveryRow & PageEnd
/** Without a delivery where none was taken. */
type PageRow = TakenRow | (PageEnd & { seq: null })

function isTaken(row: PageRow): row is TakenRow {
  return row.seq !== null
}

/** Who is told of what, and what is on its way there. */
export class PostgresCallbacks implements CallbackStore {
  readonly #database: PostgresDatabase
  readonly #cold: Cold
  #changes: Promise<unknown> = Promise.resolve()

  constructor(database: PostgresDatabase, cold: Cold) {
    this.#database = database
    this.#cold = cold
  }

  async add(callback: NewCallback, most: number): Promise<StoredCallback | undefined> {
    const { user, name, url, target, format, backends, secret, createdAt, updatedAt } = callback
    const values = [user, name, url, target, format, backendsText(backends), secret, createdAt, updatedAt, most]
    const [row] = await this.#cold((client) =>
      addWithTriggers(client, async () => {
        await rowsOf(client, UNHOLD_UNUSED, [target])
        return rowsOf<CallbackRow>(client, ADD, values)
      }),
    )
    return row === undefined ? undefined : toCallback(row)
  }

  async list(user?: string | null): Promise<readonly StoredCallback[]> {
    const asked = user === undefined ? { text: LIST, values: [] } : { text: OWN, values: [user] }
    return (await this.#database.query<CallbackRow>(asked.text, asked.values)).map(toCallback)
  }

  async find(id: number): Promise<StoredCallback | undefined> {
    const [row] = await this.#database.query<CallbackRow>(FIND, [id])
    return row === undefined ? undefined : toCallback(row)
  }

  async change(id: number, revision: number, given: CallbackValues, at: number): Promise<StoredCallback | undefined> {
    const change = { id, revision, values: given, at }
    // One at a time, however many are asked for: each may hold a connection for seconds.
    const changing = this.#changes.then(() => this.#cold((client) => changeCallback(client, change)))
    this.#changes = changing.catch(() => undefined)
    const row = await changing
    return row === undefined ? undefined : toCallback(row)
  }

  async follow(): Promise<number> {
    return this.#cold(async (client) => (await client.query(FOLLOW)).rowCount ?? 0)
  }

  async remove(id: number): Promise<boolean> {
    const text = 'DELETE FROM callbacks WHERE id = $1 RETURNING target'
    return this.#cold((client) =>
      removeWithTriggers(client, async () => {
        const [removed] = await rowsOf<{ target: string }>(client, text, [id])
        // What is being recorded meanwhile goes when it is claimed: no message fails because a callback was removed.
        await rowsOf(client, 'DELETE FROM callback_deliveries WHERE callback = $1', [id])
        if (removed !== undefined) await rowsOf(client, UNHOLD_UNUSED, [removed.target])
        return removed !== undefined
      }),
    )
  }

  async disable(id: number, revision: number, reason: string, at: number): Promise<boolean> {
    return (await this.#database.query(DISABLE, [id, reason, at, revision])).length === 1
  }

  async targets(now: number): Promise<readonly CallbackTarget[]> {
    return this.#database.query<CallbackTarget>(TARGETS, [now])
  }

  async claim({ target, holder, now, until, limit, page, after }: ClaimCallbacks): Promise<ClaimedCallbacks> {
    const values = [target, now, until, holder, limit, after, page]
    const rows = await this.#database.query<PageRow>(CLAIM, values)
    const deliveries = rows
      .filter(isTaken)
      .map(({ last: _, size: __, ...row }) => toDelivery(row))
      .sort((a, b) => a.seq - b.seq)
    const [{ last, size } = { last: null, size: 0 }] = rows
    return { deliveries, next: last !== null && size === page ? last : undefined }
  }

  async settle(results: readonly DeliveryResult[]): Promise<void> {
    await this.#database.transaction(async (run) => {
      for (const result of [...results].sort((a, b) => a.seq - b.seq)) await settleOne(run, result)
    })
  }

  async counts(callbacks: readonly number[]): Promise<readonly CallbackCounts[]> {
    return this.#database.query<CallbackCounts>(COUNTS, [callbacks.map(String)])
  }

  async dead({ callback, before, limit }: DeadQuery): Promise<readonly CallbackDelivery[]> {
    const rows = await this.#database.query<DeliveryRow>(LIST_DEAD, [callback ?? null, before ?? null, limit])
    return rows.map(toDelivery)
  }

  async replay(callback: number | undefined, ids: readonly string[] | undefined, at: number): Promise<number> {
    return replayCallbacks(this.#database, { callback: callback ?? null, ids: ids ?? null, at })
  }
}

async function settleOne(run: Run, result: DeliveryResult): Promise<void> {
  const { seq, holder, target } = result
  switch (result.kind) {
    case 'delivered':
      await run(DELIVERED, [seq, holder])
      // What waits because the URL was away waits no longer.
      if ((await run(REACHED, [target, result.now])).length > 0) await run(BACK, [target])
      return
    case 'retry': {
      const { at, now, status, failure, hold } = result
      const [tried] = await run<{ target: string }>(RETRY, [seq, holder, at, status, failure])
      if (hold !== null && tried?.target === target) await run(HOLD, [target, hold, now])
      return
    }
    case 'dead':
      await run(DEAD, [seq, holder, result.now, result.status, result.failure])
      return
    case 'removed':
      await run(DELIVERED, [seq, holder])
      return
    case 'released':
      await run(RELEASED, [seq, holder, result.at ?? 0])
  }
}
