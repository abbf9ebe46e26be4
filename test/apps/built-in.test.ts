import { expect } from 'chai'
import type { App } from 'sms-switchboard'
import { defaultReply, echo, keyword, ping } from 'sms-switchboard/apps'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

describe('apps that come along', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const table = (name: string, app: () => App, rows: readonly (readonly [string, string | null])[]) => {
    describe(name, () => {
      for (const [text, answer] of rows) {
        it(`${JSON.stringify(text)} gives ${JSON.stringify(answer)}`, async () => {
          t = await testSwitchboard({ apps: [app()] })
          await t.receive(text)
          expect(t.sent.map((message) => message.text)).to.deep.equal(answer === null ? [] : [answer])
        })
      }
    })
  }

  const help = 'To echo some text, send: ECHO <ANYTHING>'
  table('echo', echo, [
    ['echo', help],
    ['echo  ', help],
    ['echo hello', 'hello'],
    ['EcHo hello', 'hello'],
    ['  echo hello', 'hello'],
    ['echo     hello', 'hello'],
    ['echo hello  ', 'hello  '],
    ['echo hello!', 'hello!'],
    ['nope', null],
  ])

  table('ping', ping, [
    ['ping', 'pong'],
    ['   ping', null],
    ['ping   ', null],
    ['PiNg', null],
    ['ping pong', null],
  ])

  const sorry = 'Sorry, Switchboard could not understand your message.'
  table('defaultReply', defaultReply, [['anything', sorry]])
  table('defaultReply that says nothing', () => defaultReply({ text: null }), [['anything', null]])
  table('defaultReply with a text', () => defaultReply({ text: 'hello' }), [['anything', 'hello']])
  table(
    'defaultReply with the name of the project',
    () => defaultReply({ text: 'hello %(project_name)s, %(project_name)s', projectName: 'world' }),
    [['anything', 'hello world, world']],
  )

  it('defaultReply keeps silent when another app has handled the message', async () => {
    t = await testSwitchboard({ apps: [echo(), defaultReply({ text: 'sorry' })] })
    await t.script('0700001 > echo hello\n0700001 < hello\n0700001 > what\n0700001 < sorry')
  })

  it('defaultReply speaks the language of the person', async () => {
    const join = keyword('jiunge', (_, context) => context.contacts.create({ name: 'Asha', language: 'sw' }))
    const text = { en: 'Sorry, says %(project_name)s.', sw: 'Samahani, %(project_name)s.' }
    t = await testSwitchboard({ apps: [join, defaultReply({ text, projectName: 'Duka' })] })
    await t.script(`
      0700001 > what
      0700001 < Sorry, says Duka.
      0700001 > jiunge
      0700001 > nini
      0700001 < Samahani, Duka.
    `)
  })
})
