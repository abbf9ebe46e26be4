const DAY_MS = 86_400_000
const HALF_DAY_MS = DAY_MS / 2
/** Zones have stood apart from UTC by more than half a day, and have left out a whole day: all that is looked at. */
const NEAR = [-3, -2, -1, 0, 1, 2, 3].map((half) => half * HALF_DAY_MS)
/** Names of zones that are remembered; there are some six hundred, and spellings beside them. */
const MOST_ZONES = 2_000

/** The moments at which the clocks on the wall of a zone show a time: one, two when they are put back, none when it is left out. */
export interface WallMoments {
  readonly first: number
  readonly last: number
}

/**
 * What clocks on the wall show in the time zones of the IANA database, by the runtime's own copy of it. Local times are
 * written as the milliseconds since 1970 that the same date and time has in UTC.
 */
export class WallTimes {
  readonly #formats = new Map<string, Intl.DateTimeFormat | undefined>()

  /** Whether the runtime knows the zone. */
  isZone(zone: string): boolean {
    return this.#formatOf(zone) !== undefined
  }

  /**
   * The local time of a moment.
   * @throws RangeError when there is no such zone
   */
  localOf(moment: number, zone: string): number {
    const format = this.#formatOf(zone)
    if (format === undefined) throw new RangeError(`There is no time zone "${zone}".`)
    const parts: Record<string, number> = {}
    const second = Math.floor(moment / 1_000) * 1_000
    for (const { type, value } of format.formatToParts(second)) parts[type] = Number(value)
    const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second: seconds = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute, seconds) + (moment - second)
  }

  /**
   * When the clocks show a local time. One that is left out, as when clocks are put forward, is the moment at which they
   * are put.
   */
  momentsOf(local: number, zone: string): WallMoments {
    const offsets = new Set(NEAR.map((distance) => this.#offset(local + distance, zone)))
    const moments = [...offsets].map((offset) => local - offset)
    const shown = moments.filter((moment) => this.localOf(moment, zone) === local)
    if (shown.length > 0) return { first: Math.min(...shown), last: Math.max(...shown) }
    const skip = this.#skipOf(local, Math.min(...moments), Math.max(...moments), zone)
    return { first: skip, last: skip }
  }

  /** The first moment whose local time is not before `local`, known to lie in between. */
  #skipOf(local: number, from: number, to: number, zone: string): number {
    let low = from
    let high = to
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.localOf(middle, zone) >= local) high = middle
      else low = middle + 1
    }
    return low
  }

  #offset(moment: number, zone: string): number {
    return this.localOf(moment, zone) - moment
  }

  #formatOf(zone: string): Intl.DateTimeFormat | undefined {
    if (!this.#formats.has(zone)) {
      if (this.#formats.size >= MOST_ZONES) this.#formats.clear()
      this.#formats.set(zone, formatOf(zone))
    }
    return this.#formats.get(zone)
  }
}

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      ...{ timeZone: zone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    })
  } catch {
    return undefined
  }
}
