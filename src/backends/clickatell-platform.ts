import { z } from 'zod'
import { codingOf, hexBytes } from '../messages/coding.ts'
import type { Fields } from '../messages/incoming.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import { parseUdh } from '../messages/udh.ts'
import type { ReceivedMessage, SendTools, ViewRequest, ViewTools } from '../router/backend.ts'
import { RequestError } from '../router/errors.ts'
import { askEach } from './ask-each.ts'
import { sendInGroups } from './batch-groups.ts'
import { readValues } from './body.ts'
import { PlatformApi, platformNumber } from './clickatell-platform-api.ts'
import { PLATFORM_ERROR_NAME, platformStates } from './clickatell-platform-codes.ts'
import { defineBackend } from './define.ts'
import { identityField, incomingForm, plainText } from './form.ts'
import { standingOf } from './provider-codes.ts'
import { secret } from './secret.ts'
import { checked, plainAnswer, statusView, view } from './view.ts'

const settings = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .default('https://platform.clickatell.com')
    .describe('Where the API answers'),
  apiKey: secret(z.string().min(1)).describe('The key of the integration'),
  api: z
    .enum(['platform', 'one'])
    .default('platform')
    .describe("What the integration is made for: the Platform's SMS API (/messages), or One API (/v1/message)"),
  from: z.string().min(1).optional().describe('The sender where a message names none: a number of the integration'),
})
type Settings = z.output<typeof settings>
type Tools = SendTools<Settings>

const word = z.union([plainText, z.number().transform(String)], 'a text is expected').pipe(z.string().max(1024))
const optionalWord = word.nullish()

const incoming = incomingForm.extend({ text: z.string('a text is expected').pipe(plainText) })
const reply = incoming.extend({
  replyMessageId: optionalWord,
  integrationId: optionalWord,
  timestamp: optionalWord,
  network: optionalWord,
  keyword: optionalWord,
  charset: optionalWord,
  udh: optionalWord,
})
const replyParams = { identity: 'fromNumber', address: 'toNumber', externalId: 'messageId' }

/** One API puts what happened into `event`, several at once. */
const events = z.looseObject({
  event: z.looseObject({
    moText: z
      .array(
        z.looseObject({
          from: identityField,
          to: optionalWord,
          content: plainText.optional(),
          text: plainText.optional(),
          messageId: optionalWord,
          channel: optionalWord,
          timestamp: optionalWord,
          relatedMessageId: optionalWord,
        }),
      )
      .max(1_000)
      .nullish(),
  }),
})
type MoText = NonNullable<z.output<typeof events>['event']['moText']>[number]

async function receive(request: ViewRequest, tools: ViewTools<Settings>) {
  const values = readValues(request, 'utf-8')
  if ('event' in values) {
    const { event } = await checked(events, values)
    // In their order: two of one person may stand in it.
    for (const each of event.moText ?? []) await tools.receive(messageOf(each))
    return plainAnswer('OK')
  }
  const { identity, text, address, externalId, ...rest } = await checked(reply, values, replyParams)
  const message = { identity, ...(address ? { address } : {}), ...(externalId ? { externalId } : {}) }
  const fields = present(rest)
  const header = hexBytes((rest.udh ?? '').replace(/\s/g, ''))
  const part = header === undefined ? undefined : parseUdh(header)?.part
  if (part === undefined) await tools.receive({ ...message, fields, text: text.trim() })
  else await tools.receivePart({ ...message, fields, ...part, content: text })
  return plainAnswer('OK')
}

function messageOf({
  from,
  to,
  content,
  text,
  messageId,
  channel,
  timestamp,
  relatedMessageId,
}: MoText): ReceivedMessage {
  return {
    identity: from,
    text: (content ?? text ?? '').trim(),
    fields: present({ channel, timestamp, relatedMessageId }),
    ...(to ? { address: to } : {}),
    ...(messageId ? { externalId: messageId } : {}),
  }
}

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => (value ?? '') !== ''))
}

const update = z.looseObject({
  messageId: word.nullish(),
  status: optionalWord,
  statusCode: optionalWord,
  statusDescription: optionalWord,
  to: optionalWord,
  clientMessageId: optionalWord,
  requestId: optionalWord,
  timestamp: optionalWord,
  channel: optionalWord,
})
type Update = z.output<typeof update>
const report = z.union([
  z.looseObject({ event: z.looseObject({ messageStatusUpdate: z.array(update).max(1_000).nullish() }) }),
  update.refine(({ messageId }) => (messageId ?? '') !== '', { path: ['messageId'], error: 'is required' }),
])

function reportsOf(values: z.output<typeof report>): readonly DeliveryReport[] {
  const { event } = values
  const isEvent = typeof event === 'object' && event !== null && 'messageStatusUpdate' in event
  const updates = isEvent
    ? z
        .array(update)
        .catch([])
        .parse(event.messageStatusUpdate ?? [])
    : [update.parse(values)]
  return updates.flatMap((each) => reportOf(each) ?? [])
}

function reportOf({
  messageId,
  status,
  statusCode,
  statusDescription,
  to,
  ...given
}: Update): DeliveryReport | undefined {
  if (!messageId) return undefined
  const { clientMessageId, requestId, timestamp, channel } = given
  const code = status || statusCode || ''
  return {
    externalId: messageId,
    ...platformStanding(code),
    ...(to ? { identity: to } : {}),
    ...(code === '' ? {} : { code }),
    ...(statusDescription ? { text: statusDescription } : {}),
    fields: present({ statusCode, clientMessageId, requestId, timestamp, channel }),
  }
}

function platformStanding(name: string): Pick<DeliveryReport, 'state' | 'expired'> {
  return PLATFORM_ERROR_NAME.test(name) ? { state: 'ERROR' } : standingOf(platformStates, name)
}

const api = ({ settings, http }: Tools) => new PlatformApi(settings, http)

/** Clickatell's platform, since 2016: its SMS API and its One API, by the key of an integration. */
export const clickatellPlatform = defineBackend({
  kind: 'clickatellPlatform',
  settings,
  reports: 'handset',
  views: {
    '': view(['POST'], receive),
    status: statusView({ methods: ['POST'], form: report, report: reportsOf, reply: 'OK' }),
  },
  sendBatch: (messages, tools) =>
    sendInGroups(
      messages,
      (message) => {
        const isNumber = platformNumber(message.identity) !== undefined
        return JSON.stringify([isNumber, tools.settings.api === 'one' ? '' : valuesOf(message, tools.settings)])
      },
      (group) => sendGroup(group, tools),
    ),
  async checkStates(messages, tools) {
    // The other API has nothing to ask.
    if (tools.settings.api !== 'one') return []
    return askEach(messages, tools, async (externalId) => {
      const code = await api(tools).statusOf(externalId)
      return code === undefined ? undefined : { externalId, code, ...platformStanding(code) }
    })
  },
  methods: {
    /** What is left on the account, as One API tells it: `{ amount, currency? }`. */
    balance: (tools) => api(tools).balance(),
  },
})

async function sendGroup(group: readonly OutgoingMessage[], tools: Tools) {
  const { settings: own } = tools
  const numbers = group.flatMap(({ identity }) => platformNumber(identity) ?? [])
  const [first] = group
  if (first === undefined || numbers.length < group.length) throw new RequestError('Clickatell takes numbers only.')
  if (own.api === 'platform') {
    return api(tools).send('messages', { ...valuesOf(first, own), to: numbers }, numbers)
  }
  const messages = group.map((message, index) => ({ channel: 'sms', to: numbers[index], ...valuesOf(message, own) }))
  return api(tools).send('v1/message', { messages }, numbers)
}

/** Parameters of the message come last, and override. */
function valuesOf({ text, address, options, params }: OutgoingMessage, own: Settings): Fields {
  const { senderId, validity } = options
  const from = senderId ?? address ?? own.from
  const isPlatform = own.api === 'platform'
  return {
    content: text,
    ...(from === undefined ? {} : { from }),
    ...(isPlatform && codingOf(text).coding === 'ucs2' ? { charset: 'UTF-8' } : {}),
    ...(validity === undefined ? {} : { validityPeriod: Math.max(1, Math.round(validity)) }),
    ...params,
  }
}
