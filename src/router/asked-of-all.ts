import { createHash } from 'node:crypto'
import { canonicalJson } from '../messages/plain-json.ts'
import type { Asked } from './idempotency.ts'
import { checkRequest } from './send-checks.ts'
import type { LaterRequests, SendRequest } from './send-request.ts'

const KEY_ALONE: SendRequest = { to: [], text: '' }

/**
 * What several requests that are recorded together ask for, under one key.
 * @returns undefined without a key
 * @throws InvalidInputError naming the field that is wrong
 */
export function askedOfAll(
  requests: readonly SendRequest[] | LaterRequests,
  key: string | undefined,
): Asked | undefined {
  if (key === undefined) return undefined
  const isLater = 'make' in requests
  for (const request of isLater ? [KEY_ALONE] : requests) checkRequest({ ...request, idempotencyKey: key })
  const digest = createHash('sha256')
    .update(canonicalJson(isLater ? ['later', requests.asked] : ['submitAll', requests]))
    .digest('base64')
  return { key, digest }
}
