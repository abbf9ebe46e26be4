import type { Clock } from '../messages/clock.ts'
import { measureText } from '../messages/gsm.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import { OutgoingMessage } from '../messages/outgoing.ts'
import type { Slot } from '../queue/queue.ts'
import type { AttemptStart, ClaimedOutgoing, Store } from '../store/store.ts'
import type { App } from './app.ts'
import type { AppCalls } from './app-calls.ts'
import { cancelled, failed, mayRepeat, outcomeUnknown, type Settlement, settled } from './attempt-outcome.ts'
import type { Backend } from './backend.ts'
import { MessageContext } from './context.ts'
import { runOutgoingPhase } from './phases.ts'
import type { Sender } from './send.ts'

export interface PreparationParts {
  readonly apps: readonly App[]
  readonly calls: AppCalls
  readonly store: Store
  readonly sender: Sender
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
    const refused = this.#refusal(claimed, claimed.optedOut)
    if (refused !== null) return without(cancelled(refused))
    if (claimed.attemptOpen && !mayRepeat(claimed, backend)) {
      return without(outcomeUnknown('its result was never recorded'))
    }
    if (backend.common.debug) return without({ outcome: settled('DEBUG'), startedAt: null })
    const message = new OutgoingMessage(claimed)
    if (claimed.phased) return { go: true, message, changed: undefined }
    try {
      return await this.#phased(claimed, message, slot)
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

  async #phased(claimed: ClaimedOutgoing, message: OutgoingMessage, slot: Slot): Promise<Prepared> {
    const context = await this.#context(claimed)
    const cancelledBy = await this.#outgoingPhase(message, context, slot)
    const { changes, outgoing } = context
    const done = { changes, outgoing }
    if (cancelledBy !== null) return without(cancelled(`cancelled by the app "${cancelledBy}"`, done))
    await slot.again()
    // The phase may have taken its time, and so may the wait for a slot.
    const contact = await this.#parts.store.contacts.ofConnection(message.connection)
    const refused = this.#refusal(claimed, (contact?.optedOutAt ?? null) !== null)
    if (refused !== null) return without(cancelled(refused, done))
    message.text = message.text.toWellFormed()
    const { parts } = measureText(message.text)
    return { go: true, message, changed: { text: message.text, parts, changes, outgoing } }
  }

  /** Why the message may not be given to its service now. */
  #refusal({ expiresAt }: ClaimedOutgoing, optedOut: boolean): string | null {
    if (expiresAt !== null && expiresAt <= this.#parts.clock.now()) return 'expired before it was sent'
    return optedOut ? 'the recipient has opted out' : null
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
    const { store, sender, clock, newId, logger } = this.#parts
    const connection = { backend: claimed.backend, identity: claimed.identity }
    return new MessageContext({
      store,
      logger,
      messageId: claimed.id,
      connection,
      contact: (await store.contacts.ofConnection(connection)) ?? null,
      now: () => clock.now(),
      newId,
      prepareSend: (request, people) => sender.prepare(request, people),
    })
  }
}

function without(settlement: Settlement): Prepared {
  return { go: false, settlement }
}
