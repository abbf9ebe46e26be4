import type { Database } from 'better-sqlite3'
import type { Connection } from '../../messages/incoming.ts'
import type { ContactEdit, EditOutcome, EditRefusal } from '../directory-store.ts'
import type { SqlitePeople } from './people.ts'
import { wellFormed } from './well-formed.ts'

type EditOf<Kind extends ContactEdit['kind']> = Extract<ContactEdit, { readonly kind: Kind }>

/** Makes edits of people and groups; inside a transaction, so that nothing comes between what is looked at and what is written. */
export class DirectoryEdits {
  readonly #people: SqlitePeople
  readonly #statements

  constructor(database: Database, people: SqlitePeople) {
    this.#people = people
    this.#statements = prepare(database)
  }

  make(given: ContactEdit, at: number): EditOutcome {
    const edit = wellFormed(given)
    switch (edit.kind) {
      case 'create':
        return this.#create(edit, at)
      case 'change':
        return this.#change(edit, at)
      case 'delete':
        return this.#delete(edit)
      case 'link':
        return this.#link(edit, at)
      case 'unlink':
        return this.#unlink(edit)
      case 'join':
      case 'leave':
        return this.#members(edit)
      case 'rename-group':
        return this.#rename(edit)
      case 'delete-group': {
        const { changes } = this.#statements.deleteGroup.run(edit.group)
        return changes === 0 ? refused({ why: 'no-group' }) : { changed: changes }
      }
    }
  }

  #create({ contact, connections, groups }: EditOf<'create'>, at: number): EditOutcome {
    for (const connection of connections) {
      const by = this.#ownerOf(connection)
      if (by !== null) return refused({ why: 'taken', connection, by })
    }
    this.#people.apply({ kind: 'contact-created', contact }, at)
    for (const connection of connections) {
      this.#people.apply({ kind: 'connection-linked', connection, contactId: contact.id }, at)
    }
    for (const group of groups) this.#people.apply({ kind: 'group-joined', group, contactId: contact.id }, at)
    return { changed: 1 }
  }

  #change({ id, values: { optedOut, ...values } }: EditOf<'change'>, at: number): EditOutcome {
    const now = this.#statements.optOut.get(id)
    if (now === undefined) return refused({ why: 'no-contact', id })
    const optedOutAt = optedOut === true ? (now.opted_out_at ?? at) : null
    const all = { ...values, ...(optedOut === undefined ? {} : { optedOutAt }) }
    this.#people.apply({ kind: 'contact-changed', id, values: all }, at)
    return { changed: 1 }
  }

  #delete({ id, forgetOptOut }: EditOf<'delete'>): EditOutcome {
    const refusal = this.#refusal(id, forgetOptOut)
    if (refusal !== undefined) return refused(refusal)
    this.#statements.deleteContact.run(id)
    this.#people.forget()
    return { changed: 1 }
  }

  #link({ id, connection, move, forgetOptOut }: EditOf<'link'>, at: number): EditOutcome {
    if (this.#statements.optOut.get(id) === undefined) return refused({ why: 'no-contact', id })
    const by = this.#ownerOf(connection)
    if (by === id) return { changed: 0 }
    if (by !== null && !move) return refused({ why: 'taken', connection, by })
    const refusal = by === null ? undefined : this.#refusal(by, forgetOptOut)
    if (refusal?.why === 'opted-out') return refused(refusal)
    this.#people.apply({ kind: 'connection-linked', connection, contactId: id }, at)
    return { changed: 1 }
  }

  #unlink({ id, connection, forgetOptOut }: EditOf<'unlink'>): EditOutcome {
    const { backend, identity } = wellFormed(connection)
    if (this.#ownerOf(connection) !== id) return refused({ why: 'not-linked' })
    const refusal = this.#refusal(id, forgetOptOut)
    if (refusal !== undefined) return refused(refusal)
    this.#statements.unlink.run(backend, identity)
    this.#people.forgetOwner({ backend, identity })
    return { changed: 1 }
  }

  #members({ kind, group, ids, isNew }: EditOf<'join' | 'leave'>): EditOutcome {
    if (isNew === true && this.#statements.hasMembers.get(group) !== undefined) return refused({ why: 'group-taken' })
    const missing = ids.find((id) => this.#statements.optOut.get(id) === undefined)
    if (missing !== undefined) return refused({ why: 'no-contact', id: missing })
    const statement = kind === 'join' ? this.#statements.join : this.#statements.leave
    let changed = 0
    for (const id of ids) changed += statement.run(group, id).changes
    return { changed }
  }

  #rename({ group, to, merge }: EditOf<'rename-group'>): EditOutcome {
    const { hasMembers, copyMembers, deleteGroup } = this.#statements
    if (hasMembers.get(group) === undefined) return refused({ why: 'no-group' })
    if (group === to) return { changed: 0 }
    if (!merge && hasMembers.get(to) !== undefined) return refused({ why: 'group-taken' })
    copyMembers.run(to, group)
    return { changed: deleteGroup.run(group).changes }
  }

  #ownerOf(connection: Connection): string | null {
    const { backend, identity } = wellFormed(connection)
    return this.#statements.owner.get(backend, identity)?.contact_id ?? null
  }

  #refusal(id: string, forgetOptOut: boolean): EditRefusal | undefined {
    const row = this.#statements.optOut.get(id)
    if (row === undefined) return { why: 'no-contact', id }
    return row.opted_out_at === null || forgetOptOut ? undefined : { why: 'opted-out', id }
  }
}

function refused(refusal: EditRefusal): EditOutcome {
  return { refused: refusal }
}

function prepare(database: Database) {
  return {
    optOut: database.prepare<[string], { opted_out_at: number | null }>(
      'SELECT opted_out_at FROM contacts WHERE id = ?',
    ),
    owner: database.prepare<[string, string], { contact_id: string | null }>(
      'SELECT contact_id FROM connections WHERE backend = ? AND identity = ?',
    ),
    deleteContact: database.prepare<[string]>('DELETE FROM contacts WHERE id = ?'),
    unlink: database.prepare<[string, string]>(
      'UPDATE connections SET contact_id = NULL WHERE backend = ? AND identity = ?',
    ),
    join: database.prepare<[string, string]>('INSERT OR IGNORE INTO group_members VALUES (?, ?)'),
    leave: database.prepare<[string, string]>('DELETE FROM group_members WHERE group_name = ? AND contact_id = ?'),
    hasMembers: database.prepare<[string]>('SELECT 1 FROM group_members WHERE group_name = ? LIMIT 1'),
    copyMembers: database.prepare<[string, string]>(
      'INSERT OR IGNORE INTO group_members SELECT ?, contact_id FROM group_members WHERE group_name = ?',
    ),
    deleteGroup: database.prepare<[string]>('DELETE FROM group_members WHERE group_name = ?'),
  }
}
