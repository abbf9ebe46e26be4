import { expect } from 'chai'
import fc from 'fast-check'
import type { Text } from '../../src/messages/incoming.ts'
import { chooseText } from '../../src/messages/language.ts'

describe('chooseText', () => {
  const texts = { en: 'Hello', es: 'Hola', 'pt-BR': 'Oi', pt: 'Olá' }
  const rows: readonly (readonly [string, Text, string | null, readonly string[], string])[] = [
    ['a plain text', 'Hi', 'es', ['en'], 'Hi'],
    ['the language', texts, 'es', ['en'], 'Hola'],
    ['the language with its region', texts, 'pt-BR', ['en'], 'Oi'],
    ['the language without a region it does not have', texts, 'es-MX', ['en'], 'Hola'],
    ['the language, not another region of it', texts, 'pt-PT', ['en'], 'Olá'],
    ['a language in other letters', texts, 'ES', ['en'], 'Hola'],
    ['a language with an underscore', texts, 'pt_br', ['en'], 'Oi'],
    ['the first of the languages of the project', texts, 'sw', ['es', 'en'], 'Hola'],
    ['the next of them', texts, 'sw', ['fr', 'en'], 'Hello'],
    ['that of a person whose language is not known', texts, null, ['es'], 'Hola'],
    ['the text that stands first, when there is no other way', texts, 'sw', ['fr'], 'Hello'],
    ['an empty language', texts, '', ['es'], 'Hola'],
    ['nothing of nothing', {}, 'en', ['en'], ''],
    ['an empty text of the language', { en: 'Hello', sw: '' }, 'sw', ['en'], ''],
    ['nothing that an object happens to have', { en: 'Hello' }, 'constructor', ['toString', 'en'], 'Hello'],
  ]
  for (const [name, text, language, fallbacks, chosen] of rows) {
    it(`chooses ${name}`, () => expect(chooseText(text, language, fallbacks)).to.equal(chosen))
  }

  it('always chooses one of the texts', () => {
    const tag = fc.constantFrom('en', 'es', 'pt', 'pt-BR', 'sw', 'zh_TW', '')
    fc.assert(
      fc.property(
        fc.dictionary(tag, fc.string(), { minKeys: 1 }),
        fc.option(tag),
        fc.array(tag),
        (text, language, fallbacks) => Object.values(text).includes(chooseText(text, language, fallbacks)),
      ),
    )
  })
})
