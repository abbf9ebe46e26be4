import type { Database } from 'better-sqlite3'
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
import { DirectoryEdits } from './directory-edits.ts'
import type { GroupCommit } from './group-commit.ts'
import { ImportRun, Undone } from './import-run.ts'
import { type ContactRow, type SqlitePeople, toContact } from './people.ts'

const STALE_PER_COMMIT = 1_000

interface Parts {
  readonly database: Database
  /** For pages, which may look through many rows. */
  readonly reader: Database
  readonly commit: GroupCommit
  readonly people: SqlitePeople
}

/** People and groups for programs, pages and the command. */
export class SqliteDirectory implements DirectoryStore {
  readonly #commit: GroupCommit
  readonly #people: SqlitePeople
  readonly #reader: Database
  readonly #edits: DirectoryEdits
  readonly #imports: ImportRun
  readonly #statements
  readonly #reads

  constructor({ database, reader, commit, people }: Parts) {
    this.#commit = commit
    this.#people = people
    this.#reader = reader
    this.#edits = new DirectoryEdits(database, people)
    this.#imports = new ImportRun(database, people)
    this.#statements = prepareWrites(database)
    this.#reads = prepareReads(reader)
  }

  async find(id: string): Promise<ListedContact | undefined> {
    const row = this.#reads.contact.get(id.toWellFormed())
    return row === undefined ? undefined : this.#listed(row)
  }

  async ofConnection({ backend, identity }: Connection): Promise<ListedContact | undefined> {
    const row = this.#reads.ofConnection.get(backend.toWellFormed(), identity.toWellFormed())
    return row === undefined ? undefined : this.#listed(row)
  }

  async list(query: ContactQuery): Promise<readonly ListedContact[]> {
    const { sql, values } = pageQuery(query)
    const rows = this.#reader.prepare<unknown[], ContactRow>(sql).all(...values)
    return rows.map((row) => this.#listed(row))
  }

  async groups({ limit, after = '' }: GroupQuery): Promise<readonly ListedGroup[]> {
    return this.#reads.groups.all(after.toWellFormed(), limit)
  }

  edit(edit: ContactEdit, at: number): Promise<EditOutcome> {
    return this.#commit.write(() => this.#edits.make(edit, at))
  }

  async stageImport(importId: string, lines: readonly ImportLine[], at: number): Promise<void> {
    await this.#commit.write(() => {
      for (const line of lines) this.#statements.stage.run(importId, line.line, JSON.stringify(line), at)
    })
  }

  async applyImport(request: ImportRequest): Promise<ImportResult> {
    try {
      return await this.#commit.write(() => {
        const result = this.#imports.run(request)
        this.#people.forget()
        return result
      })
    } catch (error) {
      if (error instanceof Undone) return error.result
      throw error
    }
  }

  async dropImport(importId: string, before: number): Promise<void> {
    let removed: number
    do {
      removed = await this.#commit.write(
        () => this.#statements.drop.run({ importId, before, limit: STALE_PER_COMMIT }).changes,
      )
    } while (removed === STALE_PER_COMMIT)
  }

  #listed(row: ContactRow): ListedContact {
    const connections = this.#reads.connectionsOf.all(row.id)
    const groups = this.#reads.groupsOf.all(row.id).map(({ group_name }) => group_name)
    return { ...toContact(row), connections, groups }
  }
}

function pageQuery(query: ContactQuery): { readonly sql: string; readonly values: readonly (string | number)[] } {
  const { group, language, optedOut, text, identity, after = '', limit } = query
  const values: (string | number)[] = []
  const conditions = ['c.id > ?']
  let from = 'contacts c'
  if (group !== undefined) {
    // A small group of many people is found by its members.
    from = 'group_members m CROSS JOIN contacts c ON c.id = m.contact_id'
    conditions.unshift('m.group_name = ?')
    conditions.push('m.contact_id > ?')
    values.push(group.toWellFormed(), after, after)
  } else values.push(after)
  if (language !== undefined) {
    conditions.push('lower(c.language) = lower(?)')
    values.push(language.toWellFormed())
  }
  if (optedOut !== undefined) conditions.push(`c.opted_out_at IS ${optedOut ? 'NOT NULL' : 'NULL'}`)
  const found: string[] = []
  if (text !== undefined) {
    found.push('instr(c.folded_name, ?) > 0')
    values.push(foldedName(text))
  }
  if (identity !== undefined) {
    found.push('EXISTS (SELECT 1 FROM connections i WHERE i.contact_id = c.id AND instr(i.identity, ?) > 0)')
    values.push(identity.toWellFormed())
  }
  if (found.length > 0) conditions.push(`(${found.join(' OR ')})`)
  values.push(limit)
  const order = group === undefined ? 'c.id' : 'm.contact_id'
  const sql = `SELECT c.* FROM ${from} WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ?`
  return { sql, values }
}

function prepareReads(reader: Database) {
  return {
    contact: reader.prepare<[string], ContactRow>('SELECT * FROM contacts WHERE id = ?'),
    ofConnection: reader.prepare<[string, string], ContactRow>(
      `SELECT c.* FROM connections o JOIN contacts c ON c.id = o.contact_id WHERE o.backend = ? AND o.identity = ?`,
    ),
    connectionsOf: reader.prepare<[string], Connection>(
      `SELECT backend, identity FROM connections WHERE contact_id = ?
       ORDER BY last_heard_at DESC NULLS LAST, created_at, backend, identity`,
    ),
    groupsOf: reader.prepare<[string], { group_name: string }>(
      'SELECT group_name FROM group_members WHERE contact_id = ? ORDER BY group_name',
    ),
    groups: reader.prepare<[string, number], ListedGroup>(
      `SELECT group_name AS name, COUNT(*) AS members FROM group_members WHERE group_name > ?
       GROUP BY group_name ORDER BY group_name LIMIT ?`,
    ),
  }
}

function prepareWrites(database: Database) {
  return {
    stage: database.prepare<[string, number, string, number]>('INSERT INTO import_lines VALUES (?, ?, ?, ?)'),
    drop: database.prepare<[{ importId: string; before: number; limit: number }]>(
      `DELETE FROM import_lines WHERE (import_id, line) IN (
         SELECT import_id, line FROM import_lines WHERE import_id = @importId
         UNION ALL SELECT import_id, line FROM import_lines WHERE staged_at < @before LIMIT @limit)`,
    ),
  }
}
