import type { z } from 'zod'
import type { OutboxMessage, View, ViewAnswer, ViewTools } from '../router/backend.ts'
import { type RequestValues, readValues } from './body.ts'
import type { Params } from './form.ts'
import { checked, jsonAnswer, view } from './view.ts'

/** What a gateway that asks for messages says of itself. */
export interface OutboxValues {
  /** Which of several devices of one backend it is; by default there is one. */
  readonly device?: string | undefined
  /** How many messages it takes at the most; 10 by default. */
  readonly limit?: number | undefined
}

export interface OutboxViewOptions<Values extends OutboxValues, Settings> {
  /** GET and POST by default. */
  readonly methods?: readonly ('GET' | 'POST')[]
  readonly form: z.ZodType<Values>
  readonly params?: Params
  readonly authorize?: (
    request: Parameters<View<Settings>>[0],
    tools: ViewTools<Settings>,
  ) => ViewAnswer | undefined | Promise<ViewAnswer | undefined>
  /** Milliseconds until what a device was given and does not confirm is given again; 5 minutes by default. */
  readonly leaseTime?: number | ((settings: Settings) => number)
  /** How the messages are given; by default as JSON, `{ "messages": [{ id, identity, address, text, tries }] }`. */
  readonly write?: (messages: readonly OutboxMessage[], values: Values, tools: ViewTools<Settings>) => ViewAnswer
}

const USUAL_LEASE_MS = 5 * 60_000
const USUAL_LIMIT = 10
const ONLY_DEVICE = ''

/**
 * A view that gives the waiting messages of its backend to a gateway that fetches them. They are leased: what is not
 * confirmed in time is given again, to whoever asks, so a gateway should know the ids of what it has sent.
 */
export function outboxView<Values extends OutboxValues, Settings = unknown>(
  options: OutboxViewOptions<Values, Settings>,
): View<Settings> {
  const { methods = ['GET', 'POST'], form, params, authorize, leaseTime = USUAL_LEASE_MS, write = asJson } = options
  return view<Settings>(methods, async (request, tools) => {
    const barred = await authorize?.(request, tools)
    if (barred !== undefined) return barred
    const values = await checked(form, readRequest(request), params)
    const time = typeof leaseTime === 'function' ? leaseTime(tools.settings) : leaseTime
    const { device = ONLY_DEVICE, limit = USUAL_LIMIT } = values
    return write(await tools.outbox.lease(device, limit, time), values, tools)
  })
}

/** What a gateway says of one message. */
export interface Confirmation {
  readonly id: string
  readonly state: 'SENT' | 'DELIVERED' | 'ERROR'
  readonly code?: string | undefined
  readonly text?: string | undefined
}

export interface ConfirmViewOptions<Values extends object, Settings>
  extends Omit<OutboxViewOptions<OutboxValues, Settings>, 'form' | 'leaseTime' | 'write'> {
  readonly form: z.ZodType<Values>
  readonly confirmations: (values: Values, tools: ViewTools<Settings>) => readonly Confirmation[]
  /** @param unknown ids of messages that are not this backend's */
  readonly reply?: (unknown: readonly string[], values: Values) => ViewAnswer
}

/** A view that takes what a gateway says became of messages. Saying it again, or late, does no harm. */
export function confirmView<Values extends object, Settings = unknown>(
  options: ConfirmViewOptions<Values, Settings>,
): View<Settings> {
  const {
    methods = ['POST'],
    form,
    params,
    authorize,
    confirmations,
    reply = (unknown) => jsonAnswer({ unknown }),
  } = options
  return view<Settings>(methods, async (request, tools) => {
    const barred = await authorize?.(request, tools)
    if (barred !== undefined) return barred
    const values = await checked(form, readRequest(request), params)
    const unknown: string[] = []
    for (const { id, state, code, text } of confirmations(values, tools)) {
      const details = { ...(code === undefined ? {} : { code }), ...(text === undefined ? {} : { text }) }
      if (!(await tools.outbox.confirm(id, state, details))) unknown.push(id)
    }
    return reply(unknown, values)
  })
}

function readRequest(request: Parameters<View>[0]): RequestValues {
  return readValues(request, 'utf-8')
}

function asJson(messages: readonly OutboxMessage[]): ViewAnswer {
  return jsonAnswer({ messages })
}
