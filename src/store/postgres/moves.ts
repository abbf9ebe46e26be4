import { parseLaneKey } from '../../messages/lane.ts'
import type { AttemptResult } from '../outgoing-records.ts'
import { outgoingLane } from './columns.ts'
import type { Run, Statement } from './database.ts'
import { fenceKeyOf, keyOf, laneKeyOf } from './keys.ts'
import { recordset } from './texts.ts'

/** Only from the lane that the fence is of: who moves a message twice finds it gone. */
const MOVE: Statement = {
  name: 'move-outgoing',
  text: `WITH given AS MATERIALIZED (SELECT * FROM json_to_recordset($1) AS g(id text, held text, lane text, person text,
      backend text, identity text, address text, text text, parts integer, route text, code text, error text, at bigint,
      until bigint, began bigint, attempt text)),
    moved AS (UPDATE outgoing_open o SET lane = g.lane, backend = g.backend, identity = g.identity, address = g.address,
      text = g.text, parts = g.parts, route = COALESCE(g.route, o.route), attempt_at = NULL, tries = 0,
      not_before = g.until, first_attempt_at = COALESCE(o.first_attempt_at, g.began), code = g.code, error = g.error,
      changed_at = g.at, attempts = o.attempts || g.attempt
      FROM given g WHERE o.id = g.id AND o.lane = g.held RETURNING o.id, g.person, g.backend, g.identity, g.at),
    people AS (INSERT INTO connections (key, backend, identity, created_at)
      SELECT DISTINCT ON (person) person, backend, identity, at FROM moved ORDER BY person
      ON CONFLICT (key) DO NOTHING),
    closed AS (DELETE FROM content_windows w USING moved m WHERE w.key = m.person)
    SELECT id FROM moved`,
}

/**
 * Takes routed messages from one backend's lane to another's; inside a transaction.
 * @param lineOf the attempt as it is kept beside the message
 * @returns the ids of those that have moved
 */
export async function moveOutgoing(
  run: Run,
  results: readonly AttemptResult[],
  lineOf: (result: AttemptResult) => string,
): Promise<readonly string[]> {
  const rows = results.flatMap((result) => toRow(result, lineOf(result)) ?? [])
  if (rows.length === 0) return []
  return (await run<{ id: string }>(MOVE, [recordset(rows)])).map(({ id }) => id)
}

function toRow({ message, outcome, fence, route, startedAt, code, error, at }: AttemptResult, attempt: string) {
  const held = parseLaneKey(fence.lane)
  if (outcome.kind !== 'moved' || held?.kind !== 'outgoing') return undefined
  const { to, text, parts } = outcome
  const { backend, identity } = to
  return {
    id: message.id,
    held: fenceKeyOf(fence.lane),
    lane: laneKeyOf(outgoingLane({ backend, class: held.class, identity })),
    person: keyOf(backend, identity),
    backend,
    identity,
    address: to.address,
    text,
    parts,
    route: route === undefined ? null : JSON.stringify(route),
    code,
    error,
    at,
    until: outcome.at,
    began: startedAt,
    attempt,
  }
}
