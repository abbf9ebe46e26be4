import { expect } from 'chai'
import fc from 'fast-check'
import { readDialledNumber } from '../../src/messages/dialled-number.ts'
import type { Region } from '../../src/messages/numbers.ts'

const read: readonly (readonly [given: string, regions: readonly Region[], e164: string | undefined])[] = [
  ['017612345678', ['DE'], '+4917612345678'],
  ['0176/123 456-78', ['DE'], '+4917612345678'],
  ['+49 (0)176 12345678', [], '+4917612345678'],
  ['+49 176 12345678', ['US'], '+4917612345678'],
  ['004917612345678', ['US'], '+4917612345678'],
  ['01149 176 12345678', ['US'], '+4917612345678'],
  ['4917612345678', ['DE'], '+4917612345678'],
  ['4917612345678', [], '+4917612345678'],
  ['(212) 555-1234', ['US'], '+12125551234'],
  ['٠١٧٦١٢٣٤٥٦٧٨', ['DE'], '+4917612345678'],
  ['\u202a+49 176 12345678\u202c', [], '+4917612345678'],
  ['017612345678', ['US', 'DE'], '+4917612345678'],
  ['0712345678', ['KE', 'DE'], '+254712345678'],
  ['017612345678', [], undefined],
  ['017612345678', ['US'], undefined],
  ['0176123456', ['DE'], undefined],
  ['12', ['DE'], undefined],
  ['', ['DE'], undefined],
  ['+', ['DE'], undefined],
  ['1-800-FLOWERS', ['US'], undefined],
  ['+49 176 12345678 ext. 5', [], undefined],
  ['call 017612345678 now', ['DE'], undefined],
  ['09001234567', ['DE'], undefined],
  ['+1 900 555 1234', [], undefined],
  ['0800 1234567', ['DE'], undefined],
]

describe('a dialled number', () => {
  for (const [given, regions, e164] of read) {
    it(`${JSON.stringify(given)} from ${regions.join(', ') || 'nowhere'} is ${e164 ?? 'none'}`, () => {
      expect(readDialledNumber(given, regions)?.e164).to.equal(e164)
    })
  }

  it('is shown as people read it, with its country', () => {
    const german = { e164: '+4917612345678', shown: '+49 176 12345678', region: 'DE', isNorthAmerican: false }
    expect(readDialledNumber('017612345678', ['DE'])).to.deep.equal(german)
    expect(readDialledNumber('+1 868 291 1234', [])).to.include({ region: 'TT', isNorthAmerican: true })
  })

  it('may be merely possible where that is asked for', () => {
    expect(readDialledNumber('0176123456', ['DE'], 'possible')?.e164).to.equal('+49176123456')
    expect(readDialledNumber('09001234567', ['DE'], 'possible')).to.equal(undefined)
    expect(readDialledNumber('12', ['DE'], 'possible')).to.equal(undefined)
  })

  it('is E.164, whatever was given', () => {
    const piece = fc.oneof(
      fc.constantFrom('+', '00', '0', '49', '176', ' ', '-', '(', ')', ';ext=', 'tel:', '\0'),
      fc.string(),
    )
    const given = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join('')),
    )
    const regions = fc.subarray<Region>(['DE', 'US', 'KE', 'IT'])
    fc.assert(
      fc.property(given, regions, fc.constantFrom('valid', 'possible'), (text, from, check) => {
        const number = readDialledNumber(text, from, check)
        if (number !== undefined) expect(number.e164).to.match(/^\+[1-9]\d{4,16}$/)
      }),
      { numRuns: 500 },
    )
  })
})
