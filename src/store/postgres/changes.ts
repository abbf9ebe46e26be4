import type { Change } from '../change.ts'
import { DocumentConflictError } from '../errors.ts'
import { foldedName } from '../folded-name.ts'
import { incomingLane } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { keyOf, laneKeyOf } from './keys.ts'
import { changesOf, type FencedOperation } from './operations.ts'
import { recordset } from './texts.ts'

const statement = (name: string, text: string): Statement => ({ name, text })

const INSERT_CONTACT = statement('insert-contact', 'INSERT INTO contacts VALUES ($1, $2, $3, $4, $5, $6, $7)')
const CHANGE_CONTACT = statement(
  'change-contact',
  `UPDATE contacts SET name = COALESCE($2, name), language = CASE WHEN $3 THEN $4 ELSE language END,
   time_zone = CASE WHEN $5 THEN $6 ELSE time_zone END, opted_out_at = CASE WHEN $7 THEN $8::bigint ELSE opted_out_at END,
   folded_name = COALESCE($9, folded_name) WHERE id = $1 RETURNING id`,
)
const INSERT_CONNECTION = statement(
  'insert-connection',
  `INSERT INTO connections (key, backend, identity, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING`,
)
// When it was last heard from is kept of contacts' connections only; for a new one, its newest message tells.
const LINK_CONNECTION = statement(
  'link-connection',
  `UPDATE connections SET contact_id = $2, last_heard_at = COALESCE(
     (SELECT received_at FROM incoming_open WHERE lane = $3 ORDER BY seq DESC LIMIT 1),
     (SELECT received_at FROM incoming
      WHERE hashtextextended(backend || chr(10) || identity, 0) = hashtextextended($4 || chr(10) || $5, 0)
      AND backend = $4 AND identity = $5 ORDER BY seq DESC LIMIT 1), last_heard_at) WHERE key = $1`,
)
const OWNER = statement('owner-of-connection', 'SELECT contact_id FROM connections WHERE key = $1 FOR UPDATE')
// Whoever is being deleted meanwhile joins nothing.
const JOIN_GROUP = statement(
  'join-group',
  `INSERT INTO group_members SELECT $1, $2, id FROM contacts WHERE id = $3 FOR KEY SHARE ON CONFLICT DO NOTHING`,
)
const LEAVE_GROUP = statement('leave-group', 'DELETE FROM group_members WHERE group_key = $1 AND contact_id = $2')
const HAS_DOCUMENT = statement('has-document', 'SELECT key FROM documents WHERE key = $1')
const INSERT_DOCUMENT = statement(
  'insert-document',
  'INSERT INTO documents VALUES ($1, $2, $3, $4, 1) ON CONFLICT (key) DO NOTHING RETURNING key',
)
const UPDATE_DOCUMENT = statement(
  'update-document',
  'UPDATE documents SET value = $3, version = version + 1 WHERE key = $1 AND version = $2 RETURNING key',
)
const DELETE_DOCUMENT = statement(
  'delete-document',
  'DELETE FROM documents WHERE key = $1 AND version = $2 RETURNING key',
)
const HEARD = statement(
  'heard',
  `UPDATE connections c SET last_heard_at = g.at FROM json_to_recordset($1) AS g(key text, at bigint)
   WHERE c.key = g.key AND c.contact_id IS NOT NULL`,
)

/**
 * Writes what apps changed, in their order; inside a transaction.
 * @param refused makes the error that says whose change could not be written
 */
export async function applyChanges(
  run: Run,
  operations: readonly FencedOperation[],
  refused: (operation: FencedOperation, reason: unknown) => unknown,
): Promise<void> {
  for (const operation of operations) {
    for (const change of changesOf(operation)) {
      const why = await applyChange(run, change, operation.result.at)
      if (why !== undefined) throw refused(operation, new DocumentConflictError(why))
    }
  }
  await noteHeard(run, operations)
}

/**
 * Writes one change inside a transaction.
 * @returns why it is a conflict with what somebody else has changed; undefined when it is written
 */
export async function applyChange(run: Run, change: Change, at: number): Promise<string | undefined> {
  switch (change.kind) {
    case 'contact-created': {
      const { id, name, language, timeZone, optedOutAt, createdAt } = change.contact
      await run(INSERT_CONTACT, [id, name, language, timeZone, optedOutAt, createdAt, foldedName(name)])
      return undefined
    }
    case 'contact-changed': {
      const isThere = await changeContact(run, change)
      return isThere || change.required !== true ? undefined : `The contact ${change.id} is not there any more.`
    }
    case 'connection-linked':
      return link(run, change, at)
    case 'group-joined':
      await run(JOIN_GROUP, [keyOf(change.group), change.group, change.contactId])
      return undefined
    case 'group-left':
      await run(LEAVE_GROUP, [keyOf(change.group), change.contactId])
      return undefined
    case 'document-put': {
      const { scope, key, version } = change
      const isWritten = await putDocument(run, change)
      return isWritten ? undefined : `The document ${scope}/${key} changed after version ${version} was read.`
    }
  }
}

async function link(run: Run, change: Extract<Change, { kind: 'connection-linked' }>, at: number) {
  const { backend, identity } = change.connection
  const key = keyOf(backend, identity)
  await run(INSERT_CONNECTION, [key, backend, identity, at])
  if (change.from !== undefined) {
    const [row] = await run<{ contact_id: string | null }>(OWNER, [key])
    const isOthers = (row?.contact_id ?? null) !== change.from
    if (isOthers) return 'The connection has become that of another contact after it was read.'
  }
  const lane = laneKeyOf(incomingLane(change.connection))
  await run(LINK_CONNECTION, [key, change.contactId, lane, backend, identity])
  return undefined
}

/** @returns false when there is no such contact */
async function changeContact(run: Run, change: Extract<Change, { kind: 'contact-changed' }>): Promise<boolean> {
  const { id, values } = change
  const { name = null, language, timeZone, optedOutAt } = values
  const rows = await run(CHANGE_CONTACT, [
    id,
    name,
    language !== undefined,
    language ?? null,
    timeZone !== undefined,
    timeZone ?? null,
    optedOutAt !== undefined,
    optedOutAt ?? null,
    name === null ? null : foldedName(name),
  ])
  return rows.length === 1
}

/** @returns false when the document is no longer at the version that was read */
async function putDocument(run: Run, change: Extract<Change, { kind: 'document-put' }>): Promise<boolean> {
  const { scope, value, version } = change
  const key = keyOf(scope, change.key)
  const json = JSON.stringify(value)
  if (json === undefined && version === 0) return (await run(HAS_DOCUMENT, [key])).length === 0
  if (json === undefined) return (await run(DELETE_DOCUMENT, [key, version])).length === 1
  if (version === 0) return (await run(INSERT_DOCUMENT, [key, scope, change.key, json])).length === 1
  return (await run(UPDATE_DOCUMENT, [key, version, json])).length === 1
}

/** Only now: a message itself may have made its sender a contact. */
async function noteHeard(run: Run, operations: readonly FencedOperation[]): Promise<void> {
  const heard = new Map<string, { key: string; at: number }>()
  for (const operation of operations) {
    if (operation.kind !== 'finish' || operation.result.outcome.kind === 'retry') continue
    const { backend, identity } = operation.result.message
    const key = keyOf(backend, identity)
    heard.set(key, { key, at: operation.result.at })
  }
  if (heard.size > 0) await run(HEARD, [recordset([...heard.values()].sort((a, b) => (a.key < b.key ? -1 : 1)))])
}
