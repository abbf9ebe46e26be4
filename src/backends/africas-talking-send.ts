import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { BatchOutcome, HttpResponse, SendResult, SendTools } from '../router/backend.ts'
import {
  ConnectionError,
  CreditError,
  MessageSendError,
  type ProviderError,
  RequestError,
  ServerError,
  UnsupportedError,
} from '../router/errors.ts'
import { type AfricasTalkingSettings, hostsOf } from './africas-talking-settings.ts'
import { isAfterClose, isUssd } from './africas-talking-ussd.ts'
import { sendInGroups } from './batch-groups.ts'
import { encodeForm } from './form-bytes.ts'
import { errorFromResponse, excerptOf } from './http-client.ts'
import { type ErrorTable, errorOfCode, jsonOf, unexpectedAnswer } from './provider-codes.ts'

export const SERVICE = "Africa's Talking"
type Tools = SendTools<AfricasTalkingSettings>

/** `statusCode` of a recipient, with its `status`, as two client libraries of the service have them. */
const errors = {
  '401': [MessageSendError, 'RiskHold'],
  '402': [RequestError, 'InvalidSenderId'],
  '403': [RequestError, 'InvalidPhoneNumber'],
  '404': [UnsupportedError, 'UnsupportedNumberType'],
  '405': [CreditError, 'InsufficientBalance'],
  '406': [MessageSendError, 'UserInBlacklist'],
  '407': [ServerError, 'CouldNotRoute'],
  '409': [MessageSendError, 'DoNotDisturbRejection'],
  '500': [ServerError, 'InternalServerError'],
  '501': [ServerError, 'GatewayError'],
  '502': [MessageSendError, 'RejectedByGateway'],
} satisfies ErrorTable
const TAKEN = /^(100|101|102)$/
/** Where there is no code: 100, 101, 102 by their names, and what a delivered message is called. */
const TAKEN_WORD = /^(Processed|Sent|Queued|Success)$/

/** What is odd about one recipient must not take the others with it, who may have got their message. */
const word = z
  .union([z.string(), z.number().transform(String)])
  .optional()
  .catch(undefined)
const recipient = z.looseObject({
  number: word.transform((number) => number ?? ''),
  statusCode: word,
  status: word,
  cost: word,
  messageId: word,
  messageParts: z.int().positive().optional().catch(undefined),
})
type AnsweredRecipient = z.output<typeof recipient>

const answer = z.looseObject({
  SMSMessageData: z.looseObject({ Message: z.string().catch(''), Recipients: z.array(recipient) }),
})

/** Gives messages to the service, as many recipients in one request as share everything else. */
export async function sendBatch(messages: readonly OutgoingMessage[], tools: Tools): Promise<readonly BatchOutcome[]> {
  const { settings } = tools
  const refused = new Map(messages.map((message) => [message, refusalOf(message, settings)]))
  const given = messages.filter((message) => refused.get(message) === undefined)
  const said = await sendInGroups(
    given,
    // With a plus sign and without are the same number, and the answer names recipients by their numbers alone.
    (message) => JSON.stringify([message.identity.startsWith('+'), valuesOf(message, settings)]),
    (group) => sendGroup(group, tools),
  )
  const outcomes = new Map(given.map((message, place) => [message, said[place]]))
  return messages.map((message) => outcomes.get(message) ?? { error: refused.get(message) })
}

function refusalOf(message: OutgoingMessage, { ussd }: AfricasTalkingSettings): ProviderError | undefined {
  // The service would take it for several recipients.
  if (message.identity.includes(',')) return new RequestError('A number with a comma in it cannot be sent to.')
  if (!isUssd(message)) return undefined
  if (isAfterClose(message)) return new UnsupportedError('The USSD session is over.')
  if (ussd.late === 'sms') return undefined
  return new UnsupportedError(`${SERVICE} takes the texts of a USSD session only in the answer to a request.`)
}

/** The service wants E.164 with a plus sign; what does not look like that is its to refuse. */
function numberOf(identity: string): string {
  return /^[1-9]\d{7,14}$/.test(identity) ? `+${identity}` : identity
}

const linked = z.looseObject({ linkId: z.string().min(1) })
/** The keyword of any other message is the affair of whoever set it. */
const subscribed = z.looseObject({
  notice: z.literal('subscription'),
  updateType: z.literal('addition'),
  keyword: z.string().min(1),
})

const MINUTES_PER_HOUR = 60

/** Premium is what belongs to a premium message that came in, to a subscription, or is said to be by its params. */
function valuesOf(message: OutgoingMessage, settings: AfricasTalkingSettings): Values {
  const { address, fields, inResponseTo, options } = message
  // A response that an app turned to somebody else carries the fields of the one who wrote: the link is not theirs.
  const isTheirs = inResponseTo === null || address !== null
  const linkId = isTheirs ? linked.safeParse(fields).data?.linkId : undefined
  const keyword = isTheirs ? subscribed.safeParse(fields).data?.keyword : undefined
  const params = Object.fromEntries(Object.entries(message.params).map(([name, value]) => [name, textOf(value)]))
  const isLinked = [linkId, keyword, params['linkId'], params['keyword']].some((value) => value !== undefined)
  const premium = 'bulkSMSMode' in params ? params['bulkSMSMode'] === '0' : isLinked
  const own = isUssd(message) ? undefined : (address ?? undefined)
  const { validity } = options
  const hours = validity === undefined ? undefined : Math.max(1, Math.ceil(validity / MINUTES_PER_HOUR))
  const values = {
    username: settings.username,
    message: message.text,
    from: options.senderId ?? own ?? settings.from,
    bulkSMSMode: premium ? 0 : 1,
    enqueue: settings.enqueue === undefined ? undefined : Number(settings.enqueue),
    ...(premium ? { keyword: keyword ?? settings.keyword, linkId, retryDurationInHours: hours } : {}),
    ...params,
  }
  return { premium, values }
}

interface Values {
  readonly premium: boolean
  readonly values: Readonly<Record<string, string | number | undefined>>
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** @throws ProviderError when the request as a whole failed */
async function sendGroup(
  messages: readonly OutgoingMessage[],
  { settings, http }: Tools,
): Promise<readonly BatchOutcome[]> {
  const [first] = messages
  if (first === undefined) return []
  const { premium, values } = valuesOf(first, settings)
  const hosts = hostsOf(settings)
  const { username, ...more } = values
  const response = await http.request({
    method: 'POST',
    url: new URL('version1/messaging', withSlash(premium ? hosts.premium : hosts.bulk)).href,
    headers: { ...headersOf(settings), 'content-type': 'application/x-www-form-urlencoded' },
    body: encodeForm({ username, to: messages.map(({ identity }) => numberOf(identity)).join(','), ...more }),
  })
  return readAnswer(messages, response, [settings.apiKey])
}

/** A base URL may have a path of its own, where a proxy stands in between. */
export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`
}

export function headersOf({ apiKey }: AfricasTalkingSettings): Readonly<Record<string, string>> {
  return { accept: 'application/json', apikey: apiKey }
}

/**
 * @returns one outcome for each message
 * @throws ProviderError when the answer is to the request as a whole
 */
function readAnswer(
  messages: readonly OutgoingMessage[],
  response: HttpResponse,
  secrets: readonly string[],
): readonly BatchOutcome[] {
  if (response.status < 200 || response.status > 299) throw errorFromResponse(response, SERVICE, secrets)
  const said = answer.safeParse(jsonOf(response, SERVICE, secrets))
  if (!said.success) throw unexpectedAnswer(response, SERVICE, secrets)
  const { Message: reason, Recipients: recipients } = said.data.SMSMessageData
  if (recipients.length === 0) throw refusedAs(reason, secrets)
  const byNumber = new Map(recipients.map((each) => [digitsOf(each.number), each]))
  const only = messages.length === 1 && recipients.length === 1 ? recipients[0] : undefined
  return messages.map(({ identity }) => {
    const found = only ?? byNumber.get(digitsOf(identity))
    if (found !== undefined) return outcomeOf(found, secrets)
    const text = `${SERVICE} answered without a word about this recipient: ${excerptOf(reason, secrets)}`
    return { error: new ConnectionError(text, { outcomeUnknown: true }) }
  })
}

function digitsOf(number: string): string {
  const digits = number.replace(/\D/g, '')
  return digits === '' ? number : digits
}

/** Nothing was sent: the reason stands in a text, which has one of the names of the table where it has any. */
function refusedAs(reason: string, secrets: readonly string[]): ProviderError {
  const known = Object.entries(errors).find(([, [, name]]) => reason.toLowerCase().includes(name.toLowerCase()))
  if (known !== undefined) return errorOfCode(errors, known[0], { what: SERVICE, text: reason, secrets })
  return new MessageSendError(`${SERVICE} sent it to nobody: ${excerptOf(reason, secrets)}`)
}

function outcomeOf(found: AnsweredRecipient, secrets: readonly string[]): BatchOutcome {
  const { statusCode, status = '' } = found
  const isTaken = statusCode === undefined ? TAKEN_WORD.test(status) : TAKEN.test(statusCode)
  if (isTaken) return { result: resultOf(found) }
  return { error: errorOfCode(errors, statusCode ?? status, { what: SERVICE, text: status, secrets }) }
}

function resultOf({ messageId, cost, messageParts }: AnsweredRecipient): SendResult {
  const price = moneyOf(cost)
  return {
    ...(messageId === undefined || messageId === 'None' ? {} : { externalIds: [messageId] }),
    ...(price === undefined ? {} : { cost: price.amount, currency: price.currency }),
    ...(messageParts === undefined ? {} : { parts: messageParts }),
  }
}

/** `KES 0.8000`; what costs nothing is a bare `0`. */
export function moneyOf(text = ''): { readonly amount: number; readonly currency: string } | undefined {
  const [, currency, amount] = /^\s*([A-Z]{3})\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text) ?? []
  return currency === undefined ? undefined : { amount: Number(amount), currency }
}
