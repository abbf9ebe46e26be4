import type { Database } from 'better-sqlite3'
import type { TextCoding } from '../../messages/coding.ts'
import type { AddedPart, NewPart, PartGroup, PartStore, StoredPart } from '../part-store.ts'
import type { GroupCommit } from './group-commit.ts'
import { parseFields } from './incoming.ts'
import { wellFormed } from './well-formed.ts'

interface GroupRow {
  id: string
  backend: string
  identity: string
  address: string
  total: number
  message_id: string | null
}

interface PartRow {
  number: number
  text: string | null
  hex: string | null
  coding: TextCoding | null
  fields: string
  external_id: string | null
  digest: string
}

/** Parts of long messages. */
export class SqliteParts implements PartStore {
  readonly #statements
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#statements = prepare(database)
    this.#commit = commit
  }

  async add(given: NewPart): Promise<AddedPart> {
    const part = wellFormed(given)
    return this.#commit.write(() => this.#add(part))
  }

  #add(part: NewPart): AddedPart {
    const { backend, identity, reference, total, number } = part
    const address = part.address ?? ''
    const current = this.#statements.current.get(backend, identity, address, reference, total)
    if (current !== undefined) {
      const known = this.#statements.part.get(current.id, number)
      if (known !== undefined && isRepeat(known, part, current)) return this.#added(current, true)
      if (known === undefined && current.message_id === null) return this.#insert(current, part)
      this.#statements.displace.run(part.receivedAt, current.id)
    }
    const group = { id: part.groupId, backend, identity, address, total, message_id: null }
    this.#statements.begin.run(group.id, backend, identity, address, reference, total, part.dueAt)
    return this.#insert(group, part)
  }

  #insert(group: GroupRow, part: NewPart): AddedPart {
    const { number, text, hex, coding, externalId, digest } = part
    this.#statements.insert.run(group.id, number, text, hex, coding, JSON.stringify(part.fields), externalId, digest)
    const count = this.#statements.count.get(group.id)?.count ?? 0
    // From now on it is due, should it not be handed on in the same breath.
    if (count === group.total) this.#statements.complete.run(part.receivedAt, group.id)
    return this.#added(group, false)
  }

  #added(row: GroupRow, duplicate: boolean): AddedPart {
    if (row.message_id !== null) return { duplicate, messageId: row.message_id, complete: null }
    const group = this.#group(row)
    return { duplicate, messageId: null, complete: group.parts.length === group.total ? group : null }
  }

  async due(now: number, limit: number): Promise<readonly PartGroup[]> {
    return this.#statements.due.all(now, limit).map((row) => this.#group(row))
  }

  async handedOn(groupId: string, messageId: string, keepUntil: number): Promise<void> {
    await this.#commit.write(() => {
      this.#statements.handedOn.run(messageId, keepUntil, groupId)
      this.#statements.empty.run(groupId)
    })
  }

  async forget(now: number): Promise<void> {
    // Asked for again and again, mostly for nothing: that should cost no write.
    if (this.#statements.forgettable.get(now) === undefined) return
    await this.#commit.write(() => {
      this.#statements.forgetParts.run(now)
      this.#statements.forgetGroups.run(now)
    })
  }

  #group({ id, backend, identity, address, total }: GroupRow): PartGroup {
    const parts = this.#statements.parts.all(id).map(toPart)
    return { id, backend, identity, address: address === '' ? null : address, total, parts }
  }
}

function isRepeat(known: PartRow, part: NewPart, group: GroupRow): boolean {
  const bothNamed = known.external_id !== null && part.externalId !== null
  if (bothNamed && known.external_id === part.externalId) return true
  return known.digest === part.digest && (!bothNamed || group.message_id === null)
}

function toPart({ number, text, hex, coding, fields, external_id: externalId }: PartRow): StoredPart {
  return { number, text, hex, coding, fields: parseFields(fields), externalId }
}

function prepare(database: Database) {
  const group = 'SELECT id, backend, identity, address, total, message_id FROM part_groups'
  const part = 'SELECT number, text, hex, coding, fields, external_id, digest FROM parts'
  return {
    current: database.prepare<[string, string, string, string, number], GroupRow>(
      `${group} WHERE current = 1 AND backend = ? AND identity = ? AND address = ? AND reference = ? AND total = ?`,
    ),
    part: database.prepare<[string, number], PartRow>(`${part} WHERE group_id = ? AND number = ?`),
    parts: database.prepare<[string], PartRow>(`${part} WHERE group_id = ? ORDER BY number`),
    begin: database.prepare(
      `INSERT INTO part_groups (id, backend, identity, address, reference, total, due_at, current)
       VALUES (?, ?, ?, ?, ?, ?, ?, 1)`,
    ),
    displace: database.prepare('UPDATE part_groups SET current = 0, due_at = MIN(due_at, ?) WHERE id = ?'),
    insert: database.prepare(
      `INSERT INTO parts (group_id, number, text, hex, coding, fields, external_id, digest)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    count: database.prepare<[string], { count: number }>('SELECT COUNT(*) AS count FROM parts WHERE group_id = ?'),
    complete: database.prepare('UPDATE part_groups SET due_at = MIN(due_at, ?) WHERE id = ?'),
    due: database.prepare<[number, number], GroupRow>(
      `${group} WHERE message_id IS NULL AND due_at <= ? ORDER BY due_at, id LIMIT ?`,
    ),
    handedOn: database.prepare(
      'UPDATE part_groups SET message_id = ?, forget_at = ? WHERE id = ? AND message_id IS NULL',
    ),
    empty: database.prepare(
      `UPDATE parts SET text = NULL, hex = NULL, coding = NULL, fields = '{}' WHERE group_id = ?`,
    ),
    forgettable: database.prepare<[number], { id: string }>(
      'SELECT id FROM part_groups WHERE message_id IS NOT NULL AND forget_at < ? LIMIT 1',
    ),
    forgetParts: database.prepare(
      `DELETE FROM parts WHERE group_id IN
       (SELECT id FROM part_groups WHERE message_id IS NOT NULL AND forget_at < ?)`,
    ),
    forgetGroups: database.prepare('DELETE FROM part_groups WHERE message_id IS NOT NULL AND forget_at < ?'),
  }
}
