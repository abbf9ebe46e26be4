import { HOLDS_KEPT_MS } from '../callback-rows.ts'
import { STAGED_KEPT_MS } from '../directory-store.ts'
import type { Purged, PurgeRequest } from '../store.ts'
import { removeBroadcasts } from './broadcast-purge.ts'
import { PURGE_LOCK } from './locks.ts'
import { inTransaction, type Partition, partitionsOf } from './partitions.ts'
import { PARKED_KEPT_MS } from './reports.ts'
import { rowsOf, type Session } from './session.ts'

/** A lane that nobody has claimed for so long may lose its token: the next claim gives it a higher one. */
const LANES_KEPT_MS = 24 * 3600_000
const LANES_PER_BATCH = 1_000

interface Old {
  kind: 'in' | 'out'
  id: string
}

const FIND_OLD = `
  (SELECT 'in' AS kind, id, received_at AS at, seq FROM incoming i WHERE received_at < $1
    AND NOT EXISTS (SELECT FROM outgoing_open o WHERE o.in_response_to = i.id) ORDER BY received_at, seq LIMIT $2)
  UNION ALL
  (SELECT 'out', id, created_at, seq FROM outgoing m WHERE created_at < $1
    AND NOT EXISTS (SELECT FROM outbox o WHERE o.message_id = m.id) ORDER BY created_at, seq LIMIT $2)
  ORDER BY at, seq LIMIT $2`

/** Of both directions, the open messages with an id in a range keep what belongs to them. */
const NOT_OPEN = (column: string) => `NOT EXISTS (SELECT FROM incoming_open o WHERE o.id = ${column})
  AND NOT EXISTS (SELECT FROM outgoing_open o WHERE o.id = ${column})`

/** Removes what is old, a batch at a time; a whole partition at once where all of it is. */
export class Purge {
  #lastLane = ''

  /** @param today milliseconds since 1970, by the clock of the claims */
  async batch(client: Session, { before, limit, now }: PurgeRequest, today: number): Promise<Purged> {
    const whole = await dropOne(client, before)
    if (whole !== undefined) return whole
    const removed = await inTransaction(client, async () => {
      await client.query(`SELECT pg_advisory_xact_lock(${PURGE_LOCK})`)
      return removeRows(client, before, limit)
    })
    const others = await inTransaction(client, async () => {
      const removed = await removeOthers(client, now, limit)
      const soles = await removeSoles(client, before, limit)
      const callbacks = await removeDeadCallbacks(client, before, limit)
      const holds = await removeHolds(client, now, limit)
      const more = removed.more || [soles, callbacks, holds].includes(limit)
      return { count: removed.count + soles + callbacks + holds, more }
    })
    const broadcasts = await inTransaction(client, () => removeBroadcasts(client, before, limit))
    await this.#removeLanes(client, today)
    const more = removed.more || others.more || broadcasts.more
    return { ...removed, others: others.count + broadcasts.count, more }
  }

  async #removeLanes(client: Session, now: number): Promise<void> {
    const rows = await rowsOf<{ last: string | null }>(
      client,
      `WITH page AS MATERIALIZED (SELECT key FROM lanes WHERE key > $1 ORDER BY key LIMIT ${LANES_PER_BATCH}),
       gone AS (DELETE FROM lanes l USING page WHERE l.key = page.key AND l.claimed_at < $2
         AND NOT EXISTS (SELECT FROM incoming_open o WHERE o.lane = l.key)
         AND NOT EXISTS (SELECT FROM outgoing_open o WHERE o.lane = l.key))
       SELECT max(key) AS last FROM page`,
      [this.#lastLane, now - LANES_KEPT_MS],
    )
    this.#lastLane = rows[0]?.last ?? ''
  }
}

async function removeRows(client: Session, before: number, limit: number) {
  const old = await rowsOf<Old>(client, FIND_OLD, [before, limit])
  const idsOf = (kind: Old['kind']) => old.filter((row) => row.kind === kind).map(({ id }) => id)
  const remove = async (table: string, column: string, ids: readonly string[]) => {
    if (ids.length === 0) return 0
    const text = `DELETE FROM ${table} WHERE ${column} = ANY($1) RETURNING ${column}`
    return (await rowsOf(client, text, [ids])).length
  }
  const incoming = await remove('incoming', 'id', idsOf('in'))
  const outgoing = await remove('outgoing', 'id', idsOf('out'))
  await remove('external_ids', 'outgoing_id', idsOf('out'))
  await remove('reports', 'outgoing_id', idsOf('out'))
  await remove(
    'effects',
    'message_id',
    old.map(({ id }) => id),
  )
  return { incoming, outgoing, more: old.length === limit }
}

/** Keys go with their messages, and stay while those wait. */
async function removeSoles(client: Session, before: number, limit: number): Promise<number> {
  const rows = await rowsOf(
    client,
    `DELETE FROM sole_messages WHERE key IN (SELECT key FROM sole_messages s WHERE recorded_at < $1
       AND NOT EXISTS (SELECT FROM outgoing_open o WHERE o.id = s.message_id)
       ORDER BY recorded_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING key`,
    [before, limit],
  )
  return rows.length
}

/** What could not be told to a callback, and was given up long ago. */
async function removeDeadCallbacks(client: Session, before: number, limit: number): Promise<number> {
  const rows = await rowsOf(
    client,
    `DELETE FROM callback_deliveries WHERE seq IN (SELECT seq FROM callback_deliveries WHERE dead_at < $1
       ORDER BY dead_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING seq`,
    [before, limit],
  )
  return rows.length
}

/** That URLs were left alone, of those for which nothing waits. */
async function removeHolds(client: Session, now: number, limit: number): Promise<number> {
  const rows = await rowsOf(
    client,
    `DELETE FROM callback_holds WHERE target IN (SELECT target FROM callback_holds h WHERE until < $1
       AND NOT EXISTS (SELECT FROM callback_deliveries d WHERE d.target = h.target AND d.dead_at IS NULL)
       ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING target`,
    [now - HOLDS_KEPT_MS, limit],
  )
  return rows.length
}

/** What has an expiry of its own. */
async function removeOthers(client: Session, now: number, limit: number) {
  let count = 0
  let more = false
  const remove = async (table: string, key: string, time: string, until: number) => {
    const rows = await rowsOf<{ key: string }>(
      client,
      `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${time} < $1 ORDER BY ${time} LIMIT $2
       FOR UPDATE SKIP LOCKED) RETURNING key`,
      [until, limit],
    )
    count += rows.length
    more ||= rows.length === limit
    return rows.map((row) => row.key)
  }
  await remove('duplicates', 'key', 'expires_at', now)
  await remove('content_windows', 'key', 'expires_at', now)
  await remove('idempotency_keys', 'key', 'expires_at', now)
  await remove('usage', 'key', 'expires_at', now)
  const parked = await remove('parked_reports', 'id', 'received_at', now - PARKED_KEPT_MS)
  // Where the report and its attempt would have met.
  await rowsOf(client, 'DELETE FROM external_ids WHERE key = ANY($1) AND outgoing_id IS NULL', [parked])
  const staged = await rowsOf(
    client,
    `DELETE FROM import_lines WHERE ctid = ANY(ARRAY(
       SELECT ctid FROM import_lines WHERE staged_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING line`,
    [now - STAGED_KEPT_MS, limit],
  )
  return { count: count + staged.length, more: more || staged.length === limit }
}

/** Drops the oldest partition of which nothing is young, awaited by an unfinished answer, or waiting for a gateway. */
async function dropOne(client: Session, before: number): Promise<Purged | undefined> {
  for (const table of ['incoming', 'outgoing'] as const) {
    for (const partition of await partitionsOf(client, table)) {
      if (partition.endsAt > before) break
      const count = await drop(client, table, partition, before)
      if (count === undefined) continue
      const removed = { incoming: 0, outgoing: 0, others: 0, more: true }
      return { ...removed, [table]: count }
    }
  }
  return undefined
}

/** @returns how many messages went; undefined when the partition has to stay for now */
async function drop(client: Session, table: 'incoming' | 'outgoing', partition: Partition, before: number) {
  const { name, from, to } = partition
  const time = table === 'incoming' ? 'received_at' : 'created_at'
  return inTransaction(client, async () => {
    await client.query(`SELECT pg_advisory_xact_lock(${PURGE_LOCK})`)
    const keeps = await rowsOf(
      client,
      `(SELECT 1 FROM ${name} WHERE ${time} >= $1 LIMIT 1) UNION ALL
       (SELECT 1 FROM outgoing_open WHERE in_response_to >= $2 AND in_response_to < $3 LIMIT 1) UNION ALL
       (SELECT 1 FROM outbox WHERE message_id >= $2 AND message_id < $3 LIMIT 1)`,
      [before, from, to],
    )
    const [there] = await rowsOf(client, 'SELECT to_regclass($1) AS name WHERE to_regclass($1) IS NOT NULL', [name])
    if (keeps.length > 0 || there === undefined) return undefined
    const [counted] = await rowsOf<{ count: number }>(client, `SELECT count(*) AS count FROM ${name}`)
    await client.query(`DROP TABLE ${name}`)
    if (table === 'outgoing') {
      await client.query(`DROP TABLE IF EXISTS ${name.replace('outgoing', 'reports')}`)
      const range = 'outgoing_id >= $1 AND outgoing_id < $2'
      await rowsOf(client, `DELETE FROM external_ids WHERE ${range} AND ${NOT_OPEN('outgoing_id')}`, [from, to])
    }
    const range = 'message_id >= $1 AND message_id < $2'
    await rowsOf(client, `DELETE FROM effects WHERE ${range} AND ${NOT_OPEN('message_id')}`, [from, to])
    return counted?.count ?? 0
  })
}
