import { expect } from 'chai'
import { CountryGuess } from '../../../src/http/proxy/country.ts'
import { CountryDatabase } from '../../../src/http/proxy/country-database.ts'
import { acceptedLanguages, countriesOf } from '../../../src/http/proxy/languages.ts'
import { proxySettings } from '../../../src/http/proxy/settings.ts'
import type { Region } from '../../../src/messages/numbers.ts'
import { rejection } from '../../support/rejection.ts'

/** Addresses of Google's and of a German network, for decades in the hands of the same. */
const AMERICAN = '8.8.8.8'
const GERMAN = '2a02:8109::1'

describe('the languages of a browser', () => {
  const headers: readonly (readonly [
    header: string | undefined,
    languages: readonly string[],
    countries: readonly Region[],
  ])[] = [
    [undefined, [], []],
    ['', [], []],
    ['en-US,en;q=0.8,de;q=0.6', ['en-US', 'en', 'de'], ['US', 'DE']],
    ['de;q=0.5, en-GB;q=0.9', ['en-GB', 'de'], ['GB', 'DE']],
    ['de_AT', ['de-AT'], ['AT']],
    ['zh-Hant-TW', ['zh-Hant-TW'], ['TW']],
    ['sr-Latn-rs', ['sr-Latn-rs'], ['RS']],
    ['de', ['de'], ['DE']],
    ['en, es, pt, ar, sw', ['en', 'es', 'pt', 'ar', 'sw'], []],
    ['de;q=0, fr;q=x, it;q=2, nl;q', ['nl'], ['NL']],
    ['*, en-XX', ['en-XX'], []],
    ['constructor, __proto__;q=1', [], []],
    [`de,${'x'.repeat(1_000)}`, [], []],
  ]
  for (const [header, languages, countries] of headers) {
    it(`${JSON.stringify(header)?.slice(0, 60)}`, () => {
      expect(acceptedLanguages(header)).to.deep.equal(languages)
      expect(countriesOf(acceptedLanguages(header))).to.deep.equal(countries)
    })
  }
})

describe('the country of a national number', () => {
  let database: CountryDatabase
  before(async () => {
    database = await CountryDatabase.open()
  })

  const guess = (steps: object, hints: object, known: CountryDatabase | undefined = database) => {
    const { country } = proxySettings.parse({ country: { default: 'KE', ...steps } })
    return new CountryGuess(country, 'KE').countriesFor(
      { country: '', ip: '127.0.0.1', languages: [], ...hints },
      known,
    )
  }

  it('is told by the address, the languages and the settings, in this order', () => {
    expect(guess({}, { ip: GERMAN, languages: ['fr-FR', 'de'] })).to.deep.equal(['DE', 'FR', 'KE'])
    expect(guess({}, { ip: `::ffff:${AMERICAN}` })).to.deep.equal(['US', 'KE'])
    expect(guess({}, { ip: '127.0.0.1' })).to.deep.equal(['KE'])
    expect(guess({}, { ip: '::1' })).to.deep.equal(['KE'])
    expect(guess({}, { ip: 'nobody' })).to.deep.equal(['KE'])
  })

  it('is the one that is named, and no other', () => {
    expect(guess({}, { ip: GERMAN, country: 'it', languages: ['fr-FR'] })).to.deep.equal(['IT'])
    expect(guess({}, { ip: GERMAN, country: 'atlantis' })).to.deep.equal([])
  })

  it('leaves out what is switched off', () => {
    const hints = { ip: GERMAN, country: 'IT', languages: ['fr-FR'] }
    expect(guess({ parameter: false }, hints)).to.deep.equal(['DE', 'FR', 'KE'])
    expect(guess({ parameter: false, language: false }, hints)).to.deep.equal(['DE', 'KE'])
    // Switched off, no database is opened.
    const known = new CountryGuess(
      proxySettings.parse({ country: { parameter: false, language: false } }).country,
      undefined,
    )
    expect(known.countriesFor({ ...hints, languages: ['fr-FR'] }, undefined)).to.deep.equal([])
  })

  it('needs a database that can be read', async () => {
    const error = await rejection(CountryDatabase.open('/nowhere/countries.mmdb'))
    expect(error).to.include({ code: 'INVALID_INPUT' })
    expect(String(error)).to.match(/proxy\.country\.address: .*countries\.mmdb/)
    expect(await rejection(CountryDatabase.open(import.meta.filename))).to.include({ code: 'INVALID_INPUT' })
  })
})
