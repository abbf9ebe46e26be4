import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { BatchOutcome, SendTools, ViewRequest, ViewTools } from '../router/backend.ts'
import { ConnectionError, RequestError } from '../router/errors.ts'
import { sendInGroups } from './batch-groups.ts'
import { type RequestValues, UnreadableRequest } from './body.ts'
import { defineBackend } from './define.ts'
import { incomingForm, plainText } from './form.ts'
import { decodeForm } from './form-bytes.ts'
import { errorFromResponse } from './http-client.ts'
import { type ErrorTable, errorOfCode, unexpectedAnswer } from './provider-codes.ts'
import { secret } from './secret.ts'
import { incomingView, plainAnswer } from './view.ts'

const WHAT = 'E-Scape'

const settings = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .default('http://site.demoru.com/api.php')
    .describe('Where the service takes messages'),
  apiId: secret(z.string().min(1)).describe('The id of the API, which is all that shows who sends'),
  smsc: z.string().min(1).describe('The connection that messages leave by'),
  from: z.string().min(1).optional().describe('The sender, where a message names none'),
  answerWithin: z
    .int()
    .min(1)
    .optional()
    .describe('Milliseconds to wait for the responses, to give them in the answer; without it, the service sends them'),
})
type Settings = z.output<typeof settings>

/** Kannel's own words; of all other codes nothing is known. */
const TAKEN: ReadonlySet<string> = new Set(['0', '3'])
const errors: ErrorTable = {}

const optional = plainText.optional().transform((text) => text || undefined)
const incoming = incomingForm.extend({
  text: plainText.transform((text) => text.trim()),
  smsc: optional,
  svc: optional,
})

/** Nothing says the charset. Kannel writes UTF-8 unless it is told to hand on what came. */
function readQuery({ rawQuery }: ViewRequest): RequestValues {
  try {
    return decodeForm(rawQuery, 'utf-8')
  } catch (error) {
    if (!(error instanceof UnreadableRequest)) throw error
    return decodeForm(rawQuery, 'windows-1252')
  }
}

/**
 * E-Scape, South Africa: a site in front of Kannel. Whatever its request for an incoming message is answered with goes
 * to the person as an SMS, so that nothing but responses may stand there.
 */
export const eScape = defineBackend({
  kind: 'eScape',
  settings,
  reports: 'none',
  views: {
    '': incomingView({
      methods: ['GET'],
      form: incoming,
      params: { identity: 's', address: 'r' },
      read: readQuery,
      wait: ({ settings: { answerWithin } }: ViewTools<Settings>) => answerWithin,
      reply: ({ responses = [] }) => plainAnswer(responses.map(({ text }) => text).join('\n')),
      refuse: (_request, status) => plainAnswer('', status),
    }),
  },
  sendBatch: (messages, tools) =>
    sendInGroups(
      messages,
      ({ text, address, options, params }) => JSON.stringify([text, options.senderId ?? address, params]),
      (group) => sendGroup(group, tools),
    ),
})

async function sendGroup(
  group: readonly OutgoingMessage[],
  { settings: { url, apiId, smsc, from }, http }: SendTools<Settings>,
): Promise<readonly BatchOutcome[]> {
  const [first] = group
  if (first === undefined) return []
  const reachable = group.filter(({ identity }) => NUMBER.test(identity))
  if (reachable.length === 0) return group.map(() => ({ error: notANumber() }))
  const { boundary, body } = multipart({
    s: first.options.senderId ?? first.address ?? from ?? '',
    r: reachable.map(({ identity }) => `+${digits(identity)}`).join(','),
    text: first.text,
    smsc,
    api_id: apiId,
    send: 'go',
    ...first.params,
  })
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const response = await http.request({ method: 'POST', url, headers, body })
  if (response.status < 200 || response.status > 299) throw errorFromResponse(response, WHAT, [apiId])
  const rows = rowsOf(response.text())
  if (rows.length === 0) throw unexpectedAnswer(response, WHAT, [apiId])
  return group.map((message) =>
    NUMBER.test(message.identity) ? outcomeOf(message, rows, [apiId]) : { error: notANumber() },
  )
}

const NUMBER = /^\+?\d{3,20}$/

function notANumber(): RequestError {
  return new RequestError(`${WHAT} sends to numbers alone.`)
}

function digits(text: string): string {
  return text.replace(/\D/g, '')
}

interface Row {
  readonly to: string
  /** `0: Accepted for delivery` */
  readonly status: string
}

/** The table of the answer: from, to, smsc, status and text, in a row for each recipient. */
function rowsOf(html: string): readonly Row[] {
  const [, ...body] = html.split(/<tbody\b[^<>]*>/i)
  const [, ...rows] = body.join('').split(/<tr\b[^<>]*>/i)
  return rows.flatMap((row) => {
    const [, ...cells] = row.split(/<td\b[^<>]*>/i)
    const [, to, , status] = cells.map((cell) => cell.split('<', 1)[0]?.trim())
    return to === undefined || status === undefined ? [] : [{ to, status }]
  })
}

/** It has taken the request, and may well have sent this message, too. */
function unnamed(): ConnectionError {
  return new ConnectionError(`${WHAT} does not say what became of the message.`, { outcomeUnknown: true })
}

function outcomeOf({ identity }: OutgoingMessage, rows: readonly Row[], secrets: readonly string[]): BatchOutcome {
  const row = rows.find(({ to }) => digits(to) === digits(identity))
  if (row === undefined) return { error: unnamed() }
  const [code = '', ...text] = row.status.split(':')
  if (TAKEN.has(code.trim())) return { result: {} }
  return { error: errorOfCode(errors, code.trim(), { what: WHAT, text: text.join(':').trim(), secrets }) }
}

/** The boundary is made of what it divides, so that it cannot stand in it. */
function multipart(values: Readonly<Record<string, unknown>>): { readonly boundary: string; readonly body: string } {
  const entries = Object.entries(values).map(([name, value]): [string, string] => [name, String(value)])
  const boundary = createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 40)
  const parts = entries.map(
    ([name, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name.replace(/["\r\n]/g, '_')}"\r\n\r\n${value}\r\n`,
  )
  return { boundary, body: `${parts.join('')}--${boundary}--\r\n` }
}
