import { expect } from 'chai'
import { SettingsError } from 'sms-switchboard'
import { httptester } from 'sms-switchboard/backends'
import { parseSettings } from '../../src/settings/parse.ts'

const parsed = (more: object) => parseSettings({ apps: [], backends: { b: httptester() }, ...more })

function faultsOf(more: object): readonly string[] {
  try {
    parsed(more)
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

describe('settings of templates', () => {
  it('take a text, one for each language, or either with what else holds', () => {
    const { templates, printable } = parsed({
      templates: {
        plain: 'Hello {{ name }}',
        both: { en: 'Hello', sw: 'Habari' },
        whole: { body: { en: 'Hello' }, active: false, allowDuplicates: false },
      },
    })
    expect([...templates]).to.deep.equal([
      ['plain', { body: 'Hello {{ name }}', active: true, allowDuplicates: true }],
      ['both', { body: { en: 'Hello', sw: 'Habari' }, active: true, allowDuplicates: true }],
      ['whole', { body: { en: 'Hello' }, active: false, allowDuplicates: false }],
    ])
    expect(printable['templates']).to.deep.equal(Object.fromEntries(templates))
  })

  it('may be left out', () => {
    const { templates, templateRules } = parsed({})
    expect([...templates]).to.deep.equal([])
    expect(templateRules).to.equal(undefined)
  })

  it('are frozen', () => {
    const { templates } = parsed({ templates: { both: { en: 'Hello' } } })
    expect(Object.isFrozen(templates.get('both')?.body)).to.equal(true)
    expect(() => (templates as Map<string, unknown>).set('x', 1)).to.throw('frozen')
  })

  it('take a rule for all templates, or one for each', () => {
    const rule = () => true
    expect(parsed({ templateRules: rule }).templateRules).to.equal(rule)
    expect(parsed({ templateRules: { stored: rule } }).templateRules).to.deep.equal({ stored: rule })
  })

  const rows: [what: string, more: object, faults: readonly (string | RegExp)[]][] = [
    ['no object', { templates: [] }, ['templates: an object is expected: the templates by their names']],
    ['a name that is none', { templates: { 'a b': 'A' } }, [/^templates\.a b: a name of letters/]],
    ['no text', { templates: { a: 3 } }, ['templates.a: a text is expected, or one for each language']],
    ['an empty text', { templates: { a: '' } }, ['templates.a: a text is expected, not an empty one']],
    ['wrong syntax', { templates: { a: '{{ name' } }, [/^templates\.a: output .* not closed, line:1, col:1$/]],
    [
      'wrong syntax in two languages and a body',
      { templates: { a: { en: 'A', sw: '{% if %}', fr: '\n{{' }, b: { body: { en: '{% x %}' } }, c: { body: '{{' } } },
      [
        /^templates\.a\.sw: .*line:1/,
        /^templates\.a\.fr: .*line:2/,
        /^templates\.b\.body\.en: .*"x"/,
        /^templates\.c\.body: /,
      ],
    ],
    ['a language that is none', { templates: { a: { 'e n': 'A' } } }, [/^templates\.a\.e n: the tag of a language/]],
    [
      'a slip',
      { templates: { a: { body: 'A', activ: true } } },
      ['templates.a.activ: there is no such setting; did you mean "active"?'],
    ],
    [
      'a mark that is none',
      { templates: { a: { body: 'A', active: 1 } } },
      ['templates.a.active: true or false is expected'],
    ],
    ['no rule', { templateRules: 3 }, ['templateRules: a function is expected, or one for each template']],
    ['one rule that is none', { templateRules: { a: true } }, ['templateRules.a: a function is expected']],
    ['a slip in the name', { template: {} }, ['template: there is no such setting; did you mean "templates"?']],
  ]
  for (const [what, more, faults] of rows) {
    it(`tell of ${what}`, () => {
      const found = faultsOf(more)
      expect(found).to.have.length(faults.length)
      faults.forEach((fault, index) => {
        if (typeof fault === 'string') expect(found[index]).to.equal(fault)
        else expect(found[index]).to.match(fault)
      })
    })
  }
})
