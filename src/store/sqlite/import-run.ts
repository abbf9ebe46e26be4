import type { Database } from 'better-sqlite3'
import type { Connection } from '../../messages/incoming.ts'
import type { ImportLine, ImportRequest, ImportResult } from '../directory-store.ts'
import { ImportTally, targetOf } from '../import-target.ts'
import { type ContactRow, type SqlitePeople, toContact } from './people.ts'

const LINES_PER_PAGE = 500

/** Takes back a transaction whose result is wanted all the same. */
export class Undone extends Error {
  readonly result: ImportResult

  constructor(result: ImportResult) {
    super('the import is taken back')
    this.result = result
  }
}

/** Writes the staged lines one after the other, so that a line finds whom an earlier one has made. */
export class ImportRun {
  readonly #people: SqlitePeople
  readonly #statements

  constructor(database: Database, people: SqlitePeople) {
    this.#people = people
    this.#statements = prepare(database)
  }

  /**
   * Runs inside a transaction.
   * @throws Undone with the result, where nothing of it is to stay
   */
  run(request: ImportRequest): ImportResult {
    const tally = new ImportTally()
    for (const line of this.#lines(request.importId)) {
      const links = line.connections.map((connection) => ({ connection, owner: this.#ownerOf(connection) }))
      const target = targetOf(
        line,
        links.flatMap(({ owner }) => owner ?? []),
      )
      tally.count(line, target)
      if (target.kind === 'conflict') continue
      if (target.kind === 'new') this.#create(line, request.at)
      else this.#update(target.id, line, request.at)
      for (const { connection, owner } of links) {
        if (owner !== target.id) this.#link(connection, owner === undefined, target.id, request.at)
      }
      for (const group of line.groups) this.#statements.join.run(group, target.id)
    }
    const result = tally.result(request)
    if (!result.applied) throw new Undone(result)
    this.#statements.forget.run(request.importId)
    return result
  }

  *#lines(importId: string): Generator<ImportLine> {
    let after = -1
    for (;;) {
      const rows = this.#statements.page.all(importId, after, LINES_PER_PAGE)
      for (const row of rows) yield JSON.parse(row.data) as ImportLine
      after = rows.at(-1)?.line ?? after
      if (rows.length < LINES_PER_PAGE) return
    }
  }

  /** @returns undefined when nobody has written from it yet */
  #ownerOf({ backend, identity }: Connection): string | null | undefined {
    return this.#statements.owner.get(backend, identity)?.contact_id
  }

  #create({ id, name, language, timeZone, optedOut, connections }: ImportLine, at: number): void {
    const optedOutAt = optedOut === true ? at : null
    const called = name ?? connections[0]?.identity ?? ''
    const contact = { id, name: called, language, timeZone, optedOutAt, createdAt: at }
    this.#people.apply({ kind: 'contact-created', contact }, at)
  }

  #update(id: string, { name, language, timeZone, optedOut }: ImportLine, at: number): void {
    const row = this.#statements.contact.get(id)
    if (row === undefined) return
    const now = toContact(row)
    const optedOutAt = optedOut === true ? (now.optedOutAt ?? at) : null
    const values = {
      name: name ?? now.name,
      language: language ?? now.language,
      timeZone: timeZone ?? now.timeZone,
      optedOutAt: optedOut === null ? now.optedOutAt : optedOutAt,
    }
    const isSame = Object.entries(values).every(([key, value]) => Reflect.get(now, key) === value)
    if (!isSame) this.#people.apply({ kind: 'contact-changed', id, values }, at)
  }

  /** @param isNew spares looking for when it was last heard from */
  #link(connection: Connection, isNew: boolean, contactId: string, at: number): void {
    const { backend, identity } = connection
    if (isNew && this.#statements.insertLinked.run(backend, identity, contactId, at).changes === 1) return
    this.#people.apply({ kind: 'connection-linked', connection, contactId }, at)
  }
}

function prepare(database: Database) {
  return {
    page: database.prepare<[string, number, number], { line: number; data: string }>(
      'SELECT line, data FROM import_lines WHERE import_id = ? AND line > ? ORDER BY line LIMIT ?',
    ),
    owner: database.prepare<[string, string], { contact_id: string | null }>(
      'SELECT contact_id FROM connections WHERE backend = ? AND identity = ?',
    ),
    contact: database.prepare<[string], ContactRow>('SELECT * FROM contacts WHERE id = ?'),
    insertLinked: database.prepare<[string, string, string, number]>(
      'INSERT OR IGNORE INTO connections (backend, identity, contact_id, created_at) VALUES (?, ?, ?, ?)',
    ),
    join: database.prepare<[string, string]>('INSERT OR IGNORE INTO group_members VALUES (?, ?)'),
    forget: database.prepare<[string]>('DELETE FROM import_lines WHERE import_id = ?'),
  }
}
