import { setTimeout as pause } from 'node:timers/promises'
import { CALLBACKS_LOCK } from './locks.ts'
import { rowsOf, type Session } from './session.ts'

const triggers = [
  { name: 'tell_received', table: 'incoming_open', on: 'INSERT', rows: 'NEW TABLE AS added' },
  { name: 'tell_settled', table: 'outgoing', on: 'INSERT', rows: 'NEW TABLE AS added' },
  { name: 'tell_moved', table: 'outgoing', on: 'UPDATE', rows: 'OLD TABLE AS before NEW TABLE AS changed' },
]

/** Whoever writes messages waits behind us while we wait for others: so for no longer than this. */
const LOCK_LIMIT_MS = 500
const TRIES = 20
const PAUSE_MS = 100
const LOCK_NOT_AVAILABLE = '55P03'
const DEADLOCK = '40P01'

/** Makes the triggers before the first callback is added; one process at a time. */
export async function addWithTriggers<T>(client: Session, add: () => Promise<T>): Promise<T> {
  return alone(client, async () => {
    for (const trigger of triggers) if (!(await isThere(client, trigger.name))) await patiently(client, create(trigger))
    return add()
  })
}

/** Removes the triggers after the last callback is removed, so that nobody pays for them; one process at a time. */
export async function removeWithTriggers<T>(client: Session, remove: () => Promise<T>): Promise<T> {
  return alone(client, async () => {
    const result = await remove()
    const [left] = await rowsOf(client, 'SELECT id FROM callbacks LIMIT 1')
    if (left !== undefined) return result
    for (const { name, table } of triggers) {
      // One that stays costs a little, and does no harm.
      await patiently(client, `DROP TRIGGER IF EXISTS ${name} ON ${table}`).catch(() => undefined)
    }
    return result
  })
}

async function alone<T>(client: Session, work: () => Promise<T>): Promise<T> {
  await client.query(`SELECT pg_advisory_lock(${CALLBACKS_LOCK})`)
  try {
    return await work()
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${CALLBACKS_LOCK})`)
  }
}

function create({ name, table, on, rows }: (typeof triggers)[number]): string {
  return `CREATE TRIGGER ${name} AFTER ${on} ON ${table} REFERENCING ${rows} FOR EACH STATEMENT EXECUTE FUNCTION ${name}()`
}

async function isThere(client: Session, name: string): Promise<boolean> {
  const rows = await rowsOf(
    client,
    `SELECT 1 AS one FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid
     WHERE t.tgname = $1 AND r.relnamespace = current_schema()::regnamespace`,
    [name],
  )
  return rows.length > 0
}

/** Each by itself, so that two tables are never held at the same time. */
async function patiently(client: Session, statement: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.query(`SET lock_timeout = ${LOCK_LIMIT_MS}`)
      await client.query(statement)
      return
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if ((code !== LOCK_NOT_AVAILABLE && code !== DEADLOCK) || tries === TRIES) throw error
      await pause(PAUSE_MS)
    } finally {
      await client.query('SET lock_timeout = 0')
    }
  }
}
