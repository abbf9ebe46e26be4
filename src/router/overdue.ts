import type { Clock } from '../messages/clock.ts'
import { type MessageClass, messageClasses } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { Signals } from '../queue/signals.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import type { WaitingOutgoing } from '../store/waiting-store.ts'
import { cancelled } from './attempt-outcome.ts'
import type { Backend } from './backend.ts'
import { tellConversation } from './conversation-signal.ts'
import type { Copies } from './copies.ts'
import { EXPIRED, type ExpirySettings, expiryOf } from './expiry.ts'
import { endInOutbox } from './outbox.ts'
import { settledChannel } from './settled-signal.ts'

export interface OverdueParts {
  readonly store: Pick<Store, 'waiting' | 'outbox'>
  readonly signals: Signals
  readonly backends: ReadonlyMap<string, Backend>
  readonly copies: Copies
  readonly expiry: ExpirySettings
  readonly clock: Clock
  readonly logger: Logger
  /** The backends of which something is held. */
  readonly held: () => readonly string[]
  readonly record: (messages: readonly NewOutgoing[]) => Promise<void>
  readonly report: (backend: string, report: DeliveryReport) => Promise<void>
}

const PAGE = 500
/** Longer than any message waits. */
const NEVER_MS = 1e15

/**
 * Ends messages whose time is over while nobody looks at them: those of backends that are held, which the queue hands
 * out to nobody, and those that wait for a gateway to fetch them. One process does it, once a minute.
 */
export class Overdue {
  readonly #parts: OverdueParts

  constructor(parts: OverdueParts) {
    this.#parts = parts
  }

  async end(signal: AbortSignal): Promise<void> {
    for (const backend of this.#parts.held()) await this.#endHeld(backend, signal)
    await this.#endFetched(signal)
  }

  async #endHeld(backend: string, signal: AbortSignal): Promise<void> {
    const { store, clock, expiry, backends, logger } = this.#parts
    // What is handed on as a copy is no message to a person, and never too late.
    const isCopy = backends.get(backend)?.copies !== undefined
    const times = isCopy ? never() : expiry
    const answers = isCopy ? NEVER_MS : Math.min(...messageClasses.map((name) => expiry[name]), expiry.session)
    let count = 0
    for (let after = 0, isMore = true; isMore && !signal.aborted; ) {
      const now = clock.now()
      const page = await store.waiting.overdue({ backend, now, times, answers, after, limit: PAGE })
      const over = page.filter((message) => isCopy || expiryOf(message, expiry) <= now)
      count += await this.#cancel(over, now)
      after = page.at(-1)?.seq ?? after
      isMore = page.length === PAGE
    }
    if (count > 0) logger.info({ backend, messages: count }, 'messages that waited for too long have expired')
  }

  async #cancel(messages: readonly WaitingOutgoing[], now: number): Promise<number> {
    if (messages.length === 0) return 0
    const { store, signals, copies, record } = this.#parts
    const ids = new Set(
      await store.waiting.cancel(
        messages.map(({ id }) => id),
        EXPIRED,
        now,
      ),
    )
    const over = messages.filter(({ id }) => ids.has(id))
    for (const { id, backend } of over) {
      tellConversation(signals, backend, id)
      const settled = { state: 'CANCELLED', code: 'CANCELLED', providerCode: null, error: EXPIRED, externalIds: [] }
      await signals.publish(settledChannel(id), settled)
    }
    await record(over.flatMap((message) => copies.ofSettled(message, cancelled(EXPIRED))))
    return over.length
  }

  async #endFetched(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#parts
    for (let isMore = true; isMore && !signal.aborted; ) {
      const over = await store.outbox.expired(clock.now(), PAGE)
      for (const { backend, id, tries } of over)
        await endInOutbox(this.#parts, { backend, id, isGiven: tries > 0 }, EXPIRED)
      isMore = over.length === PAGE
    }
  }
}

function never(): Readonly<Record<MessageClass, number>> {
  return { urgent: NEVER_MS, reply: NEVER_MS, normal: NEVER_MS, bulk: NEVER_MS }
}
