import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { Signals } from '../queue/signals.ts'
import type { NewOutgoing, NewReport, ReportEffect } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import type { Backend } from './backend.ts'
import { tellConversation } from './conversation-signal.ts'
import type { Copies } from './copies.ts'
import { statusEvent } from './event-values.ts'
import type { Hooks } from './hooks.ts'
import type { Identities } from './identities.ts'

export interface ReportsParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly signals: Signals
  readonly copies: Copies
  readonly hooks: Hooks
  readonly identities: Identities
  readonly clock: Clock
  readonly logger: Logger
  /** Records outgoing messages and has them sent. */
  readonly record: (messages: readonly NewOutgoing[]) => Promise<void>
}

const MOST_UNKNOWN_CODES = 1_000
const NO_EFFECT: ReportEffect = { messageId: null, state: null, changed: false }

/** Takes what services say of outgoing messages. */
export class Reports {
  readonly #parts: ReportsParts
  /** Told in the log already. */
  readonly #unknownCodes = new Set<string>()

  constructor(parts: ReportsParts) {
    this.#parts = parts
  }

  /**
   * @returns which message it is of, as far as that is known by now, and what became of it
   * @throws HookError, StoreUnavailableError when it was not taken
   */
  async take(backend: string, report: DeliveryReport): Promise<ReportEffect> {
    const { hooks, clock } = this.#parts
    if (hooks.hasBefore('status')) {
      const event = statusEvent({ backend, report, effect: NO_EFFECT, at: clock.now() })
      await hooks.before('status', event, { id: null, backend, identity: report.identity })
    }
    return this.takeOwn(backend, report)
  }

  /** Takes what we say ourselves of a message: no service could repeat it, so that no hook may refuse it. */
  async takeOwn(backend: string, report: DeliveryReport): Promise<ReportEffect> {
    const { store, signals, copies, hooks, clock, logger } = this.#parts
    const at = clock.now()
    const [effect = NO_EFFECT] = await store.recordReports([this.#toRecord(backend, report, at)])
    const told = tellable(report, effect)
    await this.#parts.record(copies.of({ kind: 'report', backend, report: told, messageId: effect.messageId, at }))
    const { state, code } = report
    if (effect.changed && effect.messageId !== null) tellConversation(signals, backend, effect.messageId)
    if (state === undefined) this.#warnOfCode(backend, code)
    logger.info({ id: effect.messageId, backend, state, code, changed: effect.changed }, 'reported')
    if (hooks.hasAfter('status')) {
      const key = effect.messageId ?? report.externalId ?? `${backend} ${report.identity}`
      const about = { id: effect.messageId, backend, identity: report.identity }
      hooks.after('status', statusEvent({ backend, report: told, effect, at }), about, key)
    }
    return effect
  }

  /** Who is named by the number alone is looked for by the form in which numbers are recorded. */
  #toRecord(backend: string, report: DeliveryReport, at: number): NewReport {
    const { backends, identities } = this.#parts
    if (report.externalId !== undefined) return { ...report, backend, receivedAt: at }
    const { identity } = identities.canonical({ backend, identity: report.identity })
    const since = at - (backends.get(backend)?.common.reportWindow ?? 0)
    return { ...report, identity, backend, receivedAt: at, since }
  }

  /** Once for each code: a provider that has a new one sends it with every other report. */
  #warnOfCode(backend: string, code: string | undefined): void {
    const key = `${backend}\n${code}`
    if (this.#unknownCodes.has(key) || this.#unknownCodes.size >= MOST_UNKNOWN_CODES) return
    this.#unknownCodes.add(key)
    this.#parts.logger.warn({ backend, code }, 'a delivery report with a code that is not known')
  }
}

/** What others hear of it: of one of several parts, what all of them have come to. */
function tellable(report: DeliveryReport, { state, ofPart = false }: ReportEffect): DeliveryReport {
  return ofPart && state !== null && report.state !== undefined ? { ...report, state } : report
}
