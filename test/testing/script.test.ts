import { expect } from 'chai'
import { defineApp } from 'sms-switchboard'
import { echo, ping } from 'sms-switchboard/apps'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { parseScript } from '../../src/testing/script.ts'

const shout = defineApp({
  name: 'shout',
  handle: (message) => (message.text.startsWith('!') ? message.respond(message.text.toUpperCase()) : undefined),
})
const twice = defineApp({
  name: 'twice',
  handle(message) {
    if (message.text !== 'twice') return undefined
    message.respond('one')
    return message.respond('two')
  },
})
const tell = defineApp({
  name: 'tell',
  handle: (message) =>
    message.text === 'tell' ? message.respond('psst', { to: { backend: 'fake', identity: '2' } }) : undefined,
})

describe('t.script', () => {
  let t: TestSwitchboard

  beforeEach(async () => {
    t = await testSwitchboard({
      apps: [echo(), ping(), shout, twice, tell],
      backends: { fake: fakeBackend(), other: fakeBackend() },
    })
  })
  afterEach(() => t.stop())

  const passing: readonly (readonly [string, string])[] = [
    ['a question and its answer', '8005551212 > echo hello\n8005551212 < hello'],
    ['blanks, comments and empty lines', '\n  # said twice\n\n  1 > echo a\n  1 < a\n\t1>echo b\n\t1<b  \n'],
    ['lines that end in CRLF', '1 > echo a\r\n1 < a\r\n'],
    ['a message that nobody answers', '1 > nothing\n1 > PING\n1 > ping\n1 < pong'],
    ['several answers in their order', '1 > twice\n1 < one\n1 < two'],
    ['answers of several people in any order', '1 > echo a\n2 > echo b\n2 < b\n1 < a'],
    ['several messages before their answers', '1 > echo a\n1 > echo b\n1 < a\n1 < b'],
    ['people of another backend', '1 > echo a\nother:1 > echo b\nother:1 < b\nfake:1 < a'],
    ['an identity that has a colon and names no backend', 'sip:ann > echo a\nsip:ann < a'],
    ['blanks at the ends of a text, in quotes', '1 > "  echo a "\n1 < "a "'],
    ['escapes in quotes', '1 > "!a\\n\\"b\\" \\u00e9"\n1 < "!A\\n\\"B\\" É"'],
    ['a text of several lines', '1 > !a\n| b\n|\n|  c\n1 < !A\n  | B\n  |\n  |  C'],
    ['arrows, hashes and bars within a text', '1 > !a < b > c # | d\n1 < !A < B > C # | D'],
    ['quotes that do not enclose the text', '1 > !say "hi"\n1 < !SAY "HI"'],
    ['an answer to somebody else', '1 > tell\n2 < psst'],
    ['an empty text', '1 >\n1 > ""'],
    ['nothing', ''],
  ]
  for (const [name, script] of passing) it(`plays ${name}`, () => t.script(script))

  const failing: readonly (readonly [string, string, string])[] = [
    [
      'a different answer',
      '1 > echo hello\n1 < hullo',
      'Line 2 of the script: 1 got something else (+) than expected (-)\n' +
        '     1  1 > echo hello\n' +
        '-    2  1 < hullo\n' +
        '+       1 < hello',
    ],
    [
      'a missing answer',
      '\n1 > nothing\n1 < hello',
      'Line 3 of the script: 1 did not get what was expected (-)\n     2  1 > nothing\n-    3  1 < hello',
    ],
    [
      'an unexpected answer',
      '1 > echo a\n1 < a\n1 > echo hello',
      'Line 3 of the script: 1 got something unexpected (+)\n     3  1 > echo hello\n+       1 < hello',
    ],
    [
      'an unexpected answer before the next message',
      '1 > twice\n1 < one\n1 > ping\n1 < pong',
      'Line 2 of the script: 1 got something unexpected (+)\n     1  1 > twice\n     2  1 < one\n+       1 < two',
    ],
    [
      'answers in another order',
      '1 > twice\n1 < two\n1 < one',
      'Line 2 of the script: 1 got something else (+) than expected (-)\n     1  1 > twice\n-    2  1 < two\n+       1 < one\n-    3  1 < one\n+       1 < two',
    ],
    [
      'one missing among several',
      '1 > twice\n1 < one\n1 < and\n1 < two',
      'Line 3 of the script: 1 did not get what was expected (-)\n     1  1 > twice\n     2  1 < one\n-    3  1 < and\n     4  1 < two',
    ],
    [
      'one too many among several',
      '1 > echo a\n1 > twice\n1 < a\n1 < two',
      'Line 3 of the script: 1 got something unexpected (+)\n     1  1 > echo a\n     2  1 > twice\n     3  1 < a\n+       1 < one\n     4  1 < two',
    ],
    [
      'an answer that came to somebody else',
      '1 > tell\n1 < psst',
      'Line 2 of the script: 1 did not get what was expected (-)\n     1  1 > tell\n-    2  1 < psst\n\n' +
        'Line 2 of the script: fake:2 got something unexpected (+)\n+       fake:2 < psst',
    ],
    [
      'an answer over another backend',
      '1 > echo a\nother:1 < a',
      'Line 1 of the script: 1 got something unexpected (+)\n     1  1 > echo a\n+       1 < a\n\n' +
        'Line 2 of the script: other:1 did not get what was expected (-)\n-    2  other:1 < a',
    ],
    [
      'blanks at the end that were not expected',
      '1 > "echo a "\n1 < a',
      'Line 2 of the script: 1 got something else (+) than expected (-)\n     1  1 > "echo a "\n-    2  1 < a\n+       1 < "a "',
    ],
  ]
  for (const [name, script, text] of failing) {
    it(`fails at ${name}`, async () => {
      const error = await t.script(script).catch((caught: unknown) => caught)
      expect(error).to.be.an('error').with.property('name', 'AssertionError')
      expect((error as Error).message).to.equal(text)
    })
  }

  it('says what the log says of an app that failed', async () => {
    const broken = await testSwitchboard({
      apps: [{ name: 'broken', handle: () => Promise.reject(new Error('no stock')) }],
    })
    const error = await broken.script('1 > buy\n1 < bought').catch((caught: unknown) => caught)
    await broken.stop()
    expect((error as Error).message).to.contain('The log says: an app failed; the message is tried again: no stock')
  })

  it('looks at what has left since the last script, when it begins with an answer', async () => {
    await t.send({ to: '1', text: 'first' })
    await t.script('1 < first')
    await t.send({ to: '1', text: 'second' })
    await t.script('1 < second')
  })

  it('begins afresh when it begins with a message', async () => {
    await t.send({ to: '1', text: 'before' })
    await t.script('1 > echo a\n1 < a')
  })
})

describe('parseScript', () => {
  const faults: readonly (readonly [string, RegExp])[] = [
    ['hello', /^Line 1 of the script cannot be read: expected is .*\n {2}hello$/],
    ['1 > a\n> b', /^Line 2 /],
    ['| more', /^Line 1 .*continues a text, and there is none/],
    ['1 > "a\\x"', /^Line 1 .*in quotes is read as JSON/],
    ['+1 555 > a', /^Line 1 /],
  ]
  for (const [script, text] of faults) {
    it(`refuses ${JSON.stringify(script)}`, () => {
      expect(() => parseScript(script, ['fake'])).to.throw(text)
    })
  }
})
