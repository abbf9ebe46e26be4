import { expect } from 'chai'
import fc from 'fast-check'
import { SegmentedMessage } from 'sms-segments-calculator'
import { isGsmText, measureText } from '../../src/messages/gsm.ts'

// 3GPP TS 23.038, 6.2.1: the rows of the table by their codes, ESC (0x1B) written as a blank string.
const BASIC_ROWS = [
  ['@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å'],
  ['Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '', 'Æ', 'æ', 'ß', 'É'],
  [' ', '!', '"', '#', '¤', '%', '&', "'", '(', ')', '*', '+', ',', '-', '.', '/'],
  ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?'],
  ['¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O'],
  ['P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§'],
  ['¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o'],
  ['p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à'],
]
const BASIC = BASIC_ROWS.flat().filter((char) => char !== '')
// 6.2.1.1
const EXTENSION = ['\f', '^', '{', '}', '\\', '[', '~', ']', '|', '€']
// Characters of one code point and no joining, so that the oracle's graphemes are ours.
const OTHERS = ['ç', 'Á', 'ё', 'Ж', '你', 'あ', 'ا', '😀', '🚀', '𝒳', '`', 'ẞ', '\t']

/** The oracle knows neither form feed nor that a line end may be CR LF without being one grapheme. */
const forOracle = (chars: readonly string[]) => chars.filter((char) => char !== '\f' && char !== '\r')

describe('measureText', () => {
  it('knows the whole default alphabet and nothing twice', () => {
    expect(BASIC).to.have.length(127)
    expect(new Set(BASIC).size).to.equal(127)
    for (const char of BASIC) expect(measureText(char), char).to.deep.equal({ encoding: 'GSM-7', units: 1, parts: 1 })
  })

  it('counts the extension characters twice', () => {
    for (const char of EXTENSION)
      expect(measureText(char), char).to.deep.equal({ encoding: 'GSM-7', units: 2, parts: 1 })
  })

  it('takes UCS-2 for all other characters of the basic plane', () => {
    const gsm = new Set([...BASIC, ...EXTENSION])
    for (let code = 0; code < 0xd800; code++) {
      const char = String.fromCharCode(code)
      if (isGsmText(char) !== gsm.has(char)) throw new Error(`U+${code.toString(16)} is taken for the other encoding`)
    }
    expect(isGsmText('\u001b'), 'the escape itself').to.equal(false)
  })

  const rows: readonly (readonly [string, string, ReturnType<typeof measureText>])[] = [
    ['nothing', '', { encoding: 'GSM-7', units: 0, parts: 1 }],
    ['a full single part', 'a'.repeat(160), { encoding: 'GSM-7', units: 160, parts: 1 }],
    ['one more', 'a'.repeat(161), { encoding: 'GSM-7', units: 161, parts: 2 }],
    ['two full joined parts', 'a'.repeat(306), { encoding: 'GSM-7', units: 306, parts: 2 }],
    ['one more than two', 'a'.repeat(307), { encoding: 'GSM-7', units: 307, parts: 3 }],
    ['an extension character as the 160th', `${'a'.repeat(158)}€`, { encoding: 'GSM-7', units: 160, parts: 1 }],
    ['one that does not fit any more', `${'a'.repeat(159)}€`, { encoding: 'GSM-7', units: 161, parts: 2 }],
    [
      'one on the border of two parts goes into the next whole',
      `${'a'.repeat(152)}€${'a'.repeat(152)}`,
      { encoding: 'GSM-7', units: 306, parts: 3 },
    ],
    [
      'one right before the border',
      `${'a'.repeat(151)}€${'a'.repeat(153)}`,
      { encoding: 'GSM-7', units: 306, parts: 2 },
    ],
    ['a full single part of UCS-2', 'ж'.repeat(70), { encoding: 'UCS-2', units: 70, parts: 1 }],
    ['one more', 'ж'.repeat(71), { encoding: 'UCS-2', units: 71, parts: 2 }],
    ['two full joined parts of UCS-2', 'ж'.repeat(134), { encoding: 'UCS-2', units: 134, parts: 2 }],
    ['one more than two', 'ж'.repeat(135), { encoding: 'UCS-2', units: 135, parts: 3 }],
    ['a surrogate pair as the 70th', `${'ж'.repeat(68)}😀`, { encoding: 'UCS-2', units: 70, parts: 1 }],
    ['one that does not fit any more', `${'ж'.repeat(69)}😀`, { encoding: 'UCS-2', units: 71, parts: 2 }],
    [
      'one on the border of two parts is not cut apart',
      `${'ж'.repeat(66)}😀${'ж'.repeat(66)}`,
      { encoding: 'UCS-2', units: 134, parts: 3 },
    ],
    ['an extension character is one unit of UCS-2', 'ж€', { encoding: 'UCS-2', units: 2, parts: 1 }],
    ['half a surrogate pair is one unit', '\ud83d', { encoding: 'UCS-2', units: 1, parts: 1 }],
  ]
  for (const [title, text, size] of rows) {
    it(`${title}: ${size.units} in ${size.parts}`, () => expect(measureText(text)).to.deep.equal(size))
  }

  it('agrees with sms-segments-calculator', () => {
    const gsm = fc.array(fc.constantFrom(...forOracle([...BASIC, ...EXTENSION])), { maxLength: 500 })
    const borders = fc
      .tuple(
        fc.integer({ min: 140, max: 165 }),
        fc.constantFrom('€', '[', '😀', 'ж', 'a'),
        fc.integer({ max: 320, min: 0 }),
      )
      .map(([before, char, after]) => ['a'.repeat(before), char, 'b'.repeat(after)])
    const ucs2 = fc.array(fc.constantFrom(...forOracle([...BASIC, ...EXTENSION, ...OTHERS])), { maxLength: 300 })
    fc.assert(
      fc.property(fc.oneof(gsm, borders, ucs2), (chars) => {
        const text = chars.join('')
        const oracle = new SegmentedMessage(text)
        const { encoding, parts } = measureText(text)
        expect(encoding).to.equal(oracle.encodingName)
        expect(parts).to.equal(Math.max(1, oracle.segmentsCount))
      }),
      { numRuns: 400 },
    )
  })

  it('counts units and bounds parts for any string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const { encoding, units, parts } = measureText(text)
        expect(encoding === 'GSM-7').to.equal(isGsmText(text))
        if (encoding === 'UCS-2') expect(units).to.equal(text.length)
        const [single, joined] = encoding === 'GSM-7' ? [160, 153] : [70, 67]
        if (units <= single) expect(parts).to.equal(1)
        else expect(parts).to.be.within(Math.ceil(units / joined), Math.ceil(units / (joined - 1)))
      }),
    )
  })
})
