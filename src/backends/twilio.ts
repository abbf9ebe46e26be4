import { z } from 'zod'
import type { Fields } from '../messages/incoming.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { ViewRequest, ViewTools } from '../router/backend.ts'
import { askEach } from './ask-each.ts'
import { defineBackend } from './define.ts'
import { incomingForm, plainText } from './form.ts'
import { stateOf } from './provider-codes.ts'
import { secret } from './secret.ts'
import { billOf, TwilioApi, type TwilioMessage } from './twilio-api.ts'
import { twilioLateErrors, twilioStates } from './twilio-codes.ts'
import { isSignedByTwilio } from './twilio-signature.ts'
import { incomingView, plainAnswer, statusView } from './view.ts'
import { escapeXml, xmlAnswer } from './xml.ts'

/** Twilio waits 15 seconds for an answer. */
const LONGEST_WAIT_MS = 14_000
const LONGEST_VALIDITY_S = 36_000

const parameter = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])

const settings = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .default('https://api.twilio.com')
    .describe('Where the API answers'),
  accountSid: z.string().min(1).describe('The SID of the account: AC and 32 digits'),
  authToken: secret(z.string().min(1)).describe('The auth token of the account; Twilio signs what comes in with it'),
  apiKey: z
    .strictObject({
      sid: z.string().min(1).describe('The SID of the key: SK and 32 digits'),
      secret: secret(z.string().min(1)).describe('Its secret'),
    })
    .optional()
    .describe('Asks the API in place of the account and its token'),
  from: z
    .string()
    .min(1)
    .optional()
    .describe('The sender where a message names none: a number, or the SID of a messaging service (MG…)'),
  wait: z
    .int()
    .min(1)
    .max(LONGEST_WAIT_MS)
    .optional()
    .describe('Milliseconds to wait for the responses, to give them in the answer; without it, the API sends them'),
  extra: z
    .record(z.string(), parameter)
    .default({})
    .describe('Parameters sent along with each message, such as { SmartEncoded: true }'),
})
type Settings = z.output<typeof settings>

function authorize(request: ViewRequest, { settings: { authToken } }: ViewTools<Settings>) {
  return isSignedByTwilio(request, authToken) ? undefined : plainAnswer('Forbidden', 403)
}

/** A picture comes with an empty Body; without any, it is no message but a report at the wrong URL. */
const incoming = incomingForm
  .extend({ text: z.string('a text is expected').trim().pipe(plainText) })
  .loose()
  .transform(({ identity, text, address, externalId, ...given }) => ({
    ...fieldsOf(given),
    ...mediaOf(given),
    identity,
    text,
    address,
    externalId,
  }))

const REPEATED = /^(SmsSid|SmsMessageSid|SmsStatus|AccountSid|ApiVersion|MediaUrl\d+|MediaContentType\d+|bodySHA256)$/

/** New parameters come without notice: all that say something go along, under Twilio's names. */
function fieldsOf(given: Fields): Fields {
  const named = Object.entries(given).filter(([name]) => /^[A-Za-z]\w{0,63}$/.test(name) && !REPEATED.test(name))
  return Object.fromEntries(named.filter(([, value]) => value !== '' && value !== null))
}

function mediaOf(given: Fields): { readonly media?: readonly Fields[] } {
  const media: Fields[] = []
  for (let index = 0; typeof given[`MediaUrl${index}`] === 'string'; index++) {
    media.push({ url: given[`MediaUrl${index}`], contentType: given[`MediaContentType${index}`] ?? null })
  }
  return media.length === 0 ? {} : { media }
}

/** Each `<Message>` is an SMS of its own; an empty `<Response>` says that there is nothing to send. */
function twiml(texts: readonly string[]): string {
  const messages = texts.map((text) => `<Message>${escapeXml(text)}</Message>`).join('')
  return `<?xml version="1.0" encoding="UTF-8"?><Response>${messages}</Response>`
}

const word = z.union([plainText, z.number().transform(String)], 'a text is expected').pipe(z.string().max(1024))

const report = z.looseObject({
  MessageSid: word.pipe(z.string().min(1, 'may not be empty')),
  MessageStatus: word.optional(),
  ErrorCode: word.optional(),
  To: word.optional(),
})

function reportOf({ MessageSid, MessageStatus = '', ErrorCode = '', To = '', ...given }: z.output<typeof report>) {
  return {
    externalId: MessageSid,
    ...standing(MessageStatus, ErrorCode),
    ...(To === '' ? {} : { identity: To }),
    fields: { ...fieldsOf(given), ...(MessageStatus === '' ? {} : { MessageStatus }) },
  }
}

function standing(status: string, errorCode: string): Pick<DeliveryReport, 'state' | 'code' | 'text'> {
  const state = stateOf(twilioStates, status)
  const code = errorCode === '' ? status : errorCode
  const text = Object.hasOwn(twilioLateErrors, code) ? twilioLateErrors[code] : undefined
  return {
    ...(state === undefined ? {} : { state }),
    ...(code === '' ? {} : { code }),
    ...(text === undefined ? {} : { text }),
  }
}

/** Twilio Programmable Messaging. https://www.twilio.com/docs/messaging/api/message-resource */
export const twilio = defineBackend({
  kind: 'twilio',
  settings,
  reports: 'handset',
  views: {
    '': incomingView({
      form: incoming,
      params: { identity: 'From', text: 'Body', address: 'To', externalId: 'MessageSid' },
      authorize,
      wait: ({ settings: { wait } }: ViewTools<Settings>) => wait,
      reply: ({ responses = [] }) => xmlAnswer(twiml(responses.map(({ text }) => text))),
    }),
    status: statusView({ form: report, authorize, report: reportOf }),
  },
  async send(message, { settings: own, http, urls }) {
    const api = new TwilioApi(own, http)
    const taken = await api.send(formOf(message, own, urls.status))
    if (taken.status === 'failed' || taken.status === 'undelivered') throw api.failure(taken)
    return { externalIds: [taken.sid], ...billOf(taken) }
  },
  checkStates(messages, tools) {
    const api = new TwilioApi(tools.settings, tools.http)
    return askEach(messages, tools, async (sid) => {
      const found = await api.find(sid)
      return found === undefined ? undefined : checked(found)
    })
  },
  methods: {
    /** What is left on the account: `{ amount, currency }`. */
    balance: ({ settings: own, http }) => new TwilioApi(own, http).balance(),
    /** Takes back a scheduled message, by its SID. */
    cancel: async ({ settings: own, http }, sid) =>
      checked(await new TwilioApi(own, http).change(String(sid), { Status: 'canceled' })),
    /** Takes the text of a message away that Twilio keeps, by its SID. */
    redact: async ({ settings: own, http }, sid) =>
      checked(await new TwilioApi(own, http).change(String(sid), { Body: '' })),
    /** Deletes what Twilio keeps of a message, by its SID. */
    remove: ({ settings: own, http }, sid) => new TwilioApi(own, http).remove(String(sid)),
  },
})

/** Parameters of the settings and of the message itself come last, and override. */
function formOf(message: OutgoingMessage, { from, extra }: Settings, statusUrl: string | undefined): URLSearchParams {
  const { identity, text, options, params } = message
  const values: Fields = {
    To: e164(identity),
    ...senderOf(options.senderId ?? message.address ?? from),
    ...(text === '' || 'ContentSid' in params ? {} : { Body: text }),
    ...(statusUrl === undefined || options.statusReport === false ? {} : { StatusCallback: statusUrl }),
    ...(options.validity === undefined ? {} : { ValidityPeriod: seconds(options.validity) }),
    ...extra,
    ...params,
  }
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    for (const each of Array.isArray(value) ? value : [value])
      if ((each ?? null) !== null) form.append(name, written(each))
  }
  return form
}

/** Twilio takes numbers with a plus sign only. What is no international number is left as it is. */
function e164(identity: string): string {
  return /^(00)?[1-9]\d{6,14}$/.test(identity) ? `+${identity.replace(/^00/, '')}` : identity
}

function senderOf(sender: string | undefined): Fields {
  if (sender === undefined) return {}
  return /^MG[0-9a-f]{32}$/i.test(sender) ? { MessagingServiceSid: sender } : { From: sender }
}

function seconds(minutes: number): number {
  return Math.min(Math.max(Math.round(minutes * 60), 1), LONGEST_VALIDITY_S)
}

function written(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function checked(found: TwilioMessage): DeliveryReport {
  const { sid, status, error_code, error_message } = found
  const { text = error_message ?? '', ...where } = standing(status, error_code ?? '')
  const fields = { MessageStatus: status, ...billOf(found) }
  return { externalId: sid, ...where, ...(text === '' ? {} : { text }), fields }
}
