import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { BatchOutcome, SendTools, ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { RequestError } from '../router/errors.ts'
import { sendInGroups } from './batch-groups.ts'
import type { RequestValues } from './body.ts'
import { defineBackend } from './define.ts'
import { identityField, plainText, textField } from './form.ts'
import { errorFromResponse } from './http-client.ts'
import { postedXml, type RpcValue, rpcCall, rpcMember, withoutDoctype } from './opera-xml.ts'
import { type StateTable, stateOf } from './provider-codes.ts'
import { secret } from './secret.ts'
import { type FieldErrors, incomingView, plainAnswer, statusView } from './view.ts'
import { elementsOf, escapeXml, parseXml, textOf } from './xml.ts'

const WHAT = 'Opera'
const DAY_MINUTES = 24 * 60
const LONGEST_MINUTES = 365 * DAY_MINUTES
const MINUTE_MS = 60_000

const settings = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .default('https://dragon.sa.operatelecom.com:1089/Gateway')
    .describe('The XML-RPC gateway'),
  service: z.string().min(1).describe('The number of the service'),
  password: secret(z.string().min(1)).describe('Its password'),
  channel: z.string().min(1).describe('The number of the channel'),
  maxSegments: z.int().min(1).max(9).default(9).describe('The parts a long text may be sent in, 1 to 9'),
  answerWithin: z
    .int()
    .min(1)
    .optional()
    .describe('Milliseconds to wait for the responses, to give them in the answer; without it, the gateway sends them'),
})
type Settings = z.output<typeof settings>

/** The letters of receipts, as Vumi reads them; what each stands for is not known. All others mean failed. */
const states = {
  D: 'DELIVERED',
  d: 'DELIVERED',
  R: 'DELIVERED',
  Q: 'SENT',
  P: 'SENT',
  B: 'SENT',
  a: 'SENT',
  u: 'SENT',
} satisfies StateTable

/** The fields of a `bspostevent`, by their names, and the document itself, which is the answer too. */
function readEvent(request: ViewRequest): RequestValues {
  const xml = postedXml(request)
  const values = Object.create(null) as Record<string, unknown>
  for (const field of elementsOf(parseXml(withoutDoctype(xml)), 'field')) {
    values[field.attributes.get('name') ?? ''] = field.text.trim()
  }
  values[''] = xml
  return values
}

const said = plainText.transform((text) => text.trim())

const incoming = z
  .looseObject({
    '': z.string(),
    Remote: identityField,
    Local: identityField,
    Text: said,
    MessageID: textField.pipe(z.string().max(1024)),
    MobileNetwork: said,
  })
  .transform(({ '': xml, Remote, Local, Text, MessageID, ...rest }) => ({
    fields: Object.entries(rest).filter(([name, value]) => /^[A-Za-z][\w-]{0,63}$/.test(name) && value !== ''),
    identity: Remote,
    address: Local,
    text: Text,
    externalId: MessageID,
    xml,
  }))
type Incoming = z.output<typeof incoming>

/** Opera hands the answer on to further callbacks: its own document; `Result` is what is sent to the person. */
function replyTo(
  { responses = [] }: { readonly responses?: readonly { text: string }[] },
  { xml }: Incoming,
): ViewAnswer {
  const result = responses.map(({ text }) => text).join('\n')
  const field = `<field name="Result" type="string">${escapeXml(result)}</field>`
  const answer = `<?xml version="1.0"?><!DOCTYPE bspostevent><bspostevent>${field}</bspostevent>`
  const echo = xml.replace(/^(<\?xml[^>]*?encoding\s*=\s*["'])[\w.:-]+/i, '$1utf-8')
  const body = result === '' ? echo : answer
  return { status: 200, headers: { 'content-type': 'text/xml; charset=utf8' }, body }
}

function refuse(_request: ViewRequest, status: number, errors: FieldErrors): ViewAnswer {
  const lines = Object.entries(errors).flatMap(([field, texts]) =>
    texts.map((text) => (text === 'is required' ? `Missing field: ${field}` : `${field} ${text}`.trim())),
  )
  return plainAnswer(lines.join('\n'), status)
}

const receipt = z.object({
  reference: z.string().min(1),
  msisdn: z.string(),
  status: z.string(),
  msgid: z.string(),
  timestamp: z.string(),
  billed: z.string(),
})
const receipts = z.object({ receipts: z.array(receipt) })

function readReceipts(request: ViewRequest): RequestValues {
  const root = parseXml(withoutDoctype(postedXml(request)))
  const found = elementsOf(root, 'receipt').map((each) => {
    const names = ['reference', 'msisdn', 'status', 'msgid', 'timestamp', 'billed']
    return Object.fromEntries(names.map((name) => [name, textOf(each, name) ?? '']))
  })
  return { receipts: found.filter((each) => each['reference'] !== '') }
}

function reportOf({ reference, msisdn, status, msgid, timestamp, billed }: z.output<typeof receipt>): DeliveryReport {
  const known = stateOf(states, status)
  const given = Object.entries({ msgid, timestamp, billed }).filter(([, value]) => value !== '')
  return {
    externalId: idOf(reference, msisdn),
    ...(status === '' ? {} : { state: known ?? 'ERROR', code: status }),
    ...(msisdn === '' ? {} : { identity: msisdn }),
    fields: Object.fromEntries(given),
  }
}

/** An identifier is that of a call: of the messages in it, the number tells which. */
function idOf(identifier: string, msisdn: string): string {
  return `${identifier} ${numberOf(msisdn)}`
}

function numberOf(identity: string): string {
  return identity.trim().replace(/^\+/, '')
}

export const opera = defineBackend({
  kind: 'opera',
  settings,
  reports: 'handset',
  views: {
    '': incomingView({
      methods: ['POST'],
      form: incoming,
      read: readEvent,
      adjust: ({ xml: _, fields, ...message }) => ({ ...Object.fromEntries(fields), ...message }),
      wait: ({ settings: { answerWithin } }: ViewTools<Settings>) => answerWithin,
      reply: replyTo,
      refuse,
    }),
    status: statusView({
      methods: ['POST'],
      form: receipts,
      read: readReceipts,
      report: (found) => found.receipts.map(reportOf),
      refuse,
    }),
  },
  sendBatch: (messages, tools) =>
    sendInGroups(
      messages,
      // With a plus sign and without are the same number, and would have the same id. A comma makes two of one.
      ({ identity, text, options, params }) =>
        JSON.stringify([identity.startsWith('+'), identity.includes(','), text, options, params]),
      (group) => sendGroup(group, tools),
    ),
})

async function sendGroup(
  group: readonly OutgoingMessage[],
  { settings: own, http }: SendTools<Settings>,
): Promise<readonly BatchOutcome[]> {
  const [first] = group
  if (first === undefined) return []
  if (first.identity.includes(',')) throw new RequestError('A number with a comma in it cannot be sent to.')
  const secrets = [own.password, escapeXml(own.password)]
  const numbers = group.map(({ identity }) => numberOf(identity))
  const response = await http.request({
    method: 'POST',
    url: own.url,
    headers: { 'content-type': 'text/xml' },
    body: operaCall(first, own, numbers, new Date()),
  })
  if (response.status !== 200) throw errorFromResponse(response, WHAT, secrets)
  const identifier = rpcMember(response, 'Identifier', WHAT, secrets)
  return group.map(({ identity }) => ({ result: { externalIds: [idOf(identifier, identity)] } }))
}

/** The call that sends a text to some numbers; parameters of the message come last, and override. */
export function operaCall(
  { text, options, params }: Pick<OutgoingMessage, 'text' | 'options' | 'params'>,
  { service, password, channel, maxSegments }: Pick<Settings, 'service' | 'password' | 'channel' | 'maxSegments'>,
  numbers: readonly string[],
  now: Date,
): string {
  const expiry = new Date(now.getTime() + Math.min(options.validity ?? DAY_MINUTES, LONGEST_MINUTES) * MINUTE_MS)
  const own = Object.entries(params).map(([name, value]): [string, RpcValue] => [
    name,
    typeof value === 'number' && Number.isInteger(value) ? value : String(value),
  ])
  return rpcCall('EAPIGateway.SendSMS', {
    Service: service,
    Password: password,
    Channel: channel,
    Numbers: numbers.join(','),
    SMSText: /^[\u0000-\u007f]*$/.test(text) ? text : Buffer.from(text.toWellFormed(), 'utf8'),
    Delivery: now,
    Expiry: expiry,
    Priority: options.escalate === true ? 'high' : 'standard',
    Receipt: options.statusReport === false ? 'N' : 'Y',
    MaxSegments: maxSegments,
    ...Object.fromEntries(own),
  })
}
