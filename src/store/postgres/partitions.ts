import { leastIdAt } from '../../messages/ids.ts'
import { codeOf } from './faults.ts'
import { PARTITION_LOCK } from './locks.ts'
import { rowsOf, type Session } from './session.ts'

export const WEEK_MS = 7 * 24 * 3600_000
/** Weeks for which there are partitions before they begin: a server may be off for some time. */
const WEEKS_AHEAD = 4

/** Inserts wait no longer than this for a partition to be added or dropped; the next try does it. */
const LOCK_LIMIT_MS = 1_000

/** The tables that are divided by the id of a message. */
const DIVIDED = ['incoming', 'outgoing', 'reports'] as const
export type DividedTable = (typeof DIVIDED)[number]

export interface Partition {
  readonly name: string
  /** Ids from here on, inclusive. */
  readonly from: string
  /** Ids up to here, exclusive. */
  readonly to: string
  /** Milliseconds since 1970: no id of it was made after this time. */
  readonly endsAt: number
}

/**
 * Makes the partitions of this week and of the next ones. Those of a week that the default partition has got messages
 * of already are left out: they stay there.
 */
export async function addPartitions(client: Session, now: number): Promise<void> {
  const first = Math.floor(now / WEEK_MS)
  const known = new Set(await partitionNames(client))
  for (let week = first; week <= first + WEEKS_AHEAD; week++) {
    for (const table of DIVIDED) {
      if (!known.has(nameOf(table, week))) await addPartition(client, table, week)
    }
  }
}

/** The partitions of whole weeks, the oldest first. */
export async function partitionsOf(client: Session, table: DividedTable): Promise<readonly Partition[]> {
  const pattern = new RegExp(`^${table}_w(\\d+)$`)
  return (await partitionNames(client)).flatMap((name) => {
    const week = pattern.exec(name)?.[1]
    if (week === undefined) return []
    const startsAt = Number(week) * WEEK_MS
    return [{ name, from: leastIdAt(startsAt), to: leastIdAt(startsAt + WEEK_MS), endsAt: startsAt + WEEK_MS }]
  })
}

async function partitionNames(client: Session): Promise<string[]> {
  const roots = DIVIDED.map((table) => `'${table}'::regclass`).join(', ')
  const rows = await rowsOf<{ name: string }>(
    client,
    `SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent IN (${roots}) ORDER BY relname`,
  )
  return rows.map(({ name }) => name)
}

/** Attached, not created in place: that would stop everything that reads or writes the table meanwhile. */
async function addPartition(client: Session, table: DividedTable, week: number): Promise<void> {
  const name = nameOf(table, week)
  const bounds = `FROM ('${leastIdAt(week * WEEK_MS)}') TO ('${leastIdAt((week + 1) * WEEK_MS)}')`
  try {
    await inTransaction(client, async () => {
      await client.query(`SELECT pg_advisory_xact_lock(${PARTITION_LOCK})`)
      const [there] = await rowsOf(client, 'SELECT to_regclass($1) AS name WHERE to_regclass($1) IS NOT NULL', [name])
      if (there !== undefined) return
      await client.query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL)`)
      await client.query(`ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES ${bounds}`)
    })
  } catch (error) {
    const code = error instanceof Error ? codeOf(error) : undefined
    if (code !== '23514' && code !== '55P03') throw error
  }
}

/** Runs the statements in a transaction that gives up where it would have to wait long for a table. */
export async function inTransaction<T>(client: Session, work: () => Promise<T>): Promise<T> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_LIMIT_MS}`)
  try {
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

// Padded, so that the names sort by time.
function nameOf(table: DividedTable, week: number): string {
  return `${table}_w${String(week).padStart(6, '0')}`
}
