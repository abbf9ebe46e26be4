import type { Clock } from '../../messages/clock.ts'
import { leastIdAt } from '../../messages/ids.ts'
import type { Store } from '../../store/store.ts'
import type { ApiAnswer } from './api-answer.ts'
import { dateText, smsOf } from './sms-shapes.ts'

const DAY_MS = 86_400_000
const USUAL_MS = 30 * DAY_MS
const PAGE = 100
/** Messages of all backends that are looked at in one step, so that others get their turn. */
const STEP = 2_000
/** Milliseconds; what is left is on the next page. */
const LONGEST_MS = 1_000
/** No id of ours is greater. */
const END = 'g'

/** The store opens later than this is made. */
export type Listing = Pick<Store, 'listing'>

export interface SentQuery {
  readonly since?: number | undefined
  readonly before?: string | undefined
  readonly start: number
}

/** The messages sent by one backend, newest first. Those of busy backends beside it are passed over. */
export class SentPages {
  readonly #store: Listing
  readonly #clock: Clock

  constructor(store: Listing, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async page(backend: string, { since, before: given, start }: SentQuery): Promise<Omit<ApiAnswer, 'status'>> {
    const from = leastIdAt(since ?? this.#clock.now() - USUAL_MS)
    const ids: string[] = []
    let before = given ?? END
    let passed = 0
    let isOver = false
    for (const began = performance.now(); !isOver && ids.length < PAGE; ) {
      const step = await this.#store.listing.sentIds({ from, before, limit: STEP })
      isOver = step.length < STEP
      for (const { id, backend: other } of step) {
        before = id
        if (other === backend && passed++ >= start) ids.push(id)
        if (ids.length === PAGE) break
      }
      if (performance.now() - began > LONGEST_MS) break
    }
    const found = await this.#store.listing.outgoing(ids)
    const body = [...found].sort((a, b) => (a.id < b.id ? 1 : -1)).map(smsOf)
    if (isOver && ids.length < PAGE) return { body }
    const rest = {
      before,
      start: String(Math.max(0, start - passed)),
      ...(since === undefined ? {} : { since: dateText(since) }),
    }
    return { body, headers: { Link: `<?${new URLSearchParams(rest)}>; rel="next"` } }
  }
}
