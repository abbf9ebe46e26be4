import { expect } from 'chai'
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
    ['Nairobi\nWest 4711', JSON.stringify({ of: 'Nairobi\nWest 4711' }), '{"of":"[text]\\n[text] [text]"}'],
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
