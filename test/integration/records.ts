import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite, { type Database } from 'better-sqlite3'
import { tempFolder } from '../support/temp-folder.ts'

export interface IncomingRecord {
  readonly seq: number
  readonly id: string
  readonly identity: string
  readonly text: string
  readonly externalId: string | null
  readonly state: string
  readonly tries: number
  readonly error: string | null
}

export interface OutgoingRecord {
  readonly seq: number
  readonly id: string
  readonly identity: string
  readonly text: string
  readonly inResponseTo: string | null
  readonly state: string
  readonly open: number
  readonly attemptAt: number | null
  readonly tries: number
  readonly code: string | null
  readonly error: string | null
}

export interface AttemptRecord {
  readonly outgoingSeq: number
  readonly number: number
  readonly startedAt: number | null
  readonly finishedAt: number
  readonly outcome: string
  readonly code: string | null
  readonly providerCode: string | null
  readonly error: string | null
}

/** All that the store has recorded of messages, in its order. */
export interface Records {
  readonly incoming: readonly IncomingRecord[]
  readonly outgoing: readonly OutgoingRecord[]
  readonly attempts: readonly AttemptRecord[]
  /** `backend identity` of every connection. */
  readonly connections: ReadonlySet<string>
}

/** Reads the store of a running server. */
export function readRecords(file: string): Records {
  const database = new Sqlite(file, { readonly: true })
  try {
    return recordsOf(database)
  } finally {
    database.close()
  }
}

/** Reads what is on disk after a server was killed, from a copy, so that nothing of it is touched. */
export function readRemains(file: string): Records {
  const folder = tempFolder()
  try {
    const copy = join(folder.path, 'copy.db')
    for (const suffix of ['', '-wal']) if (existsSync(file + suffix)) cpSync(file + suffix, copy + suffix)
    const database = new Sqlite(copy)
    try {
      return recordsOf(database)
    } finally {
      database.close()
    }
  } finally {
    folder.remove()
  }
}

function recordsOf(database: Database): Records {
  const isMade = database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'outgoing'`).get() !== undefined
  if (!isMade) return { incoming: [], outgoing: [], attempts: [], connections: new Set() }
  return database.transaction(() => ({
    incoming: database
      .prepare<[], IncomingRecord>(
        'SELECT seq, id, identity, text, external_id AS externalId, state, tries, error FROM incoming ORDER BY seq',
      )
      .all(),
    outgoing: database
      .prepare<[], OutgoingRecord>(
        `SELECT seq, id, identity, text, in_response_to AS inResponseTo, state, open, attempt_at AS attemptAt, tries,
         code, error FROM outgoing ORDER BY seq`,
      )
      .all(),
    attempts: database
      .prepare<[], AttemptRecord>(
        `SELECT outgoing_seq AS outgoingSeq, number, started_at AS startedAt, finished_at AS finishedAt, outcome, code,
         provider_code AS providerCode, error FROM attempts ORDER BY outgoing_seq, number`,
      )
      .all(),
    connections: new Set(
      database
        .prepare<[], { name: string }>(`SELECT backend || ' ' || identity AS name FROM connections`)
        .all()
        .map(({ name }) => name),
    ),
  }))()
}

/** How many messages are not yet finished; of a running server. */
export function countOpen(file: string): { readonly incoming: number; readonly outgoing: number } {
  const database = new Sqlite(file, { readonly: true })
  try {
    const count = (table: string) =>
      database.prepare<[], { count: number }>(`SELECT COUNT(*) AS count FROM ${table} WHERE open = 1`).get()?.count ?? 0
    return { incoming: count('incoming'), outgoing: count('outgoing') }
  } finally {
    database.close()
  }
}

/** True when every message is processed and every response settled. */
export function isQuiet(file: string): boolean {
  const { incoming, outgoing } = countOpen(file)
  return incoming === 0 && outgoing === 0
}

/** The items of each group, groups and items in the order of their first appearance. */
export function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
