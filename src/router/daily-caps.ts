import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import { WallTimes } from '../messages/wall-time.ts'
import type { ClaimedOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import type { Settlement } from './attempt-outcome.ts'
import type { Backend, DailyCap } from './backend.ts'
import { type Cap, Caps } from './caps.ts'

export interface DailyCapsParts {
  readonly store: Pick<Store, 'usage' | 'memory'>
  readonly clock: Clock
  readonly logger: Logger
  /** An IANA name: whose midnight begins a day. */
  readonly timeZone: string
  /** Names this process. */
  readonly holder: string
}

const DAY_MS = 86_400_000
/** For who looks back. */
const KEPT_MS = 35 * DAY_MS
const NONE: ReadonlySet<string> = new Set()

/** A day of one backend. */
interface Day {
  readonly cap: Cap
  readonly endsAt: number
}

/** The name that a backend's day is counted under. @param zone an IANA name */
export function dayOf(backend: string, { limits }: { readonly limits: Cap['limits'] }, now: number, zone: string): Day {
  const times = new WallTimes()
  const local = times.localOf(now, zone)
  const begin = Math.floor(local / DAY_MS) * DAY_MS
  const endsAt = times.momentsOf(begin + DAY_MS, zone).first
  const date = new Date(begin).toISOString().slice(0, 10)
  return { cap: { name: `day:${backend}:${date}`, limits, expiresAt: endsAt + KEPT_MS }, endsAt }
}

/** What each backend sends in a day, held to `sending.dailyCap`. */
export class DailyCaps {
  readonly #parts: DailyCapsParts
  readonly #caps: Caps
  readonly #changed: (backend: string) => void
  readonly #days = new Map<string, Day>()
  /** Messages in hand, by their ids, and what they are counted under. */
  readonly #taken = new Map<string, { readonly cap: Cap; readonly parts: number }>()
  /** Until when the classes of a backend that do not go on are held. */
  readonly #reached = new Map<string, { readonly until: number; readonly goOn: ReadonlySet<string> }>()

  /** @param changed told of each backend that has reached its cap */
  constructor(parts: DailyCapsParts, changed: (backend: string) => void) {
    this.#parts = parts
    this.#caps = new Caps(parts.store)
    this.#changed = changed
  }

  /** Until when a backend's classes are held (milliseconds since 1970), and those that go on; undefined when none is. */
  reached(backend: string): { readonly until: number; readonly goOn: ReadonlySet<string> } | undefined {
    const reached = this.#reached.get(backend)
    if (reached === undefined || reached.until > this.#parts.clock.now()) return reached
    this.#reached.delete(backend)
    return undefined
  }

  /** Counts a message before its attempt. @returns false when it has to wait for the next day */
  async take(claimed: ClaimedOutgoing, backend: Backend): Promise<boolean> {
    const { dailyCap } = backend.common.sending
    if (dailyCap === undefined || this.#taken.has(claimed.id)) return true
    const day = this.#dayOf(backend.name, dailyCap)
    const goesOn = dailyCap.goOn.includes(claimed.class)
    if (goesOn) await this.#caps.count(day.cap, claimed.parts)
    else if (!(await this.#caps.take(day.cap, claimed.parts))) {
      await this.#reach(backend.name, day, dailyCap)
      return false
    }
    this.#taken.set(claimed.id, { cap: day.cap, parts: claimed.parts })
    return true
  }

  /** Whether a message in hand was counted. */
  counts({ id }: Pick<ClaimedOutgoing, 'id'>): boolean {
    return this.#taken.has(id)
  }

  /** What came of a message that was counted: one that was not sent is given back. Never throws. */
  async settled({ id }: Pick<ClaimedOutgoing, 'id'>, { outcome, startedAt, parts, cost }: Settlement): Promise<void> {
    const taken = this.#taken.get(id)
    if (taken === undefined) return
    this.#taken.delete(id)
    const isSent = startedAt !== null && outcome.kind === 'settled' && outcome.state !== 'ERROR'
    try {
      if (!isSent) await this.#caps.giveBack(taken.cap, taken.parts)
      else await this.#caps.sent(taken.cap, (parts ?? taken.parts) - taken.parts, cost ?? 0)
    } catch (err) {
      this.#parts.logger.warn({ id, err }, 'what is counted for the daily cap could not be corrected')
    }
  }

  #dayOf(backend: string, { messages, parts, cost }: DailyCap): Day {
    const { clock, timeZone } = this.#parts
    const known = this.#days.get(backend)
    if (known !== undefined && clock.now() < known.endsAt) return known
    const day = dayOf(backend, { limits: { messages, parts, cost } }, clock.now(), timeZone)
    this.#days.set(backend, day)
    return day
  }

  async #reach(backend: string, { cap, endsAt }: Day, { goOn }: DailyCap): Promise<void> {
    if (this.#reached.has(backend)) return
    this.#reached.set(backend, { until: endsAt, goOn: goOn.length === 0 ? NONE : new Set(goOn) })
    this.#changed(backend)
    const { store, clock, holder, logger } = this.#parts
    // Of all processes, and after a restart, one warns.
    const isFirst = await store.memory.lease(`cap:${backend}`, holder, clock.now(), endsAt).catch(() => true)
    const until = new Date(endsAt).toISOString()
    const waits = 'its daily cap is reached; what is not of a class that goes on waits for the next day'
    if (isFirst)
      logger.warn({ backend, limits: cap.limits, until }, `the backend "${backend}" sends no more today: ${waits}`)
  }
}
