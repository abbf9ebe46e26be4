import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { IncomingData } from '../messages/incoming.ts'
import type { ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { AuthError, CreditError, ProviderError, ServerError, UnsupportedError } from '../router/errors.ts'
import type { Copy, Passing } from '../router/passing.ts'
import { defineBackend } from './define.ts'
import { errorBody, isTellable } from './forward-errors.ts'
import { askPeer, circleAnswer, readJson, refuse } from './forward-peer.ts'
import { clientsFor, type ForwardSubject, type ServerSettings, serverSettings, urlOf } from './forward-settings.ts'
import {
  type ForwardedOutgoing,
  type Instance,
  instance,
  outgoingRequest,
  plainData,
  pythonTime,
  viaOf,
} from './forward-wire.ts'
import { checked, jsonAnswer, view } from './view.ts'

/** How many lanes each client has: a person's copies are in one, and a client that hangs holds no more than these. */
const LANES = 8

/** Python's classes of statuses (smsframework/data/MessageStatus.py); whatever else is the base of them. */
const classes: Readonly<Record<string, string>> = {
  SENT: 'MessageAccepted',
  DELIVERED: 'MessageDelivered',
  ERROR: 'MessageError',
  CANCELLED: 'MessageError',
}

/** What is kept with a copy until its client has it. */
const kept = z.object({ client: z.string(), path: z.enum(['im', 'status']), body: z.record(z.string(), z.unknown()) })

function copiesOf(passing: Passing, settings: ServerSettings): readonly Copy[] {
  if (passing.kind === 'incoming') return copiesOfIncoming(passing.message, settings)
  return passing.kind === 'report' ? copiesOfReport(passing, settings) : copiesOfSettled(passing, settings)
}

function copiesOfIncoming(message: IncomingData, settings: ServerSettings): readonly Copy[] {
  const { id, backend, identity, address, text, fields, externalId, receivedAt } = message
  const isForwarded = Array.isArray(fields['via'])
  const body = instance('IncomingMessage', {
    msgid: id,
    src: identity,
    body: text,
    dst: address,
    rtime: pythonTime(receivedAt),
    meta: isForwarded
      ? (fields['meta'] ?? {})
      : plainData({ ...fields, ...(externalId ? { external_id: externalId } : {}) }),
    provider: isForwarded ? (fields['provider'] ?? backend) : backend,
    via: [...viaOf(fields['via']), id],
  })
  const subject = { kind: 'incoming', id, backend, identity, address, text } as const
  return toClients(subject, { lane: identity, text, path: 'im', body }, settings)
}

function copiesOfReport(passing: Passing & { kind: 'report' }, settings: ServerSettings): readonly Copy[] {
  const { backend, report, messageId, at } = passing
  const { externalId, state, expired = false, code, text, fields = {} } = report
  const isForwarded = fields['forwarded'] === true
  // A client's client would send it back to us.
  if (isForwarded && messageId === null) return []
  const id = messageId ?? (externalId === undefined ? undefined : externalName(backend, externalId))
  // Nobody knows a message by nothing but whom it went to.
  if (id === undefined) return []
  const name = expired && state === 'ERROR' ? 'MessageExpired' : classes[state ?? '']
  const body = instance(name ?? 'MessageStatus', {
    msgid: id,
    rtime: pythonTime(at),
    meta: isForwarded ? (fields['meta'] ?? {}) : plainData(fields),
    status: text ?? state,
    status_code: code,
    provider: isForwarded ? (fields['provider'] ?? backend) : backend,
  })
  const subject = { kind: 'status', id, backend, state, code } as const
  return toClients(subject, { lane: id, text: state ?? code ?? '', path: 'status', body }, settings)
}

/** The end of the wait, of its length: what is known then may miss the answer, and is told both ways. */
const GRACE = 0.1

/** What became of a client's message, where it was too late for the answer. */
function copiesOfSettled(passing: Passing & { kind: 'settled' }, settings: ServerSettings): readonly Copy[] {
  const { messageId: id, backend, fields, state, code, error, at } = passing
  const { answerBy } = fields
  if (typeof answerBy !== 'number' || at < answerBy - settings.wait * GRACE || state === 'SENDING') return []
  const body = instance(classes[state] ?? 'MessageStatus', {
    msgid: id,
    rtime: pythonTime(at),
    meta: {},
    status: error ?? state,
    status_code: code ?? undefined,
    provider: backend,
  })
  const subject = { kind: 'status', id, backend, state, code: code ?? undefined } as const
  return toClients(subject, { lane: id, text: state, path: 'status', body }, settings)
}

interface Forwarding {
  /** What goes one after the other has the same. */
  readonly lane: string
  readonly text: string
  readonly path: 'im' | 'status'
  readonly body: Instance
}

function toClients(
  subject: ForwardSubject,
  { lane, text, path, body }: Forwarding,
  settings: ServerSettings,
): readonly Copy[] {
  const number = (createHash('sha256').update(lane).digest()[0] ?? 0) % LANES
  return clientsFor(subject, settings).map((client) => ({
    identity: `${client} ${number}`,
    text,
    fields: { client, path, body: { [path === 'im' ? 'message' : 'status']: body } },
  }))
}

/** A service's id by which a client may know a message that we do not. */
function externalName(backend: string, externalId: string): string {
  return `${backend}:${externalId}`
}

async function takeMessage(request: ViewRequest, tools: ViewTools<ServerSettings>): Promise<ViewAnswer> {
  const values = readJson(request)
  const asked = await checked(outgoingRequest, values)
  const circle = await circleAnswer(asked.via ?? [], tools)
  if (circle !== undefined) return circle
  try {
    return await relay(asked, values['message'], tools)
  } catch (error) {
    if (!isTellable(error)) throw error
    const { backend, logger } = tools
    logger.info({ backend, identity: asked.dst, text: asked.body, err: error }, "a client's message was not sent")
    return jsonAnswer(errorBody(error), error instanceof ProviderError ? 500 : 400)
  }
}

async function relay(asked: ForwardedOutgoing, given: unknown, tools: ViewTools<ServerSettings>): Promise<ViewAnswer> {
  const { wait } = tools.settings
  const { dst, body, src, provider_options, provider_params, routing_values, via } = asked
  const chosen = await backendFor(asked, tools)
  const { id, backend, externalIds } = await tools.relay(
    {
      to: dst,
      text: body,
      options: provider_options,
      params: provider_params,
      fields: { relayedVia: via ?? [], routingValues: routing_values ?? [], answerBy: tools.clock.now() + wait },
      ...(chosen === undefined ? {} : { backend: chosen }),
      ...(src === undefined ? {} : { from: src }),
    },
    wait,
  )
  // By these, a client knows what a service says of the message before we know which message it is.
  const meta = externalIds.length === 0 ? {} : { external_ids: externalIds.map((each) => externalName(backend, each)) }
  const attributes = z.object({ '?': z.tuple([z.string(), z.record(z.string(), z.unknown())]) }).parse(given)['?'][1]
  return jsonAnswer({ message: instance('OutgoingMessage', { ...attributes, provider: backend, msgid: id, meta }) })
}

/** An answer leaves by where the message came in that it answers. */
async function backendFor(
  { dst, body, src, routing_values, in_reply_to }: ForwardedOutgoing,
  { settings, find }: ViewTools<ServerSettings>,
): Promise<string | undefined> {
  const { backend } = settings
  const request = { identity: dst, text: body, address: src, routingValues: routing_values ?? [] }
  if (typeof backend === 'function') return backend(request)
  const answered = in_reply_to === undefined ? undefined : await find(in_reply_to)
  const isAnswer = answered?.direction === 'in' && digits(answered.identity) === digits(dst)
  return isAnswer ? answered.backend : backend
}

/** Wrong credentials or no credit are one client's matter: they may not stop what goes to the others. */
function asOneClients(error: unknown): never {
  if (!(error instanceof AuthError || error instanceof CreditError)) throw error
  throw new ServerError(error.message, { providerCode: error.providerCode ?? error.code, cause: error })
}

/** Python knows numbers by their digits alone. */
function digits(identity: string): string {
  return identity.replace(/\D+/g, '') || identity
}

/**
 * Lets other programs send and receive through this switchboard: others that have `forwardClient`, and those of
 * py-smsframework. What its clients get are outgoing messages of its own, one for each client.
 */
export const forwardServer = defineBackend({
  kind: 'forwardServer',
  settings: serverSettings,
  // A client of ours takes the same message once.
  removesDuplicates: true,
  concurrency: 64,
  views: { im: view(['POST'], takeMessage, refuse) },
  copies: (passing, { settings }) => copiesOf(passing, settings),
  async send(message, { settings, http }) {
    const copy = kept.safeParse(message.fields)
    if (!copy.success) throw new UnsupportedError('A forward server sends to no people, only to its clients.')
    const { client, path, body } = copy.data
    const url = urlOf(client, settings)
    if (url === undefined) throw new UnsupportedError(`There is no client "${client}" in the settings.`)
    const what = `The forward client ${client}`
    const expected = z.record(z.string(), z.unknown())
    await askPeer(http, { url, path, body, what, expected, otherwise: ServerError }).catch(asOneClients)
    return undefined
  },
})
