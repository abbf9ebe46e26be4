import type { KeptSend } from '../keyed-sends.ts'
import type { Run, Statement } from './database.ts'
import { keyOf } from './keys.ts'
import type { Operation } from './operations.ts'
import { recordset } from './texts.ts'

type KeyedOperation = Extract<Operation, { kind: 'keyed' }>

interface Stored extends KeptSend {
  readonly id: string
}

/** Inserts, or finds what stands there; who comes at the same time waits for the commit of the first. */
const KEEP: Statement = {
  name: 'keep-keyed',
  text: `INSERT INTO idempotency_keys AS k (key, result, expires_at)
    SELECT key, result, expires_at FROM json_to_recordset($1) AS g(key text, result text, expires_at bigint) ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
      result = CASE WHEN k.expires_at <= $2 THEN excluded.result ELSE k.result END,
      expires_at = CASE WHEN k.expires_at <= $2 THEN excluded.expires_at ELSE k.expires_at END
    RETURNING key, result`,
}

/**
 * Keeps the keys; inside a transaction.
 * @returns what the others stand for already, whose messages are not to be recorded
 */
export async function keepKeys(
  run: Run,
  operations: readonly KeyedOperation[],
): Promise<ReadonlyMap<Operation, KeptSend>> {
  const repeats = new Map<Operation, KeptSend>()
  if (operations.length === 0) return repeats
  const now = Math.max(...operations.map(({ send }) => send.now))
  const rows = await run<{ key: string; result: string }>(KEEP, [recordset(operations.map(toRow)), now])
  const standing = new Map(rows.map(({ key, result }) => [key, storedFrom(result)]))
  for (const operation of operations) {
    const stored = standing.get(keyOf(operation.send.key))
    if (stored !== undefined && stored.id !== operation.send.id)
      repeats.set(operation, { digest: stored.digest, result: stored.result })
  }
  return repeats
}

function toRow({ send: { key, id, digest, result, expiresAt } }: KeyedOperation) {
  return {
    key: keyOf(key),
    result: JSON.stringify({ id, digest, result } satisfies Stored),
    expires_at: expiresAt,
  }
}

/** What was written for a key. */
export function keptFrom(written: string): KeptSend {
  const { digest, result } = storedFrom(written)
  return { digest, result }
}

function storedFrom(written: string): Stored {
  return JSON.parse(written) as Stored
}
