import type { Connection } from '../../messages/incoming.ts'
import type { Change } from '../change.ts'
import type { ContactEdit, EditOutcome, EditRefusal } from '../directory-store.ts'
import { applyChange } from './changes.ts'
import type { Run, Statement } from './database.ts'
import { lockToJoin, lockToMake } from './group-locks.ts'
import { keyOf } from './keys.ts'

type EditOf<Kind extends ContactEdit['kind']> = Extract<ContactEdit, { readonly kind: Kind }>

const statement = (name: string, text: string): Statement => ({ name, text })

const LOCK_CONTACT = statement('lock-contact', 'SELECT opted_out_at FROM contacts WHERE id = $1 FOR UPDATE')
const INSERT_CONNECTIONS = statement(
  'insert-connections',
  `INSERT INTO connections (key, backend, identity, created_at)
   SELECT key, backend, identity, $4 FROM unnest($1::text[], $2::text[], $3::text[]) AS g(key, backend, identity)
   ORDER BY key ON CONFLICT (key) DO NOTHING`,
)
const LOCK_CONNECTIONS = statement(
  'lock-connections',
  'SELECT key, contact_id FROM connections WHERE key = ANY($1) ORDER BY key FOR UPDATE',
)
const DELETE_CONTACT = statement('delete-contact', 'DELETE FROM contacts WHERE id = $1 RETURNING id')
const UNLINK = statement('unlink', 'UPDATE connections SET contact_id = NULL WHERE key = $1 RETURNING key')
const KNOWN = statement('known-contacts', 'SELECT id FROM contacts WHERE id = ANY($1) ORDER BY id FOR KEY SHARE')
const JOIN = statement(
  'join-many',
  `INSERT INTO group_members SELECT $1, $2, id FROM unnest($3::text[]) AS g(id) ORDER BY id
   ON CONFLICT DO NOTHING RETURNING contact_id`,
)
const LEAVE = statement(
  'leave-many',
  'DELETE FROM group_members WHERE group_key = $1 AND contact_id = ANY($2) RETURNING contact_id',
)
const HAS_MEMBERS = statement('has-members', 'SELECT 1 AS one FROM group_members WHERE group_key = $1 LIMIT 1')
const COPY_MEMBERS = statement(
  'copy-members',
  `INSERT INTO group_members SELECT $1, $2, contact_id FROM group_members WHERE group_key = $3 ON CONFLICT DO NOTHING`,
)
const DELETE_GROUP = statement('delete-group', 'DELETE FROM group_members WHERE group_key = $1 RETURNING contact_id')

/** Makes one edit inside a transaction; what it looks at is locked until the commit. */
export async function makeEdit(run: Run, edit: ContactEdit, at: number): Promise<EditOutcome> {
  switch (edit.kind) {
    case 'create':
      return create(run, edit, at)
    case 'change':
      return change(run, edit, at)
    case 'delete': {
      const refusal = await refusalOf(run, edit.id, edit.forgetOptOut)
      if (refusal !== undefined) return { refused: refusal }
      await run(DELETE_CONTACT, [edit.id])
      return { changed: 1 }
    }
    case 'link':
      return link(run, edit, at)
    case 'unlink':
      return unlink(run, edit, at)
    case 'join':
    case 'leave':
      return members(run, edit)
    case 'rename-group':
      return rename(run, edit)
    case 'delete-group': {
      const { length } = await run(DELETE_GROUP, [keyOf(edit.group)])
      return length === 0 ? { refused: { why: 'no-group' } } : { changed: length }
    }
  }
}

async function create(run: Run, edit: EditOf<'create'>, at: number): Promise<EditOutcome> {
  const { contact, connections, groups } = edit
  await lockToJoin(run, groups)
  const owners = await ownersOf(run, connections, at)
  for (const connection of connections) {
    const by = owners.get(keyOf(connection.backend, connection.identity)) ?? null
    if (by !== null) return { refused: { why: 'taken', connection, by } }
  }
  const changes: readonly Change[] = [
    { kind: 'contact-created', contact },
    ...connections.map((connection) => ({ kind: 'connection-linked', connection, contactId: contact.id }) as const),
    ...groups.map((group) => ({ kind: 'group-joined', group, contactId: contact.id }) as const),
  ]
  for (const each of changes) await applyChange(run, each, at)
  return { changed: 1 }
}

async function change(run: Run, edit: EditOf<'change'>, at: number): Promise<EditOutcome> {
  const {
    id,
    values: { optedOut, ...values },
  } = edit
  const [row] = await run<{ opted_out_at: number | null }>(LOCK_CONTACT, [id])
  if (row === undefined) return { refused: { why: 'no-contact', id } }
  const optedOutAt = optedOut === true ? (row.opted_out_at ?? at) : null
  const all = { ...values, ...(optedOut === undefined ? {} : { optedOutAt }) }
  await applyChange(run, { kind: 'contact-changed', id, values: all }, at)
  return { changed: 1 }
}

async function link(run: Run, edit: EditOf<'link'>, at: number): Promise<EditOutcome> {
  const { id, connection, move, forgetOptOut } = edit
  const by = await ownerOf(run, connection, at)
  if (by === id) return { changed: 0 }
  if (by !== null && !move) {
    const unknown = await refusalOf(run, id, true)
    return { refused: unknown ?? { why: 'taken', connection, by } }
  }
  // In one order, so that two who move connections to and fro do not wait for each other.
  for (const each of [id, ...(by === null ? [] : [by])].sort()) {
    const refusal = await refusalOf(run, each, each === id || forgetOptOut)
    if (refusal !== undefined && (each === id || refusal.why === 'opted-out')) return { refused: refusal }
  }
  await applyChange(run, { kind: 'connection-linked', connection, contactId: id }, at)
  return { changed: 1 }
}

async function unlink(run: Run, edit: EditOf<'unlink'>, at: number): Promise<EditOutcome> {
  const { id, connection, forgetOptOut } = edit
  if ((await ownerOf(run, connection, at)) !== id) return { refused: { why: 'not-linked' } }
  const refusal = await refusalOf(run, id, forgetOptOut)
  if (refusal !== undefined) return { refused: refusal }
  await run(UNLINK, [keyOf(connection.backend, connection.identity)])
  return { changed: 1 }
}

async function members(run: Run, { kind, group, ids, isNew }: EditOf<'join' | 'leave'>): Promise<EditOutcome> {
  if (isNew === true) {
    await lockToMake(run, group)
    if ((await run(HAS_MEMBERS, [keyOf(group)])).length > 0) return { refused: { why: 'group-taken' } }
  } else if (kind === 'join') await lockToJoin(run, [group])
  const known = new Set((await run<{ id: string }>(KNOWN, [ids])).map(({ id }) => id))
  const missing = ids.find((id) => !known.has(id))
  if (missing !== undefined) return { refused: { why: 'no-contact', id: missing } }
  const key = keyOf(group)
  const rows = kind === 'join' ? await run(JOIN, [key, group, ids]) : await run(LEAVE, [key, ids])
  return { changed: rows.length }
}

async function rename(run: Run, { group, to, merge }: EditOf<'rename-group'>): Promise<EditOutcome> {
  const isThere = async (name: string) => (await run(HAS_MEMBERS, [keyOf(name)])).length > 0
  if (!(await isThere(group))) return { refused: { why: 'no-group' } }
  if (group === to) return { changed: 0 }
  await lockToMake(run, to)
  if (!merge && (await isThere(to))) return { refused: { why: 'group-taken' } }
  // Removed first and by name: who joins the old group meanwhile stays in it.
  await run(COPY_MEMBERS, [keyOf(to), to, keyOf(group)])
  const { length } = await run(DELETE_GROUP, [keyOf(group)])
  return { changed: length }
}

async function ownerOf(run: Run, connection: Connection, at: number): Promise<string | null> {
  const owners = await ownersOf(run, [connection], at)
  return owners.get(keyOf(connection.backend, connection.identity)) ?? null
}

/** Locks the connections, those nobody has written from included. */
async function ownersOf(run: Run, connections: readonly Connection[], at: number) {
  const keys = connections.map(({ backend, identity }) => keyOf(backend, identity))
  const backends = connections.map(({ backend }) => backend)
  const identities = connections.map(({ identity }) => identity)
  await run(INSERT_CONNECTIONS, [keys, backends, identities, at])
  const rows = await run<{ key: string; contact_id: string | null }>(LOCK_CONNECTIONS, [keys])
  return new Map(rows.map(({ key, contact_id }) => [key, contact_id]))
}

async function refusalOf(run: Run, id: string, forgetOptOut: boolean): Promise<EditRefusal | undefined> {
  const [row] = await run<{ opted_out_at: number | null }>(LOCK_CONTACT, [id])
  if (row === undefined) return { why: 'no-contact', id }
  return row.opted_out_at === null || forgetOptOut ? undefined : { why: 'opted-out', id }
}
