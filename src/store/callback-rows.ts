import type { Fields } from '../messages/incoming.ts'
import type { CallbackDelivery, StoredCallback } from './callback-store.ts'

export type CallbackRow = Omit<StoredCallback, 'backends'> & { backends: string | null }
export type DeliveryRow = Omit<CallbackDelivery, 'fields'> & { fields: string | null }

export const CALLBACK = `id, user_name AS "user", name, url, target, format, backends, secret, created_at AS "createdAt",
  updated_at AS "updatedAt", revision, disabled_at AS "disabledAt", disabled_reason AS "disabledReason"`

/** Milliseconds after which nobody needs to know any more that a URL was not reached. */
export const HOLDS_KEPT_MS = 24 * 3600_000

const names = {
  ...{ seq: 'seq', id: 'id', callback: 'callback', name: 'name', at: 'at', messageId: 'message_id' },
  ...{ backend: 'backend', identity: 'identity', address: 'address', text: 'text', recordedAt: 'recorded_at' },
  ...{ externalId: 'external_id', fields: 'fields', state: 'state', inResponseTo: 'in_response_to', code: 'code' },
  ...{ error: 'error', sentAt: 'sent_at', deliveredAt: 'delivered_at', tries: 'tries', since: 'since' },
  ...{ status: 'status', failure: 'failure', deadAt: 'dead_at' },
} satisfies Record<keyof CallbackDelivery, string>

export const DELIVERY = Object.entries(names)
  .map(([name, column]) => `callback_deliveries.${column} AS "${name}"`)
  .join(', ')

/** Deliveries of which at the most one commit has those tried again that were given up. */
export const REPLAYED_AT_ONCE = 5_000

/** Whether what could not be told before may be told now. */
export function isMended(before: CallbackRow, after: CallbackRow): boolean {
  const { url, target, secret, disabledAt } = before
  return disabledAt !== null || url !== after.url || target !== after.target || secret !== after.secret
}

export function toCallback({ backends, ...row }: CallbackRow): StoredCallback {
  return { ...row, backends: backends === null ? null : (JSON.parse(backends) as string[]) }
}

export function toDelivery({ fields, ...row }: DeliveryRow): CallbackDelivery {
  return { ...row, fields: fields === null ? null : (JSON.parse(fields) as Fields) }
}

/** Backends as a row has them. */
export function backendsText(backends: readonly string[] | null): string | null {
  return backends === null ? null : JSON.stringify(backends)
}
