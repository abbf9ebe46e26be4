import { z } from 'zod'
import { codingOf, hexBytes, utf16Hex } from '../messages/coding.ts'
import type { Fields } from '../messages/incoming.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import { parseUdh } from '../messages/udh.ts'
import type { SendTools, ViewRequest, ViewTools } from '../router/backend.ts'
import { MessageSendError, ProviderError, RequestError } from '../router/errors.ts'
import { askEach } from './ask-each.ts'
import { sendInGroups } from './batch-groups.ts'
import { type RequestValues, readValues } from './body.ts'
import { decodeText, encodeText, isKnownCharset } from './charset.ts'
import { ClickatellApi } from './clickatell-api.ts'
import { clickatellCode, clickatellMeanings, clickatellStates } from './clickatell-codes.ts'
import { defineBackend } from './define.ts'
import { incomingForm, plainText } from './form.ts'
import { decodePairs, type FormPair, formPairs } from './form-bytes.ts'
import { standingOf } from './provider-codes.ts'
import { secret } from './secret.ts'
import { incomingView, MessagePart, statusView } from './view.ts'

const settings = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .default('https://api.clickatell.com')
    .describe('Where the API answers'),
  apiId: z.coerce.string().min(1).describe('The id of the HTTP API'),
  user: z.string().min(1).describe('The name of the account'),
  password: secret(z.string().min(1)).describe('Its password'),
  from: z.string().min(1).optional().describe('The sender where a message names none: a number or a registered name'),
  callback: z
    .int()
    .min(0)
    .max(7)
    .default(7)
    .describe('Which statuses are reported: 1 on the way, 2 final, 4 errors, or a sum of them'),
  charset: z
    .string()
    .refine(isKnownCharset, 'the name of a charset is expected')
    .default('ISO-8859-1')
    .describe('Of texts that are not Unicode, and of those that come in without the name of one'),
})
type Settings = z.output<typeof settings>

/** Query and body; the query wins, as in the clients of the service. */
function pairsOf({ headers, body, rawQuery }: ViewRequest): readonly FormPair[] {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '')
  return [...(isForm ? formPairs(body) : []), ...formPairs(rawQuery)]
}

/** The text is bytes in the charset that is named beside it; its bytes go along for a part of a longer one. */
function readMessage(request: ViewRequest, { settings }: ViewTools<Settings>): RequestValues {
  const pairs = pairsOf(request)
  const values = decodePairs(
    pairs.filter(([name]) => name !== 'text'),
    'utf-8',
  )
  const bytes = pairs.findLast(([name]) => name === 'text')?.[1]
  if (bytes === undefined) return values
  const named = typeof values['charset'] === 'string' ? values['charset'].trim() : ''
  const charset = named === '' ? settings.charset : named
  const isUtf16 = /^(utf-?16(-?be)?|ucs-?2|iso-10646-ucs-2)$/i.test(charset)
  return isUtf16
    ? { ...values, text: decodeText(bytes, 'utf-16be').toWellFormed(), hex: Buffer.from(bytes).toString('hex') }
    : { ...values, text: decodeText(bytes, charset), hex: '' }
}

const incoming = incomingForm
  .extend({
    text: z.string('a text is expected').pipe(plainText),
    hex: z.string().optional(),
    api_id: plainText.optional(),
    charset: plainText.optional(),
    udh: plainText.optional(),
    timestamp: plainText.optional(),
  })
  .transform(({ text, hex, api_id, charset, udh, timestamp = '', ...message }) => {
    const part = partOf(udh, hex, text)
    const sentAt = timeOf(timestamp)
    return {
      ...message,
      text: text.trim(),
      ...present({ api_id, charset, udh, sentAt: sentAt ?? timestamp }),
      part,
    }
  })

/** Of UTF-16 the bytes, as the border of two parts may cut a character apart. */
function partOf(udh: string | undefined, hex: string | undefined, text: string): MessagePart | undefined {
  const header = hexBytes((udh ?? '').replace(/\s/g, ''))
  const place = header === undefined ? undefined : parseUdh(header)?.part
  if (place === undefined) return undefined
  const bytes = hex ? hexBytes(hex) : undefined
  return new MessagePart(place, bytes === undefined ? text : { bytes, coding: 'ucs2' })
}

/** Clickatell's clock is two hours ahead of UTC, in summer as in winter. */
function timeOf(timestamp: string): string | undefined {
  const [, date, time] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/.exec(timestamp) ?? []
  const at = Date.parse(`${date}T${time}+02:00`)
  return Number.isNaN(at) ? undefined : new Date(at).toISOString()
}

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''))
}

const word = z.union([plainText, z.number().transform(String)], 'a text is expected').pipe(z.string().max(1024))

/** `apiMsgId` by the documentation; some installations get it as `moMsgId`. */
const report = z
  .looseObject({
    apiMsgId: word.optional(),
    moMsgId: word.optional(),
    status: word.optional(),
    to: word.optional(),
    charge: z.coerce.number().optional().catch(undefined),
  })
  .refine(({ apiMsgId, moMsgId }) => (apiMsgId || moMsgId || '') !== '', { path: ['apiMsgId'], error: 'is required' })

function readReport(request: ViewRequest): RequestValues {
  const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '')
  return isJson && request.method === 'POST' ? readValues(request, 'utf-8') : decodePairs(pairsOf(request), 'utf-8')
}

function reportOf(values: z.output<typeof report>): DeliveryReport {
  const { apiMsgId, moMsgId, status = '', to = '', charge, ...given } = values
  const fields = { api_id: given['api_id'], cliMsgId: given['cliMsgId'], timestamp: given['timestamp'], charge }
  return {
    externalId: apiMsgId || moMsgId || '',
    ...standing(status),
    ...(to === '' ? {} : { identity: to }),
    fields: present(fields),
  }
}

function standing(status: string): Pick<DeliveryReport, 'state' | 'expired' | 'code' | 'text'> {
  const code = clickatellCode(status)
  const text = Object.hasOwn(clickatellMeanings, code) ? clickatellMeanings[code] : undefined
  return {
    ...standingOf(clickatellStates, code),
    ...(code === '' ? {} : { code }),
    ...(text === undefined ? {} : { text }),
  }
}

type Tools = SendTools<Settings>
const api = ({ settings, http }: Tools) => new ClickatellApi(settings, http)

/** Clickatell's first HTTP API, called Developers' Central; for accounts that have a user, a password and an API id. */
export const clickatell = defineBackend({
  kind: 'clickatell',
  settings,
  reports: 'handset',
  views: {
    '': incomingView({
      read: readMessage,
      form: incoming,
      params: { identity: 'from', address: 'to', externalId: 'moMsgId' },
    }),
    status: statusView({ read: readReport, form: report, report: reportOf, reply: 'OK' }),
  },
  sendBatch(messages, tools) {
    const valuesFor = (message: OutgoingMessage) => valuesOf(message, tools.settings)
    return sendInGroups(
      messages,
      (message) => JSON.stringify([numberOf(message.identity) === undefined, valuesFor(message)]),
      async (group) => {
        const [first] = group
        const numbers = group.flatMap(({ identity }) => numberOf(identity) ?? [])
        if (first === undefined || numbers.length < group.length)
          throw new RequestError('Clickatell takes numbers only.')
        return api(tools).send(numbers, valuesFor(first))
      },
    )
  },
  checkStates: (messages, tools) =>
    askEach(messages, tools, async (externalId) => {
      const status = await statusOf(externalId, tools)
      return status === undefined ? undefined : { externalId, ...standing(status) }
    }),
  methods: {
    /** What is left, in credits of the account: `{ amount }`. */
    balance: async (tools) => ({ amount: amountOf(await api(tools).ask('getbalance'), 'Credit') }),
    /** What a message has cost, in credits, and its status, by its id: `{ amount, status }`. */
    charge: async (tools, id) => {
      const words = await api(tools).ask('getmsgcharge', { apimsgid: String(id) })
      return { amount: amountOf(words, 'Charge'), status: words.get('Status') }
    },
    /** The status of a message, by its id: `{ status }`. */
    query: async (tools, id) => {
      const words = await api(tools).ask('querymsg', { apimsgid: String(id) })
      return { status: words.get('Status') }
    },
    /** Stops a message that is not delivered yet, by its id: `{ status }`. */
    stop: async (tools, id) => {
      const words = await api(tools).ask('delmsg', { apimsgid: String(id) })
      return { status: words.get('Status') }
    },
    /** Redeems a voucher, by its number. */
    pay: async (tools, token) => Object.fromEntries(await api(tools).ask('token_pay', { token: String(token) })),
  },
})

function amountOf(words: ReadonlyMap<string, string>, name: string): number {
  const amount = Number(words.get(name) || Number.NaN)
  if (Number.isNaN(amount)) throw new MessageSendError(`Clickatell answered without a number for ${name}.`)
  return amount
}

const UNKNOWN_MESSAGE = '103'
/** Also while a report is late: nothing to settle a message by. */
const MESSAGE_UNKNOWN = '001'

async function statusOf(id: string, tools: Tools): Promise<string | undefined> {
  try {
    const status = (await api(tools).ask('querymsg', { apimsgid: id })).get('Status')
    return status === undefined || clickatellCode(status) === MESSAGE_UNKNOWN ? undefined : status
  } catch (error) {
    if (error instanceof ProviderError && error.providerCode === UNKNOWN_MESSAGE) return undefined
    throw error
  }
}

/** Digits alone. What is no number is refused: the service would take a comma for the beginning of the next one. */
function numberOf(identity: string): string | undefined {
  const digits = identity.replace(/^\+|^00|[\s()-]/g, '')
  return /^\d+$/.test(digits) ? digits : undefined
}

type Values = Readonly<Record<string, string | number | undefined>>

/** Parameters of the message come last, and override. */
function valuesOf({ text, address, options, params }: OutgoingMessage, own: Settings): Values {
  const { senderId, allowReply, escalate, validity, statusReport } = options
  // The charset may lack what the alphabet of GSM has, such as the euro.
  const isPlain = codingOf(text).coding === 'gsm7' && decodeText(encodeText(text, own.charset), own.charset) === text
  const parts = isPlain ? codingOf(text).parts : partsOfUnicode(text)
  const wantsReport = statusReport !== false && own.callback > 0
  const given = Object.entries(params).map(([name, value]) => [name, written(value)] as const)
  return {
    text: isPlain ? text : utf16Hex(text),
    from: senderId ?? address ?? own.from,
    unicode: isPlain ? undefined : 1,
    concat: parts > 1 ? parts : undefined,
    mo: allowReply === undefined ? undefined : Number(allowReply),
    escalate: escalate === true ? 1 : undefined,
    validity: validity === undefined ? undefined : Math.max(1, Math.round(validity)),
    deliv_ack: wantsReport ? 1 : undefined,
    callback: wantsReport ? own.callback : undefined,
    ...Object.fromEntries(given),
  }
}

/** As for a text with a character that needs UCS-2 in any case. */
function partsOfUnicode(text: string): number {
  return codingOf(text.replace(/^./su, (char) => (char.length === 1 ? 'я' : char))).parts
}

function written(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
