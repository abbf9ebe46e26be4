import type { Clock } from '../messages/clock.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { LeasedMessage } from '../store/outbox-store.ts'
import type { Store } from '../store/store.ts'
import type { Outbox, OutboxDetails, OutboxMessage, SendResult } from './backend.ts'
import { EXPIRED } from './expiry.ts'
import { isOptedOutOf, OPTED_OUT, type OptOuts, passesOptOut } from './opt-outs.ts'

export interface OutboxParts {
  readonly store: Store
  readonly clock: Clock
  readonly report: (backend: string, report: DeliveryReport) => Promise<void>
  /** Takes what we say ourselves of a message. */
  readonly ownReport: (backend: string, report: DeliveryReport) => Promise<void>
  readonly optOut: Pick<OptOuts, 'per'>
  /** Whether nothing is to be given out over the backend now. */
  readonly isPaused: (backend: string) => boolean
}

const MOST_LEASED = 1_000

/** The outgoing messages of one backend that wait for a gateway to fetch them. */
export class BackendOutbox implements Outbox {
  readonly #backend: string
  readonly #parts: OutboxParts

  constructor(backend: string, parts: OutboxParts) {
    this.#backend = backend
    this.#parts = parts
  }

  async add(message: OutgoingMessage): Promise<SendResult> {
    const { id, identity, address, text, expiresAt } = message
    const added = { id, backend: this.#backend, identity, address, text }
    const despiteOptOut = passesOptOut(message)
    await this.#parts.store.outbox.add({ ...added, expiresAt: expiresAt?.getTime() ?? null, despiteOptOut })
    return { externalIds: [id], state: 'SENDING' }
  }

  async lease(device: string, limit: number, time: number): Promise<readonly OutboxMessage[]> {
    const { store, clock, isPaused } = this.#parts
    const most = Math.max(0, Math.min(MOST_LEASED, Math.trunc(limit)))
    const given: LeasedMessage[] = []
    while (given.length < most && !isPaused(this.#backend)) {
      const now = clock.now()
      const asked = { backend: this.#backend, device, limit: most - given.length, now, until: now + time }
      const leased = await store.outbox.lease(asked)
      const before = given.length
      for (const message of leased) if (await this.#mayGo(message, now)) given.push(message)
      // None had to be ended: there are no more.
      if (given.length - before === leased.length) break
    }
    return given.map(({ id, identity, address, text, tries }) => ({ id, identity, address, text, tries }))
  }

  /** One that is too late, or whose recipient wants none any more, is ended instead. */
  async #mayGo(message: LeasedMessage, now: number): Promise<boolean> {
    const { id, backend, tries } = message
    const reason = await this.#objection(message, now)
    if (reason === undefined) return true
    const { store, ownReport: report } = this.#parts
    await endInOutbox({ store, report }, { id, backend, isGiven: tries > 1 }, reason)
    return false
  }

  async #objection(message: LeasedMessage, now: number): Promise<string | undefined> {
    const { expiresAt, despiteOptOut, optedOut } = message
    if (expiresAt !== null && expiresAt <= now) return EXPIRED
    if (despiteOptOut) return undefined
    const { optOut, store } = this.#parts
    const isOut = optedOut || (optOut.per === 'backend' && (await isOptedOutOf(store.documents, message)))
    return isOut ? OPTED_OUT : undefined
  }

  /** Taken out before it is reported: a gateway that gets no answer confirms again, and sends nothing twice. */
  async confirm(id: string, state: 'SENT' | 'DELIVERED' | 'ERROR', details: OutboxDetails = {}): Promise<boolean> {
    const { store, report } = this.#parts
    const waited = await store.outbox.remove(this.#backend, id)
    const message = waited ? undefined : await store.log.find(id)
    if (!waited && (message?.direction !== 'out' || message.backend !== this.#backend)) return false
    await report(this.#backend, { externalId: id, state, ...details })
    return true
  }
}

/**
 * Ends a message that is not given out any more. One that a device had before, and never confirmed, may have been sent:
 * its state is UNKNOWN. Reported before it is taken out: what a crash comes between is ended again.
 */
export async function endInOutbox(
  { store, report }: Pick<OutboxParts, 'report'> & { readonly store: Pick<Store, 'outbox'> },
  { id, backend, isGiven }: { readonly id: string; readonly backend: string; readonly isGiven: boolean },
  reason: string,
): Promise<void> {
  const text = isGiven ? `${reason} again; a device had it and never confirmed it` : reason
  const state = isGiven ? 'UNKNOWN' : 'CANCELLED'
  await report(backend, { externalId: id, state, code: isGiven ? 'OUTCOME_UNKNOWN' : 'CANCELLED', text })
  await store.outbox.remove(backend, id)
}
