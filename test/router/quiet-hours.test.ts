import { expect } from 'chai'
import fc from 'fast-check'
import { WallTimes } from '../../src/messages/wall-time.ts'
import { type QuietCandidate, QuietHours, type QuietHoursSettings, weekdays } from '../../src/router/quiet-hours.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const zones = Intl.supportedValuesOf('timeZone')
const utc = (text: string) => Date.parse(`${text}Z`)
const candidate = (values: Partial<QuietCandidate> = {}): QuietCandidate => ({
  class: 'normal',
  options: {},
  inResponseTo: null,
  timeZone: null,
  ...values,
})
const night: QuietHoursSettings = { from: '21:00', to: '07:00', timeZone: 'UTC', classes: ['normal', 'bulk'] }
const until = (settings: Partial<QuietHoursSettings>, at: string, values: Partial<QuietCandidate> = {}) => {
  const quiet = new QuietHours({ ...night, ...settings }).at(utc(at), candidate(values))
  return quiet === undefined ? null : new Date(quiet.until).toISOString().slice(0, 16)
}

describe('quiet hours', () => {
  const rows: readonly (readonly [
    string,
    Partial<QuietHoursSettings>,
    string,
    string | null,
    Partial<QuietCandidate>?,
  ])[] = [
    ['not before they begin', {}, '2026-01-05T20:59:59', null],
    ['from their beginning', {}, '2026-01-05T21:00', '2026-01-06T07:00'],
    ['after midnight', {}, '2026-01-06T06:59:59', '2026-01-06T07:00'],
    ['not at their end', {}, '2026-01-06T07:00', null],
    ['within a day', { from: '12:00', to: '14:00' }, '2026-01-05T13:00', '2026-01-05T14:00'],
    ['until midnight', { from: '22:00', to: '24:00' }, '2026-01-05T23:00', '2026-01-06T00:00'],
    ['from midnight', { from: '00:00', to: '06:00' }, '2026-01-05T00:00', '2026-01-05T06:00'],
    ['on the days they begin on', { days: ['monday'] }, '2026-01-06T03:00', '2026-01-06T07:00'],
    ['not on other days', { days: ['tuesday'] }, '2026-01-06T03:00', null],
    [
      'over a weekend',
      { from: '00:00', to: '24:00', days: ['saturday', 'sunday'] },
      '2026-01-10T09:00',
      '2026-01-12T00:00',
    ],
    [
      'over six days',
      { from: '00:00', to: '24:00', days: weekdays.filter((day) => day !== 'monday') },
      '2026-01-06T09:00',
      '2026-01-12T00:00',
    ],
    ['by the person’s clock', {}, '2026-01-05T18:00', '2026-01-06T04:00', { timeZone: 'Africa/Nairobi' }],
    ['not by ours', {}, '2026-01-06T05:00', null, { timeZone: 'Africa/Nairobi' }],
    ['by ours where theirs is no zone', {}, '2026-01-06T05:00', '2026-01-06T07:00', { timeZone: 'Nairobi' }],
    ['for bulk', {}, '2026-01-06T05:00', '2026-01-06T07:00', { class: 'bulk' }],
    ['not for urgent', {}, '2026-01-06T05:00', null, { class: 'urgent' }],
    ['not for replies', {}, '2026-01-06T05:00', null, { class: 'reply' }],
    ['not for what answers, whatever its class', {}, '2026-01-06T05:00', null, { inResponseTo: { id: '1' } }],
    ['not for classes unnamed', { classes: ['bulk'] }, '2026-01-06T05:00', null],
    ['not for what goes all the same', {}, '2026-01-06T05:00', null, { options: { despiteQuietHours: true } }],
    [
      'a night in which clocks are put forward is shorter',
      { timeZone: 'Europe/Berlin' },
      '2026-03-28T20:00',
      '2026-03-29T05:00',
    ],
    ['one in which they are put back is longer', { timeZone: 'Europe/Berlin' }, '2026-10-24T19:00', '2026-10-25T06:00'],
    [
      'an end that is left out is when the clocks are put',
      { timeZone: 'Europe/Berlin', to: '02:30' },
      '2026-03-28T23:00',
      '2026-03-29T01:00',
    ],
    [
      'an end that comes twice is the second',
      { timeZone: 'Europe/Berlin', to: '02:30' },
      '2026-10-25T00:45',
      '2026-10-25T01:30',
    ],
    [
      'a beginning that comes twice is the first',
      { timeZone: 'Europe/Berlin', from: '02:30' },
      '2026-10-25T00:30',
      '2026-10-25T06:00',
    ],
    [
      'an hour that is left out as a whole is none',
      { timeZone: 'Europe/Berlin', from: '02:00', to: '03:00' },
      '2026-03-29T01:00',
      null,
    ],
  ]
  for (const [name, settings, at, expected, values] of rows) {
    it(`hold ${name}`, () => expect(until(settings, at, values)).to.equal(expected))
  }

  it('say why, and until when', () => {
    const quiet = new QuietHours(night).at(utc('2026-01-05T22:00'), candidate({ timeZone: 'Asia/Tokyo' }))
    expect(quiet).to.equal(undefined)
    expect(new QuietHours(night).at(utc('2026-01-05T22:00'), candidate())?.reason).to.equal(
      'put off by quiet hours until 2026-01-06T07:00:00.000Z (UTC)',
    )
  })

  it('last no longer than the message is of use', () => {
    const quiet = new QuietHours(night)
    const at = utc('2026-01-05T22:00')
    expect(quiet.putOff(at, at + 5, candidate())?.at).to.equal(at + 5)
    expect(quiet.putOff(at, null, candidate())?.at).to.equal(utc('2026-01-06T07:00'))
    expect(quiet.putOff(at, at + DAY_MS, candidate())?.at).to.equal(utc('2026-01-06T07:00'))
  })

  /** The definition itself, minute by minute: quiet is what lies between two times on the wall. */
  it('are what the clocks on the wall say, in every zone and on every night of a year', function () {
    this.timeout(60_000)
    const times = new WallTimes()
    const clock = fc.integer({ min: 0, max: 24 * 60 - 1 })
    const shown = (minutes: number) =>
      [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join(':')
    const whenever = fc.integer({ min: utc('2026-01-01T00:00') / MINUTE_MS, max: utc('2026-12-31T00:00') / MINUTE_MS })
    const changes = ['03-08', '03-22', '03-29', '04-05', '04-24', '09-06', '09-27', '10-04', '10-25', '10-30', '11-01']
    const aroundChanges = fc
      .tuple(fc.constantFrom(...changes), fc.integer({ min: -36 * 60, max: 48 * 60 }))
      .map(([day, minutes]) => utc(`2026-${day}T00:00`) / MINUTE_MS + minutes)
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        clock,
        clock,
        fc.oneof(whenever, aroundChanges),
        fc.subarray([...weekdays], { minLength: 1 }),
        (zone, from, to, minute, days) => {
          fc.pre(from !== to)
          const settings = { ...night, timeZone: zone, from: shown(from), to: shown(to), days }
          const quiet = new QuietHours(settings, times)
          const at = minute * MINUTE_MS
          const found = quiet.at(at, candidate())
          const offset = (moment: number) => times.localOf(moment, zone) - moment
          const isOrdinary = [-2, -1, 0, 1, 2].every((days) => offset(at + days * DAY_MS) === offset(at))
          if (isOrdinary) expect(found !== undefined, 'quiet').to.equal(isQuietOnTheWall(times.localOf(at, zone)))
          if (found === undefined) return
          expect(found.until).to.be.greaterThan(at)
          expect(found.until - at).to.be.at.most(7 * DAY_MS + 3 * 60 * MINUTE_MS)
          expect(quiet.at(found.until, candidate()), 'after their end').to.equal(undefined)
          expect(quiet.at(found.until - 1, candidate())?.until, 'just before').to.equal(found.until)
          expect(new QuietHours(settings, times).at(at, candidate())?.until, 'asked anew').to.equal(found.until)

          function isQuietOnTheWall(local: number): boolean {
            const day = Math.floor(local / DAY_MS)
            const now = Math.floor((local - day * DAY_MS) / MINUTE_MS)
            const begins = (which: number) => days.includes(weekdays[new Date(which * DAY_MS).getUTCDay()] ?? 'sunday')
            if (from < to) return begins(day) && from <= now && now < to
            return (begins(day) && from <= now) || (begins(day - 1) && now < to)
          }
        },
      ),
      { numRuns: 1_500 },
    )
  })

  it('are found as well when the clock jumps to and fro', () => {
    const quiet = new QuietHours(night)
    const fresh = (at: number) => new QuietHours(night).at(at, candidate())?.until
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (at) => {
        expect(quiet.at(at, candidate())?.until).to.equal(fresh(at))
      }),
    )
  })
})
