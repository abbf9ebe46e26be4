import type { Run, Statement } from './database.ts'
import { recordset } from './texts.ts'

/** A message that may be the repeat of another under its key. */
export interface Candidate {
  readonly key: string
  /** Only what has the same mark is the same. */
  readonly mark: string
  readonly id: string
  readonly receivedAt: number
  /** Until when others count as repeats of this one. */
  readonly expiresAt: number
}

interface Row {
  key: string
  mark: string
  message_id: string
  expires_at: number
  repeats: number
}

type Table = 'duplicates' | 'content_windows'

const GIVEN = `json_to_recordset($1) AS g(key text, mark text, id text, recorded_at bigint, expires_at bigint)`

/** Inserts, or finds what stands there. Either way the row is ours until the commit. */
const KEEP = statements((table) => {
  const isRepeat = 't.mark = excluded.mark AND t.expires_at >= excluded.recorded_at'
  const kept = (column: string) => `${column} = CASE WHEN ${isRepeat} THEN t.${column} ELSE excluded.${column} END`
  return {
    name: `keep-${table}`,
    text: `INSERT INTO ${table} AS t (key, mark, message_id, recorded_at, expires_at, repeats)
      SELECT key, mark, id, recorded_at, expires_at, 0 FROM ${GIVEN} ORDER BY key
      ON CONFLICT (key) DO UPDATE SET ${['mark', 'message_id', 'recorded_at', 'expires_at'].map(kept).join(', ')},
      repeats = CASE WHEN ${isRepeat} THEN t.repeats + 1 ELSE 0 END
      RETURNING key, mark, message_id, expires_at, repeats`,
  }
})

const REPLACE = statements((table) => ({
  name: `replace-${table}`,
  text: `UPDATE ${table} t SET mark = g.mark, message_id = g.id, recorded_at = g.recorded_at, expires_at = g.expires_at,
    repeats = 0 FROM ${GIVEN} WHERE t.key = g.key`,
}))

/**
 * Tells repeats, also within one batch and among batches of several processes that are written at the same time.
 * @returns for each candidate the id of the message that it repeats; undefined when it is the first
 */
export async function findRepeats(
  run: Run,
  table: Table,
  candidates: readonly Candidate[],
): Promise<(string | undefined)[]> {
  if (candidates.length === 0) return []
  const firsts = new Map<string, Candidate>()
  for (const candidate of candidates) if (!firsts.has(candidate.key)) firsts.set(candidate.key, candidate)
  const rows = await run<Row>(KEEP[table], [recordset([...firsts.values()].map(toRow))])
  const standing = new Map(rows.map((row) => [row.key, row]))
  const replaced = new Map<string, Candidate>()
  const repeats = candidates.map((candidate) => {
    const { key, mark, id, receivedAt, expiresAt } = candidate
    const row = standing.get(key)
    if (row === undefined) return undefined
    if (firsts.get(key) === candidate) return row.repeats > 0 ? row.message_id : undefined
    if (row.mark === mark && row.expires_at >= receivedAt) return row.message_id
    standing.set(key, { key, mark, message_id: id, expires_at: expiresAt, repeats: 0 })
    replaced.set(key, candidate)
    return undefined
  })
  if (replaced.size > 0) await run(REPLACE[table], [recordset([...replaced.values()].map(toRow))])
  return repeats
}

function toRow({ key, mark, id, receivedAt, expiresAt }: Candidate) {
  return { key, mark, id, recorded_at: receivedAt, expires_at: expiresAt }
}

function statements(make: (table: Table) => Statement): Record<Table, Statement> {
  return { duplicates: make('duplicates'), content_windows: make('content_windows') }
}
