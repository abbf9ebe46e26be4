import type { Database } from 'better-sqlite3'
import type { Connection } from '../../messages/incoming.ts'
import type { Change } from '../change.ts'
import type { Contact } from '../contact.ts'
import { DocumentConflictError } from '../errors.ts'
import { foldedName } from '../folded-name.ts'
import type { ContactStore, DocumentStore, EffectStore } from '../store.ts'
import { connectionKey } from './connection-key.ts'
import type { GroupCommit } from './group-commit.ts'
import { wellFormed } from './well-formed.ts'

const MOST_CONNECTIONS_REMEMBERED = 200_000

export interface ContactRow {
  id: string
  name: string
  language: string | null
  time_zone: string | null
  opted_out_at: number | null
  created_at: number
}

/** Contacts, connections, groups and documents: what apps read and change through their context. */
export class SqlitePeople implements ContactStore {
  /** Which contact a connection belongs to; null when to none. A connection that is not in here may not exist yet. */
  readonly #contactOf = new Map<string, string | null>()
  readonly #statements

  constructor(database: Database) {
    this.#statements = prepare(database)
  }

  /** Another process has changed the database. */
  forget(): void {
    this.#contactOf.clear()
  }

  /** Whose the connection is has changed within this transaction. */
  forgetOwner({ backend, identity }: Connection): void {
    this.#contactOf.delete(connectionKey(backend, identity))
  }

  /** Makes sure that the connection has a row. Runs inside a transaction. */
  ensureConnection(backend: string, identity: string, at: number): void {
    const key = connectionKey(backend, identity)
    if (this.#contactOf.has(key)) return
    this.#statements.insertConnection.run(backend, identity, at)
    this.#contactId(backend, identity)
  }

  contactOf(backend: string, identity: string): Contact | null {
    const id = this.#contactId(backend, identity)
    if (id === null) return null
    const row = this.#statements.contact.get(id)
    return row === undefined ? null : toContact(row)
  }

  /** Notes when a contact's connection was last heard from; only a contact with several needs it. */
  heard(backend: string, identity: string, at: number): void {
    if (this.#contactId(backend, identity) === null) return
    this.#statements.heard.run(at, backend, identity)
  }

  /**
   * Writes what an app changed. Runs inside a transaction.
   * @throws DocumentConflictError when a document is no longer at the version that was read, or a connection no longer
   *   whose it was
   */
  apply(given: Change, at: number): void {
    const change = wellFormed(given)
    const { insertContact, joinGroup, leaveGroup } = this.#statements
    switch (change.kind) {
      case 'contact-created': {
        const { id, name, language, timeZone, optedOutAt, createdAt } = change.contact
        insertContact.run(id, name, language, timeZone, optedOutAt, createdAt, foldedName(name))
        return
      }
      case 'contact-changed':
        this.#changeContact(change)
        return
      case 'connection-linked': {
        const { backend, identity } = wellFormed(change.connection)
        this.#checkOwner(backend, identity, change.from)
        this.#statements.insertConnection.run(backend, identity, at)
        this.#statements.link.run({ contactId: change.contactId, backend, identity })
        this.#contactOf.delete(connectionKey(backend, identity))
        return
      }
      case 'group-joined':
        joinGroup.run(change.group, change.contactId)
        return
      case 'group-left':
        leaveGroup.run(change.group, change.contactId)
        return
      case 'document-put':
        this.#putDocument(change)
        return
    }
  }

  #putDocument(change: Extract<Change, { kind: 'document-put' }>): void {
    const { scope, key, value, version } = change
    const { getDocument, insertDocument, updateDocument, deleteDocument } = this.#statements
    const json = JSON.stringify(value)
    let written: number
    if (json === undefined && version === 0) written = getDocument.get(scope, key) === undefined ? 1 : 0
    else if (json === undefined) written = deleteDocument.run(scope, key, version).changes
    else if (version === 0) written = insertDocument.run(scope, key, json).changes
    else written = updateDocument.run(json, scope, key, version).changes
    if (written === 1) return
    throw new DocumentConflictError(`The document ${scope}/${key} changed after version ${version} was read.`)
  }

  #changeContact({ id, values, required = false }: Extract<Change, { kind: 'contact-changed' }>): void {
    const row = this.#statements.contact.get(id)
    if (row === undefined && required) throw new DocumentConflictError(`The contact ${id} is not there any more.`)
    if (row === undefined) return
    const { name, language, timeZone, optedOutAt } = { ...toContact(row), ...wellFormed(values) }
    this.#statements.updateContact.run(name, language, timeZone, optedOutAt, foldedName(name), id)
  }

  #checkOwner(backend: string, identity: string, from: string | null | undefined): void {
    if (from === undefined) return
    const owner = this.#statements.connection.get(backend, identity)?.contact_id ?? null
    if (owner === from) return
    throw new DocumentConflictError('The connection has become that of another contact after it was read.')
  }

  #contactId(backend: string, identity: string): string | null {
    const key = connectionKey(backend, identity)
    const known = this.#contactOf.get(key)
    if (known !== undefined) return known
    const row = this.#statements.connection.get(backend, identity)
    if (row === undefined) return null
    if (this.#contactOf.size >= MOST_CONNECTIONS_REMEMBERED) this.#contactOf.clear()
    this.#contactOf.set(key, row.contact_id)
    return row.contact_id
  }

  async find(id: string): Promise<Contact | undefined> {
    const row = this.#statements.contact.get(id)
    return row === undefined ? undefined : toContact(row)
  }

  async ofConnection({ backend, identity }: Connection): Promise<Contact | undefined> {
    return this.contactOf(backend, identity) ?? undefined
  }

  async connectionsOf(contactId: string): Promise<readonly Connection[]> {
    return this.#statements.connectionsOf.all(contactId)
  }

  async groupsOf(contactId: string): Promise<readonly string[]> {
    return this.#statements.groupsOf.all(contactId).map((row) => row.group_name)
  }

  async membersOf(group: string): Promise<readonly string[]> {
    return this.#statements.membersOf.all(group).map((row) => row.contact_id)
  }
}

/** Versioned JSON documents. */
export class SqliteDocuments implements DocumentStore {
  readonly #get

  constructor(database: Database) {
    this.#get = database.prepare<[string, string], { value: string; version: number }>(
      'SELECT value, version FROM documents WHERE scope = ? AND key = ?',
    )
  }

  async get(scope: string, key: string) {
    const row = this.#get.get(scope, key)
    return row === undefined ? undefined : { value: JSON.parse(row.value) as unknown, version: row.version }
  }
}

/** Outside effects done once. */
export class SqliteEffects implements EffectStore {
  readonly #get
  readonly #put
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#commit = commit
    this.#get = database.prepare<[string, string], { result: string | null }>(
      'SELECT result FROM effects WHERE message_id = ? AND key = ?',
    )
    this.#put = database.prepare('INSERT OR IGNORE INTO effects VALUES (?, ?, ?, ?)')
  }

  async get(messageId: string, key: string) {
    const row = this.#get.get(messageId, key)
    if (row === undefined) return undefined
    return { result: row.result === null ? undefined : (JSON.parse(row.result) as unknown) }
  }

  async put(messageId: string, key: string, result: unknown, at: number): Promise<void> {
    await this.#commit.write(() => this.#put.run(messageId, key, JSON.stringify(result) ?? null, at))
  }
}

export function toContact(row: ContactRow): Contact {
  return {
    id: row.id,
    name: row.name,
    language: row.language,
    timeZone: row.time_zone,
    optedOutAt: row.opted_out_at,
    createdAt: row.created_at,
  }
}

function prepare(database: Database) {
  return {
    insertConnection: database.prepare<[string, string, number]>(
      'INSERT OR IGNORE INTO connections (backend, identity, created_at) VALUES (?, ?, ?)',
    ),
    connection: database.prepare<[string, string], { contact_id: string | null }>(
      'SELECT contact_id FROM connections WHERE backend = ? AND identity = ?',
    ),
    // When it was last heard from is kept of contacts' connections only; for a new one, its newest message tells.
    link: database.prepare<[{ contactId: string; backend: string; identity: string }]>(
      `UPDATE connections SET contact_id = @contactId, last_heard_at = COALESCE(
         (SELECT received_at FROM incoming WHERE seq = COALESCE(
           (SELECT MAX(seq) FROM incoming WHERE backend = @backend AND identity = @identity
            AND seq > (SELECT value FROM counters WHERE name = 'indexed')),
           (SELECT MAX(seq) FROM conversation WHERE backend = @backend AND identity = @identity AND outgoing = 0))),
         last_heard_at)
       WHERE backend = @backend AND identity = @identity`,
    ),
    heard: database.prepare('UPDATE connections SET last_heard_at = ? WHERE backend = ? AND identity = ?'),
    connectionsOf: database.prepare<[string], Connection>(
      `SELECT backend, identity FROM connections WHERE contact_id = ?
       ORDER BY last_heard_at DESC NULLS LAST, created_at`,
    ),
    contact: database.prepare<[string], ContactRow>('SELECT * FROM contacts WHERE id = ?'),
    insertContact: database.prepare('INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?)'),
    updateContact: database.prepare(
      'UPDATE contacts SET name = ?, language = ?, time_zone = ?, opted_out_at = ?, folded_name = ? WHERE id = ?',
    ),
    joinGroup: database.prepare('INSERT OR IGNORE INTO group_members SELECT ?, id FROM contacts WHERE id = ?'),
    leaveGroup: database.prepare('DELETE FROM group_members WHERE group_name = ? AND contact_id = ?'),
    groupsOf: database.prepare<[string], { group_name: string }>(
      'SELECT group_name FROM group_members WHERE contact_id = ? ORDER BY group_name',
    ),
    membersOf: database.prepare<[string], { contact_id: string }>(
      'SELECT contact_id FROM group_members WHERE group_name = ? ORDER BY contact_id',
    ),
    getDocument: database.prepare<[string, string]>('SELECT 1 FROM documents WHERE scope = ? AND key = ?'),
    insertDocument: database.prepare('INSERT OR IGNORE INTO documents VALUES (?, ?, ?, 1)'),
    updateDocument: database.prepare(
      'UPDATE documents SET value = ?, version = version + 1 WHERE scope = ? AND key = ? AND version = ?',
    ),
    deleteDocument: database.prepare('DELETE FROM documents WHERE scope = ? AND key = ? AND version = ?'),
  }
}
