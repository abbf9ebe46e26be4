import type { Clock } from '../messages/clock.ts'
import { InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import type { Signals } from '../queue/signals.ts'
import type { NewIncoming } from '../store/incoming-records.ts'
import type { Store } from '../store/store.ts'
import type { Answers } from './answers.ts'
import type { Backend, Received, ReceivedMessage, ReceiveOptions } from './backend.ts'
import type { Backlog } from './backlog.ts'
import { tellConversation } from './conversation-signal.ts'
import { NotRunningError } from './errors.ts'
import { receiveEvent } from './event-values.ts'
import type { AboutMessage } from './hook-runs.ts'
import type { Hooks } from './hooks.ts'
import type { Identities } from './identities.ts'
import type { Ringer } from './ring.ts'

export interface IntakeParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly signals: Signals
  readonly ringer: Ringer
  readonly answers: Answers
  readonly backlog: Backlog
  readonly hooks: Hooks
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
   * @throws BacklogError, StoreUnavailableError, HookError when it was not taken; InvalidInputError when there is no such backend
   */
  async take(backend: string, message: ReceivedMessage, options: ReceiveOptions): Promise<Received> {
    const { answers, backlog, hooks, clock } = this.#parts
    backlog.refuseWhenFull()
    const record = this.#recordOf(backend, message, options)
    if (hooks.hasBefore('receive')) await hooks.before('receive', receiveEvent(record), aboutIncoming(record))
    // What hooks took of the time is gone: the service waits for its answer all the while.
    const wait = record.answerBy === undefined ? undefined : Math.max(0, record.answerBy - clock.now())
    const answer = wait === undefined ? undefined : answers.listen(record.id, wait)
    const { id, duplicate } = await this.#record(record).catch((error: unknown) => {
      answer?.end()
      throw error
    })
    if (answer === undefined) return { id, duplicate }
    if (duplicate) answer.end()
    const recordedAs = { ...record, id }
    const responses = duplicate
      ? await answers.again(recordedAs, wait ?? 0)
      : await answers.take(recordedAs, await answer.signal)
    return { id, duplicate, ...(responses === undefined ? {} : { responses }) }
  }

  #recordOf(backend: string, message: ReceivedMessage, options: ReceiveOptions): NewIncoming {
    const { backends, identities, clock, newId } = this.#parts
    const common = backends.get(backend)?.common
    if (common === undefined) throw unknownBackend(backend, backends)
    const now = clock.now()
    // Nothing leaves in debug mode, in an answer neither.
    const wait = common.debug ? undefined : options.wait
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
    const { store, backlog, hooks, signals, ringer, logger } = this.#parts
    const { backend, identity, text } = record
    const [recorded] = await backlog.during(store.recordIncoming([record]))
    if (recorded === undefined) throw new NotRunningError('The store recorded nothing.')
    const { id, duplicate } = recorded
    if (!duplicate) backlog.opened()
    logger.info({ id, backend, identity, duplicate, text }, 'received')
    if (!duplicate) tellConversation(signals, backend, id)
    if (!duplicate && hooks.hasAfter('receive'))
      hooks.after('receive', receiveEvent(record), aboutIncoming(record), `${backend} ${identity}`)
    // For a repeated one too: the process that took the first may have died before it rang.
    ringer.ring({ kind: 'incoming', owner: backend, identity })
    return recorded
  }
}

function aboutIncoming({ id, backend, identity, text }: NewIncoming): AboutMessage {
  return { id, backend, identity, text }
}

function unknownBackend(name: string, backends: ReadonlyMap<string, Backend>): InvalidInputError {
  const known = [...backends.keys()].join(', ')
  return new InvalidInputError(`backend: there is no backend "${name}"; there are ${known}`)
}
