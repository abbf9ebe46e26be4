import type { Database } from 'better-sqlite3'
import type { Text } from '../../messages/incoming.ts'
import type { SoleKey, StoredTemplate, TemplatePage, TemplateStore } from '../template-store.ts'
import type { GroupCommit } from './group-commit.ts'

interface TemplateRow {
  slug: string
  body: string
  active: number
  locked: number
  allow_duplicates: number
  created_at: number
  changed_at: number
  version: number
}

/** Templates, and the keys of messages that may not be repeated. */
export class SqliteTemplates implements TemplateStore {
  readonly #statements
  readonly #holder
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#statements = prepare(database)
    this.#holder = holderOf(database)
    this.#commit = commit
  }

  async get(slug: string): Promise<StoredTemplate | undefined> {
    const row = this.#statements.get.get(slug.toWellFormed())
    return row === undefined ? undefined : toTemplate(row)
  }

  async list({ after = '', limit }: TemplatePage): Promise<readonly StoredTemplate[]> {
    return this.#statements.list.all(after.toWellFormed(), limit).map(toTemplate)
  }

  async put(template: StoredTemplate): Promise<boolean> {
    const { slug, active, locked, allowDuplicates, createdAt, changedAt, version } = template
    const row = {
      slug: slug.toWellFormed(),
      body: JSON.stringify(template.body),
      active: Number(active),
      locked: Number(locked),
      allow_duplicates: Number(allowDuplicates),
      created_at: createdAt,
      changed_at: changedAt,
      version,
    }
    const { insert, update } = this.#statements
    return this.#commit.write(() => (version === 1 ? insert : update).run(row).changes === 1)
  }

  async remove(slug: string, version: number): Promise<boolean> {
    return this.#commit.write(() => this.#statements.remove.run(slug.toWellFormed(), version).changes === 1)
  }

  async soleHolders(keys: readonly string[]): Promise<readonly (string | null)[]> {
    return keys.map((key) => this.#holder.get(key)?.message_id ?? null)
  }
}

/** Tells whether a message is the only one of its key. Runs inside a transaction of the group commit. */
export class SoleMessages {
  readonly #take
  readonly #holder

  constructor(database: Database) {
    this.#take = database.prepare('INSERT OR IGNORE INTO sole_messages VALUES (?, ?, ?)')
    this.#holder = holderOf(database)
  }

  take({ key, by }: SoleKey, at: number): boolean {
    return this.#take.run(key, by, at).changes === 1 || this.#holder.get(key)?.message_id === by
  }
}

function holderOf(database: Database) {
  return database.prepare<[string], { message_id: string }>('SELECT message_id FROM sole_messages WHERE key = ?')
}

function toTemplate(row: TemplateRow): StoredTemplate {
  return {
    slug: row.slug,
    body: JSON.parse(row.body) as Text,
    active: row.active === 1,
    locked: row.locked === 1,
    allowDuplicates: row.allow_duplicates === 1,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    version: row.version,
  }
}

function prepare(database: Database) {
  return {
    get: database.prepare<[string], TemplateRow>('SELECT * FROM templates WHERE slug = ?'),
    list: database.prepare<[string, number], TemplateRow>(
      'SELECT * FROM templates WHERE slug > ? ORDER BY slug LIMIT ?',
    ),
    insert: database.prepare<[TemplateRow]>(
      `INSERT OR IGNORE INTO templates VALUES
       (@slug, @body, @active, @locked, @allow_duplicates, @created_at, @changed_at, @version)`,
    ),
    update: database.prepare<[TemplateRow]>(
      `UPDATE templates SET body = @body, active = @active, locked = @locked, allow_duplicates = @allow_duplicates,
       changed_at = @changed_at, version = @version
       WHERE slug = @slug AND version = @version - 1 AND created_at = @created_at`,
    ),
    remove: database.prepare('DELETE FROM templates WHERE slug = ? AND version = ?'),
  }
}
