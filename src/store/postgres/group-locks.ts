import type { Run, Statement } from './database.ts'
import { keyOf } from './keys.ts'

/** Beside the locks that have one number. */
const SPACE = 7_311
/** Names share few locks, of which a server has some thousands: an import may have any number of names. */
const lockOf = (key: string) => `(hashtextextended(${key}, 3) & 255)::int`

const MAKE: Statement = {
  name: 'lock-group-name',
  text: `SELECT pg_advisory_xact_lock(${SPACE}, ${lockOf('$1')})`,
}
/** In one order, so that nobody waits for who waits for him. */
const shared = (keys: string) =>
  `SELECT pg_advisory_xact_lock_shared(${SPACE}, g.lock) FROM
    (SELECT DISTINCT ${lockOf('key')} AS lock FROM ${keys} ORDER BY 1) g`
const JOIN: Statement = { name: 'lock-group-names', text: shared('unnest($1::text[]) AS names(key)') }

/** Locks the names of an import, whose members are in its temporary table. */
export const LOCK_IMPORTED = shared('(SELECT group_key AS key FROM import_members) names')

/** Until the commit nobody else makes this group, or puts people into it. */
export async function lockToMake(run: Run, group: string): Promise<void> {
  await run(MAKE, [keyOf(group)])
}

/** Until the commit nobody makes these groups; others may put people into them. */
export async function lockToJoin(run: Run, groups: readonly string[]): Promise<void> {
  if (groups.length > 0) await run(JOIN, [groups.map((group) => keyOf(group))])
}
