import { expect } from 'chai'
import fc from 'fast-check'
import { WallTimes } from '../../src/messages/wall-time.ts'

const HOUR_MS = 3_600_000
const zones = [...Intl.supportedValuesOf('timeZone'), 'UTC']
const times = new WallTimes()
const utc = (text: string) => Date.parse(`${text}Z`)
const shown = (moment: number) => new Date(moment).toISOString()

describe('times on the wall', () => {
  const rows: readonly (readonly [string, string, string, string, string?])[] = [
    ['an ordinary time', 'Africa/Nairobi', '2026-06-01T21:00', '2026-06-01T18:00:00.000Z'],
    ['a zone of half hours', 'Asia/Kathmandu', '2026-06-01T07:00', '2026-06-01T01:15:00.000Z'],
    ['before clocks are put forward', 'Europe/Berlin', '2026-03-29T01:59', '2026-03-29T00:59:00.000Z'],
    ['a time that is left out', 'Europe/Berlin', '2026-03-29T02:30', '2026-03-29T01:00:00.000Z'],
    ['after clocks are put forward', 'Europe/Berlin', '2026-03-29T03:00', '2026-03-29T01:00:00.000Z'],
    [
      'a time that comes twice',
      'Europe/Berlin',
      '2026-10-25T02:30',
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:30:00.000Z',
    ],
    [
      'twice by half an hour',
      'Australia/Lord_Howe',
      '2026-04-05T01:45',
      '2026-04-04T14:45:00.000Z',
      '2026-04-04T15:15:00.000Z',
    ],
    ['a day that is left out', 'Pacific/Apia', '2011-12-30T12:00', '2011-12-30T10:00:00.000Z'],
    ['midnight that is left out', 'Africa/Cairo', '2026-04-24T00:00', '2026-04-23T22:00:00.000Z'],
  ]
  for (const [name, zone, local, first, last = first] of rows) {
    it(`${name}: ${local} in ${zone}`, () => {
      const moments = times.momentsOf(utc(local), zone)
      expect([shown(moments.first), shown(moments.last)]).to.deep.equal([first, last])
    })
  }

  it('come back as what they were made of, in every zone', () => {
    const moment = fc.integer({ min: utc('1980-01-01T00:00'), max: utc('2037-12-31T00:00') })
    fc.assert(
      fc.property(fc.constantFrom(...zones), moment, (zone, at) => {
        const { first, last } = times.momentsOf(times.localOf(at, zone), zone)
        expect(first === at || last === at, `${zone} ${shown(at)}`).to.equal(true)
      }),
      { numRuns: 2_000 },
    )
  })

  it('that are left out begin with the next ones, in every zone', () => {
    const start = utc('2026-01-01T00:00')
    let leftOut = 0
    for (const zone of zones) {
      for (let at = start; at < start + 365 * 24 * HOUR_MS; at += HOUR_MS * 24) {
        const offset = times.localOf(at, zone) - at
        const later = times.localOf(at + 24 * HOUR_MS, zone) - at - 24 * HOUR_MS
        if (later <= offset) continue
        // Somewhere in this day the clocks are put forward.
        let [low, high] = [at, at + 24 * HOUR_MS]
        while (low < high) {
          const middle = Math.floor((low + high) / 2)
          if (times.localOf(middle, zone) - middle === later) high = middle
          else low = middle + 1
        }
        leftOut++
        const inside = low + offset + (later - offset) / 2
        expect(times.momentsOf(inside, zone), zone).to.deep.equal({ first: low, last: low })
      }
    }
    expect(leftOut).to.be.greaterThan(50)
  })

  it('know which zones there are', () => {
    expect(['Africa/Nairobi', 'UTC', 'Etc/GMT-3'].map((zone) => times.isZone(zone))).to.deep.equal([true, true, true])
    expect(['', 'Nairobi', 'Africa/Nairobi ', 'x'.repeat(1_000)].map((zone) => times.isZone(zone))).to.deep.equal([
      false,
      false,
      false,
      false,
    ])
    expect(() => times.localOf(0, 'Nairobi')).to.throw(RangeError, 'There is no time zone "Nairobi".')
  })
})
