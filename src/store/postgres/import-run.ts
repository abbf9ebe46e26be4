import type { Connection } from '../../messages/incoming.ts'
import type { ImportLine, ImportRequest, ImportResult } from '../directory-store.ts'
import { foldedName } from '../folded-name.ts'
import { ImportTally, targetOf } from '../import-target.ts'
import { incomingLane } from './columns.ts'
import { LOCK_IMPORTED } from './group-locks.ts'
import { keyOf, laneKeyOf } from './keys.ts'
import { inTransaction } from './partitions.ts'
import { rowsOf, type Session } from './session.ts'
import { recordset } from './texts.ts'

const LINES_PER_PAGE = 500
/** How long it waits, at its end, for whoever is changing one of the same people. */
const LOCK_LIMIT_MS = 30_000

/** A connection has got an owner since it was looked at: nothing was written. */
export class Moved extends Error {}

/** Takes back a transaction whose result is wanted all the same. */
class Undone extends Error {
  readonly result: ImportResult

  constructor(result: ImportResult) {
    super('the import is taken back')
    this.result = result
  }
}

interface StagedContact {
  readonly id: string
  readonly is_new: boolean
  readonly name: string | null
  readonly folded_name: string | null
  readonly language: string | null
  readonly time_zone: string | null
  readonly opted_out: boolean | null
  /** The name of who is new and has got none. */
  readonly fallback: string
}

const TEMPORARY = `
  SET LOCAL lock_timeout = ${LOCK_LIMIT_MS};
  SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;
  CREATE TEMP TABLE import_contacts (id text COLLATE "C" PRIMARY KEY, is_new boolean NOT NULL, name text, folded_name text,
    language text, time_zone text, opted_out boolean, fallback text) ON COMMIT DROP;
  CREATE TEMP TABLE import_connections (key text COLLATE "C" PRIMARY KEY, backend text, identity text, lane text,
    contact_id text COLLATE "C") ON COMMIT DROP;
  CREATE TEMP TABLE import_members (group_key text COLLATE "C", group_name text COLLATE "C",
    contact_id text COLLATE "C") ON COMMIT DROP`

const OWNERS = `
  SELECT key, contact_id FROM connections WHERE key = ANY($1) AND contact_id IS NOT NULL
  UNION SELECT key, contact_id FROM import_connections WHERE key = ANY($1)`

const ADD_CONTACTS = `
  INSERT INTO import_contacts SELECT id, is_new, name, folded_name, language, time_zone, opted_out, fallback
    FROM json_to_recordset($1) AS g(id text, is_new boolean, name text, folded_name text, language text, time_zone text,
      opted_out boolean, fallback text)
  ON CONFLICT (id) DO UPDATE SET name = COALESCE(EXCLUDED.name, import_contacts.name),
    folded_name = COALESCE(EXCLUDED.folded_name, import_contacts.folded_name),
    language = COALESCE(EXCLUDED.language, import_contacts.language),
    time_zone = COALESCE(EXCLUDED.time_zone, import_contacts.time_zone),
    opted_out = COALESCE(EXCLUDED.opted_out, import_contacts.opted_out)`

const ADD_CONNECTIONS = `
  INSERT INTO import_connections SELECT key, backend, identity, lane, contact_id FROM json_to_recordset($1)
    AS g(key text, backend text, identity text, lane text, contact_id text)`

const ADD_MEMBERS = `
  INSERT INTO import_members SELECT group_key, group_name, contact_id FROM json_to_recordset($1)
    AS g(group_key text, group_name text, contact_id text)`

const MAKE_CONTACTS = `
  INSERT INTO contacts SELECT id, COALESCE(name, fallback), language, time_zone, CASE WHEN opted_out THEN $1::bigint END,
    $1::bigint, COALESCE(folded_name, lower(fallback)) FROM import_contacts WHERE is_new`

const CHANGE_CONTACTS = `
  UPDATE contacts c SET name = COALESCE(i.name, c.name), folded_name = COALESCE(i.folded_name, c.folded_name),
    language = COALESCE(i.language, c.language), time_zone = COALESCE(i.time_zone, c.time_zone),
    opted_out_at = CASE WHEN i.opted_out THEN COALESCE(c.opted_out_at, $1::bigint)
      WHEN NOT i.opted_out THEN NULL ELSE c.opted_out_at END
  FROM import_contacts i
  WHERE i.id = c.id AND NOT i.is_new AND (
    (COALESCE(i.name, c.name), COALESCE(i.language, c.language), COALESCE(i.time_zone, c.time_zone))
      IS DISTINCT FROM (c.name, c.language, c.time_zone)
    OR i.opted_out <> (c.opted_out_at IS NOT NULL))`

// When it was last heard from is kept of contacts' connections only; for a new one, its newest message tells.
const LINK = `
  INSERT INTO connections AS c (key, backend, identity, contact_id, created_at)
  SELECT key, backend, identity, contact_id, $1::bigint FROM import_connections ORDER BY key
  ON CONFLICT (key) DO UPDATE SET contact_id = EXCLUDED.contact_id, last_heard_at = COALESCE(
    (SELECT received_at FROM incoming_open WHERE lane = (SELECT lane FROM import_connections i WHERE i.key = c.key)
     ORDER BY seq DESC LIMIT 1),
    (SELECT received_at FROM incoming
     WHERE hashtextextended(backend || chr(10) || identity, 0) = hashtextextended(c.backend || chr(10) || c.identity, 0)
     AND backend = c.backend AND identity = c.identity ORDER BY seq DESC LIMIT 1), c.last_heard_at)
  WHERE c.contact_id IS NULL`

const JOIN = `
  INSERT INTO group_members SELECT DISTINCT m.group_key, m.group_name, m.contact_id
    FROM import_members m JOIN contacts c ON c.id = m.contact_id ON CONFLICT DO NOTHING`

/**
 * Works out who is new and who is known, page by page in temporary tables, and writes it at the end in a few statements:
 * until then nobody else waits for anything of it.
 * @throws Moved when somebody else has linked one of its connections meanwhile
 */
export async function applyImport(client: Session, request: ImportRequest): Promise<ImportResult> {
  try {
    return await inTransaction(client, async () => {
      await client.query(TEMPORARY)
      const result = await gather(client, request)
      if (!result.applied) throw new Undone(result)
      await write(client, request)
      return result
    })
  } catch (error) {
    if (error instanceof Undone) return error.result
    throw error
  }
}

async function gather(client: Session, request: ImportRequest): Promise<ImportResult> {
  const tally = new ImportTally()
  let after = -1
  for (;;) {
    const rows = await rowsOf<{ line: number; data: string }>(
      client,
      'SELECT line, data FROM import_lines WHERE import_id = $1 AND line > $2 ORDER BY line LIMIT $3',
      [request.importId, after, LINES_PER_PAGE],
    )
    await gatherPage(
      client,
      rows.map(({ data }) => JSON.parse(data) as ImportLine),
      tally,
    )
    after = rows.at(-1)?.line ?? after
    if (rows.length < LINES_PER_PAGE) return tally.result(request)
  }
}

async function gatherPage(client: Session, lines: readonly ImportLine[], tally: ImportTally): Promise<void> {
  const keys = [...new Set(lines.flatMap(({ connections }) => connections.map(keyOfConnection)))]
  const owned = await rowsOf<{ key: string; contact_id: string }>(client, OWNERS, [keys])
  const owners = new Map(owned.map(({ key, contact_id }) => [key, contact_id]))
  const contacts = new Map<string, StagedContact>()
  const connections: object[] = []
  const members: object[] = []
  for (const line of lines) {
    const lineKeys = line.connections.map((connection) => ({ connection, key: keyOfConnection(connection) }))
    const target = targetOf(
      line,
      lineKeys.flatMap(({ key }) => owners.get(key) ?? []),
    )
    tally.count(line, target)
    if (target.kind === 'conflict') continue
    const { id } = target
    contacts.set(id, contactRow(line, id, target.kind === 'new', contacts.get(id)))
    for (const { connection, key } of lineKeys) {
      if (owners.has(key)) continue
      owners.set(key, id)
      connections.push({ key, ...connection, lane: laneKeyOf(incomingLane(connection)), contact_id: id })
    }
    for (const group of line.groups) members.push({ group_key: keyOf(group), group_name: group, contact_id: id })
  }
  await rowsOf(client, ADD_CONTACTS, [recordset([...contacts.values()])])
  await rowsOf(client, ADD_CONNECTIONS, [recordset(connections)])
  await rowsOf(client, ADD_MEMBERS, [recordset(members)])
}

async function write(client: Session, { importId, at }: ImportRequest): Promise<void> {
  await client.query('ANALYZE import_contacts; ANALYZE import_connections; ANALYZE import_members')
  const wanted = await rowsOf<{ count: number }>(client, 'SELECT count(*) AS count FROM import_connections')
  await client.query(MAKE_CONTACTS, [at])
  await client.query(CHANGE_CONTACTS, [at])
  await rowsOf(client, LOCK_IMPORTED)
  await rowsOf(client, JOIN)
  const { rowCount } = await client.query(LINK, [at])
  if (rowCount !== wanted[0]?.count) throw new Moved('a connection has got an owner meanwhile')
  await rowsOf(client, 'DELETE FROM import_lines WHERE import_id = $1', [importId])
}

function contactRow(line: ImportLine, id: string, isNew: boolean, earlier?: StagedContact): StagedContact {
  const name = line.name ?? earlier?.name ?? null
  return {
    id,
    is_new: isNew || earlier?.is_new === true,
    name,
    folded_name: name === null ? null : foldedName(name),
    language: line.language ?? earlier?.language ?? null,
    time_zone: line.timeZone ?? earlier?.time_zone ?? null,
    opted_out: line.optedOut ?? earlier?.opted_out ?? null,
    fallback: earlier?.fallback ?? line.connections[0]?.identity ?? '',
  }
}

function keyOfConnection({ backend, identity }: Connection): string {
  return keyOf(backend, identity)
}
