import type { Database } from 'better-sqlite3'
import { Kysely, type Selectable, SqliteDialect } from 'kysely'
import type { IncomingState, OutgoingState } from '../../messages/states.ts'
import type { Attempt, ConversationQuery, FailedQuery, LoggedMessage, MessageLog } from '../store.ts'

interface IncomingTable {
  seq: number
  id: string
  backend: string
  identity: string
  address: string | null
  text: string
  external_id: string | null
  received_at: number
  state: IncomingState
  error: string | null
  tries: number
}

interface OutgoingTable {
  seq: number
  id: string
  backend: string
  identity: string
  address: string | null
  text: string
  in_response_to: string | null
  state: OutgoingState
  error: string | null
  tries: number
  created_at: number
}

interface AttemptTable {
  outgoing_seq: number
  number: number
  backend: string
  started_at: number | null
  finished_at: number
  outcome: string
  code: string | null
  provider_code: string | null
  error: string | null
}

interface Tables {
  incoming: IncomingTable
  outgoing: OutgoingTable
  attempts: AttemptTable
  contacts: { id: string }
}

const IN = [
  'seq',
  'id',
  'backend',
  'identity',
  'address',
  'text',
  'external_id',
  'received_at',
  'state',
  'error',
  'tries',
] as const
const OUT = [
  'seq',
  'id',
  'backend',
  'identity',
  'address',
  'text',
  'in_response_to',
  'state',
  'error',
  'tries',
  'created_at',
] as const

/** The queries for people and programs, over a connection that only reads. */
export class SqliteMessageLog implements MessageLog {
  readonly #db: Kysely<Tables>

  constructor(reader: Database) {
    this.#db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: reader }) })
  }

  async conversation({ backend, identity, limit }: ConversationQuery): Promise<readonly LoggedMessage[]> {
    const incoming = this.#db.selectFrom('incoming').select(IN)
    const outgoing = this.#db.selectFrom('outgoing').select(OUT).where('state', '!=', 'CANCELLED')
    const [ins, outs] = await Promise.all([
      incoming
        .where('backend', '=', backend)
        .where('identity', '=', identity)
        .orderBy('seq', 'desc')
        .limit(limit)
        .execute(),
      outgoing
        .where('backend', '=', backend)
        .where('identity', '=', identity)
        .orderBy('seq', 'desc')
        .limit(limit)
        .execute(),
    ])
    return [...ins.map(fromIncoming), ...outs.map(fromOutgoing)].sort((a, b) => a.seq - b.seq).slice(-limit)
  }

  async failed({ direction, backend, limit }: FailedQuery): Promise<readonly LoggedMessage[]> {
    if (direction === 'in') {
      let query = this.#db.selectFrom('incoming').select(IN).where('state', '=', 'FAILED')
      if (backend !== undefined) query = query.where('backend', '=', backend)
      return (await query.orderBy('seq', 'desc').limit(limit).execute()).map(fromIncoming)
    }
    let query = this.#db.selectFrom('outgoing').select(OUT).where('state', '=', 'ERROR')
    if (backend !== undefined) query = query.where('backend', '=', backend)
    return (await query.orderBy('seq', 'desc').limit(limit).execute()).map(fromOutgoing)
  }

  async find(id: string): Promise<LoggedMessage | undefined> {
    const incoming = await this.#db.selectFrom('incoming').select(IN).where('id', '=', id).executeTakeFirst()
    if (incoming !== undefined) return fromIncoming(incoming)
    const outgoing = await this.#db.selectFrom('outgoing').select(OUT).where('id', '=', id).executeTakeFirst()
    return outgoing === undefined ? undefined : fromOutgoing(outgoing)
  }

  async attempts(id: string): Promise<readonly Attempt[]> {
    const rows = await this.#db
      .selectFrom('attempts')
      .innerJoin('outgoing', 'outgoing.seq', 'attempts.outgoing_seq')
      .selectAll('attempts')
      .where('outgoing.id', '=', id)
      .orderBy('number')
      .execute()
    return rows.map((row) => ({
      number: row.number,
      backend: row.backend,
      startedAt: row.started_at,
      finishedAt: row.finished_at,
      outcome: row.outcome,
      code: row.code,
      providerCode: row.provider_code,
      error: row.error,
    }))
  }

  async counts() {
    const count = async (table: 'incoming' | 'outgoing' | 'contacts') =>
      (
        await this.#db
          .selectFrom(table)
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow()
      ).count
    return { incoming: await count('incoming'), outgoing: await count('outgoing'), contacts: await count('contacts') }
  }

  async recentIdentities(backend: string, limit: number): Promise<readonly string[]> {
    const scanned = limit * 20
    const newest = (table: 'incoming' | 'outgoing') =>
      this.#db.selectFrom(table).select(['seq', 'backend', 'identity']).orderBy('seq', 'desc').limit(scanned).execute()
    const rows = [...(await newest('incoming')), ...(await newest('outgoing'))].sort((a, b) => b.seq - a.seq)
    const identities = rows.filter((row) => row.backend === backend).map((row) => row.identity)
    return [...new Set(identities)].slice(0, limit)
  }
}

function fromIncoming(row: Selectable<IncomingTable>): LoggedMessage {
  const { external_id, received_at, ...same } = row
  return { ...same, direction: 'in', at: received_at, externalId: external_id, inResponseTo: null }
}

function fromOutgoing(row: Selectable<OutgoingTable>): LoggedMessage {
  const { in_response_to, created_at, ...same } = row
  return { ...same, direction: 'out', at: created_at, externalId: null, inResponseTo: in_response_to }
}
