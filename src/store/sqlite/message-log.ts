import type { Database } from 'better-sqlite3'
import { Kysely, type Selectable, SqliteDialect, sql } from 'kysely'
import type { Connection } from '../../messages/incoming.ts'
import type { SendOptions } from '../../messages/outgoing.ts'
import type { IncomingState, OutgoingState } from '../../messages/states.ts'
import type {
  Attempt,
  ConversationQuery,
  FailedQuery,
  GivenAnswer,
  KeptReport,
  LoggedMessage,
  MessageLog,
} from '../message-log.ts'
import { reportsReader } from './kept-reports.ts'

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
  via: string
  data: string
  template: string | null
  state: OutgoingState
  error: string | null
  tries: number
  created_at: number
}

interface StoredData {
  readonly options?: SendOptions
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
  cost: number | null
  currency: string | null
  network: string | null
  reason: string | null
  estimated: number | null
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
  'template',
  'state',
  'error',
  'tries',
  'created_at',
] as const

/** A service repeats a request within seconds: what it is answered is among the newest. */
const ANSWERS_LOOKED_AT = 100

/** Messages after this one are not in the index of conversations yet. */
const INDEXED = sql`(SELECT value FROM counters WHERE name = 'indexed')`

// Of a backend with more, those that come later in the index may be left out.
const MOST_IDENTITIES = 100_000

/** The queries for people and programs, over a connection that only reads. */
export class SqliteMessageLog implements MessageLog {
  readonly #db: Kysely<Tables>
  readonly #reports: (id: string) => readonly KeptReport[]

  constructor(reader: Database) {
    this.#reports = reportsReader(reader)
    this.#db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: reader }) })
  }

  async conversation({ backend, identity, limit }: ConversationQuery): Promise<readonly LoggedMessage[]> {
    const { rows } = await sql<{ seq: number }>`
      SELECT seq FROM (SELECT c.seq FROM conversation c LEFT JOIN outgoing o ON c.outgoing = 1 AND o.seq = c.seq
        WHERE c.backend = ${backend} AND c.identity = ${identity} AND COALESCE(o.state, '') <> 'CANCELLED'
        ORDER BY c.seq DESC LIMIT ${limit})
      UNION ALL SELECT seq FROM incoming WHERE seq > ${INDEXED} AND backend = ${backend} AND identity = ${identity}
      UNION ALL SELECT seq FROM outgoing WHERE seq > ${INDEXED} AND backend = ${backend} AND identity = ${identity}
        AND state <> 'CANCELLED'
      ORDER BY 1 DESC LIMIT ${limit}`.execute(this.#db)
    const seqs = rows.map((row) => row.seq)
    const [ins, outs] = await Promise.all([
      this.#db.selectFrom('incoming').select(IN).where('seq', 'in', seqs).execute(),
      this.#db.selectFrom('outgoing').select(OUT).where('seq', 'in', seqs).where('state', '!=', 'CANCELLED').execute(),
    ])
    return [...ins.map(fromIncoming), ...outs.map(fromOutgoing)].sort((a, b) => a.seq - b.seq)
  }

  async failed({
    direction,
    backend,
    limit,
    unknown = false,
    before = Number.MAX_SAFE_INTEGER,
  }: FailedQuery): Promise<readonly LoggedMessage[]> {
    if (direction === 'in') {
      if (unknown) return []
      let query = this.#db.selectFrom('incoming').select(IN).where('state', '=', 'FAILED').where('seq', '<', before)
      if (backend !== undefined) query = query.where('backend', '=', backend)
      return (await query.orderBy('seq', 'desc').limit(limit).execute()).map(fromIncoming)
    }
    const state = unknown ? 'UNKNOWN' : 'ERROR'
    let query = this.#db.selectFrom('outgoing').select(OUT).where('state', '=', state).where('seq', '<', before)
    if (backend !== undefined) query = query.where('backend', '=', backend)
    return (await query.orderBy('seq', 'desc').limit(limit).execute()).map(fromOutgoing)
  }

  async find(id: string): Promise<LoggedMessage | undefined> {
    const incoming = await this.#db.selectFrom('incoming').select(IN).where('id', '=', id).executeTakeFirst()
    if (incoming !== undefined) return fromIncoming(incoming)
    const outgoing = await this.#db.selectFrom('outgoing').select(OUT).where('id', '=', id).executeTakeFirst()
    return outgoing === undefined ? undefined : fromOutgoing(outgoing)
  }

  async answersGiven({ id, backend, identity }: { readonly id: string } & Connection): Promise<readonly GivenAnswer[]> {
    const lines = await this.conversation({ backend, identity, limit: ANSWERS_LOOKED_AT })
    const seqs = lines.filter((line) => line.inResponseTo === id).map(({ seq }) => seq)
    const rows = await this.#db
      .selectFrom('outgoing')
      .select(['text', 'data'])
      .where('seq', 'in', seqs)
      .where('via', '=', 'answer')
      .orderBy('seq')
      .execute()
    return rows.map(({ text, data }) => ({ text, end: (JSON.parse(data) as StoredData).options?.end === true }))
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
      cost: row.cost,
      currency: row.currency,
      network: row.network,
      reason: row.reason,
      ...(row.estimated === 1 ? { estimated: true } : {}),
    }))
  }

  async reports(id: string): Promise<readonly KeptReport[]> {
    return this.#reports(id)
  }

  async externalIds(id: string): Promise<readonly string[]> {
    const { rows } = await sql<{ external_id: string }>`
      SELECT e.external_id FROM outgoing o JOIN external_ids e ON e.outgoing_seq = o.seq WHERE o.id = ${id}
      ORDER BY e.created_at, e.external_id`.execute(this.#db)
    return rows.map((row) => row.external_id)
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
    const identities = new Set(rows.filter((row) => row.backend === backend).map((row) => row.identity))
    // A quiet backend beside a busy one: its identities are looked for one by one, in the index.
    if (identities.size < limit)
      for (const identity of await this.#allIdentities(backend, limit)) identities.add(identity)
    return [...identities].slice(0, limit)
  }

  async #allIdentities(backend: string, limit: number): Promise<readonly string[]> {
    const { rows } = await sql<{ identity: string }>`
      WITH RECURSIVE known (identity) AS (
        SELECT MIN(identity) FROM conversation WHERE backend = ${backend}
        UNION ALL
        SELECT (SELECT MIN(identity) FROM conversation WHERE backend = ${backend} AND identity > known.identity)
        FROM known WHERE identity IS NOT NULL LIMIT ${MOST_IDENTITIES})
      SELECT identity, MAX(seq) FROM (
        SELECT identity, (SELECT MAX(seq) FROM conversation c
          WHERE c.backend = ${backend} AND c.identity = known.identity) AS seq FROM known WHERE identity IS NOT NULL
        UNION ALL SELECT identity, seq FROM incoming WHERE seq > ${INDEXED} AND backend = ${backend}
        UNION ALL SELECT identity, seq FROM outgoing WHERE seq > ${INDEXED} AND backend = ${backend})
      GROUP BY identity ORDER BY 2 DESC LIMIT ${limit}`.execute(this.#db)
    return rows.map((row) => row.identity)
  }
}

function fromIncoming(row: Selectable<IncomingTable>): LoggedMessage {
  const { external_id, received_at, ...same } = row
  return { ...same, direction: 'in', at: received_at, externalId: external_id, inResponseTo: null, template: null }
}

function fromOutgoing(row: Selectable<Pick<OutgoingTable, (typeof OUT)[number]>>): LoggedMessage {
  const { in_response_to, created_at, ...same } = row
  return { ...same, direction: 'out', at: created_at, externalId: null, inResponseTo: in_response_to }
}
