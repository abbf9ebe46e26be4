import type { Clock } from '../messages/clock.ts'
import type { NewId } from '../messages/ids.ts'
import type { Connection, Response } from '../messages/incoming.ts'
import type { Logger } from '../messages/logger.ts'
import { OutgoingMessage } from '../messages/outgoing.ts'
import type { ClaimedIncoming } from '../store/incoming-records.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { App } from './app.ts'
import type { MessageContext } from './context.ts'
import type { Identities } from './identities.ts'
import type { Objections } from './objections.ts'
import type { OutgoingTexts } from './outgoing-texts.ts'
import { type CallApp, type IncomingVerdict, runOutgoingPhase } from './phases.ts'
import { checkedClass } from './send-checks.ts'
import { keptOf, relatedToOf, type TemplateTexts } from './template-texts.ts'

export interface ResponsesParts {
  readonly apps: readonly App[]
  readonly identities: Identities
  readonly texts: OutgoingTexts
  readonly templates: TemplateTexts
  readonly objections: Objections
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
}

/** The message that is answered, and how its apps are called. */
export interface Answered {
  readonly to: ClaimedIncoming
  readonly context: MessageContext
  readonly call: CallApp
  readonly defaults?: IncomingVerdict['defaults'] | undefined
}

/** A response that a view did not take within its wait is sent this much later. */
const ANSWER_GRACE_MS = 500

/** Makes of what apps respond the messages that are sent: through the phase `outgoing`, texts rendered and split. */
export class Responses {
  readonly #parts: ResponsesParts

  constructor(parts: ResponsesParts) {
    this.#parts = parts
  }

  /** @returns what is to be recorded for them, in their order; cancelled ones with the reason */
  async prepare(responses: readonly Response[], given: Answered): Promise<readonly NewOutgoing[]> {
    const { to, context, call, defaults } = given
    const prepared: NewOutgoing[] = []
    for (const response of responses) {
      const draft = await this.#draft(response, to, context)
      if (draft === undefined) continue
      const outgoing = new OutgoingMessage(draft)
      const objection = await this.#parts.objections.against(draft, to, context, defaults?.get(response))
      const reason = objection ?? (await this.#vetoOf(outgoing, context, call))
      const state = reason === null ? 'WAITING' : 'CANCELLED'
      prepared.push(...this.#parts.texts.responses({ ...draft, text: outgoing.text, state, reason }))
    }
    return prepared
  }

  async #vetoOf(outgoing: OutgoingMessage, context: MessageContext, call: CallApp): Promise<string | null> {
    const cancelledBy = await runOutgoingPhase(this.#parts.apps, outgoing, context, call)
    return cancelledBy === null ? null : `cancelled by the app "${cancelledBy}"`
  }

  /** @returns undefined for who does not get the template */
  async #draft(
    { text, options }: Response,
    to: ClaimedIncoming,
    context: MessageContext,
  ): Promise<NewOutgoing | undefined> {
    const { newId, clock, templates, identities, logger } = this.#parts
    const asked = options.to === undefined || isSame(options.to, to) ? to : identities.canonical(options.to)
    const connection = { backend: asked.backend, identity: asked.identity }
    const ownConnection = isSame(connection, to)
    const contact = ownConnection ? context.contact : await context.contacts.find(connection)
    const written = await templates.response(text, connection, contact)
    if ('reason' in written) {
      logger.info({ id: to.id, ...connection, reason: written.reason }, 'a response is left out')
      return undefined
    }
    const id = newId()
    const address = options.from ?? (ownConnection ? to.address : null)
    const isAnswer = ownConnection && address === to.address
    const held = to.answerBy !== null && isAnswer && to.answerBy > clock.now()
    // They tell the service whom and what it answers, which is true of nobody else.
    const fields = ownConnection ? to.fields : {}
    return {
      id,
      backend: connection.backend,
      identity: connection.identity,
      address,
      class: checkedClass(options.class ?? 'reply'),
      fields: options.fields === undefined ? fields : { ...fields, ...options.fields },
      options: {
        ...(options.end === true ? { end: true } : {}),
        ...(options.despiteOptOut === true ? { despiteOptOut: true } : {}),
      },
      params: {},
      inResponseTo: { id: to.id, externalId: ownConnection ? to.externalId : null },
      parts: 1,
      notBefore: held ? (to.answerBy ?? 0) + ANSWER_GRACE_MS : 0,
      expiresAt: null,
      createdAt: clock.now(),
      phased: true,
      once: false,
      state: 'WAITING',
      reason: null,
      contactId: contact?.id ?? null,
      tag: null,
      relatedTo: relatedToOf(text),
      extra: null,
      ...keptOf(written, id),
    }
  }
}

function isSame(a: Connection, b: Connection): boolean {
  return a.backend === b.backend && a.identity === b.identity
}
