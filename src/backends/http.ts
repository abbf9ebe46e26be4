import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { Received, SendResult, SendTools, View, ViewAnswer } from '../router/backend.ts'
import { RequestError } from '../router/errors.ts'
import { type BackendInput, type CommonBackendInput, defineBackend } from './define.ts'
import type { incomingForm, Params } from './form.ts'
import { errorFromResponse } from './http-client.ts'
import { incomingView } from './view.ts'

/** How `httpBackend` calls a service to send. */
const sendSettings = z.strictObject({
  url: z.url().describe('Where messages are sent to'),
  method: z.enum(['GET', 'POST', 'PUT']).default('POST').describe('The method of the request'),
  format: z.enum(['form', 'json']).default('form').describe('How a body is written; a GET has its values in the query'),
  params: z
    .record(z.string(), z.string())
    .default({ identity: 'identity', text: 'text' })
    .describe('The names the service uses for our values: identity, text, id, address'),
  extra: z
    .record(z.string(), z.string())
    .default({})
    .describe('Values sent along with each message')
    .meta({ secret: true }),
  headers: z.record(z.string(), z.string()).default({}).describe('Headers sent along').meta({ secret: true }),
  success: z
    .strictObject({
      status: z.array(z.number().int()).optional().describe('The statuses that mean success; by default 200 to 299'),
      body: z
        .union([z.string(), z.instanceof(RegExp)])
        .optional()
        .describe('What the body has to contain, or match'),
    })
    .default({})
    .describe('When the service has taken the message'),
  externalId: z
    .instanceof(RegExp)
    .optional()
    .describe('Finds the id in the answer: its first group, or the whole match'),
})

type SendSettings = z.output<typeof sendSettings>

const settings = z.strictObject({
  send: sendSettings.optional().describe('How to send; without it the backend only receives'),
})

/** What a `send` function of your own is given, beside the message. */
export type HttpSend = (message: OutgoingMessage, tools: SendTools<unknown>) => Promise<SendResult | undefined>

/** The options of `httpBackend`. */
export interface HttpBackendOptions extends CommonBackendInput {
  /** The names the service uses: `{ identity: 'phone', text: 'message' }`. */
  readonly params?: Params
  /** Cleans what comes in; `incomingForm`, or one that extends it. */
  readonly form?: typeof incomingForm | z.ZodType<{ identity: string; text: string }>
  /** What to answer; `OK` by default. */
  readonly reply?: string | ((received: Received) => ViewAnswer)
  /** The charset of urlencoded bytes; `utf-8` by default. */
  readonly charset?: string
  /** How to send: a description of the request, or a function of your own. */
  readonly send?: z.input<typeof sendSettings> | HttpSend
}

/** The generic backend: any service that calls a URL for each message and has one to be called. */
export function httpBackend(options: HttpBackendOptions = {}): BackendInput {
  const { params, form, reply, charset, send, ...rest } = options
  const view: View<unknown> = incomingView({
    ...(params === undefined ? {} : { params }),
    ...(form === undefined ? {} : { form }),
    ...(reply === undefined ? {} : { reply }),
    ...(charset === undefined ? {} : { charset }),
  })
  const definition = { kind: 'http', settings, views: { '': view } }
  if (send === undefined) return defineBackend(definition)(rest)
  if (typeof send === 'function') return defineBackend({ ...definition, send })(rest)
  return defineBackend({ ...definition, send: sendByRequest })({ ...rest, send })
}

async function sendByRequest(
  message: OutgoingMessage,
  { settings: { send }, http }: SendTools<z.output<typeof settings>>,
) {
  if (send === undefined) throw new RequestError('The setting send is missing.')
  const response = await http.request(requestFor(message, send))
  const text = response.text()
  const { status, body } = send.success
  const isExpected =
    status === undefined ? response.status >= 200 && response.status < 300 : status.includes(response.status)
  if (!isExpected) throw errorFromResponse(response, 'The service')
  if (body !== undefined && !contains(text, body)) {
    throw new RequestError(
      `The service answered ${response.status} without the text that means success: ${text.slice(0, 200)}`,
    )
  }
  const match = send.externalId?.exec(text)
  const id = match?.[1] ?? match?.[0]
  return id === undefined ? {} : { externalIds: [id] }
}

function requestFor(message: OutgoingMessage, send: SendSettings) {
  const own: Record<string, string | null> = {
    identity: message.identity,
    text: message.text,
    id: message.id,
    address: message.address,
  }
  const values: Record<string, string> = { ...send.extra }
  for (const [name, theirs] of Object.entries(send.params)) {
    const value = own[name] ?? message.fields[name]
    if (value !== null && value !== undefined) values[theirs] = String(value)
  }
  if (send.method === 'GET') {
    const url = new URL(send.url)
    for (const [name, value] of Object.entries(values)) url.searchParams.set(name, value)
    return { method: 'GET', url: url.href, headers: send.headers }
  }
  const isJson = send.format === 'json'
  const type = isJson ? 'application/json' : 'application/x-www-form-urlencoded'
  const body = isJson ? JSON.stringify(values) : new URLSearchParams(values).toString()
  return { method: send.method, url: send.url, headers: { 'content-type': type, ...send.headers }, body }
}

function contains(text: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)
}
