import { expect } from 'chai'
import { SettingsError } from 'sms-switchboard'
import { httpBackend, httptester, kannel } from 'sms-switchboard/backends'
import { parseSettings } from '../../src/settings/parse.ts'

const connection = { sendsmsUrl: 'http://127.0.0.1:13013/cgi-bin/sendsms', username: 'u', password: 'p' }
const gateway = (own = {}) => httpBackend({ send: { url: 'http://127.0.0.1/send' }, ...own })

function commonOf(backend: unknown, general = {}) {
  const common = parseSettings({ apps: [], backends: { b: backend }, ...general }).backends.get('b')?.common
  if (common === undefined) throw new Error('no such backend')
  return common
}

function faultsOf(input: object): readonly string[] {
  try {
    parseSettings(input)
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

describe('settings of texts and numbers', () => {
  const usual = { accents: 'keep', punctuation: 'plain', maxParts: 3, tooLong: 'refuse' }
  const none = { ...usual, punctuation: 'keep', maxParts: Number.POSITIVE_INFINITY }
  const general = { text: { accents: 'strip', maxParts: 2 } }
  const rows = [
    { what: 'the usual rules', backend: gateway(), rules: usual },
    { what: 'what the kind says', backend: kannel(connection), rules: { ...usual, maxParts: 10 } },
    { what: 'none where no SMS leaves', backend: httptester(), rules: none },
    { what: 'the general ones over those', backend: httptester(), general, rules: { ...none, ...general.text } },
    {
      what: 'the backend’s own over all',
      backend: kannel({ ...connection, text: { maxParts: 6, tooLong: 'cut' } }),
      general,
      rules: { ...usual, accents: 'strip', maxParts: 6, tooLong: 'cut' },
    },
  ]
  for (const { what, backend, general, rules } of rows) {
    it(`yield ${what}`, () => expect(commonOf(backend, general).text).to.deep.equal(rules))
  }

  const regions = [
    { what: 'no region', backend: gateway(), numbers: { region: undefined } },
    { what: 'the general region', backend: gateway(), region: 'KE', numbers: { region: 'KE' } },
    { what: 'the general region for {}', backend: gateway({ numbers: {} }), region: 'KE', numbers: { region: 'KE' } },
    {
      what: 'its own region',
      backend: gateway({ numbers: { region: 'TZ' } }),
      region: 'KE',
      numbers: { region: 'TZ' },
    },
    { what: 'no numbers', backend: gateway({ numbers: false }), region: 'KE', numbers: false },
  ]
  for (const { what, backend, region, numbers } of regions) {
    it(`yield ${what}`, () => {
      const general = region === undefined ? {} : { numbers: { region } }
      expect(commonOf(backend, general).numbers).to.deep.equal(numbers)
    })
  }

  it('are faulty together, each with its path', () => {
    const own = { text: { maxParts: 0, tooLong: 'drop' }, numbers: { region: 'Kenya' } }
    const faults = faultsOf({
      apps: [],
      backends: { b: gateway(own) },
      text: { accents: 'stripped', maxPart: 2 },
      numbers: { region: 'ke' },
    })
    expect(faults).to.have.members([
      'text.accents: one of "keep", "strip" is expected',
      'text.maxPart: there is no such setting; did you mean "maxParts"?',
      'numbers.region: a country of ISO 3166-1 is expected, such as KE',
      'backends.b.text.maxParts: at least 1 is expected',
      'backends.b.text.tooLong: one of "refuse", "cut", "split" is expected',
      'backends.b.numbers.region: a country of ISO 3166-1 is expected, such as KE',
    ])
  })

  it('refuse true for numbers', () => {
    expect(faultsOf({ apps: [], backends: { b: gateway({ numbers: true }) } }).join()).to.match(
      /^backends\.b\.numbers: /,
    )
  })
})
