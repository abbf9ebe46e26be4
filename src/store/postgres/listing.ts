import { setTimeout as delay } from 'node:timers/promises'
import { type CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely'
import { leastIdAt } from '../../messages/ids.ts'
import type {
  ListedMessage,
  ListingFilter,
  ListingStore,
  ListingWindow,
  SentId,
  SentIdsQuery,
} from '../listing-store.ts'
import type { PeopleTables } from './people.ts'

const IN = sql`'in' AS direction, seq, id, backend, identity, address, text, state, received_at AS at,
  external_id AS "externalId", NULL AS "inResponseTo", NULL AS template, error, tries, NULL AS tag,
  NULL AS "relatedTo", NULL::integer AS parts, COALESCE(processed_at, received_at) AS "changedAt",
  NULL::bigint AS "sentAt", NULL::bigint AS "deliveredAt"`
const OUT = sql`'out' AS direction, seq, id, backend, identity, address, text, state, created_at AS at,
  NULL AS "externalId", in_response_to AS "inResponseTo", template, error, tries, tag,
  related_to AS "relatedTo", parts, changed_at AS "changedAt",
  sent_at AS "sentAt", delivered_at AS "deliveredAt"`

/** Those who record are done within milliseconds; one that was cut off is ended by the database. */
const WAIT_MS = 1_000
const ASKED_AGAIN_MS = 3

/** Reads of all messages. */
export class PostgresListing implements ListingStore {
  readonly #db: Kysely<PeopleTables>
  #settled = 0

  constructor(db: Kysely<PeopleTables>) {
    this.#db = db
  }

  /**
   * Numbers are given out before they are committed, so that a smaller one may become visible after a greater one. Whoever
   * takes a number locks the sequence until the transaction ends: once all who held it when the last number was read
   * have let go, no number up to it can still come. Who waits too long is told what was known before.
   */
  async settledUpTo(): Promise<number> {
    const { rows } = await sql<{ last: number }>`
      SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM message_seq`.execute(this.#db)
    const last = rows[0]?.last ?? 0
    const holders = await this.#holders()
    for (const began = performance.now(); holders.size > 0; ) {
      if (performance.now() - began > WAIT_MS) return this.#settled
      await delay(ASKED_AGAIN_MS)
      const now = await this.#holders()
      for (const holder of holders) if (!now.has(holder)) holders.delete(holder)
    }
    this.#settled = Math.max(this.#settled, last)
    return this.#settled
  }

  async firstSince(at: number): Promise<number | undefined> {
    const from = leastIdAt(at)
    const first = (table: string) => sql`(SELECT seq FROM ${sql.table(table)} WHERE id >= ${from} ORDER BY id LIMIT 1)`
    const { rows } = await sql<{ seq: number | null }>`SELECT MIN(seq) AS seq FROM (${first('incoming_open')}
      UNION ALL ${first('incoming')} UNION ALL ${first('outgoing_open')} UNION ALL ${first('outgoing')}) f`.execute(
      this.#db,
    )
    return rows[0]?.seq ?? undefined
  }

  async window(window: ListingWindow): Promise<readonly ListedMessage[]> {
    return (await this.#db.executeQuery(windowQuery(this.#db, window))).rows
  }

  async sentIds({ from, before, limit }: SentIdsQuery): Promise<readonly SentId[]> {
    const newest = (table: string) => sql`(SELECT id, backend FROM ${sql.table(table)}
      WHERE id >= ${from} AND id < ${before} ORDER BY id DESC LIMIT ${limit})`
    const { rows } = await sql<SentId>`${newest('outgoing_open')} UNION ALL ${newest('outgoing')}
      ORDER BY id DESC LIMIT ${limit}`.execute(this.#db)
    return rows
  }

  async outgoing(ids: readonly string[]): Promise<readonly ListedMessage[]> {
    const given = sql`${ids}::text[]`
    const { rows } = await sql<ListedMessage>`SELECT ${OUT} FROM outgoing_open WHERE id = ANY(${given})
      UNION ALL SELECT ${OUT} FROM outgoing WHERE id = ANY(${given})`.execute(this.#db)
    return rows
  }

  /** The transactions that have taken a number and are not over. */
  async #holders(): Promise<Set<string>> {
    const { rows } = await sql<{ holder: string }>`SELECT DISTINCT virtualtransaction AS holder FROM pg_locks
      WHERE locktype = 'relation' AND relation = 'message_seq'::regclass AND mode = 'RowExclusiveLock'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`.execute(this.#db)
    return new Set(rows.map(({ holder }) => holder))
  }
}

/** A window as the query that is made of it; a test looks at its plan. */
export function windowQuery(
  db: Kysely<PeopleTables>,
  { after, upTo, filter, limit }: ListingWindow,
): CompiledQuery<ListedMessage> {
  const bounds = sql`seq > ${after} AND seq <= ${upTo} ${common(filter)}`
  const end = sql`ORDER BY seq LIMIT ${limit}`
  const tag = filter.tag === undefined ? sql`` : sql`AND tag = ${filter.tag}`
  const incoming = (table: string) => sql`(SELECT ${IN} FROM ${sql.table(table)}
    WHERE ${bounds} ${between(filter, sql`received_at`)} ${end})`
  const outgoing = (table: string) => sql`(SELECT ${OUT} FROM ${sql.table(table)}
    WHERE ${bounds} ${between(filter, sql`created_at`)} ${tag} ${end})`
  const { direction = filter.tag === undefined ? undefined : 'out' } = filter
  const parts = [
    ...(direction === 'out' ? [] : [incoming('incoming_open'), incoming('incoming')]),
    ...(direction === 'in' ? [] : [outgoing('outgoing_open'), outgoing('outgoing')]),
  ]
  return sql<ListedMessage>`${sql.join(parts, sql` UNION ALL `)} ${end}`.compile(db)
}

function common({ backends, identity, state, text }: ListingFilter): RawBuilder<unknown> {
  return sql`${backends === undefined ? sql`` : sql`AND backend = ANY(${backends}::text[])`}
    ${identity === undefined ? sql`` : sql`AND identity = ${identity}`}
    ${state === undefined ? sql`` : sql`AND state = ${state}`}
    ${text === undefined ? sql`` : sql`AND position(lower(${text}) in lower(text)) > 0`}`
}

function between({ since, until }: ListingFilter, column: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`${since === undefined ? sql`` : sql`AND ${column} >= ${since}`}
    ${until === undefined ? sql`` : sql`AND ${column} < ${until}`}`
}
