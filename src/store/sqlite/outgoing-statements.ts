import type { Database, Statement } from 'better-sqlite3'
import type { MessageClass } from '../../messages/lane.ts'

export interface OutgoingRow {
  seq: number
  id: string
  backend: string
  identity: string
  address: string | null
  text: string
  class: MessageClass
  data: string
  in_response_to: string | null
  parts: number
  phased: number
  attempt_at: number | null
  tries: number
  not_before: number
  expires_at: number | null
  first_attempt_at: number | null
  created_at: number
  route: string | null
}

const OPEN = `seq, id, backend, identity, address, text, class, data, in_response_to, parts, phased, attempt_at, tries,
       not_before, expires_at, first_attempt_at, created_at, route FROM outgoing`

/** The first retry of a lane holds back what is behind it, and nothing before it. */
const dueAt = (backend: string, messageClass: string, identity: string) =>
  `SELECT MIN(due.not_before) FROM outgoing due
       WHERE due.open = 1 AND due.backend = ${backend} AND due.class = ${messageClass} AND due.identity = ${identity}
       AND due.seq <= COALESCE((SELECT retry.seq FROM outgoing retry WHERE retry.open = 1 AND retry.backend = ${backend}
       AND retry.class = ${messageClass} AND retry.identity = ${identity} AND retry.tries > 0
       ORDER BY retry.seq LIMIT 1), 9223372036854775807)`

/** Named here, since the driver's own names cannot be written into our declarations. */
export interface OutgoingStatements {
  readonly insert: Statement
  readonly open: Statement<[string, string, string, number], OutgoingRow>
  readonly workable: Statement<[string, string, string, number, number], OutgoingRow>
  readonly routed: Statement<[string, number, number], OutgoingRow>
  readonly dueAt: Statement<[{ backend: string; class: string; identity: string }], { due_at: number | null }>
  readonly openLanes: Statement<
    [string, string, string, number],
    { backend: string; class: MessageClass; identity: string; due_at: number }
  >
  readonly start: Statement
  readonly startChanged: Statement
  readonly retry: Statement
  readonly putOff: Statement
  readonly settle: Statement
  readonly endAttempt: Statement
  readonly answered: Statement<
    [number, number, string],
    { seq: number; backend: string; class: MessageClass; identity: string }
  >
  readonly insertAttempt: Statement
  readonly replay: Statement<
    [{ at: number; id: string }],
    { seq: number; backend: string; class: MessageClass; identity: string }
  >
}

export function prepareOutgoing(database: Database): OutgoingStatements {
  return {
    insert: database.prepare(
      `INSERT INTO outgoing (seq, id, backend, identity, address, text, class, data, in_response_to, parts, state, open,
       phased, not_before, expires_at, contact_id, tag, template, related_to, error, created_at, changed_at, broadcast_id, route, via,
       tries)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'send', 0)`,
    ),
    open: database.prepare<[string, string, string, number], OutgoingRow>(
      `SELECT ${OPEN} WHERE open = 1 AND backend = ? AND class = ? AND identity = ? ORDER BY seq LIMIT ?`,
    ),
    routed: database.prepare<[string, number, number], OutgoingRow>(
      `SELECT ${OPEN} WHERE open = 1 AND route IS NOT NULL AND backend = ? AND seq > ? AND attempt_at IS NULL
       ORDER BY seq LIMIT ?`,
    ),
    workable: database.prepare<[string, string, string, number, number], OutgoingRow>(
      `SELECT ${OPEN} WHERE open = 1 AND backend = ? AND class = ? AND identity = ? AND (not_before <= ? OR tries > 0)
       ORDER BY seq LIMIT ?`,
    ),
    dueAt: database.prepare<[{ backend: string; class: string; identity: string }], { due_at: number | null }>(
      `SELECT (${dueAt('@backend', '@class', '@identity')}) AS due_at`,
    ),
    openLanes: database.prepare<
      [string, string, string, number],
      { backend: string; class: MessageClass; identity: string; due_at: number }
    >(
      `SELECT backend, class, identity, (${dueAt('lane.backend', 'lane.class', 'lane.identity')}) AS due_at
       FROM outgoing lane WHERE open = 1 AND (backend, class, identity) > (?, ?, ?)
       GROUP BY backend, class, identity LIMIT ?`,
    ),
    start: database.prepare(
      `UPDATE outgoing SET state = 'SENDING', attempt_at = ?, first_attempt_at = COALESCE(first_attempt_at, ?),
       tries = tries + 1, phased = 1, changed_at = ? WHERE seq = ? AND open = 1 AND backend = ?`,
    ),
    startChanged: database.prepare(
      `UPDATE outgoing SET state = 'SENDING', attempt_at = ?, first_attempt_at = COALESCE(first_attempt_at, ?),
       tries = tries + 1, phased = 1, changed_at = ?, text = ?, parts = ?
       WHERE seq = ? AND open = 1 AND backend = ?`,
    ),
    retry: database.prepare(
      `UPDATE outgoing SET attempt_at = NULL, not_before = ?, tries = tries + ?,
       first_attempt_at = COALESCE(first_attempt_at, ?), code = ?, error = ?, changed_at = ?
       WHERE seq = ? AND open = 1`,
    ),
    putOff: database.prepare(
      'UPDATE outgoing SET not_before = ?, error = ?, changed_at = ? WHERE seq = ? AND open = 1',
    ),
    settle: database.prepare(
      `UPDATE outgoing SET state = ?, open = 0, attempt_at = NULL, code = ?, error = ?, changed_at = ?,
       sent_at = COALESCE(sent_at, ?), delivered_at = ?, parts = COALESCE(?, parts), sender_data = ?
       WHERE seq = ? AND open = 1 AND backend = ?`,
    ),
    endAttempt: database.prepare(
      `UPDATE outgoing SET attempt_at = NULL, changed_at = ?, sent_at = COALESCE(sent_at, ?)
       WHERE seq = ? AND open = 0 AND attempt_at IS NOT NULL`,
    ),
    answered: database.prepare<
      [number, number, string],
      { seq: number; backend: string; class: MessageClass; identity: string }
    >(
      `UPDATE outgoing SET state = 'SENT', open = 0, via = 'answer', changed_at = ?, sent_at = ?
       WHERE id = ? AND open = 1 AND attempt_at IS NULL RETURNING seq, backend, class, identity`,
    ),
    insertAttempt: database.prepare(
      `INSERT INTO attempts VALUES (?, (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE outgoing_seq = ?),
       ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    replay: database.prepare<
      [{ at: number; id: string }],
      { seq: number; backend: string; class: MessageClass; identity: string }
    >(
      `UPDATE outgoing SET state = 'WAITING', open = 1, tries = 0, not_before = @at, attempt_at = NULL,
       first_attempt_at = NULL, timed_out = 0, code = NULL, error = NULL, sent_at = NULL, delivered_at = NULL,
       sender_data = NULL, changed_at = @at
       WHERE id = @id AND open = 0 AND state IN ('ERROR', 'UNKNOWN') RETURNING seq, backend, class, identity`,
    ),
  }
}
