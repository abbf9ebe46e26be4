import { expect } from 'chai'
import fc from 'fast-check'
import { SegmentedMessage } from 'sms-segments-calculator'
import { GSM_BASIC, GSM_EXTENSION, isGsmText, measureText } from '../../src/messages/gsm.ts'
import { type RuledText, ruledText, type TextRules, writtenText } from '../../src/messages/text-rules.ts'

const RULES: TextRules = { accents: 'keep', punctuation: 'plain', maxParts: 3, tooLong: 'refuse' }
const rules = (changed: Partial<TextRules>): TextRules => ({ ...RULES, ...changed })

/** @throws when the text was refused */
function textsOf(ruled: RuledText): readonly string[] {
  if ('refused' in ruled) throw new Error(ruled.refused)
  return ruled.texts
}

const graphemesOf = (text: string) =>
  Array.from(new Intl.Segmenter('und', { granularity: 'grapheme' }).segment(text), ({ segment }) => segment)

const units = [
  ...GSM_BASIC,
  ...GSM_EXTENSION,
  ...'’“–…\u00a0«ç\tЖ你ا`',
  '😀',
  'e\u0301',
  '🇰🇪',
  '👩‍👩‍👧',
  '\r\n',
  'x\u0300\u0301\u0302',
  'नि',
] as const
const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...units), maxLength: 1_200 }),
  fc.string({ unit: fc.constantFrom('a', 'b', ' ', '“', '…', '😀', 'e\u0301'), maxLength: 1_200 }),
  fc.string({ unit: 'binary', maxLength: 600 }),
)
const anyRules: fc.Arbitrary<TextRules> = fc.record({
  accents: fc.constantFrom('keep', 'strip'),
  punctuation: fc.constantFrom('plain', 'keep'),
  maxParts: fc.integer({ min: 1, max: 5 }),
  tooLong: fc.constantFrom('refuse', 'cut', 'split'),
})

describe('punctuation: plain', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['quotes', '“It’s” ‘fine’ „so“ «là» ‹so› ′ ″ `', '"It\'s" \'fine\' "so" "là" \'so\' \' " \''],
    ['dashes', '5–6 — a‑b − c ‐ d', '5-6 - a-b - c - d'],
    ['an ellipsis', 'Wait…', 'Wait...'],
    ['blanks', 'KES\u00a0500\u202fa\u2009b\tc', 'KES 500 a b c'],
    ['what takes no place', 're\u00adset\u200b\ufeff', 'reset'],
    ['ends of lines', 'a\u2028b', 'a\nb'],
    ['bullets', '• one', '* one'],
    ['letters with a mark behind them', 'cafe\u0301 man\u0303ana', 'café mañana'],
    ['nothing of GSM 03.38', 'é è ñ ü Ç € [x] ~ "a" \'b\'', 'é è ñ ü Ç € [x] ~ "a" \'b\''],
    ['nothing where UCS-2 is needed all the same', '“Привет” – 😀…', '“Привет” – 😀…'],
  ]
  for (const [what, text, written] of rows) {
    it(`writes ${what}`, () => expect(writtenText(text, RULES)).to.equal(written))
  }

  it('is off with keep', () => expect(writtenText('It’s', rules({ punctuation: 'keep' }))).to.equal('It’s'))
})

describe('accents: strip', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['Czech', 'Příliš žluťoučký kůň', 'Prilis zlutoucky kun'],
    ['Turkish', 'Şişli ığdır', 'Sisli igdir'],
    ['Cyrillic', 'Привет', 'Privet'],
    ['only what GSM 03.38 lacks', 'ça va, été, mañana', 'ca va, été, mañana'],
    ['nothing of a text that is GSM 03.38 already', 'été', 'été'],
    ['marks that stand alone', 's\u030c a\u030b', 's a'],
    ['nothing where a character has no writing', 'ž \ue000', 'ž \ue000'],
  ]
  for (const [what, text, written] of rows) {
    it(`writes ${what}`, () => expect(writtenText(text, rules({ accents: 'strip' }))).to.equal(written))
  }

  it('does so whatever is said of punctuation', () => {
    expect(writtenText('“ž”', rules({ accents: 'strip', punctuation: 'keep' }))).to.equal('"z"')
  })
})

describe('texts that are too long', () => {
  const sizes: readonly (readonly [string, string, boolean])[] = [
    ['three full parts', 'a'.repeat(459), true],
    ['one septet more', 'a'.repeat(460), false],
    ['three full parts of UCS-2', 'ж'.repeat(201), true],
    ['one character more', 'ж'.repeat(202), false],
    ['what is long in UCS-2 alone, by its punctuation', `${'a'.repeat(300)}’`, true],
    ['nothing', '', true],
  ]
  for (const [what, text, taken] of sizes) {
    it(`refuse: ${what} ${taken ? 'goes' : 'does not go'}`, () => {
      const ruled = ruledText(text, RULES)
      if (taken) expect(textsOf(ruled)).to.have.length(1)
      else
        expect(ruled)
          .to.have.property('refused')
          .that.matches(/^text: its 4 parts .* more than the 3 /)
    })
  }

  it('are cut with a mark', () => {
    const ruled = ruledText('a'.repeat(500), rules({ tooLong: 'cut' }))
    expect(ruled).to.deep.equal({ texts: [`${'a'.repeat(456)}...`], leftOut: 44 })
  })

  const graphemes = ['😀', '🇰🇪', '👩‍👩‍👧', 'e\u0323\u0301', 'नि']
  for (const grapheme of graphemes) {
    it(`are not cut inside ${grapheme}`, () => {
      for (let before = 0; before < 12; before++) {
        const text = 'ж'.repeat(before) + grapheme.repeat(100)
        const [cut = ''] = textsOf(ruledText(text, rules({ tooLong: 'cut', maxParts: 1 })))
        const kept = cut.slice(0, -3)
        expect(graphemesOf(text).slice(0, graphemesOf(kept).length).join('')).to.equal(kept)
        expect(measureText(cut).parts).to.equal(1)
      }
    })
  }

  it('are refused when a character alone is too long', () => {
    const zalgo = `a${'\u0301'.repeat(500)}`
    for (const tooLong of ['cut', 'split'] as const) {
      expect(ruledText(zalgo, rules({ tooLong, maxParts: 1 }))).to.have.property('refused')
    }
  })

  it('are split at blanks, with numbers', () => {
    const words = Array.from({ length: 100 }, (_, index) => `word${index}`).join(' ')
    const texts = textsOf(ruledText(words, rules({ tooLong: 'split', maxParts: 1 })))
    expect(texts).to.have.length(5)
    for (const [index, text] of texts.entries()) {
      expect(text).to.match(new RegExp(`^word\\d+ .* word\\d+ \\(${index + 1}/5\\)$`))
      expect(measureText(text).parts).to.equal(1)
    }
    expect(texts.map((text) => text.replace(/ \(\d+\/\d+\)$/, '')).join(' ')).to.equal(words)
  })

  it('are split into more than nine, and refused beyond twenty', () => {
    const split = rules({ tooLong: 'split', maxParts: 1 })
    const texts = textsOf(ruledText('a'.repeat(1_600), split))
    expect(texts).to.have.length(11)
    expect(texts[10]).to.match(/a \(11\/11\)$/)
    expect(ruledText('a'.repeat(160 * 20), split))
      .to.have.property('refused')
      .that.contains('20 messages')
  })
})

describe('the rules for any text', () => {
  it('are at rest: applied again, they change nothing', () => {
    fc.assert(
      fc.property(anyText, anyRules, (given, applied) => {
        const ruled = ruledText(given.toWellFormed(), applied)
        if ('refused' in ruled) return
        for (const text of ruled.texts) expect(ruledText(text, applied)).to.deep.equal({ texts: [text], leftOut: 0 })
      }),
      { numRuns: 300 },
    )
  })

  it('keep to the limit, with well-formed texts', () => {
    fc.assert(
      fc.property(anyText, anyRules, (given, applied) => {
        const ruled = ruledText(given.toWellFormed(), applied)
        expect('refused' in ruled ? ruled.refused : 'text: ').to.match(/^text: /)
        for (const text of 'refused' in ruled ? [] : ruled.texts) {
          expect(measureText(text).parts).to.be.at.most(applied.maxParts)
          expect(text.isWellFormed()).to.equal(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('lose nothing but blanks when a text is split, and cut no character apart', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 3 }), (given, maxParts) => {
        const text = given.toWellFormed()
        const ruled = ruledText(text, { accents: 'keep', punctuation: 'keep', maxParts, tooLong: 'split' })
        if ('refused' in ruled || ruled.texts.length === 1) return
        const pieces = ruled.texts.map((piece) => piece.replace(/ \(\d+\/\d+\)$/, ''))
        expect(pieces.flatMap(withoutBlanks)).to.deep.equal(withoutBlanks(text))
      }),
      { numRuns: 300 },
    )
  })

  it('never take a text from GSM-7 to UCS-2, and touch none in vain', () => {
    fc.assert(
      fc.property(anyText, anyRules, (given, applied) => {
        const text = given.toWellFormed()
        const written = writtenText(text, applied)
        expect(written === text || isGsmText(written)).to.equal(true)
        if (isGsmText(text)) expect(written).to.equal(text)
      }),
      { numRuns: 300 },
    )
  })

  it('agree with sms-segments-calculator on what is too long', () => {
    const lengths = fc.tuple(fc.integer({ min: 0, max: 500 }), fc.constantFrom('a', '€', 'ж', '😀', 'é'))
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 4 }), ([length, char], maxParts) => {
        const text = `x${char.repeat(length)}`
        const isRefused = 'refused' in ruledText(text, rules({ maxParts }))
        expect(isRefused).to.equal(new SegmentedMessage(text).segmentsCount > maxParts)
      }),
    )
  })
})

function withoutBlanks(text: string): readonly string[] {
  return graphemesOf(text).filter((grapheme) => !/^\s+$/.test(grapheme))
}
