import { list, OUTGOING } from './columns.ts'
import type { Statement } from './database.ts'

export interface RecipientColumns {
  position: number
  backend: string
  identity: string
  params: string | null
}

const statement = (name: string, text: string): Statement => ({ name: `broadcast-${name}`, text })

const NUMBER = '(SELECT number FROM broadcasts WHERE id = $1)'

export const INSERT = statement(
  'insert',
  `INSERT INTO broadcasts (id, name, tag, key, state, request, start_at, created_at, changed_at, holder, held_until)
   VALUES ($1, $2, $3, $4, 'TAKING', $5, $6, $7, $7, $8, $9) ON CONFLICT (key) DO NOTHING RETURNING *`,
)
export const BY_KEY = statement('by-key', 'SELECT * FROM broadcasts WHERE key = $1')
export const TOUCH = statement(
  'touch',
  `UPDATE broadcasts SET held_until = $3 WHERE id = $1 AND state = 'TAKING' AND holder = $2 RETURNING number`,
)
export const INSERT_RECIPIENTS = statement(
  'insert-recipients',
  `INSERT INTO broadcast_recipients (broadcast, position, backend, identity, key, params)
   SELECT $2, position, backend, identity, key, params FROM json_to_recordset($1)
   AS g(position bigint, backend text, identity text, key text, params text) ORDER BY position
   ON CONFLICT DO NOTHING RETURNING position`,
)
export const COUNT = statement(
  'count',
  'UPDATE broadcasts SET recipients = recipients + $2, duplicates = duplicates + $3 WHERE number = $1',
)
export const FAULT_COUNT = statement(
  'fault-count',
  'SELECT count(*) AS count FROM broadcast_faults WHERE broadcast = $1',
)
export const INSERT_FAULTS = statement(
  'insert-faults',
  `INSERT INTO broadcast_faults SELECT $2, position, error
   FROM json_to_recordset($1) AS g(position bigint, error text) ON CONFLICT DO NOTHING`,
)
export const COUNT_FAULTS = statement('count-faults', 'UPDATE broadcasts SET faults = faults + $2 WHERE number = $1')
// Who failed lets go of the key: with it, the same may be tried again.
export const CHANGE = statement(
  'change',
  `UPDATE broadcasts SET state = $3, reason = COALESCE($4, reason), changed_at = $5, ended_at = $6,
   key = CASE WHEN $3 = 'FAILED' THEN NULL ELSE key END
   WHERE id = $1 AND state = ANY($2) AND ($7::text IS NULL OR holder = $7) AND ($8::bigint IS NULL OR held_until < $8)
   RETURNING id`,
)
export const FIND = statement('find', 'SELECT * FROM broadcasts WHERE id = $1')
export const LIST = statement(
  'list',
  `SELECT * FROM broadcasts WHERE $1::text IS NULL OR number < ${NUMBER} ORDER BY number DESC LIMIT $2`,
)
export const UNENDED = statement('unended', 'SELECT * FROM broadcasts WHERE ended_at IS NULL ORDER BY number LIMIT $1')
export const FAULTS = statement(
  'faults',
  `SELECT position, error FROM broadcast_faults WHERE broadcast = ${NUMBER} AND position > $2
   ORDER BY position LIMIT $3`,
)
export const STATES = statement(
  'states',
  `SELECT state, count(*) AS count FROM (SELECT state FROM outgoing_open WHERE broadcast_id = $1
   UNION ALL SELECT state FROM outgoing WHERE broadcast_id = $1) m GROUP BY state`,
)
export const RECIPIENTS = statement(
  'recipients',
  `SELECT position, backend, identity, params FROM broadcast_recipients
   WHERE broadcast = ${NUMBER} AND position > $2 ORDER BY position LIMIT $3`,
)
export const CONTACTS = statement(
  'contacts',
  'SELECT c.key, p.* FROM connections c JOIN contacts p ON p.id = c.contact_id WHERE c.key = ANY($1)',
)
export const EXPAND = statement(
  'expand',
  `UPDATE broadcasts SET cursor = $3, expanded = expanded + $4, messages = messages + $5, changed_at = $6
   WHERE id = $1 AND state = 'RUNNING' AND cursor = $2 RETURNING number`,
)
export const COUNT_OPEN = statement(
  'count-open',
  'SELECT count(*) AS count FROM (SELECT 1 FROM outgoing_open WHERE broadcast_id = $1 LIMIT $2) o',
)

/** With no service now, whether it was tried before or not. */
const waiting = (where: string) =>
  `SELECT id FROM outgoing_open WHERE broadcast_id = $1 AND attempt_at IS NULL AND ${where}
   ORDER BY seq LIMIT $3 FOR UPDATE SKIP LOCKED`

const moved = (set: string, where: string) =>
  `UPDATE outgoing_open o SET not_before = ${set}, changed_at = $4 WHERE o.id IN (${waiting(where)})
   RETURNING backend, class, identity`

export const HOLD_BACK = statement('hold-back', moved('$2', 'tries = 0 AND not_before < $2'))
export const LET_GO = statement('let-go', moved('0', 'tries = 0 AND not_before = $2'))
export const HELD = statement('held', 'UPDATE broadcasts SET held = $2 WHERE id = $1')

export const CANCEL_OPEN = statement(
  'cancel-open',
  `WITH gone AS (DELETE FROM outgoing_open o WHERE o.id IN (${waiting('true')}) RETURNING o.*)
   INSERT INTO outgoing (${list(OUTGOING)})
   SELECT ${list(OUTGOING, 'gone', { state: `'CANCELLED'`, error: '$2', changed_at: '$4' })} FROM gone RETURNING id`,
)

export const COST_OF = statement(
  'cost-of',
  `SELECT cost, costed, cost_cursor, (SELECT min(seq) FROM outgoing_open WHERE broadcast_id = $1) AS first_open
   FROM broadcasts WHERE id = $1 FOR UPDATE`,
)
export const SPENT = statement(
  'spent',
  'SELECT seq, attempts FROM outgoing WHERE broadcast_id = $1 AND seq > $2 AND seq < $3 ORDER BY seq LIMIT $4',
)
export const ADD_COST = statement(
  'add-cost',
  'UPDATE broadcasts SET cost = cost + $2, costed = costed + $3, cost_cursor = $4 WHERE id = $1',
)
