import type { OutgoingState } from '../../messages/states.ts'
import type { ListedMessage } from '../../store/listing-store.ts'
import type { Sms } from './api-schemas.ts'

interface TransportStatus {
  readonly number: number
  readonly display: string
  readonly state: OutgoingState
}

/** A message that waits is 0 and has no words, as in the API that this one speaks like. */
const statuses: Readonly<Record<OutgoingState, Omit<TransportStatus, 'state'>>> = {
  WAITING: { number: 0, display: '' },
  SENDING: { number: 1, display: 'Being sent' },
  SENT: { number: 2, display: 'Sent' },
  DELIVERED: { number: 3, display: 'Delivered' },
  ERROR: { number: 4, display: 'Failed' },
  UNKNOWN: { number: 5, display: 'Unknown' },
  DEBUG: { number: 6, display: 'Not sent, debug is on' },
  CANCELLED: { number: 7, display: 'Cancelled' },
}

/** @param state as a message of the direction `out` has it */
export function transportStatus(state: string): TransportStatus {
  const [known, { number, display }] = entryOf(state)
  return { number, display, state: known }
}

function entryOf(state: string): readonly [OutgoingState, Omit<TransportStatus, 'state'>] {
  for (const known of Object.keys(statuses) as OutgoingState[]) if (known === state) return [known, statuses[known]]
  return ['UNKNOWN', statuses.UNKNOWN]
}

/** Milliseconds since 1970 as the API writes them. */
export function dateText(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}

export function smsOf(message: ListedMessage): Sms {
  const { number, display, state } = transportStatus(message.state)
  return {
    id: message.id,
    to_msisdn: message.identity,
    from_msisdn: message.address ?? '',
    message: message.text,
    transport_name: message.backend,
    transport_status: number,
    transport_status_display: display,
    state,
    created_at: dateText(message.at),
    updated_at: dateText(message.changedAt),
    delivered_at: message.deliveredAt === null ? null : dateText(message.deliveredAt),
  }
}
