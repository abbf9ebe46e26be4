import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { HttpClient, HttpRequest, SendResult } from '../router/backend.ts'
import { MessageSendError } from '../router/errors.ts'
import { errorFromResponse, excerpt } from './http-client.ts'
import { secret } from './secret.ts'

const url = z
  .url({ protocol: /^https?$/ })
  .refine(
    (text) => !URL.canParse(text) || `${new URL(text).username}${new URL(text).password}` === '',
    'user and password belong into headers',
  )

const pattern = z.instanceof(RegExp).transform(({ source, flags }) => new RegExp(source, flags.replace(/[gy]/g, '')))

/** How `httpBackend` calls a service to send. */
export const sendSettings = z.strictObject({
  url: url.describe('Where messages are sent to'),
  method: z.enum(['GET', 'POST', 'PUT']).default('POST').describe('The method of the request'),
  format: z.enum(['form', 'json']).default('form').describe('How a body is written; a GET has its values in the query'),
  params: z
    .record(z.string(), z.string())
    .default({ identity: 'identity', text: 'text' })
    .describe(
      'The names the service uses for our values: identity, text, id, address, an option such as validity, or a field',
    ),
  extra: secret(z.record(z.string(), z.string()).default({}).describe('Values sent along with each message')),
  headers: secret(z.record(z.string(), z.string()).default({}).describe('Headers sent along')),
  success: z
    .strictObject({
      status: z.array(z.int()).optional().describe('The statuses that mean success; by default 200 to 299'),
      body: z.union([z.string(), pattern]).optional().describe('What the body has to contain, or match'),
    })
    .default({})
    .describe('When the service has taken the message'),
  externalId: pattern.optional().describe('Finds the id in the answer: its first group, or the whole match'),
})

export type SendSettings = z.output<typeof sendSettings>
export type SendSettingsInput = z.input<typeof sendSettings>

/**
 * Sends one message by the request that the settings describe.
 * @throws ProviderError the one the status stands for; MessageSendError where the body does not say success
 */
export async function sendByRequest(
  message: OutgoingMessage,
  send: SendSettings,
  http: HttpClient,
): Promise<SendResult> {
  const response = await http.request(requestFor(message, send))
  const secrets = [...Object.values(send.extra), ...Object.values(send.headers).flatMap(bare)]
  const { status, body } = send.success
  const isExpected =
    status === undefined ? response.status >= 200 && response.status < 300 : status.includes(response.status)
  if (!isExpected) throw errorFromResponse(response, 'The service', secrets)
  const text = response.text()
  if (body !== undefined && !contains(text, body)) {
    const said = excerpt(response, secrets)
    throw new MessageSendError(`The service answered ${response.status} without what means success: ${said}`)
  }
  const match = send.externalId?.exec(text)
  const id = match?.[1] ?? match?.[0]
  return id === undefined ? {} : { externalIds: [id] }
}

/** `Basic dXNl…`: the service may repeat it with the word before it, or without. */
function bare(header: string): readonly string[] {
  return [header, header.replace(/^\w+ /, '')]
}

function requestFor(message: OutgoingMessage, send: SendSettings): HttpRequest {
  const values = valuesFor(message, send)
  if (send.method === 'GET') {
    const url = new URL(send.url)
    for (const [name, value] of values) url.searchParams.set(name, asText(value))
    return { method: 'GET', url: url.href, headers: send.headers }
  }
  const isJson = send.format === 'json'
  const type = isJson ? 'application/json' : 'application/x-www-form-urlencoded'
  const texts = [...values].map(([name, value]): [string, string] => [name, asText(value)])
  const body = isJson ? JSON.stringify(Object.fromEntries(values)) : new URLSearchParams(texts).toString()
  return { method: send.method, url: send.url, headers: { 'content-type': type, ...send.headers }, body }
}

/** Later ones win: the settings' extras, what the sender wants handed on as it is, the message itself. */
function valuesFor(message: OutgoingMessage, send: SendSettings): ReadonlyMap<string, unknown> {
  const { identity, text, id, address, fields, params, options } = message
  const values = new Map<string, unknown>([...Object.entries(send.extra), ...Object.entries(params)])
  const own = new Map<string, unknown>([
    ...Object.entries(fields),
    ...optionsFor(options),
    ...Object.entries({ identity, text, id, address }),
  ])
  for (const [name, theirs] of Object.entries(send.params)) {
    const value = own.get(name) ?? null
    if (value !== null) values.set(theirs, value)
  }
  return values
}

/** What a service may be told; what only we go by is not among it. */
function optionsFor({ senderId, validity, escalate, allowReply, statusReport }: OutgoingMessage['options']) {
  const options = Object.entries({ senderId, validity, escalate, allowReply, statusReport })
  return options.filter(([, value]) => value !== undefined)
}

function asText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function contains(text: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)
}
