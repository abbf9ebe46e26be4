import type { Clock } from '../messages/clock.ts'
import { InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import type { Signals } from '../queue/signals.ts'
import type { NewIncoming, Store } from '../store/store.ts'
import type { Answers } from './answers.ts'
import type { Backend, Received, ReceivedMessage, ReceiveOptions } from './backend.ts'
import type { Backlog } from './backlog.ts'
import { tellConversation } from './conversation-signal.ts'
import { NotRunningError } from './errors.ts'
import type { Identities } from './identities.ts'
import type { Ringer } from './ring.ts'

export interface IntakeParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly signals: Signals
  readonly ringer: Ringer
  readonly answers: Answers
  readonly backlog: Backlog
  readonly identities: Identities
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
}

/** Takes incoming messages: records them and has their lanes worked. */
export class Intake {
  readonly #parts: IntakeParts

  constructor(parts: IntakeParts) {
    this.#parts = parts
  }

  /**
   * Once this resolves, the message is on disk and will be processed.
   * @throws BacklogError, StoreUnavailableError when it was not taken; InvalidInputError when there is no such backend
   */
  async take(backend: string, message: ReceivedMessage, options: ReceiveOptions): Promise<Received> {
    const { answers, backlog } = this.#parts
    backlog.refuseWhenFull()
    const record = this.#recordOf(backend, message, options)
    const { wait } = options
    const answer = wait === undefined ? undefined : answers.listen(record.id, wait)
    const { id, duplicate } = await this.#record(record).catch((error: unknown) => {
      answer?.end()
      throw error
    })
    if (answer === undefined) return { id, duplicate }
    if (duplicate) answer.end()
    const recordedAs = { id, backend, identity: record.identity }
    const responses = duplicate
      ? await answers.again(recordedAs, wait ?? 0)
      : await answers.take(recordedAs, await answer.signal)
    return { id, duplicate, ...(responses === undefined ? {} : { responses }) }
  }

  #recordOf(backend: string, message: ReceivedMessage, { wait }: ReceiveOptions): NewIncoming {
    const { backends, identities, clock, newId } = this.#parts
    const common = backends.get(backend)?.common
    if (common === undefined) throw unknownBackend(backend, backends)
    const now = clock.now()
    const window = message.externalId === undefined ? common.window : 0
    return {
      id: newId(),
      backend,
      identity: identities.canonical({ backend, identity: message.identity.toWellFormed() }).identity,
      address: message.address ?? null,
      text: message.text.toWellFormed(),
      fields: message.fields ?? {},
      externalId: message.externalId ?? null,
      receivedAt: now,
      ...(window === 0 ? {} : { window }),
      ...(wait === undefined ? {} : { answerBy: now + wait }),
    }
  }

  async #record(record: NewIncoming): Promise<{ readonly id: string; readonly duplicate: boolean }> {
    const { store, backlog, signals, ringer, logger } = this.#parts
    const { backend, identity, text } = record
    const [recorded] = await backlog.during(store.recordIncoming([record]))
    if (recorded === undefined) throw new NotRunningError('The store recorded nothing.')
    const { id, duplicate } = recorded
    if (!duplicate) backlog.opened()
    logger.info({ id, backend, identity, duplicate, text }, 'received')
    if (!duplicate) tellConversation(signals, backend, id)
    // For a repeated one too: the process that took the first may have died before it rang.
    ringer.ring({ kind: 'incoming', owner: backend, identity })
    return recorded
  }
}

function unknownBackend(name: string, backends: ReadonlyMap<string, Backend>): InvalidInputError {
  const known = [...backends.keys()].join(', ')
  return new InvalidInputError(`backend: there is no backend "${name}"; there are ${known}`)
}
