import type { TextCoding } from '../../messages/coding.ts'
import type { AddedPart, NewPart, PartGroup, PartStore, StoredPart } from '../part-store.ts'
import type { PostgresDatabase, Run, Statement } from './database.ts'
import { keyOf } from './keys.ts'

interface GroupRow {
  id: string
  backend: string
  identity: string
  address: string | null
  total: number
  message_id: string | null
}

interface PartRow {
  group_id: string
  number: number
  text: string | null
  hex: string | null
  coding: TextCoding | null
  fields: string
  external_id: string | null
  digest: string
}

const statement = (name: string, text: string): Statement => ({ name: `parts-${name}`, text })
const GROUP = 'SELECT id, backend, identity, address, total, message_id FROM part_groups'

// Parts of one message come over several connections at once; the group may not be there yet to be locked itself.
const LOCK = statement('lock', 'SELECT pg_advisory_xact_lock(hashtextextended($1, 1))')
const CURRENT = statement('current', `${GROUP} WHERE key = $1 AND current`)
const PARTS = statement('of', 'SELECT * FROM parts WHERE group_id = ANY($1) ORDER BY group_id, number')
const BEGIN = statement(
  'begin',
  `INSERT INTO part_groups (id, key, backend, identity, address, total, due_at, current)
   VALUES ($1, $2, $3, $4, $5, $6, $7, true)`,
)
const DISPLACE = statement(
  'displace',
  'UPDATE part_groups SET current = false, due_at = LEAST(due_at, $2) WHERE id = $1',
)
const INSERT = statement('insert', 'INSERT INTO parts VALUES ($1, $2, $3, $4, $5, $6, $7, $8)')
const COMPLETE = statement('complete', 'UPDATE part_groups SET due_at = LEAST(due_at, $2) WHERE id = $1')
const DUE = statement('due', `${GROUP} WHERE message_id IS NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $2`)
const HANDED_ON = statement(
  'handed-on',
  'UPDATE part_groups SET message_id = $2, forget_at = $3 WHERE id = $1 AND message_id IS NULL',
)
const EMPTY = statement(
  'empty',
  `UPDATE parts SET text = NULL, hex = NULL, coding = NULL, fields = '{}' WHERE group_id = $1`,
)
const FORGET = statement('forget', 'DELETE FROM part_groups WHERE message_id IS NOT NULL AND forget_at < $1')

/** Parts of long messages. */
export class PostgresParts implements PartStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async add(part: NewPart): Promise<AddedPart> {
    const { backend, identity, address, reference, total } = part
    const key = keyOf(backend, identity, address ?? '', reference, `${total}`)
    return this.#database.transaction(async (run) => {
      await run(LOCK, [key])
      const [current] = await run<GroupRow>(CURRENT, [key])
      if (current !== undefined) {
        const parts = await run<PartRow>(PARTS, [[current.id]])
        const known = parts.find(({ number }) => number === part.number)
        if (known !== undefined && isRepeat(known, part, current)) return added(current, parts, true)
        if (known === undefined && current.message_id === null) return insert(run, current, part)
        await run(DISPLACE, [current.id, part.receivedAt])
      }
      const group = { id: part.groupId, backend, identity, address, total, message_id: null }
      await run(BEGIN, [group.id, key, backend, identity, address, total, part.dueAt])
      return insert(run, group, part)
    })
  }

  async due(now: number, limit: number): Promise<readonly PartGroup[]> {
    const rows = await this.#database.query<GroupRow>(DUE, [now, limit])
    if (rows.length === 0) return []
    const parts = await this.#database.query<PartRow>(PARTS, [rows.map(({ id }) => id)])
    return rows.map((row) => toGroup(row, parts))
  }

  async handedOn(groupId: string, messageId: string, keepUntil: number): Promise<void> {
    await this.#database.transaction(async (run) => {
      await run(HANDED_ON, [groupId, messageId, keepUntil])
      await run(EMPTY, [groupId])
    })
  }

  async forget(now: number): Promise<void> {
    await this.#database.query(FORGET, [now])
  }
}

async function insert(run: Run, group: GroupRow, part: NewPart): Promise<AddedPart> {
  const { number, text, hex, coding, fields, externalId, digest } = part
  await run(INSERT, [group.id, number, text, hex, coding, JSON.stringify(fields), externalId, digest])
  const parts = await run<PartRow>(PARTS, [[group.id]])
  // From now on it is due, should it not be handed on in the same breath.
  if (parts.length === group.total) await run(COMPLETE, [group.id, part.receivedAt])
  return added(group, parts, false)
}

function added(row: GroupRow, parts: readonly PartRow[], duplicate: boolean): AddedPart {
  if (row.message_id !== null) return { duplicate, messageId: row.message_id, complete: null }
  return { duplicate, messageId: null, complete: parts.length === row.total ? toGroup(row, parts) : null }
}

function isRepeat(known: PartRow, part: NewPart, group: GroupRow): boolean {
  const bothNamed = known.external_id !== null && part.externalId !== null
  if (bothNamed && known.external_id === part.externalId?.toWellFormed()) return true
  return known.digest === part.digest.toWellFormed() && (!bothNamed || group.message_id === null)
}

function toGroup({ id, backend, identity, address, total }: GroupRow, parts: readonly PartRow[]): PartGroup {
  const own = parts.filter((part) => part.group_id === id)
  return { id, backend, identity, address, total, parts: own.map(toPart) }
}

function toPart({ number, text, hex, coding, fields, external_id: externalId }: PartRow): StoredPart {
  return { number, text, hex, coding, fields: JSON.parse(fields) as StoredPart['fields'], externalId }
}
