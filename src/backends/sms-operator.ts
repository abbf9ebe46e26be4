import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { BatchOutcome, CheckedMessage, SendTools } from '../router/backend.ts'
import { AuthError, MessageSendError, RequestError, UnsupportedError } from '../router/errors.ts'
import { askById, type CodesById, givenId, isCode, outcomesById, withPlus, xmlParams } from './batch-by-id.ts'
import { defineBackend } from './define.ts'
import { errorFromResponse } from './http-client.ts'
import {
  type ErrorTable,
  errorOfCode,
  type StateTable,
  standingOf,
  stateOf,
  unexpectedAnswer,
} from './provider-codes.ts'
import { secret } from './secret.ts'
import { elementsOf, escapeXml, textOf, xmlOf } from './xml.ts'

const WHAT = 'SMS operator'

const settings = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .default('https://www.sms-operator.cz/webservices/webservice.aspx')
    .describe('Where the service answers'),
  username: z.string().min(1).describe('The name of the account'),
  password: secret(z.string().min(1)).describe('Its password'),
  prefix: z.string().default('').describe('Before the ids of messages, where several systems share the account'),
})
type Settings = z.output<typeof settings>

/** What the status of a question stands for, as pymess reads it. */
const states = {
  // delivered
  '0': 'DELIVERED',
  // not delivered
  '1': 'ERROR',
  // the number does not exist
  '2': 'ERROR',
  // timed out, not handed to the operator
  '3': 'EXPIRED',
  // wrong form of the number
  '4': 'ERROR',
  // other error
  '5': 'ERROR',
  // event error
  '6': 'ERROR',
  // text too long
  '7': 'ERROR',
  // some of the parts delivered
  '10': 'ERROR',
  // unknown
  '11': 'SENT',
  // some parts delivered, some unknown
  '12': 'SENT',
  // some parts not delivered, some unknown
  '13': 'SENT',
  // some parts delivered, some not, some unknown
  '14': 'SENT',
  // not found
  '15': 'ERROR',
} satisfies StateTable

const errors = {
  '1': [MessageSendError, 'not delivered'],
  '2': [RequestError, 'the number does not exist'],
  '3': [MessageSendError, 'timed out, not handed to the operator'],
  '4': [RequestError, 'wrong form of the number'],
  '5': [MessageSendError, 'other error'],
  '6': [MessageSendError, 'event error'],
  '7': [UnsupportedError, 'text too long'],
  '10': [MessageSendError, 'some of the parts delivered'],
  '15': [MessageSendError, 'not found'],
} satisfies ErrorTable
const errorsByCode: ErrorTable = errors

/**
 * SMS operator (Konzulta Brno), as the open-source clients pymess and SMS::Send::CZ::Konzulta use it; the service has
 * published nothing.
 */
export const smsOperator = defineBackend({
  kind: 'smsOperator',
  settings,
  reports: 'handset',
  sendBatch,
  idsOf: (message, { settings: { prefix } }) => [givenId(prefix, message, message.params['SmsId'])],
  checkStates,
})

async function sendBatch(
  messages: readonly OutgoingMessage[],
  tools: SendTools<Settings>,
): Promise<readonly BatchOutcome[]> {
  const { settings: own } = tools
  const given = messages.map((message) => ({ message, id: givenId(own.prefix, message, message.params['SmsId']) }))
  const items = given.map(({ message, id }) => itemOf(message, id))
  const codes = await ask('SMS', `<DataTemplate>\n${items.join('\n')}\n</DataTemplate>`, tools)
  return outcomesById(given, codes, WHAT, (code) => {
    // 0 is "delivered" in the table, which is not known so soon: one of the two clients takes it for "accepted".
    const isTaken = stateOf(states, code) !== undefined && !Object.hasOwn(errors, code)
    return isTaken ? {} : errorOfCode(errors, code, { what: WHAT, secrets: secretsOf(own) })
  })
}

/** Parameters of a message are further elements, and override. */
function itemOf({ identity, text, params }: OutgoingMessage, id: string): string {
  const elements = {
    MobileTerminate: escapeXml(withPlus(identity)),
    Text: escapeXml(text),
    SmsId: escapeXml(id),
    ...Object.fromEntries(xmlParams(params)),
  }
  const all = Object.entries(elements).map(([name, value]) => `<${name}>${value}</${name}>`)
  return `<DataItem>${all.join('')}</DataItem>`
}

function checkStates(
  messages: readonly CheckedMessage[],
  tools: SendTools<Settings>,
): Promise<readonly DeliveryReport[]> {
  return askById(
    messages,
    (ids) => ask('SMS-Status', ids.map((id) => `<SmsId>${escapeXml(id)}</SmsId>`).join('\n'), tools),
    (code) => {
      const [, text] = errorsByCode[code] ?? []
      return { ...standingOf(states, code), code, ...(text === undefined ? {} : { text }) }
    },
  )
}

async function ask(type: string, content: string, { settings: own, http }: SendTools<Settings>): Promise<CodesById> {
  const secrets = secretsOf(own)
  const login = `<UserName>${escapeXml(own.username)}</UserName><Password>${escapeXml(own.password)}</Password>`
  const header = `<DataHeader><DataType>${type}</DataType>${login}</DataHeader>`
  const response = await http.request({
    method: 'POST',
    url: own.url,
    headers: { 'content-type': 'text/xml' },
    body: `<?xml version="1.0"?>\n<SmsServices>\n${header}\n<DataArray>\n${content}\n</DataArray>\n</SmsServices>`,
  })
  if (response.status !== 200) throw errorFromResponse(response, WHAT, secrets)
  // What the authors of SMS::Send::CZ::Konzulta saw for a wrong password.
  if (response.text().trim() === '') throw new AuthError(`${WHAT} answered nothing, as it does for a wrong password.`)
  const items = elementsOf(xmlOf(response, WHAT, secrets), 'DataItem')
  const said = items.map((item): [string, string] => [textOf(item, 'SmsId') ?? '', textOf(item, 'Status') ?? ''])
  const codes = new Map(said.filter(([id, code]) => id !== '' && isCode(code)))
  if (codes.size === 0) throw unexpectedAnswer(response, WHAT, secrets)
  return codes
}

function secretsOf({ password }: Settings): readonly string[] {
  return [password, escapeXml(password)]
}
