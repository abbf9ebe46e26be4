import { z } from 'zod'
import type { Fields } from '../messages/incoming.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { ViewRequest } from '../router/backend.ts'
import { type RequestValues, readValues } from './body.ts'
import { identityField, plainText, textField } from './form.ts'
import { type StateTable, stateOf } from './provider-codes.ts'

const LONGEST_ID = 1024

const messageId = textField.pipe(z.string().max(LONGEST_ID, `may not be longer than ${LONGEST_ID} characters`))
/** The first message of a USSD session says nothing: its content is null. */
const content = plainText.nullish().transform((text) => text?.trim() ?? '')
/** What only travels along: never a reason to refuse a message. */
const along = z.unknown().optional()
const event = z.enum(['new', 'resume', 'close']).nullish().catch(null)

/** A session as Vumi tells of it: it names none, so that the person's address stands for the one she may have. */
function sessionOf(named: z.output<typeof event>, isUssd: boolean, id: string) {
  const told = named ?? (isUssd ? 'resume' : undefined)
  return told === undefined ? {} : { session: { id, event: told } }
}

function present(values: Fields): Fields {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => (value ?? null) !== null))
}

/** A user message of Vumi (`vumi/message.py`, version 20110921), as the HTTP API and the RapidSMS relay give it. */
export const userMessage = z
  .object({
    message_id: messageId,
    from_addr: identityField,
    to_addr: identityField,
    transport_name: textField,
    transport_type: textField,
    content,
    session_event: event,
    in_reply_to: along,
    group: along,
    provider: along,
    from_addr_type: along,
    to_addr_type: along,
    timestamp: along,
    transport_metadata: z.looseObject({ session_id: along }).nullish().catch(null),
    helper_metadata: along,
  })
  .transform(({ message_id, to_addr, content: text, ...given }) => {
    const { from_addr, transport_type, session_event, transport_metadata } = given
    const { session_id } = transport_metadata ?? {}
    const id = typeof session_id === 'string' && session_id !== '' ? session_id : from_addr
    return {
      ...present(given),
      ...sessionOf(session_event, transport_type === 'ussd', id),
      identity: from_addr,
      address: to_addr,
      externalId: message_id,
      text,
    }
  })

/** A message as Junebug POSTs it to a channel's `mo_url`. */
export const junebugMessage = z
  .object({
    message_id: messageId,
    from: identityField,
    to: identityField.nullish(),
    content,
    channel_id: along,
    group: along,
    timestamp: along,
    reply_to: along,
    channel_data: z.looseObject({ session_event: event }).nullish().catch(null),
  })
  .transform(({ message_id, to, content: text, ...given }) => ({
    ...present(given),
    ...sessionOf(given.channel_data?.session_event, false, given.from),
    identity: given.from,
    address: to ?? undefined,
    externalId: message_id,
    text,
  }))

/** The events of both, and the delivery statuses that Vumi's reports name. */
const states = {
  ack: 'SENT',
  nack: 'ERROR',
  pending: 'SENT',
  delivered: 'DELIVERED',
  failed: 'ERROR',
  submitted: 'SENT',
  rejected: 'ERROR',
  delivery_pending: 'SENT',
  delivery_succeeded: 'DELIVERED',
  delivery_failed: 'ERROR',
} satisfies StateTable

const word = z
  .union([plainText, z.number().transform(String)])
  .nullish()
  .catch(null)
  .transform((text) => (text === '' ? undefined : (text ?? undefined)))

/** An event of Vumi: `ack`, `nack`, or `delivery_report` with its status. */
export const vumiEvent = z.object({
  user_message_id: messageId,
  event_type: word,
  delivery_status: word,
  nack_reason: word,
  sent_message_id: word,
  timestamp: word,
})

export function vumiReport({ user_message_id, ...said }: z.output<typeof vumiEvent>): DeliveryReport {
  const { event_type, delivery_status, nack_reason, sent_message_id, timestamp } = said
  const code = event_type === 'delivery_report' ? (delivery_status ?? event_type) : event_type
  return reportOf(user_message_id, code, nack_reason, { sent_message_id, timestamp })
}

/** An event as Junebug POSTs it to a message's `event_url`. */
export const junebugEvent = z.object({
  message_id: messageId,
  event_type: word,
  timestamp: word,
  event_details: z.looseObject({ reason: word }).nullish().catch(null),
})

export function junebugReport(said: z.output<typeof junebugEvent>): DeliveryReport {
  const { message_id, event_type, timestamp, event_details } = said
  return reportOf(message_id, event_type, event_details?.reason, { timestamp, event_details })
}

/** What Junebug keeps of a message: the last event names what Vumi calls it, or what Junebug does. */
export const junebugStatus = z.object({
  last_event_type: word,
  last_event_timestamp: word,
  events: z.array(z.looseObject({ event_type: word, event_details: along })).catch([]),
})

/** Undefined while there was no event. */
export function junebugCheck(id: string, found: z.output<typeof junebugStatus>): DeliveryReport | undefined {
  const { last_event_type, last_event_timestamp, events } = found
  // `delivery_report` alone does not say how it ended; of the events, formatted as those that are pushed, the last does.
  const code = last_event_type === 'delivery_report' ? events.at(-1)?.event_type : last_event_type
  return code === undefined ? undefined : reportOf(id, code, undefined, { timestamp: last_event_timestamp })
}

/** How a part of a channel is, as Junebug POSTs it to the channel's `status_url`. */
export const junebugHealth = z.object({
  component: z.string(),
  status: z.string(),
  type: word,
  message: word,
  channel_id: word,
})

function reportOf(externalId: string, code: string | undefined, text: string | undefined, fields: Fields) {
  const state = code === undefined ? undefined : stateOf(states, code)
  return {
    externalId,
    ...(state === undefined ? {} : { state }),
    ...(code === undefined ? {} : { code }),
    ...(text === undefined ? {} : { text }),
    fields: present(fields),
  }
}

/** The relay sends JSON without saying so. */
export function readJson(request: ViewRequest): RequestValues {
  return readValues({ ...request, headers: { ...request.headers, 'content-type': 'application/json' } }, 'utf-8')
}
