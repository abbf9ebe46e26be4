import { type Kysely, sql } from 'kysely'
import type { Fields } from '../../messages/incoming.ts'
import type { KeptReport } from '../message-log.ts'
import type { PeopleTables } from './people.ts'
import type { ReportRow } from './report-effects.ts'

/** The reports of one message, in the order they came. */
export async function keptReports(db: Kysely<PeopleTables>, id: string): Promise<readonly KeptReport[]> {
  const { rows } = await sql<ReportRow>`SELECT * FROM reports WHERE outgoing_id = ${id} ORDER BY id`.execute(db)
  return rows.map((row) => ({
    backend: row.backend,
    externalId: row.external_id,
    identity: row.identity,
    state: row.state,
    expired: row.expired,
    code: row.code,
    text: row.text,
    fields: row.fields === null ? null : (JSON.parse(row.fields) as Fields),
    receivedAt: row.received_at,
  }))
}
