import { expect } from 'chai'
import fc from 'fast-check'
import { withoutText, withoutWhole } from '../../src/settings/text-mask.ts'

const SENTENCE = 'My PIN is 4711, says Wanjikũ (please [help] me)'

describe('what an error says of a text', () => {
  const kept: readonly (readonly [text: string, error: string])[] = [
    ['in', 'cannot read index 11 of the village in line 1'],
    ['1', 'row 1 of 10: 1 village is missing'],
    ['a', 'Cannot read properties of undefined (reading "name")'],
    ['ok', 'the token is not ok'],
    ['the', 'neither the app nor the others'],
    ['nect', 'connect ECONNREFUSED 10.0.0.1:80'],
    ['ion tim', 'connection time: 1 s'],
    ['', 'a failure'],
    [' \n ', 'a failure in a line'],
    ['.*', 'a failure: 1'],
    ['😀', 'a 😀 failure'],
    ['my pin', 'mypin, amy pine'],
  ]
  for (const [text, error] of kept) {
    it(`stays, of "${text}": ${error}`, () => {
      expect(withoutText(error, text)).to.equal(error)
    })
  }

  const masked: readonly (readonly [text: string, error: string, shown: string])[] = [
    [SENTENCE, `cannot read "${SENTENCE}" (1)`, 'cannot read "[text]" (1)'],
    [SENTENCE, SENTENCE, '[text]'],
    [SENTENCE, `x: ${SENTENCE.toUpperCase()}`, 'x: [text]'],
    [SENTENCE, 'no such person: WANJIKŨ in 4711', 'no such person: [text] in [text]'],
    [SENTENCE, 'the person_Wanjikũ', 'the person_[text]'],
    ['Nairobi\nWest 4711', JSON.stringify({ of: 'Nairobi\nWest 4711' }), '{"of":"[text]"}'],
    ['Nairobi\nWest 4711', 'at "Kibera\\nNairobi\\nWest"', 'at "Kibera\\n[text]\\n[text]"'],
    ['temp 4711', 'C:\\temp', 'C:\\[text]'],
    ['моя п-2', 'GET /?q=%D0%BC%D0%BE%D1%8F%20%D0%BF-2 answered 500', 'GET /?q=[text] answered 500'],
    ['моя п-2', 'GET /?q=%D0%BC%D0%BE%D1%8F+%D0%BF-2 answered 500', 'GET /?q=[text] answered 500'],
    ['ab: cd', 'fault\tin ab:\n  cd, ab:  cd', 'fault\tin [text], [text]'],
    ['ΟΔΟΣ 12', 'no οδος, no οδοσ', 'no [text], no [text]'],
    ['wanjikũ', 'İİ knows WANJIKŨ', 'İİ knows [text]'],
    ['code 4711', 'GET /?code=%204711 answered 500', 'GET /?[text]=%20[text] answered 500'],
    ['two  words', 'two words', '[text]'],
    ['in', 'no such village: "in"', 'no such village: "[text]"'],
    ['in', "no such village 'IN' in", "no such village '[text]' in"],
    ['1', 'is it 1? : 1', 'is it 1? : [text]'],
    ['1', JSON.stringify({ index: 1, error: 'no "1"' }), '{"index":1,"error":"no \\"[text]\\""}'],
    ['.*', 'no such pattern: .*', 'no such pattern: [text]'],
    ['नमस्ते', 'शब्द नमस्ते', 'शब्द [text]'],
    ['基贝拉', '找不到基贝拉村', '找不到[text]村'],
  ]
  for (const [text, error, shown] of masked) {
    it(`is taken out, of "${text}": ${error}`, () => {
      expect(withoutText(error, text)).to.equal(shown)
    })
  }

  for (const mark of '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~') {
    it(`is taken out with ${mark} in it`, () => {
      for (const text of [`to${mark}me`, `${mark}ab${mark}`, mark.repeat(4), `a ${mark} b${mark}`]) {
        expect(withoutText(`not: "${text}" (1)`, text), text).to.match(/^not: "?\[text\]"? \(1\)$/)
        expect(withoutWhole(`not: ${text}`, text), text).to.equal('not: [text]')
      }
    })
  }

  for (const text of ['\ud83d\ud83d\ud83d\ud83d', 'to-\udc00 me', '\ud83dab\udc00']) {
    it(`is taken out of what is no Unicode: ${JSON.stringify(text)}`, () => {
      expect(withoutText(`not: "${text}" (1)`, text)).to.equal('not: "[text]" (1)')
      expect(withoutWhole(`not: ${text}`, text)).to.equal('not: [text]')
    })
  }

  it('is never the whole text, whatever characters it has', () => {
    const units = fc.array(fc.oneof(fc.integer({ min: 0, max: 0x7f }), fc.integer({ min: 0, max: 0xffff })), {
      minLength: 4,
      maxLength: 40,
    })
    const texts = units.map((codes) => String.fromCharCode(...codes).trim()).filter((text) => [...text].length >= 4)
    fc.assert(
      fc.property(texts, (text) => {
        fc.pre(!/[␂␃]/.test(text))
        expect(withoutText(`␂${text}␃`, text)).to.equal('␂[text]␃')
        expect(withoutWhole(`␂${text}␃`, text)).to.equal('␂[text]␃')
      }),
    )
  })

  it('is the mask alone where it is no text', () => {
    const nothing = Object.freeze({ toWellFormed: undefined }) as unknown as string
    expect(withoutText('of 4711', nothing)).to.equal('[text]')
    expect(withoutWhole('of 4711', nothing)).to.equal('[text]')
  })

  it('is found within bounds, however long the text', () => {
    const text = `${'(a+)+ '.repeat(200_000)} Wanjikũ`
    const began = performance.now()
    expect(withoutText(`${'a'.repeat(2_000)} 4711`, text)).to.match(/ 4711$/)
    expect(performance.now() - began).to.be.lessThan(1_000)
  })

  it('leaves the words of a sentence alone that are within others', () => {
    expect(withoutWhole('Sent SMS to +254: en', 'en')).to.equal('Sent SMS to +254: [text]')
    expect(withoutWhole('Sent: $&', '$&')).to.equal('Sent: [text]')
  })
})
