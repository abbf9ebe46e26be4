import type { MessageClass } from '../messages/lane.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import { WallTimes } from '../messages/wall-time.ts'

export const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const
export type Weekday = (typeof weekdays)[number]

/** When people are left in peace. */
export interface QuietHoursSettings {
  /** `HH:MM`, on the clocks of the person's time zone. */
  readonly from: string
  /** `HH:MM`, up to `24:00`; what is not after `from` is on the next day. */
  readonly to: string
  /** For people whose time zone is not known. */
  readonly timeZone: string
  /** The days on which they begin; every day by default. */
  readonly days?: readonly Weekday[] | undefined
  readonly classes: readonly MessageClass[]
}

/** What of a message, and of whom it goes to, says whether it has to wait. */
export interface QuietCandidate {
  readonly class: MessageClass
  readonly options: SendOptions
  readonly inResponseTo: { readonly id: string } | null
  readonly timeZone: string | null
}

/** Quiet hours that a message has come into. */
export interface Quiet {
  /** When they are over. */
  readonly until: number
  readonly reason: string
}

/** A message that has to wait. */
export interface PutOff {
  readonly at: number
  readonly reason: string
}

interface Span {
  readonly from: number
  readonly until: number
  readonly isQuiet: boolean
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Quiet hours of one day may go over into those of the next, for a week at the most. */
const MOST_DAYS = 8
/** Now, and the times that senders plan for. */
const MOST_SPANS = 8

/** Tells when a message has to wait for the end of the quiet hours. */
export class QuietHours {
  readonly #settings: QuietHoursSettings
  readonly #times: WallTimes
  /** What was found last for each zone: each holds for hours. */
  readonly #spans = new Map<string, readonly Span[]>()
  readonly #from: number
  readonly #length: number

  constructor(settings: QuietHoursSettings, times = new WallTimes()) {
    this.#settings = settings
    this.#times = times
    this.#from = minutesOf(settings.from)
    const length = minutesOf(settings.to) - this.#from
    this.#length = length > 0 ? length : length + 24 * 60
  }

  /** @returns undefined when the message may go at that moment */
  at(moment: number, message: QuietCandidate): Quiet | undefined {
    const { classes } = this.#settings
    if (!classes.includes(message.class) || message.inResponseTo !== null) return undefined
    if (message.options.despiteQuietHours === true) return undefined
    const zone = this.#zoneOf(message.timeZone)
    const { isQuiet, until } = this.#spanAt(moment, zone)
    if (!isQuiet) return undefined
    return { until, reason: `put off by quiet hours until ${new Date(until).toISOString()} (${zone})` }
  }

  /**
   * Until when a message that is due at `moment` has to wait: for the end of the quiet hours, or for its own.
   * @param expiresAt when it expires at the latest, whatever it waits for
   */
  putOff(moment: number, expiresAt: number | null, message: QuietCandidate): PutOff | undefined {
    const quiet = this.at(moment, message)
    if (quiet === undefined) return undefined
    return { at: Math.min(quiet.until, expiresAt ?? quiet.until), reason: quiet.reason }
  }

  #zoneOf(ofContact: string | null): string {
    return ofContact !== null && this.#times.isZone(ofContact) ? ofContact : this.#settings.timeZone
  }

  #spanAt(moment: number, zone: string): Span {
    const known = this.#spans.get(zone) ?? []
    const holding = known.find(({ from, until }) => from <= moment && moment < until)
    if (holding !== undefined) return holding
    const found = this.#find(moment, zone)
    this.#spans.set(zone, [found, ...known].slice(0, MOST_SPANS))
    return found
  }

  #find(moment: number, zone: string): Span {
    const local = this.#times.localOf(moment, zone)
    const today = Math.floor(local / DAY_MS) * DAY_MS
    const nights = Array.from({ length: MOST_DAYS + 2 }, (_, index) => this.#night(today + (index - 1) * DAY_MS, zone))
    const known = nights.filter((night): night is Span => night !== undefined)
    let until = moment
    for (const night of known) if (night.from <= until && until < night.until) until = night.until
    if (until > moment) return { from: moment, until, isQuiet: true }
    const next = known.find(({ from }) => from > moment)
    return { from: moment, until: next?.from ?? moment + DAY_MS, isQuiet: false }
  }

  /** The quiet hours that begin on a day; none on a day without, or where they fall into a time that is left out. */
  #night(day: number, zone: string): Span | undefined {
    const { days } = this.#settings
    const weekday = weekdays[new Date(day).getUTCDay()]
    if (days !== undefined && (weekday === undefined || !days.includes(weekday))) return undefined
    const begin = day + this.#from * MINUTE_MS
    // An hour that comes twice is quiet both times.
    const from = this.#times.momentsOf(begin, zone).first
    const until = this.#times.momentsOf(begin + this.#length * MINUTE_MS, zone).last
    return from < until ? { from, until, isQuiet: true } : undefined
  }
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}
