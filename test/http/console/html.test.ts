import { expect } from 'chai'
import fc from 'fast-check'
import { html } from '../../../src/http/console/html.ts'
import { page } from '../../../src/http/console/page.ts'
import { toShown } from '../../../src/http/console/shown-message.ts'
import { testerContent } from '../../../src/http/console/tester-page.ts'
import { testerScript } from '../../../src/http/console/tester-script.ts'

describe('HTML of the console', () => {
  it('escapes values and keeps HTML', () => {
    const { text } = html`<a title="${`"'`}">${'<b>&'}${3}${html`<i>${'<'}</i>`}${[html`<u></u>`, html`<s></s>`]}</a>`
    expect(text).to.equal('<a title="&quot;&#39;">&lt;b&gt;&amp;3<i>&lt;</i><u></u><s></s></a>')
  })

  it('lets no text become markup, wherever it stands on the tester page', () => {
    const plain = tagsOf(tester('text'))
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', '/', '=', ' ', 'x', '-', '!', '`') }),
        (text) => {
          expect(tagsOf(tester(text))).to.deep.equal(plain)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('has no inline script, style or handler', () => {
    const text = tester('text')
    expect(text).not.to.match(/<style|\sstyle=|\son\w+=|javascript:/i)
    expect(text.match(/<script[^>]*>/g)).to.deep.equal(['<script src="/console/tester.js" defer>'])
    expect(text).not.to.match(/(?:src|href|action)="(?!\/console\/|#)/)
  })

  it('has a script that parses and puts texts in as texts', () => {
    expect(() => new Function(testerScript)).not.to.throw()
    expect(testerScript).not.to.match(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/)
  })
})

function tester(text: string): string {
  const message = {
    seq: 1,
    id: text,
    direction: 'out',
    backend: text,
    identity: text,
    address: null,
    text,
    state: 'ERROR',
    at: 0,
    externalId: null,
    inResponseTo: null,
    template: null,
    error: text,
    tries: 1,
  } as const
  const content = testerContent({
    projectName: text,
    backends: [text, `${text}2`],
    backend: text,
    identity: `${text}.`,
    conversations: [{ identity: text, last: text }],
    messages: [toShown(message)],
  })
  return page({ title: text, className: 'tester', script: '/console/tester.js', content })
}

/** The names of all tags with the names of their attributes, values left out. */
function tagsOf(page: string): readonly string[] {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/="[^"]*"/g, '='))
}
