import type { Database } from 'better-sqlite3'
import { type CompiledQuery, Kysely, type RawBuilder, SqliteDialect, sql } from 'kysely'
import { leastIdAt } from '../../messages/ids.ts'
import type {
  ListedMessage,
  ListingFilter,
  ListingStore,
  ListingWindow,
  SentId,
  SentIdsQuery,
} from '../listing-store.ts'

const IN = sql`'in' AS direction, seq, id, backend, identity, address, text, state, received_at AS at,
  external_id AS externalId, NULL AS inResponseTo, NULL AS template, error, tries, NULL AS tag, NULL AS relatedTo,
  NULL AS parts, COALESCE(processed_at, received_at) AS changedAt, NULL AS sentAt, NULL AS deliveredAt`
const OUT = sql`'out' AS direction, seq, id, backend, identity, address, text, state, created_at AS at,
  NULL AS externalId, in_response_to AS inResponseTo, template, error, tries, tag, related_to AS relatedTo,
  parts, changed_at AS changedAt, sent_at AS sentAt, delivered_at AS deliveredAt`

/** Reads of all messages, over a connection that only reads. The order of `seq` is that of the commits. */
export class SqliteListing implements ListingStore {
  readonly #db: Kysely<unknown>

  constructor(reader: Database) {
    this.#db = new Kysely({ dialect: new SqliteDialect({ database: reader }) })
  }

  async settledUpTo(): Promise<number> {
    const { rows } = await sql<{ value: number }>`SELECT value FROM counters WHERE name = 'seq'`.execute(this.#db)
    return rows[0]?.value ?? 0
  }

  async firstSince(at: number): Promise<number | undefined> {
    const from = leastIdAt(at)
    const { rows } = await sql<{ seq: number | null }>`SELECT MIN(seq) AS seq FROM (
      SELECT * FROM (SELECT seq FROM incoming WHERE id >= ${from} ORDER BY id LIMIT 1)
      UNION ALL SELECT * FROM (SELECT seq FROM outgoing WHERE id >= ${from} ORDER BY id LIMIT 1))`.execute(this.#db)
    return rows[0]?.seq ?? undefined
  }

  async window(window: ListingWindow): Promise<readonly ListedMessage[]> {
    return (await this.#db.executeQuery(windowQuery(this.#db, window))).rows
  }

  async sentIds({ from, before, limit }: SentIdsQuery): Promise<readonly SentId[]> {
    const { rows } = await sql<SentId>`SELECT id, backend FROM outgoing WHERE id >= ${from} AND id < ${before}
      ORDER BY id DESC LIMIT ${limit}`.execute(this.#db)
    return rows
  }

  async outgoing(ids: readonly string[]): Promise<readonly ListedMessage[]> {
    const { rows } = await sql<ListedMessage>`SELECT ${OUT} FROM outgoing
      WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`.execute(this.#db)
    return rows
  }
}

function windowQuery(db: Kysely<unknown>, { after, upTo, filter, limit }: ListingWindow): CompiledQuery<ListedMessage> {
  const bounds = sql`seq > ${after} AND seq <= ${upTo}`
  const end = sql`ORDER BY seq LIMIT ${limit}`
  const incoming = sql`SELECT * FROM (SELECT ${IN} FROM incoming
    WHERE ${bounds} ${common(filter)} ${between(filter, sql`received_at`)} ${end})`
  const tag = filter.tag === undefined ? sql`` : sql`AND tag = ${filter.tag}`
  const outgoing = sql`SELECT * FROM (SELECT ${OUT} FROM outgoing
    WHERE ${bounds} ${common(filter)} ${between(filter, sql`created_at`)} ${tag} ${end})`
  const { direction = filter.tag === undefined ? undefined : 'out' } = filter
  const both = sql<ListedMessage>`${incoming} UNION ALL ${outgoing} ${end}`
  return (direction === undefined ? both : sql<ListedMessage>`${direction === 'in' ? incoming : outgoing}`).compile(db)
}

function common({ backends, identity, state, text }: ListingFilter): RawBuilder<unknown> {
  return sql`${backends === undefined ? sql`` : sql`AND backend IN (SELECT value FROM json_each(${JSON.stringify(backends)}))`}
    ${identity === undefined ? sql`` : sql`AND identity = ${identity}`}
    ${state === undefined ? sql`` : sql`AND state = ${state}`}
    ${text === undefined ? sql`` : sql`AND instr(lower(text), lower(${text})) > 0`}`
}

function between({ since, until }: ListingFilter, column: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`${since === undefined ? sql`` : sql`AND ${column} >= ${since}`}
    ${until === undefined ? sql`` : sql`AND ${column} < ${until}`}`
}
