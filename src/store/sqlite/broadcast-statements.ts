import type { Database, Statement } from 'better-sqlite3'
import type { MessageClass } from '../../messages/lane.ts'
import type { OutgoingState } from '../../messages/states.ts'
import type { BroadcastColumns } from '../broadcast-rows.ts'
import type { BroadcastFault } from '../broadcast-store.ts'

export interface RecipientColumns {
  position: number
  backend: string
  identity: string
  params: string | null
  contact_id: string | null
  name: string | null
  language: string | null
  time_zone: string | null
  opted_out_at: number | null
  contact_created_at: number | null
}

interface PlaceColumns {
  seq: number
  backend: string
  class: MessageClass
  identity: string
}

interface Moving {
  id: string
  limit: number
  at: number
}

const NUMBER = '(SELECT number FROM broadcasts WHERE id = @id)'

/** With no service now, whether it was tried before or not. */
const WAITING = 'broadcast_id = @id AND open = 1 AND attempt_at IS NULL'

/** Named here, since the driver's own names cannot be written into our declarations. */
export interface BroadcastStatements {
  readonly write: {
    readonly byKey: Statement<[string], BroadcastColumns>
    readonly byId: Statement<[string], BroadcastColumns>
    readonly insert: Statement
    readonly touch: Statement<[{ id: string; holder: string; heldUntil: number }], { number: number }>
    readonly insertRecipient: Statement
    readonly count: Statement
    readonly faultCount: Statement<[number], { count: number }>
    readonly insertFault: Statement
    readonly countFaults: Statement
    readonly change: Statement
    readonly expand: Statement<[object], { number: number }>
    readonly holdBack: Statement<[Moving & { heldUntil: number }], PlaceColumns>
    readonly letGo: Statement<[Moving & { heldUntil: number }], PlaceColumns>
    readonly held: Statement
    readonly cancelOpen: Statement<[Moving & { reason: string }], PlaceColumns>
    readonly costOf: Statement<[string], { cost: number; costed: number; cost_cursor: number; last_seq: number }>
    readonly firstOpen: Statement<[string], { seq: number | null }>
    readonly spent: Statement<[{ id: string; from: number; to: number }], { cost: number; settled: number }>
    readonly addCost: Statement
  }
  readonly read: {
    readonly find: Statement<[string], BroadcastColumns>
    readonly list: Statement<[number, number], BroadcastColumns>
    readonly unended: Statement<[number], BroadcastColumns>
    readonly faults: Statement<[{ id: string; after: number; limit: number }], BroadcastFault>
    readonly states: Statement<[string], { state: OutgoingState; count: number }>
    readonly recipients: Statement<[{ id: string; after: number; limit: number }], RecipientColumns>
    readonly countOpen: Statement<[string, number], { count: number }>
  }
}

export function prepareBroadcasts(database: Database, reader: Database): BroadcastStatements {
  return { write: { ...prepareTaking(database), ...prepareWork(database) }, read: prepareReads(reader) }
}

function prepareTaking(database: Database) {
  return {
    byKey: database.prepare<[string], BroadcastColumns>('SELECT * FROM broadcasts WHERE key = ?'),
    byId: database.prepare<[string], BroadcastColumns>('SELECT * FROM broadcasts WHERE id = ?'),
    insert: database.prepare(
      `INSERT INTO broadcasts (id, name, tag, key, state, request, start_at, created_at, changed_at, holder, held_until)
       VALUES (@id, @name, @tag, @key, 'TAKING', @request, @startAt, @createdAt, @createdAt, @holder, @heldUntil)`,
    ),
    touch: database.prepare<[{ id: string; holder: string; heldUntil: number }], { number: number }>(
      `UPDATE broadcasts SET held_until = @heldUntil WHERE id = @id AND state = 'TAKING' AND holder = @holder
       RETURNING number`,
    ),
    insertRecipient: database.prepare('INSERT OR IGNORE INTO broadcast_recipients VALUES (?, ?, ?, ?, ?)'),
    count: database.prepare(
      `UPDATE broadcasts SET recipients = recipients + @taken, duplicates = duplicates + @duplicates
       WHERE number = @number`,
    ),
    faultCount: database.prepare<[number], { count: number }>(
      'SELECT count(*) AS count FROM broadcast_faults WHERE broadcast = ?',
    ),
    insertFault: database.prepare('INSERT OR IGNORE INTO broadcast_faults VALUES (?, ?, ?)'),
    countFaults: database.prepare('UPDATE broadcasts SET faults = faults + @faults WHERE number = @number'),
    // Who failed lets go of the key: with it, the same may be tried again.
    change: database.prepare(
      `UPDATE broadcasts SET state = @to, reason = COALESCE(@reason, reason), changed_at = @at, ended_at = @endedAt,
       key = CASE WHEN @to = 'FAILED' THEN NULL ELSE key END
       WHERE id = @id AND state IN (SELECT value FROM json_each(@states))
       AND (@holder IS NULL OR holder = @holder) AND (@heldBefore IS NULL OR held_until < @heldBefore)`,
    ),
  }
}

function prepareWork(database: Database) {
  const moved = (set: string, where: string) =>
    `UPDATE outgoing SET ${set}, changed_at = @at WHERE seq IN
     (SELECT seq FROM outgoing WHERE ${WAITING} AND ${where} LIMIT @limit) RETURNING seq, backend, class, identity`
  return {
    expand: database.prepare<[object], { number: number }>(
      `UPDATE broadcasts SET cursor = @to, expanded = expanded + @recipients, messages = messages + @messages,
       changed_at = @at WHERE id = @id AND state = 'RUNNING' AND cursor = @from RETURNING number`,
    ),
    holdBack: database.prepare<[Moving & { heldUntil: number }], PlaceColumns>(
      moved('not_before = @heldUntil', 'tries = 0 AND not_before < @heldUntil'),
    ),
    letGo: database.prepare<[Moving & { heldUntil: number }], PlaceColumns>(
      moved('not_before = 0', 'tries = 0 AND not_before = @heldUntil'),
    ),
    held: database.prepare('UPDATE broadcasts SET held = @held WHERE id = @id'),
    cancelOpen: database.prepare<[Moving & { reason: string }], PlaceColumns>(
      moved(`state = 'CANCELLED', open = 0, error = @reason`, 'TRUE'),
    ),
    costOf: database.prepare<[string], { cost: number; costed: number; cost_cursor: number; last_seq: number }>(
      `SELECT cost, costed, cost_cursor, (SELECT COALESCE(MAX(seq), 0) FROM outgoing) AS last_seq
       FROM broadcasts WHERE id = ?`,
    ),
    firstOpen: database.prepare<[string], { seq: number | null }>(
      'SELECT MIN(seq) AS seq FROM outgoing WHERE broadcast_id = ? AND open = 1',
    ),
    spent: database.prepare<[{ id: string; from: number; to: number }], { cost: number; settled: number }>(
      `SELECT COALESCE(SUM((SELECT SUM(cost) FROM attempts WHERE outgoing_seq = seq)), 0) AS cost, count(*) AS settled
       FROM outgoing NOT INDEXED WHERE broadcast_id = @id AND seq > @from AND seq <= @to`,
    ),
    addCost: database.prepare(
      'UPDATE broadcasts SET cost = cost + @cost, costed = costed + @settled, cost_cursor = @to WHERE id = @id',
    ),
  }
}

function prepareReads(reader: Database) {
  return {
    find: reader.prepare<[string], BroadcastColumns>('SELECT * FROM broadcasts WHERE id = ?'),
    list: reader.prepare<[number, number], BroadcastColumns>(
      'SELECT * FROM broadcasts WHERE number < ? ORDER BY number DESC LIMIT ?',
    ),
    unended: reader.prepare<[number], BroadcastColumns>(
      'SELECT * FROM broadcasts WHERE ended_at IS NULL ORDER BY number LIMIT ?',
    ),
    faults: reader.prepare<[{ id: string; after: number; limit: number }], BroadcastFault>(
      `SELECT position, error FROM broadcast_faults WHERE broadcast = ${NUMBER} AND position > @after
       ORDER BY position LIMIT @limit`,
    ),
    states: reader.prepare<[string], { state: OutgoingState; count: number }>(
      'SELECT state, count(*) AS count FROM outgoing WHERE broadcast_id = ? GROUP BY state',
    ),
    recipients: reader.prepare<[{ id: string; after: number; limit: number }], RecipientColumns>(
      `SELECT r.position, r.backend, r.identity, r.params, p.id AS contact_id, p.name, p.language, p.time_zone,
       p.opted_out_at, p.created_at AS contact_created_at
       FROM broadcast_recipients r
       LEFT JOIN connections c ON c.backend = r.backend AND c.identity = r.identity
       LEFT JOIN contacts p ON p.id = c.contact_id
       WHERE r.broadcast = ${NUMBER} AND r.position > @after ORDER BY r.position LIMIT @limit`,
    ),
    countOpen: reader.prepare<[string, number], { count: number }>(
      'SELECT count(*) AS count FROM (SELECT 1 FROM outgoing WHERE broadcast_id = ? AND open = 1 LIMIT ?)',
    ),
  }
}
