import { expect } from 'chai'
import { pattern } from 'sms-switchboard/apps'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

const adder = pattern(/^(\d+) plus (\d+)$/i, (message, { groups: [a, b] }) =>
  message.respond(`${a} + ${b} = ${Number(a) + Number(b)}`),
)

describe('pattern', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const rows: readonly (readonly [string, string | null])[] = [
    ['1 plus 2', '1 + 2 = 3'],
    ['1 PLUS 2', '1 + 2 = 3'],
    ['  1 plus 2', null],
    ['1 plus 2  ', null],
    ['1    plus 2', null],
    ['no match', null],
    ['1 plus 2\n', null],
    ['1 plus 2', '1 + 2 = 3'],
    ['١ plus 2', null],
  ]
  for (const [text, answer] of rows) {
    it(`${JSON.stringify(text)} gives ${JSON.stringify(answer)}`, async () => {
      t = await testSwitchboard({ apps: [adder] })
      await t.receive(text)
      expect(t.sent.map((message) => message.text)).to.deep.equal(answer === null ? [] : [answer])
    })
  }

  it('counts a match as handled, whatever the handler returns', async () => {
    let later = 0
    t = await testSwitchboard({ apps: [pattern(/^a/, () => false), { name: 'later', default: () => void later++ }] })
    await t.receive('abc')
    expect(later).to.equal(0)
  })

  it('matches anywhere unless it is anchored', async () => {
    t = await testSwitchboard({ apps: [pattern(/b(c)/, (message, { groups }) => message.respond(groups.join()))] })
    await t.script('1 > abcd\n1 < c')
  })

  it('does not remember its last match, also with the flag g', async () => {
    t = await testSwitchboard({ apps: [pattern(/a+/g, (message) => message.respond('yes'))] })
    await t.script('1 > aaaa\n1 < yes\n1 > a\n1 < yes')
  })

  it('gives named groups, an empty text for a group that took no part, and the whole context', async () => {
    const seen: unknown[] = []
    t = await testSwitchboard({
      apps: [
        pattern(/^(?<what>\w+)( now)?$/, async (_, { groups, named, context, contact, documents }) => {
          seen.push(groups, { ...named }, contact, await context.groups.of(), await documents.get('a', 'b'))
        }),
      ],
    })
    await t.receive('go')
    expect(seen).to.deep.equal([['go', ''], { what: 'go' }, null, [], undefined])
  })

  it('goes by its expression, or by the name given', async () => {
    t = await testSwitchboard({ apps: [] })
    expect(pattern(/^a$/, () => {}).name).to.equal('pattern:^a$')
    expect(pattern(/^a$/, () => {}, { name: 'first' }).name).to.equal('first')
  })
})
