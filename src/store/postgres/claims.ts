import { type Lane, laneKey, type MessageClass } from '../../messages/lane.ts'
import type { OutgoingRoute } from '../../messages/route.ts'
import type { Contact } from '../contact.ts'
import type { Claim } from '../fence.ts'
import type { ClaimedIncoming } from '../incoming-records.ts'
import type { ClaimedOutgoing, OutgoingClaim } from '../outgoing-records.ts'
import type { PostgresDatabase, Statement } from './database.ts'
import { isUnavailable } from './faults.ts'
import { Gatherer, type Waiting } from './gatherer.ts'
import { keyOf, laneKeyOf } from './keys.ts'
import { toContact } from './people.ts'
import { unpacked } from './record-outgoing.ts'
import { recordset } from './texts.ts'

interface Asked {
  readonly lane: Lane
  readonly limit: number
  readonly now: number
}

interface IncomingRow {
  n: number
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
  contact_id: string | null
  contact_name: string
  language: string | null
  time_zone: string | null
  opted_out_at: number | null
  contact_created_at: number
}

export interface OutgoingRow {
  n: number
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
  phased: boolean
  attempt_at: number | null
  tries: number
  not_before: number
  expires_at: number | null
  first_attempt_at: number | null
  created_at: number
  route: string | null
  opted_out_at: number | null
  time_zone: string | null
  /** Open messages of the lane; counted up to one more than were asked for. */
  standing: number
}

const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'

/**
 * Gives the lanes their next tokens. An empty lane gets none: nobody can do anything in it. The messages are read by a
 * statement of its own after this one, so that they show all that earlier holders have committed.
 */
const tokens = (table: string): Statement => ({
  name: `tokens-${table}`,
  text: `INSERT INTO lanes (key, token, claimed_at)
    SELECT key, nextval('fence_token'), ${NOW} FROM unnest($1::text[]) AS key
    WHERE EXISTS (SELECT FROM ${table} WHERE lane = key) ORDER BY key
    ON CONFLICT (key) DO UPDATE SET token = nextval('fence_token'), claimed_at = excluded.claimed_at
    RETURNING key, token`,
})

const TOKENS = { incoming: tokens('incoming_open'), outgoing: tokens('outgoing_open') }

const READ_INCOMING: Statement = {
  name: 'read-incoming',
  text: `SELECT g.n, m.*, c.contact_id, p.name AS contact_name, p.language, p.time_zone, p.opted_out_at,
      p.created_at AS contact_created_at
    FROM json_to_recordset($1) AS g(n integer, lane text, person text, most integer)
    CROSS JOIN LATERAL (SELECT seq, id, backend, identity, address, text, fields, external_id, received_at, answer_by,
      not_before, tries FROM incoming_open WHERE lane = g.lane ORDER BY seq LIMIT g.most) m
    LEFT JOIN connections c ON c.key = g.person LEFT JOIN contacts p ON p.id = c.contact_id ORDER BY g.n, m.seq`,
}

const READ_OUTGOING: Statement = {
  name: 'read-outgoing',
  text: `SELECT g.n, m.*, p.opted_out_at, p.time_zone,
      (SELECT count(*)::integer FROM (SELECT FROM outgoing_open WHERE lane = g.lane LIMIT g.most + 1) s) AS standing
    FROM json_to_recordset($1) AS g(n integer, lane text, person text, most integer, now bigint)
    CROSS JOIN LATERAL (SELECT seq, id, backend, identity, address, text, class, data, in_response_to, parts, phased,
      attempt_at, tries, not_before, expires_at, first_attempt_at, created_at, route FROM outgoing_open
      WHERE lane = g.lane AND (not_before <= g.now OR tries > 0) ORDER BY seq LIMIT g.most) m
    LEFT JOIN connections c ON c.key = g.person LEFT JOIN contacts p ON p.id = c.contact_id ORDER BY g.n, m.seq`,
}

/** The first retry of a lane holds back what is behind it, and nothing before it. */
export const dueAt = (lane: string) => `(SELECT MIN(due.not_before) FROM outgoing_open due WHERE due.lane = ${lane}
    AND due.seq <= COALESCE((SELECT retry.seq FROM outgoing_open retry WHERE retry.lane = ${lane} AND retry.tries > 0
      ORDER BY retry.seq LIMIT 1), 9223372036854775807))`

const DUE_AT: Statement = {
  name: 'due-at',
  text: `SELECT key, ${dueAt('key')} AS due_at FROM unnest($1::text[]) AS key`,
}

/** Hands out lanes: all claims of a turn of the loop together. */
export class Claims {
  readonly #database: PostgresDatabase
  readonly #incoming: Gatherer<Asked>
  readonly #outgoing: Gatherer<Asked>

  constructor(database: PostgresDatabase) {
    this.#database = database
    this.#incoming = this.#gatherer((asked) => this.#claimIncoming(asked))
    this.#outgoing = this.#gatherer((asked) => this.#claimOutgoing(asked))
  }

  incoming(lane: Lane, limit: number): Promise<Claim<ClaimedIncoming>> {
    return this.#incoming.ask({ lane, limit, now: 0 }) as Promise<Claim<ClaimedIncoming>>
  }

  outgoing(lane: Lane & { kind: 'outgoing' }, limit: number, now: number): Promise<OutgoingClaim> {
    return this.#outgoing.ask({ lane, limit, now }) as Promise<OutgoingClaim>
  }

  async flush(): Promise<void> {
    await Promise.all([this.#incoming.flush(), this.#outgoing.flush()])
  }

  #gatherer(claim: (asked: readonly Asked[]) => Promise<unknown[]>): Gatherer<Asked> {
    const gatherer: Gatherer<Asked> = new Gatherer<Asked>({
      // Who claims a lane twice at once gets two tokens, and the first is over.
      keyOf: ({ lane }) => laneKey(lane),
      sizeOf: () => 1,
      work: async (batch: readonly Waiting<Asked>[]) => {
        try {
          const claims = await claim(batch.map(({ item }) => item))
          batch.forEach((waiting, index) => {
            waiting.resolve(claims[index])
          })
        } catch (error) {
          for (const waiting of batch) waiting.reject(error)
          if (isUnavailable(error)) gatherer.failPending(error)
        }
      },
    })
    return gatherer
  }

  async #tokens(kind: Lane['kind'], asked: readonly Asked[]): Promise<Map<string, number>> {
    const keys = asked.map(({ lane }) => laneKeyOf(lane))
    const rows = await this.#database.query<{ key: string; token: number }>(TOKENS[kind], [keys])
    return new Map(rows.map(({ key, token }) => [key, token]))
  }

  async #claimIncoming(asked: readonly Asked[]): Promise<Claim<ClaimedIncoming>[]> {
    const held = await this.#tokens('incoming', asked)
    const rows = held.size === 0 ? [] : await this.#database.query<IncomingRow>(READ_INCOMING, [wanted(asked, held)])
    const messages = byPlace(asked, rows, toIncoming)
    return asked.map(({ lane }, n) => ({ fence: fenceOf(lane, held), messages: messages[n] ?? [] }))
  }

  async #claimOutgoing(asked: readonly Asked[]): Promise<OutgoingClaim[]> {
    const held = await this.#tokens('outgoing', asked)
    const rows = held.size === 0 ? [] : await this.#database.query<OutgoingRow>(READ_OUTGOING, [wanted(asked, held)])
    const messages = byPlace(asked, rows, toOutgoing)
    const standing = new Map(rows.map(({ n, standing }) => [n, standing]))
    const isDue = ({ now }: Asked, n: number) => (messages[n]?.[0]?.notBefore ?? Number.POSITIVE_INFINITY) <= now
    const later = asked.filter((one, n) => held.has(laneKeyOf(one.lane)) && !isDue(one, n))
    const times = await this.#dueTimes(later)
    return asked.map((one, n) => ({
      fence: fenceOf(one.lane, held),
      messages: messages[n] ?? [],
      dueAt: isDue(one, n) ? messages[n]?.[0]?.notBefore : times.get(laneKeyOf(one.lane)),
      isAll: held.has(laneKeyOf(one.lane)) ? (standing.get(n) ?? -1) === messages[n]?.length : true,
    }))
  }

  async #dueTimes(asked: readonly Asked[]): Promise<Map<string, number>> {
    if (asked.length === 0) return new Map()
    const keys = asked.map(({ lane }) => laneKeyOf(lane))
    const rows = await this.#database.query<{ key: string; due_at: number | null }>(DUE_AT, [keys])
    return new Map(rows.flatMap(({ key, due_at: at }) => (at === null ? [] : [[key, at] as const])))
  }
}

function wanted(asked: readonly Asked[], held: Map<string, number>): string {
  const rows = asked.map(({ lane, limit, now }, n) => {
    return { n, lane: laneKeyOf(lane), person: keyOf(lane.owner, lane.identity), most: limit, now }
  })
  return recordset(rows.filter(({ lane }) => held.has(lane)))
}

/** Of an empty lane there is nothing to commit: its token is nobody's. */
function fenceOf(lane: Lane, held: Map<string, number>) {
  return { lane: laneKey(lane), token: held.get(laneKeyOf(lane)) ?? 0 }
}

function byPlace<Row extends { n: number }, Message>(
  asked: readonly Asked[],
  rows: readonly Row[],
  toMessage: (row: Row) => Message,
): readonly Message[][] {
  const places: Message[][] = asked.map(() => [])
  for (const row of rows) places[row.n]?.push(toMessage(row))
  return places
}

function toIncoming(row: IncomingRow): ClaimedIncoming {
  return {
    seq: row.seq,
    id: row.id,
    backend: row.backend,
    identity: row.identity,
    address: row.address,
    text: row.text,
    fields: JSON.parse(row.fields) as ClaimedIncoming['fields'],
    externalId: row.external_id,
    receivedAt: row.received_at,
    answerBy: row.answer_by,
    notBefore: row.not_before,
    tries: row.tries,
    contact: contactOf(row),
  }
}

function contactOf(row: IncomingRow): Contact | null {
  const { contact_id: id, contact_name: name, contact_created_at: created_at } = row
  return id === null ? null : toContact({ ...row, id, name, created_at })
}

export function toOutgoing(row: OutgoingRow): ClaimedOutgoing {
  return {
    ...unpacked(row.data, row.in_response_to),
    seq: row.seq,
    id: row.id,
    backend: row.backend,
    identity: row.identity,
    address: row.address,
    text: row.text,
    class: row.class,
    parts: row.parts,
    phased: row.phased,
    attemptOpen: row.attempt_at !== null,
    tries: row.tries,
    notBefore: row.not_before,
    expiresAt: row.expires_at,
    firstAttemptAt: row.first_attempt_at,
    createdAt: row.created_at,
    optedOut: row.opted_out_at !== null,
    timeZone: row.time_zone,
    ...(row.route === null ? {} : { route: JSON.parse(row.route) as OutgoingRoute }),
  }
}
