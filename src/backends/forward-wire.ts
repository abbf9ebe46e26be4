import { z } from 'zod'
import type { OutgoingMessage, SendOptions } from '../messages/outgoing.ts'
import { incomingForm, plainText } from './form.ts'

/*
 * What the two providers of py-smsframework say to each other (smsframework/providers/forward, smsframework/lib):
 * JSON in which an object with the one key `?` is an instance: its class, and the attributes that were set on it.
 * Python keeps attributes it does not know, and hands them on with the object; `via` and `in_reply_to` are ours.
 */

/** An object of a class of Python's. */
export interface Instance {
  readonly '?': readonly [name: string, attributes: Readonly<Record<string, unknown>>]
}

export function instance(name: string, attributes: Readonly<Record<string, unknown>>): Instance {
  const set = Object.entries(attributes).filter(([, value]) => value !== undefined)
  return { '?': [name, Object.fromEntries(set)] }
}

/** A point in time as `datetime.isoformat` writes it: UTC, no zone, six digits even where they are zero. */
export function pythonTime(milliseconds: number): { readonly '?': readonly ['datetime', string] } {
  return { '?': ['datetime', `${new Date(milliseconds).toISOString().slice(0, -1)}000`] }
}

const attributes = z.record(z.string(), z.unknown())
const optionalId = incomingForm.shape.externalId
const address = incomingForm.shape.address

const time = z
  .object({ '?': z.tuple([z.literal('datetime'), z.string().max(40)]) })
  .transform(({ '?': [, written] }) => Date.parse(`${written.replace(/Z$/, '')}Z`))
  .transform((at) => (Number.isNaN(at) ? undefined : new Date(at).toISOString()))
  .catch(undefined)

const MOST_HOPS = 20

/** Our ids of the message, one for each switchboard it has come through. */
const via = z.array(z.string().max(100)).max(MOST_HOPS).optional()

const common = z.object({
  /** The name that the provider has where the message came in or left. */
  provider: address,
  meta: attributes.nullish().transform((meta) => meta ?? {}),
  rtime: time,
  via,
})

const incomingMessage = common
  .extend({ src: incomingForm.shape.identity, body: plainText, dst: address, msgid: optionalId })
  .transform(({ src, body, dst, msgid, ...rest }) => ({
    identity: src,
    text: body,
    address: dst,
    externalId: msgid,
    ...rest,
  }))

/** `{"message": {"?": ["IncomingMessage", …]}}` */
export const incomingRequest = z
  .object({ message: z.object({ '?': z.tuple([z.literal('IncomingMessage'), incomingMessage]) }) })
  .transform(({ message }) => message['?'][1])

const flag = z.boolean().nullish().catch(undefined)

const status = common.extend({
  msgid: optionalId.pipe(z.string('is required')),
  status: z.unknown().transform(wordOf).optional(),
  status_code: z.unknown().transform(wordOf).optional(),
  accepted: flag,
  delivered: flag,
  expired: flag,
  error: flag,
})

/** `{"status": {"?": ["MessageDelivered", …]}}`; a provider's own classes have names of their own. */
export const statusRequest = z
  .object({ status: z.object({ '?': z.tuple([z.string().max(100), status]) }) })
  .transform(({ status: { '?': said } }) => ({ name: said[0], ...said[1] }))

function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? plainOf(String(value)) : undefined
}

function plainOf(text: string): string {
  return text.toWellFormed().replaceAll('\0', '').slice(0, 1_000)
}

const truth = z.boolean().nullish().catch(undefined)

const options = z
  .object({
    '?': z.tuple([
      z.literal('OutgoingMessageOptions'),
      z.object({
        senderId: address,
        allow_reply: truth,
        status_report: truth,
        escalate: truth,
        expires: z.number().positive().nullish(),
      }),
    ]),
  })
  .nullish()
  .transform((given): SendOptions => {
    const { senderId, allow_reply, status_report, escalate, expires } = given?.['?'][1] ?? {}
    return {
      ...(senderId === undefined ? {} : { senderId }),
      ...(typeof allow_reply === 'boolean' ? { allowReply: allow_reply } : {}),
      ...(typeof status_report === 'boolean' ? { statusReport: status_report } : {}),
      ...(typeof escalate === 'boolean' ? { escalate } : {}),
      ...(typeof expires === 'number' ? { validity: expires } : {}),
    }
  })

const outgoingMessage = z.object({
  dst: incomingForm.shape.identity,
  body: plainText.min(1, 'may not be empty'),
  src: address,
  provider_options: options,
  provider_params: attributes.nullish().transform((params) => params ?? {}),
  routing_values: z.array(z.unknown()).nullish(),
  via,
  in_reply_to: optionalId,
})

/** `{"message": {"?": ["OutgoingMessage", …]}}` */
export const outgoingRequest = z
  .object({ message: z.object({ '?': z.tuple([z.literal('OutgoingMessage'), outgoingMessage]) }) })
  .transform(({ message }) => message['?'][1])

export type ForwardedOutgoing = z.output<typeof outgoingRequest>

/** What the server answers to a message: the same, and what became of it. */
export const outgoingAnswer = z
  .object({
    message: z.object({
      '?': z.tuple([
        z.literal('OutgoingMessage'),
        z.object({
          msgid: optionalId.catch(undefined),
          provider: address.catch(undefined),
          meta: attributes.nullish().catch(undefined),
        }),
      ]),
    }),
  })
  .transform(({ message }) => message['?'][1])

/** A message of ours as Python's OutgoingMessage. */
export function pythonMessage(message: OutgoingMessage): Instance {
  const { senderId, allowReply, statusReport, escalate, validity } = message.options
  const { relayedVia, routingValues } = message.fields
  return instance('OutgoingMessage', {
    src: message.address,
    dst: message.identity,
    body: message.text,
    provider: message.backend,
    provider_options: instance('OutgoingMessageOptions', {
      senderId,
      allow_reply: allowReply,
      status_report: statusReport,
      escalate,
      expires: validity,
    }),
    provider_params: plainData(message.params),
    routing_values: Array.isArray(routingValues) ? routingValues : null,
    via: [...viaOf(relayedVia), message.id],
    in_reply_to: message.inResponseTo?.externalId ?? undefined,
  })
}

/** Data as they are, save that nothing in them reads as an instance: the protocol has no escape for it. */
export function plainData(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainData)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, inner]) => [name, plainData(inner)] as const)
  const [only] = entries
  const isSpecial = entries.length === 1 && (only?.[0] === '?' || only?.[0] === '?E')
  return isSpecial ? { ' ': only?.[1] } : Object.fromEntries(entries)
}

/** The ids among a message's fields, whoever put them there. */
export function viaOf(value: unknown): readonly string[] {
  return via.catch([]).parse(value) ?? []
}
