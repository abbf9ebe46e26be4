import { createHash } from 'node:crypto'
import { canonicalJson } from '../messages/plain-json.ts'
import type { Asked } from './idempotency.ts'
import { checkRequest } from './send-checks.ts'
import type { SendRequest } from './send-request.ts'

/**
 * What several requests that are recorded together ask for, under one key.
 * @returns undefined without a key
 * @throws InvalidInputError naming the field that is wrong
 */
export function askedOfAll(requests: readonly SendRequest[], key: string | undefined): Asked | undefined {
  if (key === undefined) return undefined
  for (const request of requests) checkRequest({ ...request, idempotencyKey: key })
  const digest = createHash('sha256')
    .update(canonicalJson(['submitAll', requests]))
    .digest('base64')
  return { key, digest }
}
