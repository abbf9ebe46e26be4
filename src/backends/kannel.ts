import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { BatchOutcome, SendResult, SendTools, View } from '../router/backend.ts'
import { ConnectionError, ProviderError } from '../router/errors.ts'
import { defineBackend } from './define.ts'
import { incomingForm } from './form.ts'
import { outcomesOf, refusalOf } from './kannel-answer.ts'
import { readIncoming, readTexts } from './kannel-incoming.ts'
import { ask, idInBatch, neededCoding, orderOf, personOf, secretsOf } from './kannel-order.ts'
import { type KannelSettings, kannelSettings } from './kannel-settings.ts'
import { type StateTable, stateOf } from './provider-codes.ts'
import { incomingView, MessagePart, plainAnswer, statusView } from './view.ts'

type Tools = SendTools<KannelSettings>

/** The values of `%d`, Kannel's guide, "SMS Delivery Reports". */
const states = {
  '1': 'DELIVERED', // delivered to phone
  '2': 'ERROR', // non-delivered to phone
  '4': 'SENT', // queued on SMSC
  '8': 'SENT', // delivered to SMSC
  '16': 'ERROR', // non-delivered to SMSC
  '32': 'SENT', // intermediate notification
} satisfies StateTable

const REJECTED = 16
const REQUESTS_AT_ONCE = 8

const reportForm = z.object({
  message_id: z.string().trim().min(1, 'may not be empty').max(200),
  status: z.string().trim().min(1, 'may not be empty').max(100),
  batch: z.string().optional(),
  status_text: z.string().optional(),
  smsc: z.string().optional(),
  foreign_id: z.string().optional(),
  date_sent: z.string().optional(),
  identity: z.string().trim().optional(),
})

const kept = z.string().optional()

const incomingValues = {
  methods: ['GET'],
  read: readIncoming,
  params: { identity: 'from', address: 'to', externalId: 'sms_id' },
  form: incomingForm.extend({
    part: z.instanceof(MessagePart).optional(),
    ...{ smsc: kept, time: kept, service: kept, account: kept, meta: kept, dcs: kept, udh: kept, data: kept },
  }),
} as const

/** An empty body, which Kannel sends to nobody where `omit-empty` is on. */
const takenView = incomingView<z.output<typeof incomingValues.form>, KannelSettings>({ ...incomingValues, reply: '' })

const answeringView = incomingView<z.output<typeof incomingValues.form>, KannelSettings>({
  ...incomingValues,
  wait: ({ settings: { replyTime } }) => replyTime,
  reply: ({ responses = [] }) => {
    const text = responses.map((response) => response.text).join('\n')
    const answer = plainAnswer(text)
    return { ...answer, headers: { ...answer.headers, 'x-kannel-coding': neededCoding(text) } }
  },
})

const messages: View<KannelSettings> = Object.assign(
  (...[request, tools]: Parameters<View<KannelSettings>>) =>
    tools.settings.reply === 'body' ? answeringView(request, tools) : takenView(request, tools),
  { methods: incomingValues.methods },
)

const reports = statusView<z.output<typeof reportForm>, KannelSettings>({
  methods: ['GET'],
  read: readTexts,
  form: reportForm,
  report: ({ message_id: id, batch, status: code, status_text: text, identity = '', ...more }) => {
    const state = stateOf(states, code)
    const { smsc, foreign_id: foreignId, date_sent: time } = more
    const fields = Object.entries({ smsc, foreignId, time }).filter(([, value]) => value)
    return {
      externalId: batch === undefined ? id : idInBatch(id, identity),
      code,
      ...(state === undefined ? {} : { state }),
      ...(identity === '' ? {} : { identity }),
      ...(text ? { text } : {}),
      ...(fields.length === 0 ? {} : { fields: Object.fromEntries(fields) }),
    }
  },
})

async function send(message: OutgoingMessage, tools: Tools): Promise<SendResult> {
  const order = orderOf(message, tools)
  const refusal = refusalOf(await ask(order, [message.identity], message.id, tools), secretsOf(tools.settings))
  if (refusal !== undefined) throw refusal
  return order.statusUrl === undefined ? {} : { externalIds: [message.id] }
}

async function sendBatch(messages: readonly OutgoingMessage[], tools: Tools): Promise<readonly BatchOutcome[]> {
  const outcomes = new Map<OutgoingMessage, BatchOutcome>()
  const waiting = groupsOf(messages, tools)
  const work = async () => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      const came = await sendGroup(group, tools)
      for (const [index, outcome] of came.entries()) {
        const message = group[index]
        if (message !== undefined) outcomes.set(message, outcome)
      }
    }
  }
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work))
  return messages.flatMap((message) => outcomes.get(message) ?? [])
}

async function sendGroup(group: readonly OutgoingMessage[], tools: Tools): Promise<readonly BatchOutcome[]> {
  const [first] = group
  if (first === undefined) return []
  try {
    if (group.length === 1) return [{ result: await send(first, tools) }]
    const to = group.map(({ identity }) => identity)
    const response = await ask(orderOf(first, tools), to, first.id, tools)
    return outcomesOf(response, to, secretsOf(tools.settings)).map((error, index) =>
      error === undefined ? { result: { externalIds: [idInBatch(first.id, to[index] ?? '')] } } : { error },
    )
  } catch (error) {
    // One that is alone has its own id, which is known anyway.
    if (group.length === 1) return [{ error }]
    return group.map(({ identity }) => ({ error: withId(error, idInBatch(first.id, identity)) }))
  }
}

/** The same error; where Kannel may have taken the message, with the id by which it reports of it. */
function withId(error: unknown, externalId: string): unknown {
  if (!(error instanceof ProviderError) || !error.outcomeUnknown) return error
  const { message, providerCode, retryAfter } = error
  return new ConnectionError(message, {
    cause: error,
    outcomeUnknown: true,
    externalIds: [externalId],
    ...(providerCode === null ? {} : { providerCode }),
    ...(retryAfter === null ? {} : { retryAfter }),
  })
}

/**
 * Those that may share a request: the same text and values, recipients that can be told apart in reports, and reports,
 * since Kannel's answer is about the first recipient alone.
 */
function groupsOf(messages: readonly OutgoingMessage[], tools: Tools): OutgoingMessage[][] {
  const groups: OutgoingMessage[][] = []
  const open = new Map<string, { readonly group: OutgoingMessage[]; readonly people: Set<string> }>()
  for (const message of messages) {
    const key = sharedKey(message, tools)
    const person = personOf(message.identity)
    const current = key === undefined ? undefined : open.get(key)
    if (current !== undefined && current.group.length < tools.settings.recipients && !current.people.has(person)) {
      current.group.push(message)
      current.people.add(person)
      continue
    }
    const group = [message]
    groups.push(group)
    if (key !== undefined) open.set(key, { group, people: new Set([person]) })
  }
  return groups
}

/** Of messages with this same key, one request can be made; undefined for one that has to go alone. */
function sharedKey(message: OutgoingMessage, tools: Tools): string | undefined {
  if (!INTERNATIONAL.test(message.identity)) return undefined
  try {
    const { values, text, statusUrl } = orderOf(message, tools)
    const isTold = statusUrl !== undefined && (Number(values['dlr-mask']) & REJECTED) > 0
    return isTold && !('to' in values) && !('dlr-url' in values) ? JSON.stringify([values, text]) : undefined
  } catch {
    return undefined
  }
}

/** Numbers that Kannel's `unified-prefix` changes in their first sign at the most. */
const INTERNATIONAL = /^(\+|00)?[1-9]\d{5,14}$/

/** Kannel (kannel.org): its smsbox calls us for what comes in and for reports, and is called to send. */
export const kannel = defineBackend({
  kind: 'kannel',
  // Kannel's guide, group sendsms-user: `max-messages` is 10 by default, and what is longer it cuts.
  text: { maxParts: 10 },
  settings: kannelSettings,
  reports: 'handset',
  views: { '': messages, status: reports },
  // Alone, and as the first of those that shared a request.
  idsOf: ({ id, identity }) => [id, idInBatch(id, identity)],
  send,
  sendBatch,
})
