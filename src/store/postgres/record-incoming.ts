import type { NewIncoming, RecordedIncoming } from '../incoming-records.ts'
import { INCOMING, incomingLane, list } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { hashOf, keyOf, laneKeyOf } from './keys.ts'
import type { Numbered } from './operations.ts'
import { type Candidate, findRepeats } from './repeats.ts'
import { recordset } from './texts.ts'

/** How long a service's repeat of a message is still known as one. */
const DUPLICATES_KEPT_MS = 7 * 24 * 3600_000

/** What is finished stands in another table, where the same id is taken as well. */
const INSERT: Statement = {
  name: 'insert-incoming',
  text: `WITH given AS MATERIALIZED (SELECT * FROM json_to_recordset($1) AS g(seq bigint, id text, backend text,
      identity text, address text, text text, fields text, external_id text, received_at bigint, answer_by bigint,
      lane text, person text)),
    people AS (INSERT INTO connections (key, backend, identity, created_at)
      SELECT DISTINCT ON (person) person, backend, identity, received_at FROM given ORDER BY person, seq
      ON CONFLICT (key) DO NOTHING)
    INSERT INTO incoming_open (${list(INCOMING)}, lane, not_before)
    SELECT ${list(INCOMING, 'given', { state: `'RECEIVED'`, tries: '0', handled_by: 'NULL', error: 'NULL', processed_at: 'NULL' })},
      lane, 0 FROM given WHERE NOT EXISTS (SELECT FROM incoming WHERE incoming.id = given.id)
    RETURNING id`,
}

/** Records messages that are no repeats; inside a transaction. */
export async function recordIncoming(
  run: Run,
  messages: readonly Numbered<NewIncoming>[],
): Promise<readonly RecordedIncoming[]> {
  if (messages.length === 0) return []
  const firsts = await firstIds(
    run,
    messages.map(({ message }) => message),
  )
  const fresh = messages.filter((_, index) => firsts[index] === undefined)
  if (fresh.length > 0) {
    const written = await run(INSERT, [recordset(fresh.map(toRow))])
    if (written.length !== fresh.length) throw new Error('The id of an incoming message is taken.')
  }
  return messages.map(({ message: { id } }, index) => {
    const first = firsts[index]
    return first === undefined ? { id, duplicate: false } : { id: first, duplicate: true }
  })
}

async function firstIds(run: Run, messages: readonly NewIncoming[]): Promise<(string | undefined)[]> {
  const firsts: (string | undefined)[] = messages.map(() => undefined)
  const look = async (table: 'duplicates' | 'content_windows', candidates: (Candidate | undefined)[]) => {
    const places = candidates.flatMap((candidate, index) => (candidate === undefined ? [] : [{ candidate, index }]))
    const found = await findRepeats(
      run,
      table,
      places.map(({ candidate }) => candidate),
    )
    places.forEach(({ index }, place) => {
      firsts[index] = found[place]
    })
  }
  await look('duplicates', messages.map(byExternalId))
  await look('content_windows', messages.map(byContent))
  return firsts
}

function byExternalId({ id, backend, identity, externalId, receivedAt }: NewIncoming): Candidate | undefined {
  if (externalId === null) return undefined
  const key = keyOf(backend, identity, externalId)
  return { key, mark: '', id, receivedAt, expiresAt: receivedAt + DUPLICATES_KEPT_MS }
}

function byContent(message: NewIncoming): Candidate | undefined {
  const { id, backend, identity, text, externalId, receivedAt, window = 0 } = message
  if (externalId !== null || window === 0) return undefined
  return { key: keyOf(backend, identity), mark: hashOf(text), id, receivedAt, expiresAt: receivedAt + window }
}

function toRow({ seq, message }: Numbered<NewIncoming>) {
  const { id, backend, identity, address, text, fields, externalId, receivedAt, answerBy } = message
  return {
    seq,
    id,
    backend,
    identity,
    address,
    text,
    fields: JSON.stringify(fields),
    external_id: externalId,
    received_at: receivedAt,
    answer_by: answerBy ?? null,
    lane: laneKeyOf(incomingLane(message)),
    person: keyOf(backend, identity),
  }
}
