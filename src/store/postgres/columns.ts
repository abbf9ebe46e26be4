import type { Lane, MessageClass } from '../../messages/lane.ts'

/** Columns that finished incoming messages have, and open ones too. */
export const INCOMING = [
  'seq',
  'id',
  'backend',
  'identity',
  'address',
  'text',
  'fields',
  'external_id',
  'received_at',
  'answer_by',
  'state',
  'tries',
  'handled_by',
  'error',
  'processed_at',
] as const

/** Columns that finished outgoing messages have, and open ones too. */
export const OUTGOING = [
  'seq',
  'id',
  'backend',
  'identity',
  'address',
  'text',
  'class',
  'data',
  'in_response_to',
  'via',
  'parts',
  'state',
  'timed_out',
  'phased',
  'attempt_at',
  'first_attempt_at',
  'tries',
  'not_before',
  'expires_at',
  'contact_id',
  'tag',
  'template',
  'related_to',
  'code',
  'error',
  'sender_data',
  'created_at',
  'changed_at',
  'sent_at',
  'delivered_at',
  'attempts',
  'route',
  'broadcast_id',
] as const

type Column = (typeof INCOMING)[number] | (typeof OUTGOING)[number]

/** `a, b, c`, or `t.a, t.b, t.c`; a column that is named in `changed` is given as that expression. */
export function list(columns: readonly Column[], table = '', changed: Partial<Record<Column, string>> = {}): string {
  const prefix = table === '' ? '' : `${table}.`
  return columns.map((column) => changed[column] ?? `${prefix}${column}`).join(', ')
}

export interface OutgoingPlace {
  readonly backend: string
  readonly class: MessageClass
  readonly identity: string
}

export function incomingLane({ backend, identity }: { readonly backend: string; readonly identity: string }): Lane {
  return { kind: 'incoming', owner: backend, identity }
}

export function outgoingLane({ backend, class: messageClass, identity }: OutgoingPlace): Lane & { kind: 'outgoing' } {
  return { kind: 'outgoing', owner: backend, class: messageClass, identity }
}
