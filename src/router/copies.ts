import type { Clock } from '../messages/clock.ts'
import { measureText } from '../messages/gsm.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import type { ClaimedIncoming } from '../store/incoming-records.ts'
import type { ClaimedOutgoing, NewOutgoing } from '../store/outgoing-records.ts'
import type { Settlement } from './attempt-outcome.ts'
import type { Backend } from './backend.ts'
import type { Copy, Passing } from './passing.ts'

const NONE: readonly NewOutgoing[] = []

export interface CopiesParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
}

/** What backends hand on of all that passes through, as outgoing messages to record together with it. */
export class Copies {
  readonly #backends: readonly Backend[]
  readonly #clock: Clock
  readonly #newId: NewId
  readonly #logger: Logger

  constructor({ backends, clock, newId, logger }: CopiesParts) {
    this.#logger = logger
    this.#backends = [...backends.values()].filter(({ copies }) => copies !== undefined)
    this.#clock = clock
    this.#newId = newId
  }

  /** @throws whatever a backend's `copies` throws */
  of(passing: Passing): readonly NewOutgoing[] {
    if (this.#backends.length === 0) return NONE
    return this.#backends.flatMap((backend) => {
      const { name, settings } = backend
      const copies = backend.copies?.(passing, { backend: name, settings }) ?? []
      return copies.map((copy) => this.#outgoing(name, copy))
    })
  }

  /** What is handed on does not depend on the apps, only later than usual; unless making it is what failed. */
  ofFailed(message: ClaimedIncoming): readonly NewOutgoing[] {
    try {
      return this.of({ kind: 'incoming', message })
    } catch {
      return NONE
    }
  }

  /** Of an outgoing message that will not be tried any more. What a service has been given may not be lost by it. */
  ofSettled(
    claimed: Pick<ClaimedOutgoing, 'id' | 'backend' | 'fields'>,
    { outcome, code = null, error = null }: Settlement,
  ): readonly NewOutgoing[] {
    if (outcome.kind !== 'settled') return NONE
    const { id: messageId, backend, fields } = claimed
    const { state } = outcome
    try {
      return this.of({ kind: 'settled', messageId, backend, fields, state, code, error, at: this.#clock.now() })
    } catch (err) {
      this.#logger.error({ id: messageId, backend, err }, 'what became of a message could not be handed on')
      return NONE
    }
  }

  #outgoing(backend: string, { identity, text, fields }: Copy): NewOutgoing {
    return {
      id: this.#newId(),
      backend,
      identity,
      address: null,
      text,
      class: 'normal',
      fields,
      options: {},
      params: {},
      inResponseTo: null,
      parts: measureText(text).parts,
      notBefore: 0,
      expiresAt: null,
      createdAt: this.#clock.now(),
      // It is no message to a person: no app may change or cancel it.
      phased: true,
      once: false,
      state: 'WAITING',
      reason: null,
      contactId: null,
      tag: null,
      template: null,
      relatedTo: null,
      extra: null,
    }
  }
}
