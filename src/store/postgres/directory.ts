import { type Kysely, sql } from 'kysely'
import type { Connection } from '../../messages/incoming.ts'
import type {
  ContactEdit,
  ContactQuery,
  DirectoryStore,
  EditOutcome,
  GroupQuery,
  ImportLine,
  ImportRequest,
  ImportResult,
  ListedContact,
  ListedGroup,
} from '../directory-store.ts'
import { foldedName } from '../folded-name.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { makeEdit } from './directory-edits.ts'
import { codeOf, isClash } from './faults.ts'
import { applyImport, Moved } from './import-run.ts'
import { keyOf } from './keys.ts'
import { type PeopleTables, toContact } from './people.ts'
import type { Cold } from './session.ts'
import { recordset } from './texts.ts'

const MOST_TRIES = 5
const STALE_PER_COMMIT = 1_000

const STAGE: Statement = {
  name: 'stage-import',
  text: `INSERT INTO import_lines SELECT $2, line, data, $3 FROM json_to_recordset($1) AS g(line bigint, data text)`,
}
const DROP: Statement = {
  name: 'drop-import',
  text: `DELETE FROM import_lines WHERE ctid = ANY(ARRAY((SELECT ctid FROM import_lines WHERE import_id = $1 LIMIT $3)
      UNION ALL (SELECT ctid FROM import_lines WHERE staged_at < $2 LIMIT $3))) RETURNING line`,
}
const GROUPS: Statement = {
  name: 'list-groups',
  text: `SELECT group_name AS name, count(*) AS members FROM group_members WHERE group_name > $1
    GROUP BY group_name ORDER BY group_name LIMIT $2`,
}

interface Parts {
  readonly database: PostgresDatabase
  readonly db: Kysely<PeopleTables>
  /** For imports, which take longer than a statement may. */
  readonly cold: Cold
}

/** People and groups for programs, pages and the command. */
export class PostgresDirectory implements DirectoryStore {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async find(id: string): Promise<ListedContact | undefined> {
    const rows = await this.#parts.db.selectFrom('contacts').selectAll().where('id', '=', id).execute()
    return (await this.#listed(rows.map(toContact)))[0]
  }

  async ofConnection({ backend, identity }: Connection): Promise<ListedContact | undefined> {
    const rows = await this.#parts.db
      .selectFrom('contacts')
      .innerJoin('connections', 'connections.contact_id', 'contacts.id')
      .selectAll('contacts')
      .where('connections.key', '=', keyOf(backend, identity))
      .execute()
    return (await this.#listed(rows.map(toContact)))[0]
  }

  async list({ group, language, optedOut, text, identity, after = '', limit }: ContactQuery) {
    let query = this.#parts.db.selectFrom('contacts as c').selectAll('c').where('c.id', '>', after)
    if (group !== undefined) {
      query = query
        .innerJoin('group_members as m', 'm.contact_id', 'c.id')
        .where('m.group_key', '=', keyOf(group))
        .where('m.contact_id', '>', after)
    }
    if (language !== undefined) query = query.where(sql`lower(c.language)`, '=', language.toLowerCase())
    if (optedOut !== undefined) query = query.where('c.opted_out_at', optedOut ? 'is not' : 'is', null)
    const found = [
      ...(text === undefined ? [] : [sql<boolean>`strpos(c.folded_name, ${foldedName(text)}) > 0`]),
      ...(identity === undefined
        ? []
        : [
            sql<boolean>`EXISTS (SELECT FROM connections i WHERE i.contact_id = c.id
              AND strpos(i.identity, ${identity}) > 0)`,
          ]),
    ]
    if (found.length > 0) query = query.where((eb) => eb.or(found))
    const rows = await query
      .orderBy(sql.ref(group === undefined ? 'c.id' : 'm.contact_id'))
      .limit(limit)
      .execute()
    return this.#listed(rows.map(toContact))
  }

  async groups({ limit, after = '' }: GroupQuery): Promise<readonly ListedGroup[]> {
    return this.#parts.database.query<ListedGroup>(GROUPS, [after, limit])
  }

  async edit(edit: ContactEdit, at: number): Promise<EditOutcome> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#parts.database.transaction((run) => makeEdit(run, edit, at))
      } catch (error) {
        if (!isClash(error) || tries === MOST_TRIES) throw error
      }
    }
  }

  async stageImport(importId: string, lines: readonly ImportLine[], at: number): Promise<void> {
    const rows = lines.map((line) => ({ line: line.line, data: JSON.stringify(line) }))
    await this.#parts.database.query(STAGE, [recordset(rows), importId, at])
  }

  /** What somebody else changes while it looks is found at the end; then it looks again. */
  async applyImport(request: ImportRequest): Promise<ImportResult> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#parts.cold((client) => applyImport(client, request))
      } catch (error) {
        const mayPass = error instanceof Moved || isClash(error) || isGone(error)
        if (!mayPass || tries === MOST_TRIES) throw error
      }
    }
  }

  async dropImport(importId: string, before: number): Promise<void> {
    let removed: number
    do {
      removed = (await this.#parts.database.query(DROP, [importId, before, STALE_PER_COMMIT])).length
    } while (removed >= STALE_PER_COMMIT)
  }

  async #listed(contacts: readonly ReturnType<typeof toContact>[]): Promise<readonly ListedContact[]> {
    if (contacts.length === 0) return []
    const ids = contacts.map(({ id }) => id)
    const { db } = this.#parts
    const connections = await db
      .selectFrom('connections')
      .select(['contact_id', 'backend', 'identity'])
      .where('contact_id', 'in', ids)
      .orderBy(sql`last_heard_at DESC NULLS LAST`)
      .orderBy('created_at')
      .orderBy('backend')
      .orderBy('identity')
      .execute()
    const members = await db
      .selectFrom('group_members')
      .select(['contact_id', 'group_name'])
      .where('contact_id', 'in', ids)
      .orderBy('group_name')
      .execute()
    const connectionsOf = new Map<string | null, Connection[]>()
    for (const { contact_id, backend, identity } of connections) {
      connectionsOf.set(contact_id, [...(connectionsOf.get(contact_id) ?? []), { backend, identity }])
    }
    const groupsOf = new Map<string, string[]>()
    for (const { contact_id, group_name } of members) {
      groupsOf.set(contact_id, [...(groupsOf.get(contact_id) ?? []), group_name])
    }
    return contacts.map((contact) => ({
      ...contact,
      connections: connectionsOf.get(contact.id) ?? [],
      groups: groupsOf.get(contact.id) ?? [],
    }))
  }
}

/** A contact was deleted, or made, between being looked at and being referred to. */
function isGone(error: unknown): boolean {
  const code = error instanceof Error ? codeOf(error) : undefined
  return code === '23503' || code === '23505'
}
