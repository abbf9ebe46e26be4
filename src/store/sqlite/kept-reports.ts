import type { Database } from 'better-sqlite3'
import type { Fields } from '../../messages/incoming.ts'
import type { OutgoingState } from '../../messages/states.ts'
import type { KeptReport } from '../message-log.ts'

interface Row {
  backend: string
  external_id: string | null
  identity: string | null
  state: OutgoingState | null
  expired: number
  code: string | null
  text: string | null
  fields: string | null
  received_at: number
}

/** Reads the reports of one message, in the order they came. */
export function reportsReader(reader: Database): (id: string) => readonly KeptReport[] {
  const statement = reader.prepare<[string], Row>(
    `SELECT r.* FROM reports r JOIN outgoing o ON o.seq = r.outgoing_seq WHERE o.id = ? ORDER BY r.id`,
  )
  return (id) =>
    statement.all(id).map((row) => ({
      backend: row.backend,
      externalId: row.external_id,
      identity: row.identity,
      state: row.state,
      expired: row.expired === 1,
      code: row.code,
      text: row.text,
      fields: row.fields === null ? null : (JSON.parse(row.fields) as Fields),
      receivedAt: row.received_at,
    }))
}
