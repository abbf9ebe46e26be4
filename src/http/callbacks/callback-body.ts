import type { CallbackEvent, StoredCallback } from '../../store/callback-store.ts'
import { dateText, transportStatus } from '../api/sms-shapes.ts'

export interface CallbackBody {
  readonly contentType: string
  readonly text: string
}

/** An event as a callback asks for it. */
export function bodyOf({ format, user }: StoredCallback, event: CallbackEvent): CallbackBody {
  if (format === 'json') return { contentType: 'application/json', text: JSON.stringify(jsonOf(event)) }
  const fields = event.name === 'sms_received' ? receivedForm(event, user) : sentForm(event)
  return { contentType: 'application/x-www-form-urlencoded', text: new URLSearchParams(fields).toString() }
}

function jsonOf(event: CallbackEvent) {
  const { id, name, at, messageId, backend, identity, address, text } = event
  const common = { id: messageId, backend, identity, address, text }
  const message =
    name === 'sms_received'
      ? { ...common, external_id: event.externalId, fields: event.fields ?? {}, received_at: iso(event.recordedAt) }
      : {
          ...common,
          ...{ state: event.state, code: event.code, error: event.error, in_response_to: event.inResponseTo },
          ...{ created_at: iso(event.recordedAt), sent_at: iso(event.sentAt), delivered_at: iso(event.deliveredAt) },
        }
  return { id, name, at: iso(at), message }
}

/** The fields that Vumi's first API posted, under their names, in UTC. */
function receivedForm(event: CallbackEvent, user: string | null): Record<string, string> {
  const at = dateText(event.recordedAt)
  return {
    callback_name: event.name,
    id: event.messageId,
    user: user ?? '',
    to_msisdn: event.address ?? '',
    from_msisdn: event.identity,
    charset: 'utf8',
    message: event.text,
    transport_name: event.backend,
    transport_msg_id: event.externalId ?? '',
    received_at: at,
    created_at: at,
    updated_at: at,
  }
}

function sentForm(event: CallbackEvent): Record<string, string> {
  const status = transportStatus(event.state ?? 'UNKNOWN')
  return {
    callback_name: event.name,
    id: event.messageId,
    transport_name: event.backend,
    transport_status: String(status.number),
    transport_status_display: status.display,
    state: event.state ?? '',
    created_at: dateText(event.recordedAt),
    updated_at: dateText(event.at),
    delivered_at: event.deliveredAt === null ? '' : dateText(event.deliveredAt),
    from_msisdn: event.address ?? '',
    to_msisdn: event.identity,
    message: event.text,
  }
}

function iso(at: number): string
function iso(at: number | null): string | null
function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
