import type { Clock } from '../messages/clock.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { Store } from '../store/store.ts'
import type { Outbox, OutboxDetails, OutboxMessage, SendResult } from './backend.ts'

export interface OutboxParts {
  readonly store: Store
  readonly clock: Clock
  readonly report: (backend: string, report: DeliveryReport) => Promise<void>
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

  async add({ id, identity, address, text }: OutgoingMessage): Promise<SendResult> {
    await this.#parts.store.outbox.add({ id, backend: this.#backend, identity, address, text })
    return { externalIds: [id], state: 'SENDING' }
  }

  async lease(device: string, limit: number, time: number): Promise<readonly OutboxMessage[]> {
    const { store, clock } = this.#parts
    const now = clock.now()
    const most = Math.max(0, Math.min(MOST_LEASED, Math.trunc(limit)))
    const leased = await store.outbox.lease({ backend: this.#backend, device, limit: most, now, until: now + time })
    return leased.map(({ id, identity, address, text, tries }) => ({ id, identity, address, text, tries }))
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
