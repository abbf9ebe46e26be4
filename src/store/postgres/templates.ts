import type { Text } from '../../messages/incoming.ts'
import type { NewOutgoing } from '../outgoing-records.ts'
import type { StoredTemplate, TemplatePage, TemplateStore } from '../template-store.ts'
import type { PostgresDatabase, Run, Statement } from './database.ts'
import { keyOf } from './keys.ts'
import type { Numbered } from './operations.ts'
import { recordset } from './texts.ts'

const GET: Statement = { name: 'template', text: 'SELECT * FROM templates WHERE slug = $1' }

const LIST: Statement = {
  name: 'templates',
  text: 'SELECT * FROM templates WHERE slug > $1 ORDER BY slug LIMIT $2',
}

const INSERT: Statement = {
  name: 'insert-template',
  text: `INSERT INTO templates (slug, body, active, locked, allow_duplicates, created_at, changed_at, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (slug) DO NOTHING RETURNING slug`,
}

const UPDATE: Statement = {
  name: 'update-template',
  text: `UPDATE templates SET body = $2, active = $3, locked = $4, allow_duplicates = $5, changed_at = $7, version = $8
    WHERE slug = $1 AND version = $8 - 1 AND created_at = $6 RETURNING slug`,
}

const REMOVE: Statement = {
  name: 'remove-template',
  text: 'DELETE FROM templates WHERE slug = $1 AND version = $2 RETURNING slug',
}

const HOLDERS: Statement = {
  name: 'sole-holders',
  text: 'SELECT key, message_id FROM sole_messages WHERE key = ANY($1)',
}

/** Waits for whoever writes the same key now; in the order of the keys, so that no two wait for each other. */
const TAKE: Statement = {
  name: 'take-sole-keys',
  text: `INSERT INTO sole_messages (key, message_id, recorded_at)
    SELECT DISTINCT ON (key) key, by, at FROM json_to_recordset($1) AS g(n integer, key text, by text, at bigint)
    ORDER BY key, n ON CONFLICT (key) DO NOTHING`,
}

interface TemplateRow {
  slug: string
  body: string
  active: boolean
  locked: boolean
  allow_duplicates: boolean
  created_at: number
  changed_at: number
  version: number
}

interface HolderRow {
  key: string
  message_id: string
}

/** Templates, and the keys of messages that may not be repeated. */
export class PostgresTemplates implements TemplateStore {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async get(slug: string): Promise<StoredTemplate | undefined> {
    const [row] = await this.#database.query<TemplateRow>(GET, [slug])
    return row === undefined ? undefined : toTemplate(row)
  }

  async list({ after = '', limit }: TemplatePage): Promise<readonly StoredTemplate[]> {
    return (await this.#database.query<TemplateRow>(LIST, [after, limit])).map(toTemplate)
  }

  async put(template: StoredTemplate): Promise<boolean> {
    const { slug, body, active, locked, allowDuplicates, createdAt, changedAt, version } = template
    const values = [slug, JSON.stringify(body), active, locked, allowDuplicates, createdAt, changedAt, version]
    return (await this.#database.query(version === 1 ? INSERT : UPDATE, values)).length === 1
  }

  async remove(slug: string, version: number): Promise<boolean> {
    return (await this.#database.query(REMOVE, [slug, version])).length === 1
  }

  async soleHolders(keys: readonly string[]): Promise<readonly (string | null)[]> {
    const rows = await this.#database.query<HolderRow>(HOLDERS, [keys.map((key) => keyOf(key))])
    const holders = new Map(rows.map((row) => [row.key, row.message_id]))
    return keys.map((key) => holders.get(keyOf(key)) ?? null)
  }
}

/** Leaves out the messages whose key belongs to another one; inside a transaction. */
export async function withoutRepeated(
  run: Run,
  messages: readonly Numbered<NewOutgoing>[],
): Promise<readonly Numbered<NewOutgoing>[]> {
  const rows = messages.flatMap(({ message: { sole, createdAt } }, n) =>
    sole === undefined ? [] : [{ n, key: keyOf(sole.key), by: sole.by, at: createdAt }],
  )
  if (rows.length === 0) return messages
  await run(TAKE, [recordset(rows)])
  const found = await run<HolderRow>(HOLDERS, [[...new Set(rows.map(({ key }) => key))]])
  const holders = new Map(found.map((row) => [row.key, row.message_id]))
  return messages.filter(({ message: { sole } }) => sole === undefined || holders.get(keyOf(sole.key)) === sole.by)
}

function toTemplate(row: TemplateRow): StoredTemplate {
  return {
    slug: row.slug,
    body: JSON.parse(row.body) as Text,
    active: row.active,
    locked: row.locked,
    allowDuplicates: row.allow_duplicates,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    version: row.version,
  }
}
