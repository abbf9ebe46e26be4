import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { Signals } from '../queue/signals.ts'
import type { NewOutgoing, Store } from '../store/store.ts'
import { tellConversation } from './conversation-signal.ts'
import type { Copies } from './copies.ts'

export interface ReportsParts {
  readonly store: Store
  readonly signals: Signals
  readonly copies: Copies
  readonly clock: Clock
  readonly logger: Logger
  /** Records outgoing messages and has them sent. */
  readonly record: (messages: readonly NewOutgoing[]) => Promise<void>
}

const MOST_UNKNOWN_CODES = 1_000

/** Takes what services say of outgoing messages. */
export class Reports {
  readonly #parts: ReportsParts
  /** Told in the log already. */
  readonly #unknownCodes = new Set<string>()

  constructor(parts: ReportsParts) {
    this.#parts = parts
  }

  async take(backend: string, report: DeliveryReport): Promise<void> {
    const { store, signals, copies, clock, logger } = this.#parts
    const at = clock.now()
    const [effect] = await store.recordReports([{ ...report, backend, receivedAt: at }])
    await this.#parts.record(copies.of({ kind: 'report', backend, report, messageId: effect?.messageId ?? null, at }))
    const { state, code } = report
    if (effect?.changed && effect.messageId !== null) tellConversation(signals, backend, effect.messageId)
    if (state === undefined) this.#warnOfCode(backend, code)
    logger.info({ id: effect?.messageId ?? null, backend, state, code, changed: effect?.changed ?? false }, 'reported')
  }

  /** Once for each code: a provider that has a new one sends it with every other report. */
  #warnOfCode(backend: string, code: string | undefined): void {
    const key = `${backend}\n${code}`
    if (this.#unknownCodes.has(key) || this.#unknownCodes.size >= MOST_UNKNOWN_CODES) return
    this.#unknownCodes.add(key)
    this.#parts.logger.warn({ backend, code }, 'a delivery report with a code that is not known')
  }
}
