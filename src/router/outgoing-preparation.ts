import type { Clock } from '../messages/clock.ts'
import { measureText } from '../messages/gsm.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import { OutgoingMessage } from '../messages/outgoing.ts'
import type { RuledText } from '../messages/text-rules.ts'
import type { Slot } from '../queue/queue.ts'
import type { AttemptStart, ClaimedOutgoing, NewOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import type { App } from './app.ts'
import type { AppCalls } from './app-calls.ts'
import { cancelled, failed, mayRepeat, outcomeUnknown, type Settlement, settled } from './attempt-outcome.ts'
import type { Backend } from './backend.ts'
import { MessageContext } from './context.ts'
import { EXPIRED, type ExpirySettings, expiryOf } from './expiry.ts'
import { givenIds } from './given-ids.ts'
import type { Identities } from './identities.ts'
import { OPTED_OUT, type OptOuts } from './opt-outs.ts'
import type { OutgoingTexts } from './outgoing-texts.ts'
import { runOutgoingPhase } from './phases.ts'
import type { QuietHours } from './quiet-hours.ts'
import type { Sender } from './send.ts'

export interface PreparationParts {
  readonly apps: readonly App[]
  readonly calls: AppCalls
  readonly store: Store
  readonly sender: Sender
  readonly identities: Identities
  readonly texts: OutgoingTexts
  readonly optOuts: OptOuts
  readonly expiry: ExpirySettings
  readonly quiet: QuietHours | undefined
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
}

/** What goes before an attempt: either it may be taken, or the message is settled without one. */
export type Prepared =
  | {
      readonly go: true
      readonly message: OutgoingMessage
      readonly changed: Pick<AttemptStart, 'text' | 'parts' | 'changes' | 'outgoing'> | undefined
    }
  | { readonly go: false; readonly settlement: Settlement }

/** Finds out whether an outgoing message may be given to its service, and takes it through the outgoing phase. */
export class OutgoingPreparation {
  readonly #parts: PreparationParts

  constructor(parts: PreparationParts) {
    this.#parts = parts
  }

  /** @param slot held when this resolves with an attempt that may be taken, whatever the apps waited for */
  async prepare(claimed: ClaimedOutgoing, backend: Backend, slot: Slot): Promise<Prepared> {
    // What is handed on as a copy is no message to a person, and never too late.
    const isCopy = backend.copies !== undefined
    const until = isCopy ? claimed.expiresAt : expiryOf(claimed, this.#parts.expiry)
    const refused = await this.#refusal(claimed, claimed.optedOut, until)
    if (refused !== null) return without(cancelled(refused))
    if (claimed.attemptOpen && !mayRepeat(claimed, backend)) {
      return without(this.#neverRecorded(claimed, backend))
    }
    const putOff = isCopy ? undefined : this.#putOff(claimed, claimed.timeZone, until)
    if (putOff !== undefined) return without(putOff)
    if (backend.common.debug) return without({ outcome: settled('DEBUG'), startedAt: null })
    const message = new OutgoingMessage(claimed, until)
    if (claimed.phased) return { go: true, message, changed: undefined }
    try {
      return await this.#phased(claimed, message, slot, until)
    } catch (error) {
      return without(this.failure(claimed, backend, error))
    }
  }

  /** What becomes of a message whose apps failed in the outgoing phase, or left there what cannot be recorded. */
  failure(claimed: ClaimedOutgoing, backend: Backend, error: unknown): Settlement {
    const { clock, logger } = this.#parts
    const { id, identity, text } = claimed
    const fields = { id, backend: claimed.backend, identity, text, err: error }
    logger.warn(fields, 'an app failed in the outgoing phase')
    return failed(claimed, backend.common.sending, { startedAt: null, error, retry: true, now: clock.now() })
  }

  async #phased(
    claimed: ClaimedOutgoing,
    message: OutgoingMessage,
    slot: Slot,
    until: number | null,
  ): Promise<Prepared> {
    const context = await this.#context(claimed)
    const cancelledBy = await this.#outgoingPhase(message, context, slot)
    const { changes, outgoing } = context
    const done = { changes, outgoing }
    if (cancelledBy !== null) return without(cancelled(`cancelled by the app "${cancelledBy}"`, done))
    await slot.again()
    // The phase may have taken its time, and so may the wait for a slot.
    const contact = await this.#parts.store.contacts.ofConnection(message.connection)
    const refused = await this.#refusal(claimed, (contact?.optedOutAt ?? null) !== null, until)
    if (refused !== null) return without(cancelled(refused, done))
    // The phase has then come to nothing, and runs again when the hours are over.
    const putOff = this.#putOff(claimed, contact?.timeZone ?? null, until)
    if (putOff !== undefined) return without(putOff)
    const texts = this.#textsOf(claimed, message)
    if ('refused' in texts) {
      const error = texts.refused
      return without({ outcome: settled('ERROR'), startedAt: null, code: 'INVALID_INPUT', error, ...done })
    }
    const [text, ...others] = texts.texts
    message.text = text
    const rest = others.map((other) => restOf(claimed, { id: this.#parts.newId(), text: other }, contact?.id ?? null))
    const { parts } = measureText(text)
    return { go: true, message, changed: { text, parts, changes, outgoing: [...rest, ...outgoing] } }
  }

  /** What the apps have made of the text, by the rules; as it was recorded it has been through them already. */
  #textsOf(claimed: ClaimedOutgoing, message: OutgoingMessage): RuledText {
    if (message.text === claimed.text) return { texts: [message.text], leftOut: 0 }
    const ruled = this.#parts.texts.ruled(message)
    const isSplit = 'texts' in ruled && ruled.texts.length > 1
    return isSplit && claimed.once
      ? { refused: 'text: too long for one message, which is all that sendNow sends' }
      : ruled
  }

  /** Why the message may not be given to its service now. */
  async #refusal(claimed: ClaimedOutgoing, byContact: boolean, until: number | null): Promise<string | null> {
    const { clock, optOuts } = this.#parts
    if (until !== null && until <= clock.now()) return EXPIRED
    return (await optOuts.stops(claimed, byContact)) ? OPTED_OUT : null
  }

  /** Its service may have taken it, and may have reported of it meanwhile. */
  #neverRecorded(claimed: ClaimedOutgoing, backend: Backend): Settlement {
    return {
      ...outcomeUnknown('its result was never recorded'),
      ...givenIds(new OutgoingMessage(claimed), backend),
      ...(claimed.firstAttemptAt === null ? {} : { reportsSince: claimed.firstAttemptAt }),
    }
  }

  /** Where it has come into quiet hours: until their end, or its own where that is known by now. */
  #putOff(claimed: ClaimedOutgoing, timeZone: string | null, until: number | null): Settlement | undefined {
    const { quiet, clock } = this.#parts
    const expiresAt = claimed.firstAttemptAt === null ? claimed.expiresAt : until
    const putOff = quiet?.putOff(clock.now(), expiresAt, { ...claimed, timeZone })
    if (putOff === undefined) return undefined
    return { outcome: { kind: 'later', at: putOff.at }, startedAt: null, error: putOff.reason }
  }

  async #outgoingPhase(message: OutgoingMessage, context: MessageContext, slot: Slot): Promise<string | null> {
    const { apps, calls } = this.#parts
    try {
      return await runOutgoingPhase(apps, message, context, (app, phase, run) => calls.call(app, phase, run, slot))
    } finally {
      context.seal()
    }
  }

  async #context(claimed: ClaimedOutgoing): Promise<MessageContext> {
    const { store, sender, identities, optOuts, clock, newId, logger } = this.#parts
    const connection = { backend: claimed.backend, identity: claimed.identity }
    return new MessageContext({
      store,
      logger,
      messageId: claimed.id,
      connection,
      contact: (await store.contacts.ofConnection(connection)) ?? null,
      now: () => clock.now(),
      newId,
      optOutPer: optOuts.per,
      canonical: (connection) => identities.canonical(connection),
      prepareSend: async (request, people) => (await sender.prepare(request, people)).messages,
    })
  }
}

/** A message that carries on another one, whose text was split. */
export function restOf(
  { backend, identity, address, fields, options, params, inResponseTo, ...claimed }: ClaimedOutgoing,
  { id, text }: { readonly id: string; readonly text: string },
  contactId: string | null,
): NewOutgoing {
  return {
    ...{ id, backend, identity, address, text, fields, options, params, inResponseTo, contactId },
    class: claimed.class,
    parts: measureText(text).parts,
    notBefore: claimed.notBefore,
    expiresAt: claimed.expiresAt,
    createdAt: claimed.createdAt,
    phased: true,
    once: false,
    state: 'WAITING',
    reason: null,
    tag: null,
    template: null,
    relatedTo: null,
    extra: null,
    ...(claimed.route === undefined ? {} : { route: claimed.route }),
  }
}

function without(settlement: Settlement): Prepared {
  return { go: false, settlement }
}
