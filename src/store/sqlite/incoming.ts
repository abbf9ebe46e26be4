import type { Database } from 'better-sqlite3'
import type { Fields } from '../../messages/incoming.ts'
import type { Lane } from '../../messages/lane.ts'
import { StaleResultError } from '../errors.ts'
import type { ClaimedIncoming, Finish, NewIncoming, RecordedIncoming } from '../incoming-records.ts'
import type { ContentWindows } from './content-windows.ts'
import type { SqlitePeople } from './people.ts'
import { wellFormed } from './well-formed.ts'

/** How long a service's repeat of a message is still known as one. */
const DUPLICATES_KEPT_MS = 7 * 24 * 3600_000

interface IncomingRow {
  seq: number
  id: string
  backend: string
  identity: string
  address: string | null
  text: string
  fields: string
  external_id: string | null
  received_at: number
  answer_by: number | null
  not_before: number
  tries: number
}

/** A claimed message but for its contact, which is looked up when it is claimed. */
export type OpenIncoming = Omit<ClaimedIncoming, 'contact'>

export type RecordResult = RecordedIncoming & { readonly open?: OpenIncoming }

/** The statements of incoming messages. All of them run inside a transaction of the group commit. */
export class IncomingRows {
  readonly #statements
  readonly #people: SqlitePeople
  readonly #windows: ContentWindows

  constructor(database: Database, people: SqlitePeople, windows: ContentWindows) {
    this.#statements = prepare(database)
    this.#people = people
    this.#windows = windows
  }

  record(given: NewIncoming, nextSeq: () => number): RecordResult {
    const message = wellFormed(given)
    const first = this.#duplicateOf(message)
    if (first !== undefined) return { id: first, duplicate: true }
    const { id, backend, identity, address, text, externalId, receivedAt, answerBy } = message
    const seq = nextSeq()
    const fields = JSON.stringify(message.fields)
    this.#people.ensureConnection(backend, identity, receivedAt)
    this.#statements.insert.run(
      seq,
      id,
      backend,
      identity,
      address,
      text,
      fields,
      externalId,
      receivedAt,
      answerBy ?? null,
    )
    if (externalId === null) this.#windows.opened(message)
    else {
      const expiry = receivedAt + DUPLICATES_KEPT_MS
      this.#statements.insertDuplicate.run(backend, identity, externalId, id, expiry)
    }
    return {
      id,
      duplicate: false,
      open: { ...message, seq, fields: parseFields(fields), notBefore: 0, tries: 0, answerBy: answerBy ?? null },
    }
  }

  #duplicateOf(message: NewIncoming): string | undefined {
    const { backend, identity, externalId, receivedAt } = message
    if (externalId !== null) {
      const row = this.#statements.duplicate.get(backend, identity, externalId)
      return row === undefined || row.expires_at < receivedAt ? undefined : row.message_id
    }
    return this.#windows.find(message)
  }

  finish(result: Finish): void {
    const { message, outcome, at } = result
    const written = this.#settle(message.seq, wellFormed(outcome), at)
    if (written !== 1) throw new StaleResultError(`The message ${message.id} was settled by someone else.`)
    for (const change of result.changes) this.#people.apply(change, at)
    // Only now: the message itself may have made its sender a contact.
    if (outcome.kind !== 'retry') this.#people.heard(message.backend, message.identity, at)
  }

  #settle(seq: number, outcome: Finish['outcome'], at: number): number {
    const { processed, retry, failed } = this.#statements
    switch (outcome.kind) {
      case 'processed':
        return processed.run(outcome.handledBy, at, seq).changes
      case 'retry':
        return retry.run(outcome.at, outcome.error, seq).changes
      case 'failed':
        return failed.run(outcome.error, at, seq).changes
    }
  }

  open(lane: Lane, limit: number): OpenIncoming[] {
    return this.#statements.open.all(lane.owner, lane.identity.toWellFormed(), limit).map(toOpen)
  }

  openLanes(after: Lane | undefined, limit: number): { lane: Lane; notBefore: number }[] {
    return this.#statements.openLanes.all(after?.owner ?? '', after?.identity ?? '', limit).map((row) => ({
      lane: { kind: 'incoming', owner: row.backend, identity: row.identity },
      notBefore: row.not_before,
    }))
  }

  count(): number {
    return this.#statements.count.get()?.count ?? 0
  }

  /** @returns the message's lane when it had failed and is open again */
  replay(id: string, at: number): Lane | undefined {
    const row = this.#statements.replay.get(at, id)
    return row === undefined ? undefined : { kind: 'incoming', owner: row.backend, identity: row.identity }
  }
}

export function parseFields(json: string): Fields {
  return json === '{}' ? {} : (JSON.parse(json) as Fields)
}

function toOpen(row: IncomingRow): OpenIncoming {
  return {
    seq: row.seq,
    id: row.id,
    backend: row.backend,
    identity: row.identity,
    address: row.address,
    text: row.text,
    fields: parseFields(row.fields),
    externalId: row.external_id,
    receivedAt: row.received_at,
    answerBy: row.answer_by,
    notBefore: row.not_before,
    tries: row.tries,
  }
}

function prepare(database: Database) {
  return {
    insert: database.prepare(
      `INSERT INTO incoming (seq, id, backend, identity, address, text, fields, external_id, received_at, answer_by,
       state, open, not_before, tries) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'RECEIVED', 1, 0, 0)`,
    ),
    insertDuplicate: database.prepare('INSERT OR REPLACE INTO duplicates VALUES (?, ?, ?, ?, ?)'),
    duplicate: database.prepare<[string, string, string], { message_id: string; expires_at: number }>(
      'SELECT message_id, expires_at FROM duplicates WHERE backend = ? AND identity = ? AND external_id = ?',
    ),
    open: database.prepare<[string, string, number], IncomingRow>(
      `SELECT seq, id, backend, identity, address, text, fields, external_id, received_at, answer_by, not_before, tries
       FROM incoming WHERE open = 1 AND backend = ? AND identity = ? ORDER BY seq LIMIT ?`,
    ),
    openLanes: database.prepare<[string, string, number], { backend: string; identity: string; not_before: number }>(
      `SELECT backend, identity, not_before, MIN(seq) FROM incoming
       WHERE open = 1 AND (backend, identity) > (?, ?) GROUP BY backend, identity LIMIT ?`,
    ),
    count: database.prepare<[], { count: number }>('SELECT COUNT(*) AS count FROM incoming WHERE open = 1'),
    processed: database.prepare(
      `UPDATE incoming SET state = 'PROCESSED', open = 0, handled_by = ?, error = NULL, processed_at = ?
       WHERE seq = ? AND open = 1`,
    ),
    retry: database.prepare(
      'UPDATE incoming SET tries = tries + 1, not_before = ?, error = ? WHERE seq = ? AND open = 1',
    ),
    failed: database.prepare(
      `UPDATE incoming SET state = 'FAILED', open = 0, tries = tries + 1, error = ?, processed_at = ?
       WHERE seq = ? AND open = 1`,
    ),
    replay: database.prepare<[number, string], { backend: string; identity: string }>(
      `UPDATE incoming SET state = 'RECEIVED', open = 1, tries = 0, not_before = ?
       WHERE id = ? AND state = 'FAILED' RETURNING backend, identity`,
    ),
  }
}
