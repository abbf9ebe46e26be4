import { type Clock, sleep } from '../messages/clock.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import { transition } from '../messages/states.ts'
import type { Signals } from '../queue/signals.ts'
import type { ReportEffect } from '../store/outgoing-records.ts'
import type { UncertainMessage } from '../store/state-check-store.ts'
import type { Store } from '../store/store.ts'
import type { Backend, SendTools } from './backend.ts'
import { tellConversation } from './conversation-signal.ts'
import { type Ending, Endings } from './ending.ts'

/** Times are milliseconds. */
export interface StateCheckSettings {
  /** Absent: only the command checks. */
  readonly interval?: number | undefined
  readonly maxAge: number
  readonly askAfter: number
  readonly batch: number
  readonly perSecond: number
  readonly idleAfter: number
  readonly idleState: 'UNKNOWN' | 'ERROR'
}

export interface StateChecksParts {
  readonly settings: StateCheckSettings
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly signals: Signals
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  readonly toolsOf: (backend: Backend, ending: Ending) => SendTools<unknown>
  readonly report: (backend: string, report: DeliveryReport) => Promise<ReportEffect>
}

/** What a check came to for one backend. */
export interface BackendCheck {
  readonly backend: string
  /** Messages that its service was asked about. */
  readonly asked: number
  /** Messages that have another state since. */
  readonly changed: number
  /** Questions that came to nothing. */
  readonly failed: number
  /** Messages that had stood in SENDING for too long. */
  readonly timedOut: number
}

type Tally = { -readonly [Name in keyof BackendCheck]: BackendCheck[Name] }

const LEASE = 'state-checks'
const TURN = 'state-checks:turn'
/** Longer than one question may take. */
const LEASE_MS = 5 * 60_000
const QUESTION_LIMIT_MS = 2 * 60_000
/** After a start there is other work first. */
const FIRST_AFTER_MS = 60_000
const PAGE = 1_000
const MOST_TIMED_OUT = 500
/** So many questions in a row that fail are a service that is away. */
const MOST_FAILURES = 3

/** Asks services about messages whose last word is not said, and settles those that were never confirmed. */
export class StateChecks {
  readonly #parts: StateChecksParts
  readonly #endings = new Endings()

  constructor(parts: StateChecksParts) {
    this.#parts = parts
  }

  /** Checks each `interval`, in one process at a time, until the signal. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { settings, store, clock, logger, newId } = this.#parts
    const { interval } = settings
    if (interval === undefined) return
    const holder = newId()
    await sleep(clock, Math.min(interval, FIRST_AFTER_MS), signal)
    while (!signal.aborted) {
      try {
        const now = clock.now()
        if (await store.memory.lease(TURN, holder, now, now + interval)) await this.once(signal)
      } catch (error) {
        logger.error({ err: error }, 'states could not be checked; they are checked the next time')
      }
      await sleep(clock, interval, signal)
    }
    await store.memory.release(TURN, holder).catch(() => undefined)
  }

  /**
   * Checks once.
   * @returns what it came to, for each backend that has to do with it; undefined when another process is at it
   * @throws StoreUnavailableError
   */
  async once(signal: AbortSignal): Promise<readonly BackendCheck[] | undefined> {
    const { backends, store, clock, newId } = this.#parts
    const holder = newId()
    const hold = () => store.memory.lease(LEASE, holder, clock.now(), clock.now() + LEASE_MS)
    if (!(await hold())) return undefined
    const tallies = new Map<string, Tally>()
    const tallyOf = (backend: string) => {
      const tally = tallies.get(backend) ?? { backend, asked: 0, changed: 0, failed: 0, timedOut: 0 }
      tallies.set(backend, tally)
      return tally
    }
    try {
      const asked = [...backends.values()].filter(
        ({ checkStates, common }) => checkStates !== undefined && !common.debug,
      )
      await Promise.all(asked.map((backend) => this.#ask(backend, { tally: tallyOf(backend.name), hold, signal })))
      await this.#timeOut(tallyOf, hold, signal)
    } finally {
      await store.memory.release(LEASE, holder)
    }
    return [...tallies.values()]
  }

  /** Asks about all messages of a backend, the oldest first. */
  async #ask(backend: Backend, { tally, hold, signal }: Check): Promise<void> {
    const { settings, store, clock } = this.#parts
    const { batch, perSecond, maxAge, askAfter } = settings
    const now = clock.now()
    const query = { backend: backend.name, since: now - maxAge, until: now - askAfter, limit: PAGE }
    let waiting: UncertainMessage[] = []
    let after: string | undefined
    let failures = 0
    do {
      const page = await store.stateChecks.uncertain({ ...query, after })
      waiting = [...waiting, ...page.messages]
      after = page.next
      while (waiting.length >= batch || (after === undefined && waiting.length > 0)) {
        if (signal.aborted || failures === MOST_FAILURES || !(await hold())) return
        const some = waiting.splice(0, batch)
        failures = (await this.#askAbout(backend, some, tally, signal)) ? 0 : failures + 1
        if (waiting.length > 0 || after !== undefined)
          await sleep(clock, Math.ceil((some.length * 1_000) / perSecond), signal)
      }
    } while (after !== undefined && !signal.aborted && (await hold()))
  }

  /** @returns whether the service could be asked */
  async #askAbout(
    backend: Backend,
    messages: readonly UncertainMessage[],
    tally: Tally,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { name } = backend
    tally.asked += messages.length
    try {
      const reports = await this.#answers(backend, messages, signal)
      const byId = new Map(messages.flatMap((message) => message.externalIds.map((id) => [id, message] as const)))
      const news = reports.filter((report) => {
        const message = report.externalId === undefined ? undefined : byId.get(report.externalId)
        return message !== undefined && isNews(message, report)
      })
      const taken = await Promise.allSettled(news.map((report) => this.#parts.report(name, report)))
      tally.changed += taken.filter((each) => each.status === 'fulfilled' && each.value.changed).length
      const refused = taken.find((each) => each.status === 'rejected')
      if (refused !== undefined) throw refused.reason
      return true
    } catch (error) {
      tally.failed++
      const fields = { backend: name, messages: messages.length, err: error }
      this.#parts.logger.warn(fields, 'a service could not be asked about states')
      return false
    }
  }

  #answers(
    backend: Backend,
    messages: readonly UncertainMessage[],
    signal: AbortSignal,
  ): Promise<readonly DeliveryReport[]> {
    const { clock, toolsOf } = this.#parts
    const ending = this.#endings.begin(signal)
    const asked = messages.map(({ id, identity, externalIds, givenAt }) => ({
      ...{ id, identity, externalIds },
      sentAt: givenAt,
    }))
    return new Promise((resolve, reject) => {
      const timer = clock.schedule(clock.now() + QUESTION_LIMIT_MS, () => {
        ending.abort()
        reject(new Error(`The backend "${backend.name}" did not answer within ${QUESTION_LIMIT_MS} ms.`))
      })
      Promise.resolve(backend.checkStates?.(asked, toolsOf(backend, ending)) ?? [])
        .then(resolve, reject)
        .finally(() => {
          timer.cancel()
          this.#endings.done(ending)
        })
    })
  }

  async #timeOut(
    tallyOf: (backend: string) => Tally,
    hold: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<void> {
    const { settings, store, signals, clock, logger } = this.#parts
    const { idleAfter, idleState: state } = settings
    const before = clock.now() - idleAfter
    const counts: Record<string, number> = {}
    let isMore = true
    while (isMore && !signal.aborted && (await hold())) {
      const settled = await store.stateChecks.timeOut({ before, state, at: clock.now(), limit: MOST_TIMED_OUT })
      for (const { id, backend } of settled) {
        tallyOf(backend).timedOut++
        counts[backend] = (counts[backend] ?? 0) + 1
        tellConversation(signals, backend, id)
      }
      isMore = settled.length === MOST_TIMED_OUT
    }
    if (Object.keys(counts).length === 0) return
    logger.warn({ state, idleAfter, backends: counts }, 'messages stood in SENDING for too long, and were settled')
  }
}

interface Check {
  readonly tally: Tally
  /** Goes on holding the lease; false when somebody else has it. */
  readonly hold: () => Promise<boolean>
  readonly signal: AbortSignal
}

/** What says the same as before is not kept: it would be so with each check. */
function isNews({ state, timedOut }: UncertainMessage, report: DeliveryReport): boolean {
  if (report.state === undefined) return false
  return transition({ state, timedOut }, { state: report.state }).state !== state
}
