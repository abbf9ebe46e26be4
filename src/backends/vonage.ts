import { z } from 'zod'
import { codingOf, utf16Bytes } from '../messages/coding.ts'
import type { Fields } from '../messages/incoming.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { HttpRequest, ViewRequest, ViewTools } from '../router/backend.ts'
import { RequestError } from '../router/errors.ts'
import { readValues } from './body.ts'
import { defineBackend } from './define.ts'
import { incomingForm } from './form.ts'
import { encodeForm } from './form-bytes.ts'
import { errorFromResponse } from './http-client.ts'
import { jsonOf, standingOf, unexpectedAnswer } from './provider-codes.ts'
import { secret } from './secret.ts'
import { incomingView, MessagePart, plainAnswer, statusView } from './view.ts'
import { resultOf, VONAGE_CURRENCY } from './vonage-answer.ts'
import { vonageReasons, vonageStates } from './vonage-codes.ts'
import { isSignedByVonage, vonageAlgorithms, vonageSignature } from './vonage-signature.ts'

const WHAT = 'Vonage'
const SHORTEST_TTL_MS = 20_000
const LONGEST_TTL_MS = 604_800_000
/** Vonage repeats for 24 hours; whether under a new timestamp is not known. A repeat is recorded once anyway. */
const USUAL_TOLERANCE_S = 90_000

const signing = z.strictObject({
  secret: secret(z.string().min(1)).describe('The signature secret of the account'),
  algorithm: z.enum(vonageAlgorithms).default('md5hash').describe('As the account is set'),
  tolerance: z
    .number()
    .positive()
    .default(USUAL_TOLERANCE_S)
    .describe('Seconds that the timestamp of what comes in may be away from now'),
})

const settings = z
  .strictObject({
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .default('https://rest.nexmo.com')
      .describe('Where the API answers'),
    apiKey: z.string().min(1).describe('The key of the account'),
    apiSecret: secret(z.string().min(1)).optional().describe('Its secret; without it, what is sent is signed'),
    signature: signing.optional().describe('Checks all that comes in; signs what is sent where there is no apiSecret'),
    from: z.string().min(1).optional().describe('The sender where a message names none: a number or 11 characters'),
    northAmericaFrom: z
      .string()
      .regex(/^\+?\d{7,15}$/, 'a number is expected')
      .optional()
      .describe('The sender to the USA and Canada, where it has to be a number of the account'),
    format: z.enum(['form', 'json']).default('form').describe('How requests are written'),
  })
  .refine(({ apiSecret, signature }) => apiSecret !== undefined || signature !== undefined, {
    path: ['apiSecret'],
    error: 'apiSecret or signature is expected',
  })
type Settings = z.output<typeof settings>

function authorize(request: ViewRequest, { settings: { signature }, clock }: ViewTools<Settings>) {
  if (signature === undefined) return undefined
  const now = { now: clock.now(), tolerance: signature.tolerance }
  return isSignedByVonage(readValues(request, 'utf-8'), signature, now) ? undefined : plainAnswer('Forbidden', 403)
}

const value = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)], 'a text is expected')
const count = z.coerce.number().optional().catch(undefined)

/** A delivery receipt at the wrong URL has neither text nor data. */
const incoming = incomingForm
  .extend({
    text: value.optional(),
    data: value.optional(),
    type: value.optional(),
    concat: value.optional(),
    'concat-ref': value.optional(),
    'concat-total': count,
    'concat-part': count,
  })
  .loose()
  .refine(({ text, data }) => text !== undefined || data !== undefined, { path: ['text'], error: 'is required' })
  .transform(({ identity, text = '', address, externalId, ...given }) => {
    const part = partOf(given, text)
    return { ...fieldsOf(given), identity, text: part === undefined ? text.trim() : '', address, externalId, part }
  })

interface Place {
  readonly type?: string | undefined
  readonly concat?: string | undefined
  readonly 'concat-ref'?: string | undefined
  readonly 'concat-total'?: number | undefined
  readonly 'concat-part'?: number | undefined
}

/**
 * As UTF-16, since the border of two parts may cut a character apart. Parts of binary messages stay alone: what they
 * mean is known to the app that reads their fields.
 */
function partOf(place: Place, text: string): MessagePart | undefined {
  const { type, concat, 'concat-ref': reference = '', 'concat-total': total, 'concat-part': number } = place
  if (concat?.toLowerCase() !== 'true' || type === 'binary' || reference === '' || !total || !number) return undefined
  return new MessagePart({ reference, total, number }, { bytes: utf16Bytes(text), coding: 'ucs2' })
}

const LEFT_OUT = new Set(['api-key', 'sig', 'nonce', 'timestamp', 'part'])

/** All that says something of the message, under Vonage's names. */
function fieldsOf(given: Fields): Fields {
  const isBinary = given['type'] === 'binary'
  const named = Object.entries(given).filter(([name, own]) => {
    const isKept = /^[a-z][\w-]{0,63}$/i.test(name) && !LEFT_OUT.has(name) && (isBinary || !name.startsWith('concat'))
    return isKept && own !== '' && own !== null && own !== undefined
  })
  return Object.fromEntries(named)
}

const word = value.pipe(z.string().max(1024))
const report = z.looseObject({
  messageId: word.pipe(z.string().min(1, 'may not be empty')),
  status: word.optional(),
  'err-code': word.optional(),
  msisdn: word.optional(),
})

/** In a receipt, `msisdn` is the recipient and `to` our sender. There is one for each part. */
function reportOf({ messageId, ...given }: z.output<typeof report>): DeliveryReport {
  const { status = '', 'err-code': reason = '', msisdn = '' } = given
  const code = reason === '' ? status : reason
  const text = Object.hasOwn(vonageReasons, code) ? vonageReasons[code] : undefined
  const { msisdn: _, ...fields } = fieldsOf(given)
  return {
    externalId: messageId,
    ...standingOf(vonageStates, status),
    ...(msisdn === '' ? {} : { identity: msisdn }),
    ...(code === '' ? {} : { code }),
    ...(text === undefined ? {} : { text }),
    fields,
  }
}

const balance = z.object({ value: z.coerce.number(), autoReload: z.boolean().optional() })

/** Vonage, once Nexmo: its SMS API. https://developer.vonage.com/api/sms */
export const vonage = defineBackend({
  kind: 'vonage',
  settings,
  reports: 'handset',
  views: {
    '': incomingView({
      form: incoming,
      params: { identity: 'msisdn', text: 'text', address: 'to', externalId: 'messageId' },
      authorize,
    }),
    status: statusView({ form: report, authorize, report: reportOf }),
  },
  async send(message, { settings: own, http, urls }) {
    const response = await http.request(requestOf(valuesOf(message, own, urls.status), own))
    return resultOf(response, secretsOf(own))
  },
  methods: {
    /** What is left on the account: `{ amount, currency, autoReload? }`. */
    async balance({ settings: own, http }) {
      if (own.apiSecret === undefined) throw new RequestError('Vonage tells the balance only where apiSecret is set.')
      const headers = { authorization: basic(own) }
      const response = await http.request({ url: urlOf(own, 'account/get-balance'), headers })
      const secrets = secretsOf(own)
      if (response.status !== 200) throw errorFromResponse(response, WHAT, secrets)
      const said = balance.safeParse(jsonOf(response, WHAT, secrets))
      if (!said.success) throw unexpectedAnswer(response, WHAT, secrets)
      const { value: amount, autoReload } = said.data
      return { amount, currency: VONAGE_CURRENCY, ...(autoReload === undefined ? {} : { autoReload }) }
    },
  },
})

type Values = Readonly<Record<string, string | number | undefined>>

/** Vonage does not choose the coding itself. Parameters of the message come last, and override. */
function valuesOf(message: OutgoingMessage, own: Settings, statusUrl: string | undefined): Values {
  const { id, identity, text, options, params } = message
  const to = numberOf(identity)
  const type = params['type'] ?? (codingOf(text).coding === 'ucs2' ? 'unicode' : 'text')
  const wantsReport = options.statusReport !== false
  const given = Object.entries(params).map(([name, each]) => [name, written(each)] as const)
  return {
    from: senderOf(message, own, to),
    to,
    type: written(type),
    text: type === 'text' || type === 'unicode' ? text : undefined,
    'status-report-req': wantsReport ? 1 : 0,
    callback: wantsReport ? statusUrl : undefined,
    ttl: options.validity === undefined ? undefined : ttlOf(options.validity),
    'client-ref': id,
    ...Object.fromEntries(given),
  }
}

/** Without `+` or `00` before it; what is no number is left as it is. */
function numberOf(text: string): string {
  return text.replace(/^(?:\+|00)(?=\d+$)/, '')
}

/** Names are not shown in North America: there the sender is a number. */
function senderOf(message: OutgoingMessage, own: Settings, to: string): string | undefined {
  const isNorthAmerica = /^1\d{10}$/.test(to)
  const usual = isNorthAmerica ? (own.northAmericaFrom ?? own.from) : own.from
  const chosen = message.options.senderId ?? message.address ?? usual
  const sender = chosen === undefined ? undefined : numberOf(chosen)
  if (!isNorthAmerica || sender === undefined || /^\d+$/.test(sender)) return sender
  return own.northAmericaFrom === undefined ? sender : numberOf(own.northAmericaFrom)
}

function ttlOf(minutes: number): number {
  return Math.min(Math.max(Math.round(minutes * 60_000), SHORTEST_TTL_MS), LONGEST_TTL_MS)
}

function written(given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given === 'boolean') return given ? '1' : '0'
  return typeof given === 'object' ? JSON.stringify(given) : String(given)
}

function requestOf(values: Values, own: Settings): HttpRequest {
  const isJson = own.format === 'json'
  const body = isJson && own.apiSecret !== undefined ? values : authorized(values, own)
  const type = isJson ? 'application/json' : 'application/x-www-form-urlencoded'
  return {
    method: 'POST',
    url: urlOf(own, 'sms/json'),
    headers: {
      'content-type': type,
      accept: 'application/json',
      ...(body === values ? { authorization: basic(own) } : {}),
    },
    body: isJson ? JSON.stringify(body) : encodeForm(body),
  }
}

/** By the secret or by a signature: Vonage refuses both together. */
function authorized(values: Values, { apiKey, apiSecret, signature }: Settings): Values {
  if (apiSecret !== undefined || signature === undefined) return { api_key: apiKey, api_secret: apiSecret, ...values }
  const timestamp = Math.floor(Date.now() / 1000)
  const given = Object.entries(values).filter(([, each]) => each !== undefined)
  const all = { api_key: apiKey, timestamp, ...Object.fromEntries(given) }
  return { ...all, sig: vonageSignature(all, signature) }
}

function basic({ apiKey, apiSecret = '' }: Settings): string {
  return `Basic ${Buffer.from(`${apiKey}:${apiSecret}`).toString('base64')}`
}

function urlOf({ baseUrl }: Settings, path: string): string {
  return `${baseUrl.replace(/\/+$/, '')}/${path}`
}

function secretsOf(own: Settings): readonly string[] {
  const { apiSecret, signature } = own
  const bare = [apiSecret, signature?.secret].flatMap((each) => each ?? [])
  return [...bare, basic(own).slice('Basic '.length)]
}
