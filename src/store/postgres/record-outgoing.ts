import type { Fields } from '../../messages/incoming.ts'
import type { NewOutgoing } from '../outgoing-records.ts'
import { list, OUTGOING, outgoingLane } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { keyOf, laneKeyOf } from './keys.ts'
import type { Numbered } from './operations.ts'
import { withoutRepeated } from './templates.ts'
import { recordset } from './texts.ts'

/** What has no column of its own, since nothing is ever looked up by it. */
interface OutgoingJson {
  fields?: Fields
  options?: NewOutgoing['options']
  params?: Fields
  externalId?: string
  extra?: NewOutgoing['extra']
  once?: boolean
}

const columns = list(OUTGOING)
const values = list(OUTGOING, 'given', {
  via: `'send'`,
  timed_out: 'false',
  attempt_at: 'NULL',
  first_attempt_at: 'NULL',
  tries: '0',
  code: 'NULL',
  sender_data: 'NULL',
  changed_at: 'given.created_at',
  sent_at: 'NULL',
  delivered_at: 'NULL',
  attempts: `''`,
})

/** What was sent to a person closes the window in which an equal text of theirs is a repeat. */
const INSERT: Statement = {
  name: 'insert-outgoing',
  text: `WITH given AS MATERIALIZED (SELECT * FROM json_to_recordset($1) AS g(seq bigint, id text, backend text,
      identity text, address text, text text, class text, data text, in_response_to text, parts integer, state text,
      phased boolean, not_before bigint, expires_at bigint, contact_id text, tag text, template text, related_to text,
      error text, created_at bigint, broadcast_id text, route text, lane text, person text)
      WHERE NOT EXISTS (SELECT FROM outgoing WHERE outgoing.id = g.id)),
    people AS (INSERT INTO connections (key, backend, identity, created_at)
      SELECT DISTINCT ON (person) person, backend, identity, created_at FROM given ORDER BY person, seq
      ON CONFLICT (key) DO NOTHING),
    closed AS (DELETE FROM content_windows w USING given g WHERE w.key = g.person AND g.state <> 'CANCELLED'),
    waiting AS (INSERT INTO outgoing_open (${columns}, lane)
      SELECT ${values}, lane FROM given WHERE state = 'WAITING' RETURNING id),
    settled AS (INSERT INTO outgoing (${columns})
      SELECT ${values} FROM given WHERE state <> 'WAITING' RETURNING id)
    SELECT id FROM waiting UNION ALL SELECT id FROM settled`,
}

/** Records messages to people; inside a transaction. */
export async function recordOutgoing(run: Run, given: readonly Numbered<NewOutgoing>[]): Promise<void> {
  const messages = await withoutRepeated(run, given)
  if (messages.length === 0) return
  const written = await run(INSERT, [recordset(messages.map(toRow))])
  if (written.length !== messages.length) throw new Error('The id of an outgoing message is taken.')
}

function toRow({ seq, message }: Numbered<NewOutgoing>) {
  const { backend, identity } = message
  return {
    seq,
    id: message.id,
    backend,
    identity,
    address: message.address,
    text: message.text,
    class: message.class,
    data: packed(message),
    in_response_to: message.inResponseTo?.id ?? null,
    parts: message.parts,
    state: message.state,
    phased: message.phased,
    not_before: message.notBefore,
    expires_at: message.expiresAt,
    contact_id: message.contactId,
    tag: message.tag,
    template: message.template,
    related_to: message.relatedTo,
    error: message.reason,
    created_at: message.createdAt,
    broadcast_id: message.broadcastId ?? null,
    route: message.route === undefined ? null : JSON.stringify(message.route),
    lane: laneKeyOf(outgoingLane(message)),
    person: keyOf(backend, identity),
  }
}

function packed(message: NewOutgoing): string {
  const json: OutgoingJson = {}
  if (isFilled(message.fields)) json.fields = message.fields
  if (isFilled(message.options)) json.options = message.options
  if (isFilled(message.params)) json.params = message.params
  if (message.extra !== null) json.extra = message.extra
  if (message.once) json.once = true
  const externalId = message.inResponseTo?.externalId ?? null
  if (externalId !== null) json.externalId = externalId
  return JSON.stringify(json)
}

function isFilled(object: object): boolean {
  for (const _ in object) return true
  return false
}

/** What was packed when the message was recorded. */
export function unpacked(data: string, inResponseTo: string | null) {
  const json: OutgoingJson = data === '{}' ? {} : (JSON.parse(data) as OutgoingJson)
  return {
    fields: json.fields ?? {},
    options: json.options ?? {},
    params: json.params ?? {},
    once: json.once ?? false,
    inResponseTo: inResponseTo === null ? null : { id: inResponseTo, externalId: json.externalId ?? null },
  }
}
