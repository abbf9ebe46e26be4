import { type Kysely, sql } from 'kysely'
import type { Connection } from '../../messages/incoming.ts'
import { messageClasses } from '../../messages/lane.ts'
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
import { readAttempts } from './attempts.ts'
import { incomingLane, outgoingLane } from './columns.ts'
import { keptReports } from './kept-reports.ts'
import { laneKeyOf, partsOf } from './keys.ts'
import type { PeopleTables } from './people.ts'

interface Line {
  direction: 'in' | 'out'
  seq: number
  id: string
  backend: string
  identity: string
  address: string | null
  text: string
  state: IncomingState | OutgoingState
  at: number
  external_id: string | null
  in_response_to: string | null
  template: string | null
  error: string | null
  tries: number
}

interface StoredData {
  readonly options?: SendOptions
}

/** A service repeats a request within seconds: what it is answered is among the newest. */
const ANSWERS_LOOKED_AT = 100
/** Identities of a quiet backend that are looked at, those first heard of most lately. */
const MOST_IDENTITIES = 1_000
/** Tables with more rows are counted by the statistics, those of a moment ago. */
const COUNTED_EXACTLY = 100_000

const IN = sql`'in' AS direction, seq, id, backend, identity, address, text, state, received_at AS at, external_id,
  NULL AS in_response_to, NULL AS template, error, tries`
const OUT = sql`'out' AS direction, seq, id, backend, identity, address, text, state, created_at AS at,
  NULL AS external_id, in_response_to, template, error, tries`

/** The queries for people and programs. */
export class PostgresMessageLog implements MessageLog {
  readonly #db: Kysely<PeopleTables>

  constructor(db: Kysely<PeopleTables>) {
    this.#db = db
  }

  async conversation({ backend, identity, limit }: ConversationQuery): Promise<readonly LoggedMessage[]> {
    const { incoming, outgoing } = lanesOf({ backend, identity })
    const person = samePerson({ backend, identity })
    const newest = sql`ORDER BY seq DESC LIMIT ${limit}`
    const { rows } = await sql<Line>`
      (SELECT ${IN} FROM incoming_open WHERE lane = ${incoming} ${newest})
      UNION ALL (SELECT ${OUT} FROM outgoing_open WHERE lane = ANY(${outgoing}::text[]) ${newest})
      UNION ALL (SELECT ${IN} FROM incoming WHERE ${person} ${newest})
      UNION ALL (SELECT ${OUT} FROM outgoing WHERE ${person} AND state <> 'CANCELLED' ${newest})
      ${newest}`.execute(this.#db)
    return rows.map(toLogged).reverse()
  }

  async failed(query: FailedQuery): Promise<readonly LoggedMessage[]> {
    const { direction, backend, limit, unknown = false, before = Number.MAX_SAFE_INTEGER } = query
    if (direction === 'in' && unknown) return []
    const state = direction === 'in' ? 'FAILED' : unknown ? 'UNKNOWN' : 'ERROR'
    const from = direction === 'in' ? sql`${IN} FROM incoming` : sql`${OUT} FROM outgoing`
    const only = backend === undefined ? sql`` : sql`AND backend = ${backend}`
    const { rows } = await sql<Line>`
      SELECT ${from} WHERE failed = ${state} AND seq < ${before} ${only} ORDER BY seq DESC LIMIT ${limit}`.execute(
      this.#db,
    )
    return rows.map(toLogged)
  }

  async find(id: string): Promise<LoggedMessage | undefined> {
    const { rows } = await sql<Line>`
      SELECT ${IN} FROM incoming_open WHERE id = ${id} UNION ALL SELECT ${IN} FROM incoming WHERE id = ${id}
      UNION ALL SELECT ${OUT} FROM outgoing_open WHERE id = ${id}
      UNION ALL SELECT ${OUT} FROM outgoing WHERE id = ${id}`.execute(this.#db)
    return rows[0] === undefined ? undefined : toLogged(rows[0])
  }

  async answersGiven({ id, backend, identity }: { readonly id: string } & Connection): Promise<readonly GivenAnswer[]> {
    const lines = await this.conversation({ backend, identity, limit: ANSWERS_LOOKED_AT })
    const ids = lines.filter((line) => line.inResponseTo === id).map((line) => line.id)
    const { rows } = await sql<{ text: string; data: string }>`
      SELECT text, data FROM outgoing WHERE id = ANY(${ids}::text[]) AND via = 'answer' ORDER BY seq`.execute(this.#db)
    return rows.map(({ text, data }) => ({ text, end: (JSON.parse(data) as StoredData).options?.end === true }))
  }

  async attempts(id: string): Promise<readonly Attempt[]> {
    const { rows } = await sql<{ attempts: string }>`
      SELECT attempts FROM outgoing_open WHERE id = ${id}
      UNION ALL SELECT attempts FROM outgoing WHERE id = ${id}`.execute(this.#db)
    return rows[0] === undefined ? [] : readAttempts(rows[0].attempts)
  }

  async externalIds(id: string): Promise<readonly string[]> {
    const { rows } = await sql<{ key: string }>`
      SELECT key FROM external_ids WHERE outgoing_id = ${id} ORDER BY created_at, key`.execute(this.#db)
    return rows.flatMap(({ key }) => partsOf(key)?.at(-1) ?? [])
  }

  async reports(id: string): Promise<readonly KeptReport[]> {
    return keptReports(this.#db, id)
  }

  async counts() {
    const { rows } = await sql<{ root: string; estimate: number; name: string }>`
      SELECT root.relname::text AS root, part.oid::regclass::text AS name, part.reltuples::bigint AS estimate
      FROM pg_class root CROSS JOIN LATERAL pg_partition_tree(root.oid) tree JOIN pg_class part ON part.oid = tree.relid
      WHERE root.oid IN ('incoming'::regclass, 'outgoing'::regclass) AND tree.isleaf`.execute(this.#db)
    const parts = [
      ...rows,
      ...['incoming', 'outgoing', 'contacts'].map((root) => ({ root, name: openOf(root), estimate: 0 })),
    ]
    const sums = { incoming: 0, outgoing: 0, contacts: 0 }
    for (const { root, name, estimate } of parts) {
      const count = estimate > COUNTED_EXACTLY ? estimate : await this.#count(name)
      if (root === 'incoming' || root === 'outgoing' || root === 'contacts') sums[root] += count
    }
    return sums
  }

  async #count(table: string): Promise<number> {
    // A name that the database has just told, quoted where it has to be.
    const { rows } = await sql<{ count: number }>`SELECT count(*) AS count FROM ${sql.raw(table)}`.execute(this.#db)
    return rows[0]?.count ?? 0
  }

  async recentIdentities(backend: string, limit: number): Promise<readonly string[]> {
    const scanned = limit * 20
    const newest = (table: string, order: string) =>
      sql`(SELECT seq, backend, identity FROM ${sql.table(table)} ORDER BY ${sql.raw(order)} LIMIT ${scanned})`
    const { rows } = await sql<{ backend: string; identity: string }>`
      ${newest('incoming', 'received_at DESC, seq DESC')} UNION ALL ${newest('outgoing', 'created_at DESC, seq DESC')}
      UNION ALL ${newest('incoming_open', 'id DESC')} UNION ALL ${newest('outgoing_open', 'id DESC')}
      ORDER BY seq DESC`.execute(this.#db)
    const identities = new Set(rows.filter((row) => row.backend === backend).map((row) => row.identity))
    // A quiet backend beside a busy one: its identities are looked for one by one.
    if (identities.size < limit) for (const identity of await this.#allIdentities(backend)) identities.add(identity)
    return [...identities].slice(0, limit)
  }

  async #allIdentities(backend: string): Promise<readonly string[]> {
    const lanes = sql`ARRAY[${sql.join(messageClasses.map((name) => laneExpression('outgoing', backend, name)))}]`
    const person = sql`hashtextextended(backend || chr(10) || identity, 0)
      = hashtextextended(known.backend || chr(10) || known.identity, 0) AND identity = known.identity`
    const { rows } = await sql<{ identity: string }>`
      SELECT known.identity, GREATEST(
        (SELECT max(seq) FROM incoming WHERE ${person}), (SELECT max(seq) FROM outgoing WHERE ${person}),
        (SELECT max(seq) FROM incoming_open WHERE lane = ${laneExpression('incoming', backend)}),
        (SELECT max(seq) FROM outgoing_open WHERE lane = ANY(${lanes}))) AS seq
      FROM (SELECT backend, identity FROM connections WHERE backend = ${backend}
        ORDER BY created_at DESC LIMIT ${MOST_IDENTITIES}) known
      ORDER BY 2 DESC NULLS LAST`.execute(this.#db)
    return rows.map((row) => row.identity)
  }
}

/** The key of a lane of the identity `known`; of one whose key is too long, nothing open is found. */
function laneExpression(kind: string, backend: string, messageClass?: string) {
  const start = [kind, backend, ...(messageClass === undefined ? [] : [messageClass]), ''].join('\n')
  return sql`${start} || known.identity`
}

function openOf(root: string): string {
  return root === 'contacts' ? root : `${root}_open`
}

function lanesOf(connection: Connection) {
  const outgoing = messageClasses.map((name) => laneKeyOf(outgoingLane({ ...connection, class: name })))
  return { incoming: laneKeyOf(incomingLane(connection)), outgoing }
}

function samePerson({ backend, identity }: Connection) {
  return sql`hashtextextended(backend || chr(10) || identity, 0) = hashtextextended(${backend}::text || chr(10) || ${identity}::text, 0)
    AND backend = ${backend} AND identity = ${identity}`
}

function toLogged({ external_id, in_response_to, ...same }: Line): LoggedMessage {
  return { ...same, externalId: external_id, inResponseTo: in_response_to }
}
