import { z } from 'zod'
import type { DeliveryReport } from '../messages/report.ts'
import type {
  Received,
  ReceivedMessage,
  ReceivedPart,
  View,
  ViewAnswer,
  ViewRequest,
  ViewTools,
} from '../router/backend.ts'
import { errorsAnswer, type RequestValues, readValues, UnreadableRequest } from './body.ts'
import { errorsByField, incomingForm, type Params, renamed, unkeepable } from './form.ts'

/** What a form has to yield for an incoming message; anything more travels in `message.fields`. */
export interface IncomingValues {
  readonly identity: string
  readonly text: string
  readonly address?: string | undefined
  readonly externalId?: string | undefined
  /** A `MessagePart` where this is a part of a long message: it is joined with the others. Else a value like any. */
  readonly part?: unknown
}

/** Where a part of a long message belongs. A class, so that nothing from outside can be taken for one. */
export class MessagePart {
  /** Equal in all parts of one message. */
  readonly reference: string
  readonly total: number
  /** From 1. */
  readonly number: number
  /** In place of the text, where a character may be cut apart by the border of two parts. */
  readonly content: ReceivedPart['content'] | undefined

  constructor(place: Pick<ReceivedPart, 'reference' | 'total' | 'number'>, content?: ReceivedPart['content']) {
    this.reference = place.reference
    this.total = place.total
    this.number = place.number
    this.content = content
  }
}

interface FormViewOptions<Settings> {
  readonly methods?: readonly ('GET' | 'POST')[]
  /** The names the service uses. */
  readonly params?: Params
  /** Of urlencoded bytes; `utf-8` by default. */
  readonly charset?: string
  /** Looks at a request first: what it returns is answered, such as 403 for a wrong signature. */
  readonly authorize?: (
    request: ViewRequest,
    tools: ViewTools<Settings>,
  ) => ViewAnswer | undefined | Promise<ViewAnswer | undefined>
  /** How the values are read, in place of `readValues`; may throw `UnreadableRequest`. */
  readonly read?: (request: ViewRequest, tools: ViewTools<Settings>) => RequestValues
  /** The answer to what is refused, where the service does not understand status 400. */
  readonly refuse?: (request: ViewRequest, status: number, errors: FieldErrors) => ViewAnswer
}

export type FieldErrors = Readonly<Record<string, readonly string[]>>

export interface IncomingViewOptions<Values extends IncomingValues = IncomingValues, Settings = unknown>
  extends FormViewOptions<Settings> {
  readonly form?: z.ZodType<Values>
  /** What the form could not know without the settings: changes its values before they are taken. */
  readonly adjust?: (values: Values, tools: ViewTools<Settings>) => IncomingValues
  /** What to answer; `OK` by default. */
  readonly reply?: string | ((received: Received, values: Values, tools: ViewTools<Settings>) => ViewAnswer)
  /** Milliseconds to wait for the responses, for a reply that gives them. */
  readonly wait?: number | ((tools: ViewTools<Settings>) => number | undefined)
}

/** A view that takes incoming messages through a form. */
export function incomingView<Values extends IncomingValues = IncomingValues, Settings = unknown>(
  options: IncomingViewOptions<Values, Settings> = {},
): View<Settings> {
  const { form = incomingForm as unknown as z.ZodType<Values>, adjust, reply = 'OK', wait } = options
  return formView(form, options, async (values, tools) => {
    const adjusted: IncomingValues = adjust === undefined ? values : adjust(values, tools)
    const limit = typeof wait === 'function' ? wait(tools) : wait
    const received =
      adjusted.part instanceof MessagePart
        ? await receivePart(adjusted, adjusted.part, tools)
        : await tools.receive(toMessage(adjusted), limit === undefined ? {} : { wait: limit })
    return typeof reply === 'string' ? plainAnswer(reply) : reply(received, values, tools)
  })
}

async function receivePart<Settings>(
  { part: _, ...values }: IncomingValues,
  { content, reference, total, number }: MessagePart,
  tools: ViewTools<Settings>,
): Promise<Received> {
  const { text, ...message } = toMessage(values)
  const { id, duplicate } = await tools.receivePart({ ...message, reference, total, number, content: content ?? text })
  return { id: id ?? '', duplicate }
}

export interface StatusViewOptions<Values extends object, Settings = unknown> extends FormViewOptions<Settings> {
  readonly form: z.ZodType<Values>
  /** What the form's values say of which message, or of which messages; undefined when of none. */
  readonly report: (
    values: Values,
    tools: ViewTools<Settings>,
  ) => DeliveryReport | readonly DeliveryReport[] | undefined
  /** What to answer; empty by default. */
  readonly reply?: string | ((values: Values, tools: ViewTools<Settings>) => ViewAnswer)
}

/** A view that takes delivery reports through a form. */
export function statusView<Values extends object, Settings = unknown>(
  options: StatusViewOptions<Values, Settings>,
): View<Settings> {
  const { form, report, reply = '' } = options
  return formView(form, options, async (values, tools) => {
    await Promise.all([report(values, tools) ?? []].flat().map((each) => tools.report(each)))
    return typeof reply === 'string' ? plainAnswer(reply) : reply(values, tools)
  })
}

function formView<Values extends object, Settings>(
  form: z.ZodType<Values>,
  options: FormViewOptions<Settings>,
  accept: (values: Values, tools: ViewTools<Settings>) => Promise<ViewAnswer>,
): View<Settings> {
  const { methods = ['GET', 'POST'], params = {}, charset = 'utf-8', authorize, read, refuse = errorsAnswer } = options
  const parse = parserOf(form)
  return view<Settings>(
    methods,
    async (request, tools) => {
      const answer = authorize?.(request, tools)
      const barred = answer instanceof Promise ? await answer : answer
      if (barred !== undefined) return barred
      const values = renamed(read === undefined ? readValues(request, charset) : read(request, tools), params)
      const parsed = parse(values)
      const result = parsed instanceof Promise ? await parsed : parsed
      return accept(kept(result, params, values), tools)
    },
    refuse,
  )
}

/**
 * A view by hand, for what a protocol asks beyond one form: other methods are answered 405, and an `UnreadableRequest`
 * or a `RefusedRequest` that it throws is answered as a form's error is.
 */
export function view<Settings = unknown>(
  methods: readonly string[],
  answer: View<Settings>,
  refuse: NonNullable<FormViewOptions<Settings>['refuse']> = errorsAnswer,
): View<Settings> {
  const guarded: View<Settings> = async (request, tools) => {
    if (!isOneOf(methods, request.method)) return methodNotAllowed(methods)
    try {
      return await answer(request, tools)
    } catch (error) {
      if (!(error instanceof UnreadableRequest || error instanceof RefusedRequest)) throw error
      const errors = error instanceof RefusedRequest ? error.errors : { [error.field]: [error.message] }
      tools.logger.info({ backend: tools.backend, status: error.status, errors }, 'refused')
      return refuse(request, error.status, errors)
    }
  }
  return Object.assign(guarded, { methods })
}

/** What a form found wrong, each under the name the sender used. */
export class RefusedRequest extends Error {
  readonly status = 400
  readonly errors: FieldErrors

  constructor(errors: FieldErrors) {
    super('The request was refused.')
    this.errors = errors
  }
}

/**
 * Runs a form by hand, within `view`.
 * @throws RefusedRequest with every field's errors; nothing may be recorded then
 */
export function checked<Values extends object>(
  form: z.ZodType<Values>,
  values: RequestValues,
  params: Params = {},
): Promise<Values> {
  const ours = renamed(values, params)
  return form.safeParseAsync(ours).then((result) => kept(result, params, ours))
}

function kept<Values>(result: z.ZodSafeParseResult<Values>, params: Params, values: RequestValues): Values {
  if (!result.success) throw new RefusedRequest(errorsByField(result.error, params, values))
  const faults = unkeepable(result.data as Readonly<Record<string, unknown>>, params)
  if (faults !== undefined) throw new RefusedRequest(faults)
  return result.data
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

export function methodNotAllowed(methods: readonly string[]): ViewAnswer {
  return {
    status: 405,
    headers: { allow: methods.join(', '), 'content-type': 'text/plain' },
    body: 'Method Not Allowed',
  }
}

export function plainAnswer(body: string, status = 200): ViewAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
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
