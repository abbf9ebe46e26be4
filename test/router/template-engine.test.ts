import { expect } from 'chai'
import fc from 'fast-check'
import { TemplateEngine, TemplateFault } from '../../src/router/template-engine.ts'

/** Of the machine that runs this beside other things; the engine's own limit is half a second. */
const LONGEST_MS = 5_000

describe('the template engine', function () {
  this.timeout(60_000)
  const engine = new TemplateEngine()

  function faultOf(work: () => unknown): TemplateFault {
    try {
      work()
    } catch (error) {
      expect(error).to.be.instanceOf(TemplateFault)
      return error as TemplateFault
    }
    throw new Error('nothing was thrown')
  }

  const written: [body: string, values: Record<string, unknown>, text: string][] = [
    ['Hello {{ name }}', { name: 'Ann' }, 'Hello Ann'],
    ['{{ person.name }} owes {{ sum }}', { person: { name: 'Bo' }, sum: 12.5 }, 'Bo owes 12.5'],
    ['Dear {{ title | default: "friend" }}', {}, 'Dear friend'],
    ['{% if late %}Pay now{% else %}Thank you{% endif %}', {}, 'Thank you'],
    [
      '{% for item in items %}{{ item }}{% unless forloop.last %}, {% endunless %}{% endfor %}',
      { items: [1, 2] },
      '1, 2',
    ],
    ['{% for n in (1..count) %}{{ n }}{% endfor %}', { count: 3 }, '123'],
    ['{{ name | upcase }}{{ list | join: "-" }}', { name: 'ö', list: ['a', 'b'] }, 'Öa-b'],
    ['Ann & <Bo> {{ text }}', { text: '<b>"&\'' }, 'Ann & <Bo> <b>"&\''],
    [
      '{{ at | date: "%H:%M" }} {{ at | date: "%A %H:%M", "Africa/Nairobi" }}',
      { at: '2026-01-05T09:00:00Z' },
      '09:00 Monday 12:00',
    ],
    ['so.. (a..b) ... {{ nothing }}.', { nothing: null }, 'so.. (a..b) ... .'],
    ['{% raw %}{{ name }}{% endraw %}', {}, '{{ name }}'],
    ['{{ half }}', { half: 'a\ud83d' }, 'a\ufffd'],
    ['{{ "__proto__" }}{% assign __proto__ = 1 %}', {}, '__proto__'],
  ]
  for (const [body, values, text] of written) {
    it(`writes ${body}`, () => expect(engine.render(body, values)).to.equal(text))
  }

  const unparsed: [body: string, fault: RegExp][] = [
    ['', /empty/],
    ['  \n', /empty/],
    ['{{ name', /not closed, line:1, col:1/],
    ['\n\n{% if a %}', /not closed, line:3, col:1/],
    ['{% endif %}', /"endif" not found/],
    ['{% unknown %}', /"unknown" not found/],
    ['{% include "x" %}', /"include" not found/],
    ['{% render "x" %}', /"render" not found/],
    ['{% layout "/etc/passwd" %}', /"layout" not found/],
    ['{% block a %}{% endblock %}', /"block" not found/],
    ['{% tablerow i in (1..2) %}{% endtablerow %}', /"tablerow" not found/],
    ['{{ a | nofilter }}', /nofilter/],
    ['{{ a | where_exp: "i", "i" }}', /where_exp/],
    ['{{ a | constructor }}', /constructor/],
    ['{{ a |', /not closed/],
    ['{% for i in (9007199254740992..9007199254740995) %}{% endfor %}', /a range begins with a number.*line:1/],
    ['{% for i in (low..3) %}{% endfor %}', /a range begins with a number/],
    ['{% for i in ("900719925474099200"..x) %}{% endfor %}', /a range begins with a number/],
    ['a'.repeat(10_001), /at most 10000 characters/],
  ]
  for (const [body, fault] of unparsed) {
    it(`refuses to parse ${JSON.stringify(body.slice(0, 60))}`, () => {
      expect(engine.fault(body)).to.match(fault)
      expect(faultOf(() => engine.render(body, {})).message).to.match(fault)
    })
  }

  const unwritten: [body: string, values: Record<string, unknown>, variable: string][] = [
    ['{{ nmae }}', { name: 'Ann' }, 'nmae'],
    ['{{ person.nmae }}', { person: { name: 'Ann' } }, 'person.nmae'],
    ['{% if true %}{{ deep }}{% endif %}', {}, 'deep'],
    ['{{ a | append: b }}', { a: 'x' }, 'b'],
    ['{{ constructor }}', {}, 'constructor'],
    ['{{ toString }}', {}, 'toString'],
    ['{{ __proto__ }}', {}, '__proto__'],
    ['{{ a.constructor.constructor }}', { a: {} }, 'a.constructor'],
    ['{{ a["__proto__"] }}', { a: {} }, 'a.__proto__'],
  ]
  for (const [body, values, variable] of unwritten) {
    it(`names the variable that ${body} has no value for`, () => {
      expect(engine.fault(body)).to.equal(undefined)
      const fault = faultOf(() => engine.render(body, values))
      expect(fault.variable).to.equal(variable)
      expect(fault.message).to.match(/^there is no value for ".*", line:1, col:\d+$/)
    })
  }

  const hostile: [what: string, body: string, values: Record<string, unknown>][] = [
    ['a range of a billion', '{% for i in (1..1000000000) %}a{% endfor %}', {}],
    ['a range to a number that cannot be counted to', '{% for i in (1..n) %}a{% endfor %}', { n: 2 ** 53 }],
    [
      'a range that is hidden in a value',
      '{{ list | where: path }}',
      { list: [{}], path: 'x[(9007199254740992..9007199254740995)]' },
    ],
    [
      'loops in loops',
      '{% for a in x %}{% for b in x %}{% for c in x %}{% endfor %}{% endfor %}{% endfor %}',
      { x: Array(1_000).fill(1) },
    ],
    [
      'doubling by a filter',
      '{% assign s = "aaaaaaaa" %}{% for i in (1..99) %}{% assign s = s | append: s %}{% endfor %}',
      {},
    ],
    [
      'doubling by capture',
      '{% assign s = "aaaaaaaa" %}{% for i in (1..99) %}{% capture s %}{{ s }}{{ s }}{% endcapture %}{% endfor %}{% if s == "a" %}{% endif %}',
      {},
    ],
    [
      'doubling of a list',
      '{% assign l = "a,b" | split: "," %}{% for i in (1..99) %}{% assign l = l | concat: l %}{% endfor %}',
      {},
    ],
    ['a long text', '{% for i in (1..9999) %}ab{% endfor %}', {}],
    ['a wide date', '{{ "2026-01-01" | date: "%1000000000d" }}', {}],
    ['a replacement of nothing', '{{ a | replace: "", a }}', { a: 'a'.repeat(90_000) }],
    ['an object in place of a text', '{{ a }}', { a: { b: 1 } }],
    ['what pretends to be a text', '{{ a | append: "x" }}', { a: { toString: 'x', valueOf: 1 } }],
    ['brackets without end', `{{ ${'('.repeat(5_000)} }}`, {}],
    ['names within names', `{{ a${'[a'.repeat(1_500)}${']'.repeat(1_500)} }}`, { a: { a: 1 } }],
    ['a time zone that is none', '{{ "2026-01-01" | date: "%H", "Nowhere/Land" }}', {}],
  ]
  for (const [what, body, values] of hostile) {
    it(`gives up ${what}`, () => {
      const began = performance.now()
      faultOf(() => engine.render(body, values))
      expect(performance.now() - began).to.be.lessThan(LONGEST_MS)
    })
  }

  it('neither changes the values, nor anything outside', () => {
    const values = { a: { b: 1 }, list: [3, 1, 2] }
    const copy = structuredClone(values)
    engine.render(
      '{% increment a %}{% assign list = list | sort %}{{ list | reverse | join }}{% increment __proto__ %}',
      { list: [1], a: 1 },
    )
    engine.render('{% assign a = 3 %}{{ list | sort | join }}', values)
    expect(values).to.deep.equal(copy)
    expect(({} as Record<string, unknown>)['a']).to.equal(undefined)
  })

  it('has no way out of the values, whatever body and values are, and always ends', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '{{',
        '}}',
        '{%',
        '%}',
        '(1..',
        '..',
        '|',
        '"',
        "'",
        '[',
        ']',
        ' a ',
        ' for i in ',
        ' endfor ',
        ' if ',
        ' endif ',
      ),
      fc.constantFrom(
        '{{ a }}',
        '{{ b.constructor }}',
        '{{ a | append: a }}',
        '{% assign a = b %}',
        '{% for i in b %}',
        '{% endfor %}',
      ),
      fc.constantFrom(
        '{{ process }}',
        '{{ globalThis }}',
        '{{ require }}',
        '{% capture a %}',
        '{% endcapture %}',
        '{{ b | map: "constructor" }}',
      ),
      fc.string({ maxLength: 8 }),
    )
    const body = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''))
    const values = fc.dictionary(
      fc.constantFrom('a', 'b', 'i', '__proto__', 'constructor'),
      fc.jsonValue({ maxDepth: 3 }),
    )
    fc.assert(
      fc.property(body, values, (text, given) => {
        const began = performance.now()
        try {
          expect(engine.render(text, JSON.parse(JSON.stringify(given)))).to.not.match(
            /function|\[native code|at Object/,
          )
        } catch (error) {
          if (!(error instanceof TemplateFault)) throw error
        }
        expect(performance.now() - began).to.be.lessThan(LONGEST_MS)
        expect(Object.keys(Object.prototype)).to.deep.equal([])
      }),
      { numRuns: 500 },
    )
  })
})
