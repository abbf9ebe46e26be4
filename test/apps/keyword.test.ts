import { expect } from 'chai'
import { type KeywordContext, type KeywordOptions, keyword } from 'sms-switchboard/apps'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

const HELP = 'helpful text'

/** What an app with this keyword answers: the help text, the rest, or nothing. */
async function answers(words: string, text: string, options: KeywordOptions = {}): Promise<readonly string[]> {
  const app = keyword(
    words,
    {
      help: (message) => message.respond(HELP),
      handle: (message, { rest }) => message.respond(rest),
    },
    options,
  )
  const t = await testSwitchboard({ apps: [app] })
  await t.receive(text)
  await t.stop()
  return t.sent.map((message) => message.text)
}

/** As RapidSMS's own tests of its KeywordHandler; both modes agree on them. */
const common: readonly (readonly [string, string | null])[] = [
  ['no match', null],
  ['hello', HELP],
  ['hello ', HELP],
  ['hello      ', HELP],
  ['hello,', HELP],
  ['hello,,', HELP],
  ['hello:', HELP],
  ['hello::', HELP],
  ['hello;', HELP],
  ['hello;;', HELP],
  ['hello,;:', HELP],
  ['hello,;,;:', HELP],
  ['hello\n', HELP],
  ['hello world', 'world'],
  ['hello,world', 'world'],
  ['hello:world', 'world'],
  ['hello;world', 'world'],
  ['hello;,:,:world', 'world'],
  ['HeLlO World', 'World'],
  ['hello            world', 'world'],
  ['hello world     ', 'world     '],
  ['    hello world', 'world'],
  ['hello x , : ; sdf    ,:   ', 'x , : ; sdf    ,:   '],
  ['hello x \n y \n z', 'x \n y \n z'],
  ['hello \n x y z', 'x y z'],
  ['hello\u00a0world', 'world'],
  ['say hello', null],
  ['', null],
]

describe('keyword', () => {
  for (const legacy of [false, true]) {
    for (const [text, answer] of common) {
      it(`hello${legacy ? ' (legacy)' : ''}: ${JSON.stringify(text)} gives ${JSON.stringify(answer)}`, async () => {
        expect(await answers('hello', text, { legacy })).to.deep.equal(answer === null ? [] : [answer])
      })
    }
  }

  /** Words, text, what ours gives, what RapidSMS and `legacy` give. */
  const different: readonly (readonly [string, string, string | null, string | null])[] = [
    ['echo', 'echofoo', null, 'foo'],
    ['register', 'registered bob', null, 'ed bob'],
    ['join', 'joint bob', null, 't bob'],
    ['reg|register', 'register bob', 'bob', 'ister bob'],
    ['register|reg', 'register bob', 'bob', 'bob'],
    ['register|reg', 'reg bob', 'bob', 'bob'],
    ['sign up', 'sign up bob', 'bob', null],
    ['sign up', 'sign  up', HELP, null],
    ['sign up', 'signup bob', null, 'bob'],
    ['echo', 'echo1', null, '1'],
    ['echo', 'echo_a', null, '_a'],
    ['echo', 'echo-a', '-a', '-a'],
    ['echo', 'echo?', '?', '?'],
    ['caf', 'café noir', null, 'é noir'],
    ['café', 'CAFÉ noir', 'noir', 'noir'],
    ['cafe', 'café', null, null],
    ['a.c', 'abc x', null, 'x'],
    ['a.c', 'a.c x', 'x', 'x'],
    ['привет', 'ПРИВЕТ мир', 'мир', 'мир'],
    ['c++', 'c++ now', 'now', null],
    ['vote-now', 'Vote-Now yes', 'yes', 'yes'],
  ]
  for (const [words, text, ours, theirs] of different) {
    if (words !== 'c++') {
      it(`${words} (legacy): ${JSON.stringify(text)} gives ${JSON.stringify(theirs)}`, async () => {
        expect(await answers(words, text, { legacy: true })).to.deep.equal(theirs === null ? [] : [theirs])
      })
    }
    it(`${words}: ${JSON.stringify(text)} gives ${JSON.stringify(ours)}`, async () => {
      expect(await answers(words, text)).to.deep.equal(ours === null ? [] : [ours])
    })
  }

  it('may hold every mark of ASCII but the one between words', async () => {
    for (const mark of '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{}~') {
      expect(await answers(`a${mark}b`, `a${mark}b rest`), mark).to.deep.equal(['rest'])
    }
  })

  describe('as an app', () => {
    let t: TestSwitchboard
    afterEach(() => t.stop())

    it('counts a match as handled, whatever the handler returns', async () => {
      const later: string[] = []
      for (const returned of [undefined, false, 'text', Promise.resolve(false)]) {
        t = await testSwitchboard({
          apps: [
            keyword('a', () => returned),
            {
              name: 'later',
              handle: ({ text }) => void later.push(`handle ${text}`),
              default: ({ text }) => void later.push(`default ${text}`),
            },
          ],
        })
        await t.receive('a')
        expect(t.logs.filter(({ level }) => level === 'warn')).to.deep.equal([])
        await t.stop()
      }
      expect(later).to.deep.equal([])
    })

    it('waits for a handler that takes its time, and fails with it', async () => {
      t = await testSwitchboard({
        apps: [
          keyword('slow', async (message) => {
            await new Promise((resolve) => setImmediate(resolve))
            message.respond('done')
          }),
          keyword('fail', () => Promise.reject(new Error('boom'))),
        ],
      })
      await t.script('1 > slow\n1 < done')
      const { id } = await t.receive('fail')
      expect(await t.store.log.find(id)).to.include({ state: 'RECEIVED', error: 'boom' })
    })

    it('gives a lone keyword with an empty rest to one function', async () => {
      t = await testSwitchboard({ apps: [keyword('a|b', (message, context) => message.respond(`[${context.rest}]`))] })
      await t.script('1 > a\n1 < []\n1 > B  x \n1 < [x]')
    })

    it('gives the whole context, the keyword as it was written, and the handlers themselves', async () => {
      const seen: unknown[] = []
      const handlers = {
        answer: 'from this',
        handle(_: unknown, context: KeywordContext) {
          seen.push(context.keyword, context.rest, context.contact, typeof context.documents.get, this.answer)
        },
      }
      t = await testSwitchboard({ apps: [keyword('sign up', handlers)] })
      await t.receive('SIGN  Up now')
      expect(seen).to.deep.equal(['SIGN  Up', 'now', null, 'function', 'from this'])
    })

    it('goes by the first word, or by the name given', () => {
      expect(keyword('register|reg', () => {}).name).to.equal('keyword:register')
      expect(keyword('a', () => {}, { name: 'first' }).name).to.equal('first')
    })

    for (const words of ['', ' ', '|', ' | ']) {
      it(`refuses ${JSON.stringify(words)}, which has no word`, () => {
        expect(() => keyword(words, () => {})).to.throw(TypeError, /at least one word is expected/)
      })
    }
  })
})
