import { z } from 'zod'
import type { DeliveryReport } from '../messages/report.ts'
import type { Received, ReceivedMessage, View, ViewAnswer, ViewRequest } from '../router/backend.ts'
import { errorsAnswer, readValues, UnreadableRequest, unreadableAnswer } from './body.ts'
import { errorsByField, incomingForm, type Params, renamed, unkeepable } from './form.ts'

/** What a form has to yield for an incoming message; anything more travels in `message.fields`. */
export interface IncomingValues {
  readonly identity: string
  readonly text: string
  readonly address?: string | undefined
  readonly externalId?: string | undefined
}

interface FormViewOptions {
  readonly methods?: readonly ('GET' | 'POST')[]
  /** The names the service uses. */
  readonly params?: Params
  /** Of urlencoded bytes; `utf-8` by default. */
  readonly charset?: string
}

export interface IncomingViewOptions extends FormViewOptions {
  readonly form?: z.ZodType<IncomingValues>
  /** What to answer; `OK` by default. */
  readonly reply?: string | ((received: Received) => ViewAnswer)
  /** Milliseconds to wait for the responses, for a reply that gives them. */
  readonly wait?: number
}

/** A view that takes incoming messages through a form. */
export function incomingView(options: IncomingViewOptions = {}): View<unknown> {
  const { form = incomingForm, reply = 'OK', wait } = options
  return formView(form, options, async (values, tools) => {
    const received = await tools.receive(toMessage(values), wait === undefined ? {} : { wait })
    return typeof reply === 'string' ? plainAnswer(reply) : reply(received)
  })
}

export interface StatusViewOptions<Values extends object> extends FormViewOptions {
  readonly form: z.ZodType<Values>
  /** What the form's values say of which message. */
  readonly report: (values: Values) => DeliveryReport
  /** What to answer; empty by default. */
  readonly reply?: string
}

/** A view that takes delivery reports through a form. */
export function statusView<Values extends object>(options: StatusViewOptions<Values>): View<unknown> {
  return formView(options.form, options, async (values, tools) => {
    await tools.report(options.report(values))
    return plainAnswer(options.reply ?? '')
  })
}

function formView<Values extends object>(
  form: z.ZodType<Values>,
  { methods = ['GET', 'POST'], params = {}, charset = 'utf-8' }: FormViewOptions,
  accept: (values: Values, tools: Parameters<View<unknown>>[1]) => Promise<ViewAnswer>,
): View<unknown> {
  const parse = parserOf(form)
  const view: View<unknown> = async (request, tools) => {
    if (!isOneOf(methods, request.method)) return methodNotAllowed(methods)
    let values: Readonly<Record<string, unknown>>
    try {
      values = renamed(readValues(request, charset), params)
    } catch (error) {
      if (!(error instanceof UnreadableRequest)) throw error
      tools.logger.info({ backend: tools.backend, status: error.status }, 'refused: the request cannot be read')
      return unreadableAnswer(request, error)
    }
    const parsed = parse(values)
    const result = parsed instanceof Promise ? await parsed : parsed
    if (!result.success) return refused(request, errorsByField(result.error, params, values), tools)
    const faults = unkeepable(result.data as Readonly<Record<string, unknown>>, params)
    if (faults !== undefined) return refused(request, faults, tools)
    return accept(result.data, tools)
  }
  return Object.assign(view, { methods })
}

/** Parses at once where the form allows it: a promise for each request is a cost that few forms need. */
function parserOf<Values>(form: z.ZodType<Values>) {
  let isAsync = false
  return (values: unknown): z.ZodSafeParseResult<Values> | Promise<z.ZodSafeParseResult<Values>> => {
    if (isAsync) return form.safeParseAsync(values)
    try {
      return form.safeParse(values)
    } catch (error) {
      if (!(error instanceof z.core.$ZodAsyncError)) throw error
      isAsync = true
      return form.safeParseAsync(values)
    }
  }
}

function refused(
  request: ViewRequest,
  errors: Readonly<Record<string, readonly string[]>>,
  tools: Parameters<View<unknown>>[1],
): ViewAnswer {
  tools.logger.info({ backend: tools.backend, errors }, 'refused')
  return errorsAnswer(request, 400, errors)
}

export function methodNotAllowed(methods: readonly string[]): ViewAnswer {
  return {
    status: 405,
    headers: { allow: methods.join(', '), 'content-type': 'text/plain' },
    body: 'Method Not Allowed',
  }
}

export function plainAnswer(body: string): ViewAnswer {
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
}

export function jsonAnswer(value: unknown, status = 200): ViewAnswer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) }
}

function isOneOf(methods: readonly string[], method: string): boolean {
  return methods.includes(method)
}

function toMessage({ identity, text, address, externalId, ...fields }: IncomingValues): ReceivedMessage {
  return {
    identity,
    text,
    fields,
    ...(address === undefined ? {} : { address }),
    ...(externalId === undefined ? {} : { externalId }),
  }
}
