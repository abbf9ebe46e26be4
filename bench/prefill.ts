import { execFileSync } from 'node:child_process'
import Sqlite, { type Database } from 'better-sqlite3'
import { identityOf, textNumber } from './requests.ts'
import type { Workbench } from './workbench.ts'

const BATCH = 20_000
/** Messages for each person in a store. */
export const MESSAGES_PER_PERSON = 10
const FIRST_TIME = 1_700_000_000_000
const MILLISECONDS_BETWEEN = 20
const EXTERNAL_ID_SPREAD = 0x9e3779b1

/** A statement and the values of its row of a number. */
interface Filling {
  readonly sql: string
  readonly row: (number: number) => readonly unknown[]
}

const connection: Filling = {
  sql: `INSERT INTO connections (backend, identity, created_at) VALUES ('bench', ?, ?)`,
  row: (person) => [identityOf(person), FIRST_TIME],
}

/**
 * Fills a new database with conversations that are long over: half of the messages came in, half are their replies,
 * with all that the server would have kept of them.
 */
export function prefillHistory(bench: Workbench, messages: number): string {
  const people = Math.max(1, messages / MESSAGES_PER_PERSON)
  const pairs = messages / 2
  return filled(bench, (fill) => {
    fill(people, [connection])
    fill(pairs, [
      {
        sql: `INSERT INTO incoming (seq, id, backend, identity, text, fields, received_at, state, open, not_before, tries,
              handled_by, processed_at) VALUES (?, ?, 'bench', ?, ?, '{}', ?, 'PROCESSED', 0, 0, 0, 'echo', ?)`,
        row: (pair) => [pair * 2 + 1, idOf(pair * 2 + 1), ...written(pair, people), timeOf(pair), timeOf(pair)],
      },
      {
        sql: `INSERT INTO outgoing (seq, id, backend, identity, text, class, data, in_response_to, via, parts, state, open,
              phased, tries, not_before, created_at, changed_at, sent_at)
              VALUES (?, ?, 'bench', ?, ?, 'reply', '{}', ?, 'send', 1, 'SENT', 0, 1, 1, 0, ?, ?, ?)`,
        row: (pair) => {
          const at = timeOf(pair)
          return [pair * 2 + 2, idOf(pair * 2 + 2), ...written(pair, people), idOf(pair * 2 + 1), at, at, at]
        },
      },
      {
        sql: `INSERT INTO attempts (outgoing_seq, number, backend, started_at, finished_at, outcome)
              VALUES (?, 1, 'bench', ?, ?, 'SENT')`,
        row: (pair) => [pair * 2 + 2, timeOf(pair), timeOf(pair)],
      },
      {
        sql: `INSERT INTO external_ids VALUES ('bench', ?, ?, ?, 0, NULL, NULL)`,
        row: (pair) => [idOf(pair * 2 + 2), pair * 2 + 2, timeOf(pair)],
      },
    ])
    return messages
  })
}

/** Fills a new database with messages that came in and were never processed. */
export function prefillBacklog(bench: Workbench, messages: number): string {
  const people = Math.max(1, messages / MESSAGES_PER_PERSON)
  return filled(bench, (fill) => {
    fill(people, [connection])
    fill(messages, [
      {
        sql: `INSERT INTO incoming (seq, id, backend, identity, text, fields, received_at, state, open, not_before, tries)
              VALUES (?, ?, 'bench', ?, ?, '{}', ?, 'RECEIVED', 1, 0, 0)`,
        row: (number) => [number + 1, idOf(number + 1), ...written(number, people), timeOf(number)],
      },
    ])
    return messages
  })
}

/** Fills a new database with a broadcast that waits to be sent, one message to each of as many people. */
export function prefillBroadcast(bench: Workbench, messages: number): string {
  const now = Date.now()
  return filled(bench, (fill) => {
    fill(messages, [
      connection,
      {
        sql: `INSERT INTO outgoing (seq, id, backend, identity, text, class, data, via, parts, state, open, phased, tries,
              not_before, created_at, changed_at)
              VALUES (?, ?, 'bench', ?, 'The clinic is open on Saturday.', 'bulk', '{}', 'send', 1, 'WAITING', 1, 1, 0,
              0, ?, ?)`,
        row: (number) => [number + 1, idOf(number + 1), identityOf(number), now, now],
      },
    ])
    return messages
  })
}

/** What the server would have done by batches as the messages came. */
const ENTER_CONVERSATIONS = `
  INSERT INTO conversation (backend, identity, seq, outgoing)
  SELECT backend, identity, seq, 0 FROM incoming UNION ALL SELECT backend, identity, seq, 1 FROM outgoing
  ORDER BY 1, 2, 3`

type Fill = (count: number, fillings: readonly Filling[]) => void

function filled(bench: Workbench, write: (fill: Fill) => number): string {
  const file = bench.newDatabase()
  execFileSync(process.execPath, [bench.command, 'migrate', '--settings', bench.settingsFile('echo')], {
    env: { ...process.env, DATABASE_URL: `sqlite:${file}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const database = new Sqlite(file)
  // Only the filling may skip the syncs: what is measured afterwards opens the file anew.
  database.pragma('synchronous = OFF')
  const last = write((count, fillings) => insertAll(database, count, fillings))
  database.prepare(`UPDATE counters SET value = ? WHERE name IN ('seq', 'indexed')`).run(last)
  database.exec(ENTER_CONVERSATIONS)
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
  return file
}

function insertAll(database: Database, count: number, fillings: readonly Filling[]): void {
  const statements = fillings.map(({ sql, row }) => ({ statement: database.prepare(sql), row }))
  for (let from = 0; from < count; from += BATCH) {
    database.exec('BEGIN')
    for (let number = from; number < Math.min(count, from + BATCH); number++) {
      for (const { statement, row } of statements) statement.run(...row(number))
    }
    database.exec('COMMIT')
  }
}

function written(number: number, people: number): [string, string] {
  return [identityOf(number % people), `echo ${textNumber(number)}`]
}

function timeOf(number: number): number {
  return FIRST_TIME + number * MILLISECONDS_BETWEEN
}

/** An id as the server makes them: the time first, then what looks random but is the same in each run. */
function idOf(seq: number): string {
  const time = timeOf(seq).toString(16).padStart(12, '0')
  const node = ((seq * EXTERNAL_ID_SPREAD) % 2 ** 48).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${node}`
}
