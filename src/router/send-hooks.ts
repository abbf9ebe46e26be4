import { errorText } from '../messages/errors.ts'
import { measureText } from '../messages/gsm.ts'
import type { Connection } from '../messages/incoming.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { AttemptResult, ClaimedOutgoing } from '../store/outgoing-records.ts'
import { failed, isRetryable } from './attempt-outcome.ts'
import type { Backend } from './backend.ts'
import { HookError } from './errors.ts'
import { frozenCopy } from './event-values.ts'
import type { SendEvent } from './events.ts'
import type { AboutMessage } from './hook-runs.ts'
import type { Hooks } from './hooks.ts'
import type { Prepared } from './outgoing-preparation.ts'

/** In these a service has taken the message, or would have. */
const taken: ReadonlySet<OutgoingState> = new Set(['SENDING', 'SENT', 'DELIVERED', 'DEBUG'])

type Claimed = Pick<
  ClaimedOutgoing,
  'id' | 'backend' | 'identity' | 'address' | 'class' | 'fields' | 'options' | 'params' | 'inResponseTo' | 'createdAt'
>

/** What a service, or the answer to a request, made of the message. */
type Outcome = Pick<SendEvent['message'], 'text' | 'via' | 'state'> & Partial<SendEvent['message']>

/**
 * What a before-hook makes of an attempt that is about to be taken. One that fails puts the message off as a failed attempt
 * does; what it threw says whether trying again can help.
 */
export async function heldByHooks(
  hooks: Hooks,
  prepared: Prepared,
  claimed: ClaimedOutgoing,
  { copies, common }: Backend,
  now: () => number,
): Promise<Prepared> {
  const isDebug = !prepared.go && isTaken(prepared.settlement.outcome)
  // A copy of what passes is no message to a person.
  if (copies !== undefined || (!prepared.go && !isDebug)) return prepared
  const text = prepared.go ? prepared.message.text : claimed.text
  try {
    const event = sendEvent(claimed, { text, via: 'send', state: 'WAITING' })
    await hooks.before('send', event, aboutOutgoing(event))
    return prepared
  } catch (error) {
    const thrown = error instanceof HookError ? error.thrown : error
    const failure = { startedAt: null, error, retry: isRetryable(thrown), now: now() }
    const settlement = failed(claimed, common.sending, failure)
    return {
      go: false,
      settlement: { ...settlement, error: `${errorText(error).replace(/\.$/, ':')} ${errorText(thrown)}` },
    }
  }
}

/** Tells of an attempt that succeeded; of others nothing. */
export function tellSent(
  hooks: Hooks,
  claimed: ClaimedOutgoing,
  { outcome, startedAt, ...result }: AttemptResult,
  text: string,
  backend: Backend | undefined,
): void {
  if (outcome.kind !== 'settled' || !isTaken(outcome) || backend?.copies !== undefined) return
  const { externalIds, parts, cost, currency, network, extra, estimated = false } = result
  const event = sendEvent(claimed, {
    ...{ text, via: 'send', state: outcome.state, externalIds, cost, currency, network, estimated },
    ...(parts === undefined ? {} : { parts }),
    extra: extra === null ? null : frozenCopy(extra),
    sentAt: startedAt === null ? null : new Date(startedAt),
  })
  hooks.after('send', event, aboutOutgoing(event), claimed.id)
}

/** A response that was given in the answer to the request which brought the message. */
export interface GivenResponse {
  readonly id: string
  readonly class: MessageClass
  readonly text: string
  readonly end: boolean
}

/** The incoming message that was answered. */
export type Answered = Connection & {
  readonly id: string
  readonly address: string | null
  readonly externalId: string | null
}

/**
 * The responses that may be given in the answer: those up to the first that a before-hook refuses. The others are sent as
 * any message is, and meet the hooks again.
 */
export async function allowedByHooks(
  hooks: Hooks,
  message: Answered,
  responses: readonly GivenResponse[],
  at: number,
): Promise<readonly GivenResponse[]> {
  for (const [index, response] of responses.entries()) {
    try {
      const event = answeredEvent(message, response, at, 'WAITING')
      await hooks.before('send', event, aboutOutgoing(event))
    } catch {
      return responses.slice(0, index)
    }
  }
  return responses
}

export function tellAnswered(hooks: Hooks, message: Answered, given: GivenResponse, at: number): void {
  const event = answeredEvent(message, given, at, 'SENT')
  hooks.after('send', event, aboutOutgoing(event), given.id)
}

/** Of such a response no more is known here than what it says. */
function answeredEvent(
  { id, backend, identity, address, externalId }: Answered,
  given: GivenResponse,
  at: number,
  state: OutgoingState,
): SendEvent {
  const { text, end } = given
  const options = end ? { end } : {}
  const to = { backend, identity, address, class: given.class }
  const claimed = { ...to, id: given.id, fields: {}, options, params: {}, createdAt: at }
  const inResponseTo = { id, externalId }
  const sentAt = state === 'SENT' ? new Date(at) : null
  return sendEvent({ ...claimed, inResponseTo }, { text, via: 'answer', state, sentAt })
}

function aboutOutgoing({ message: { id, backend, identity, text } }: SendEvent): AboutMessage {
  return { id, backend, identity, text }
}

function isTaken(outcome: AttemptResult['outcome']): boolean {
  return outcome.kind === 'settled' && taken.has(outcome.state)
}

function sendEvent(claimed: Claimed, outcome: Outcome): SendEvent {
  const { id, backend, identity, address, options, inResponseTo } = claimed
  const message: SendEvent['message'] = {
    ...{ id, backend, identity, address, inResponseTo, class: claimed.class },
    fields: frozenCopy(claimed.fields),
    options: Object.freeze({ ...options }),
    params: frozenCopy(claimed.params),
    ...{ externalIds: [], cost: null, currency: null, estimated: false, network: null, extra: null, sentAt: null },
    parts: measureText(outcome.text).parts,
    createdAt: new Date(claimed.createdAt),
    ...outcome,
  }
  return Object.freeze({ type: 'send', message: Object.freeze(message) })
}
