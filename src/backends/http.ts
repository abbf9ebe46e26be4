import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { Received, SendResult, SendTools, ViewAnswer } from '../router/backend.ts'
import { RequestError } from '../router/errors.ts'
import { type BackendInput, type CommonBackendInput, defineBackend } from './define.ts'
import { incomingForm, type Params } from './form.ts'
import { type SendSettingsInput, sendByRequest, sendSettings } from './http-send.ts'
import { type IncomingValues, incomingView } from './view.ts'

/** What a `send` function of your own is given, beside the message. */
export type HttpSend = (message: OutgoingMessage, tools: SendTools<unknown>) => Promise<SendResult | undefined>

/** The options of `httpBackend`; all of them may be left out. */
export interface HttpBackendOptions extends CommonBackendInput {
  /** The names the service uses: `{ identity: 'phone', text: 'message' }`. */
  readonly params?: Params
  /** Cleans what comes in; `incomingForm`, or one that extends it. What it yields more travels in `message.fields`. */
  readonly form?: z.ZodType<IncomingValues>
  /** What to answer; `OK` by default. */
  readonly reply?: string | ((received: Received) => ViewAnswer)
  /** Milliseconds to wait for the responses, for a `reply` that gives them. */
  readonly wait?: number
  /** The methods that are answered; GET and POST by default. */
  readonly methods?: readonly ('GET' | 'POST')[]
  /** The charset of bytes that do not say their own; `utf-8` by default. */
  readonly charset?: string
  /** How to send: a description of the request, or a function of your own. Without it, the backend only receives. */
  readonly send?: SendSettingsInput | HttpSend
}

/** The generic backend: any service that calls a URL for each message and has one to be called. */
export function httpBackend(options: HttpBackendOptions = {}): BackendInput {
  const { form = incomingForm, reply, send, ...rest } = options
  const { params, wait, methods, charset } = options
  const view = incomingView({
    form,
    ...(reply === undefined ? {} : { reply }),
    ...(params === undefined ? {} : { params }),
    ...(wait === undefined ? {} : { wait }),
    ...(methods === undefined ? {} : { methods }),
    ...(charset === undefined ? {} : { charset }),
  })
  const definition = { kind: 'http', settings: settingsFor(form), views: { '': view } }
  if (send === undefined) return defineBackend(definition)(rest)
  if (typeof send === 'function') return defineBackend({ ...definition, send })(rest)
  return defineBackend({
    ...definition,
    async send(message, { settings, http }) {
      if (settings.send === undefined) throw new RequestError('The setting send is missing.')
      return sendByRequest(message, settings.send, http)
    },
  })({ ...rest, send })
}

function settingsFor(form: z.ZodType) {
  return z.strictObject({
    params: z
      .record(z.string(), z.string().min(1))
      .superRefine((params, context) => {
        for (const message of paramFaults(params, form)) context.addIssue({ code: 'custom', message })
      })
      .optional()
      .describe('The names the service uses for the values of the form'),
    wait: z.int().min(1).optional().describe('Milliseconds to wait for the responses, for a reply that gives them'),
    methods: z
      .array(z.enum(['GET', 'POST']))
      .min(1)
      .readonly()
      .optional()
      .describe('The methods that are answered'),
    charset: z
      .string()
      .refine(isCharset, 'a charset that WHATWG knows is expected, such as utf-8 or iso-8859-1')
      .optional()
      .describe('Of bytes that do not say their own'),
    send: sendSettings.optional().describe('How to send; without it the backend only receives'),
  })
}

function paramFaults(params: Params, form: z.ZodType): readonly string[] {
  const faults: string[] = []
  const known = form instanceof z.ZodObject ? Object.keys(form.shape) : undefined
  const taken = new Map<string, string>()
  for (const [own, theirs] of Object.entries(params)) {
    if (known !== undefined && !known.includes(own)) {
      faults.push(`the form has no value "${own}"; it has ${known.join(', ')}`)
    }
    const other = taken.get(theirs)
    if (other !== undefined) faults.push(`"${other}" and "${own}" cannot both be called "${theirs}"`)
    taken.set(theirs, own)
  }
  return faults
}

function isCharset(charset: string): boolean {
  try {
    new TextDecoder(charset, { fatal: true })
    return true
  } catch {
    return false
  }
}
