import { type Kysely, sql } from 'kysely'
import type { Connection } from '../../messages/incoming.ts'
import type { Contact } from '../contact.ts'
import type { ContactStore, DocumentStore, EffectStore } from '../store.ts'
import { keyOf } from './keys.ts'

export interface ContactRow {
  id: string
  name: string
  language: string | null
  time_zone: string | null
  opted_out_at: number | null
  created_at: number
}

export interface PeopleTables {
  contacts: ContactRow
  connections: {
    key: string
    backend: string
    identity: string
    contact_id: string | null
    created_at: number
    last_heard_at: number | null
  }
  group_members: { group_key: string; group_name: string; contact_id: string }
  documents: { key: string; value: string; version: number }
  effects: { message_id: string; key: string; result: string | null; at: number }
}

/** Contacts, their connections and groups, as apps read them. */
export class PostgresContacts implements ContactStore {
  readonly #db: Kysely<PeopleTables>

  constructor(db: Kysely<PeopleTables>) {
    this.#db = db
  }

  async find(id: string): Promise<Contact | undefined> {
    const row = await this.#db.selectFrom('contacts').selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined ? undefined : toContact(row)
  }

  async ofConnection({ backend, identity }: Connection): Promise<Contact | undefined> {
    const row = await this.#db
      .selectFrom('contacts')
      .innerJoin('connections', 'connections.contact_id', 'contacts.id')
      .selectAll('contacts')
      .where('connections.key', '=', keyOf(backend, identity))
      .executeTakeFirst()
    return row === undefined ? undefined : toContact(row)
  }

  async connectionsOf(contactId: string): Promise<readonly Connection[]> {
    return this.#db
      .selectFrom('connections')
      .select(['backend', 'identity'])
      .where('contact_id', '=', contactId)
      .orderBy(sql`last_heard_at DESC NULLS LAST`)
      .orderBy('created_at')
      .execute()
  }

  async groupsOf(contactId: string): Promise<readonly string[]> {
    const query = this.#db.selectFrom('group_members').select('group_name').where('contact_id', '=', contactId)
    return (await query.orderBy('group_name').execute()).map((row) => row.group_name)
  }

  async membersOf(group: string): Promise<readonly string[]> {
    const query = this.#db.selectFrom('group_members').select('contact_id').where('group_key', '=', keyOf(group))
    return (await query.orderBy('contact_id').execute()).map((row) => row.contact_id)
  }
}

/** Versioned JSON documents. */
export class PostgresDocuments implements DocumentStore {
  readonly #db: Kysely<PeopleTables>

  constructor(db: Kysely<PeopleTables>) {
    this.#db = db
  }

  async get(scope: string, key: string) {
    const query = this.#db.selectFrom('documents').select(['value', 'version']).where('key', '=', keyOf(scope, key))
    const row = await query.executeTakeFirst()
    return row === undefined ? undefined : { value: JSON.parse(row.value) as unknown, version: row.version }
  }
}

/** Outside effects done once. */
export class PostgresEffects implements EffectStore {
  readonly #db: Kysely<PeopleTables>

  constructor(db: Kysely<PeopleTables>) {
    this.#db = db
  }

  async get(messageId: string, key: string) {
    const query = this.#db.selectFrom('effects').select('result').where('message_id', '=', messageId)
    const row = await query.where('key', '=', keyOf(key)).executeTakeFirst()
    if (row === undefined) return undefined
    return { result: row.result === null ? undefined : (JSON.parse(row.result) as unknown) }
  }

  async put(messageId: string, key: string, result: unknown, at: number): Promise<void> {
    const row = { message_id: messageId, key: keyOf(key), result: JSON.stringify(result) ?? null, at }
    await this.#db
      .insertInto('effects')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
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
