import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { Received, ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { AuthError, RequestError, ServerError } from '../router/errors.ts'
import { isKnownCharset } from './charset.ts'
import { defineBackend } from './define.ts'
import { incomingForm, plainText } from './form.ts'
import { encodeForm } from './form-bytes.ts'
import { errorFromResponse } from './http-client.ts'
import { type ErrorTable, errorOfCode } from './provider-codes.ts'
import { secret } from './secret.ts'
import { timingSafeEqualText } from './signature.ts'
import { vianettFields, vianettReport, vianettReportNames, vianettReportOf } from './vianett-reports.ts'
import {
  ackOf,
  asciiXml,
  refuseUnwritable,
  senderType,
  type VianettValues,
  vianettId,
  vianettNumber,
  vianettRequest,
  withParams,
} from './vianett-values.ts'
import { incomingView, plainAnswer, statusView } from './view.ts'
import { escapeXml, xmlAnswer } from './xml.ts'

const WHAT = 'ViaNett'
const DAY_MINUTES = 1440

const settings = z.strictObject({
  api: z
    .enum(['cpa', 'plain', 'activeServer'])
    .default('cpa')
    .describe('Which of the three ways to send: MT.ashx (default), v3/send, or the oldest'),
  url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where the service answers; by default where it did for this `api`'),
  username: z.string().min(1).describe('The name of the account'),
  password: secret(z.string().min(1)).describe('Its password'),
  from: z
    .string()
    .min(1)
    .optional()
    .describe('The sender where a message names none: a number, a short code or a name'),
  charset: z
    .string()
    .refine(isKnownCharset, 'a charset is expected, such as utf-8')
    .default('utf-8')
    .describe('How texts are written, both ways: utf-8, or iso-8859-1 as the old documents have it'),
  replyTime: z
    .int()
    .min(0)
    .default(DAY_MINUTES)
    .describe('Minutes in which a message may be replied to, unless it says allowReply: false; 0 for none'),
  usePrefix: z
    .boolean()
    .default(true)
    .describe('Keeps the first word, as ViaNett splits it off, in fields.prefix; false puts it before the text again'),
  answerWithin: z
    .int()
    .min(1)
    .optional()
    .describe('Milliseconds to wait for the responses, to give them in the answer; without it, they are sent'),
  responsePriceGroup: z.string().min(1).optional().describe('The price group of such responses'),
  responseFrom: z.string().min(1).optional().describe('The name that such responses come from'),
  callback: z
    .strictObject({
      username: z.string().min(1).describe('The name that ViaNett shows with what it posts'),
      password: secret(z.string().min(1)).describe('The password beside it'),
    })
    .optional()
    .describe('What ViaNett was told to show when it calls us'),
})
type Settings = z.output<typeof settings>

/** What is known of ViaNett's codes; there are more. All the rest is a refusal. */
const errors = {
  // "Login failed"
  '100': [AuthError, 'login failed'],
  '5000': [ServerError, 'internal error'],
} satisfies ErrorTable

/** Of the oldest way. */
const oldErrors = {
  // "Wrong username and/or password"
  '2': [AuthError, 'login failed'],
} satisfies ErrorTable

interface Api {
  readonly url: string
  readonly method: 'GET' | 'POST'
  /** The code of success. */
  readonly success: string
  readonly errors: ErrorTable
  readonly valuesOf: (message: OutgoingMessage, own: Settings) => VianettValues
}

const apis: Readonly<Record<Settings['api'], Api>> = {
  cpa: { url: 'https://smsc.vianett.no/V3/CPA/MT/MT.ashx', method: 'POST', success: '200', errors, valuesOf },
  plain: { url: 'https://smsc.vianett.no/v3/send', method: 'GET', success: '200', errors, valuesOf },
  activeServer: {
    url: 'http://smsc.vianett.no/ActiveServer/MT/',
    method: 'GET',
    success: '0',
    errors: oldErrors,
    valuesOf: oldValuesOf,
  },
}

function senderOf({ options, address }: OutgoingMessage, { from }: Settings): string | undefined {
  const chosen = options.senderId ?? address ?? from
  return chosen === undefined ? undefined : vianettNumber(chosen)
}

function valuesOf(message: OutgoingMessage, own: Settings): VianettValues {
  const { id, identity, text, options } = message
  const sender = senderOf(message, own)
  return {
    username: own.username,
    password: own.password,
    msgid: vianettId(id),
    tel: vianettNumber(identity),
    msg: text.toWellFormed(),
    SenderAddress: sender,
    SenderAddressType: sender === undefined ? undefined : senderType(sender),
    Priority: options.escalate === true ? 1 : undefined,
    ReplyPathValue: options.allowReply === false || own.replyTime === 0 ? undefined : own.replyTime,
    nrq: options.statusReport === false ? undefined : 1,
  }
}

function oldValuesOf(message: OutgoingMessage, own: Settings): VianettValues {
  const { id, identity, text, options } = message
  const sender = senderOf(message, own)
  const isName = sender !== undefined && senderType(sender) === 5
  return {
    username: own.username,
    password: own.password,
    refno: vianettId(id),
    sourceaddr: isName ? undefined : sender,
    destinationaddr: vianettNumber(identity),
    message: text.toWellFormed(),
    fromalpha: isName ? sender : undefined,
    operator: 0,
    nrq: options.statusReport === false ? undefined : 1,
  }
}

const incomingNames = [
  'refno',
  'now',
  'requesttype',
  'sourceaddr',
  'destinationaddr',
  'replypathid',
  'prefix',
  'message',
  'retrycount',
  'operator',
  'referenceid',
  'mmsdata',
  'mmsurl',
  'username',
  'password',
] as const

const incoming = incomingForm
  .extend({
    text: plainText.transform((text) => text.trim()).optional(),
    prefix: plainText.trim().default(''),
    mmsdata: plainText.optional(),
    mmsurl: plainText.optional(),
  })
  .loose()
  .refine(({ text, prefix, mmsdata, mmsurl }) => (text ?? mmsdata ?? mmsurl) !== undefined || prefix !== '', {
    path: ['text'],
    error: 'is required',
  })
  .transform(({ identity, address, externalId, text = '', ...given }) => {
    return {
      ...vianettFields(given, ['requesttype', 'part']),
      identity,
      address,
      externalId,
      text,
      prefix: given.prefix,
    }
  })
type Incoming = z.output<typeof incoming>

function withPrefix({ prefix, ...message }: Incoming, { settings: { usePrefix } }: ViewTools<Settings>) {
  if (usePrefix) return prefix === '' ? message : { ...message, prefix }
  return { ...message, text: [prefix, message.text].filter((each) => each !== '').join(' ') }
}

/** `refno` is in the answer as it came; a response stands beside it. */
function ackTo(refno: string, more: Readonly<Record<string, string | undefined>> = {}): ViewAnswer {
  const attributes = Object.entries({ refno, errorcode: '0', ...more }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${asciiXml(escapeXml(value))}"`],
  )
  return xmlAnswer(`<?xml version="1.0"?><ack ${attributes.join(' ')} />`)
}

function replyTo({ responses = [] }: Received, values: Incoming, { settings: own }: ViewTools<Settings>): ViewAnswer {
  const refno = values.externalId ?? ''
  if (responses.length === 0) return ackTo(refno)
  return ackTo(refno, {
    response_msg: responses.map(({ text }) => text).join('\n'),
    response_pricegroup: own.responsePriceGroup,
    response_fromalpha: own.responseFrom,
  })
}

function authorize(request: ViewRequest, { settings: { callback, charset } }: ViewTools<Settings>) {
  if (callback === undefined) return undefined
  const shown = vianettRequest(request, charset, incomingNames)
  const isRight = [
    timingSafeEqualText(String(shown['username'] ?? ''), callback.username),
    timingSafeEqualText(String(shown['password'] ?? ''), callback.password),
  ]
  return isRight.includes(false) ? plainAnswer('Forbidden', 403) : undefined
}

/** ViaNett, Norway (now LINK Mobility), as the client py-smsframework-vianett and its old developer pages have it. */
export const vianett = defineBackend({
  kind: 'vianett',
  settings,
  reports: 'handset',
  views: {
    '': incomingView({
      form: incoming,
      params: { identity: 'sourceaddr', text: 'message', address: 'destinationaddr', externalId: 'refno' },
      authorize,
      read: (request, { settings: { charset } }: ViewTools<Settings>) =>
        vianettRequest(request, charset, incomingNames),
      adjust: withPrefix,
      wait: ({ settings: { answerWithin } }: ViewTools<Settings>) => answerWithin,
      reply: replyTo,
    }),
    status: statusView({
      form: vianettReport,
      authorize,
      read: (request, { settings: { charset } }: ViewTools<Settings>) =>
        vianettRequest(request, charset, vianettReportNames),
      report: vianettReportOf,
      reply: ({ refno }) => ackTo(refno),
    }),
  },
  idsOf(message, { settings: own }) {
    const id = msgidOf(withParams(apis[own.api].valuesOf(message, own), message.params))
    return id === undefined ? [] : [String(id)]
  },
  async send(message, { settings: own, http }) {
    const { method, success, errors: table, ...api } = apis[own.api]
    // ViaNett would take it for several recipients.
    if (message.identity.includes(';')) throw new RequestError('A number with a semicolon in it cannot be sent to.')
    refuseUnwritable(message.text, own.charset)
    const secrets = [own.password]
    const values = withParams(api.valuesOf(message, own), message.params)
    const written = encodeForm(values, own.charset)
    const url = own.url ?? api.url
    const response = await http.request(
      method === 'GET'
        ? { url: `${url}${url.includes('?') ? '&' : '?'}${written}` }
        : { method, url, headers: { 'content-type': formType(own.charset) }, body: written },
    )
    if (response.status !== 200) throw errorFromResponse(response, WHAT, secrets)
    const { code, refno, text } = ackOf(response, WHAT, secrets)
    if (code !== success) throw errorOfCode(table, code, { what: WHAT, text, secrets })
    return { externalIds: [refno ?? String(msgidOf(values))] }
  },
})

function formType(charset: string): string {
  return `application/x-www-form-urlencoded; charset=${charset}`
}

/** Some answers do not repeat the id. A message's own parameters may have changed it. */
function msgidOf(values: VianettValues): VianettValues[string] {
  return Object.entries(values).find(([name]) => /^(?:msgid|refno)$/i.test(name))?.[1]
}
