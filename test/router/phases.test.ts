import { expect } from 'chai'
import type { App, IncomingMessage } from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

type PhaseName = 'filter' | 'parse' | 'handle' | 'default' | 'cleanup' | 'outgoing'
type Behaviour = (message: IncomingMessage) => unknown

const names: readonly PhaseName[] = ['filter', 'parse', 'handle', 'default', 'cleanup', 'outgoing']

/** An app that notes its calls and does what it is told in some phases. */
function traced(name: string, trace: string[], behaviours: Partial<Record<PhaseName, Behaviour>> = {}): App {
  const phases = names.map((phase) => [
    phase,
    (message: IncomingMessage) => {
      trace.push(`${name}.${phase}`)
      return behaviours[phase]?.(message)
    },
  ])
  return { name, ...Object.fromEntries(phases) } as App
}

interface Row {
  readonly name: string
  readonly a?: Partial<Record<PhaseName, Behaviour>>
  readonly b?: Partial<Record<PhaseName, Behaviour>>
  readonly calls: string
  readonly sent?: readonly string[]
}

const all = 'a.filter b.filter a.parse b.parse a.handle b.handle a.default b.default a.cleanup b.cleanup'
const respond = (text: string) => (message: IncomingMessage) => void message.respond(text)
const respondTrue = (text: string) => (message: IncomingMessage) => message.respond(text)

const rows: readonly Row[] = [
  { name: 'calls every phase, phase by phase over the apps in their order', calls: all },
  {
    name: 'calls outgoing in the reverse order',
    a: { parse: respond('hello') },
    calls: `${all} b.outgoing a.outgoing`,
    sent: ['hello'],
  },
  {
    name: 'drops a message that a filter answers with true; cleanup runs all the same',
    a: { filter: () => true },
    calls: 'a.filter a.cleanup b.cleanup',
  },
  {
    name: 'awaits what a filter answers',
    a: { filter: async () => true },
    calls: 'a.filter a.cleanup b.cleanup',
  },
  {
    name: 'sends responses queued before a filter dropped the message',
    a: { filter: respond('go away') },
    b: { filter: () => true },
    calls: 'a.filter b.filter a.cleanup b.cleanup b.outgoing a.outgoing',
    sent: ['go away'],
  },
  { name: 'goes on after a filter that answers false', a: { filter: () => false }, calls: all },
  {
    name: 'ends the phase handle, and the default phase, by true; cleanup runs all the same',
    a: { handle: () => true },
    calls: 'a.filter b.filter a.parse b.parse a.handle a.cleanup b.cleanup',
  },
  {
    name: 'takes a response returned as the end of handle',
    a: { handle: respondTrue('hello') },
    calls: 'a.filter b.filter a.parse b.parse a.handle a.cleanup b.cleanup b.outgoing a.outgoing',
    sent: ['hello'],
  },
  {
    name: 'asks the default phase too where an app responds without answering true: two replies',
    a: { handle: respond('one') },
    b: { default: respond('two') },
    calls: `${all} b.outgoing a.outgoing b.outgoing a.outgoing`,
    sent: ['one', 'two'],
  },
  {
    name: 'skips the default phase when a message was marked as handled by hand',
    a: {
      parse: (message) => {
        message.handled = true
      },
    },
    calls: 'a.filter b.filter a.parse b.parse a.handle b.handle a.cleanup b.cleanup',
  },
  {
    name: 'ends the default phase by true',
    a: { default: () => true },
    calls: 'a.filter b.filter a.parse b.parse a.handle b.handle a.default a.cleanup b.cleanup',
  },
  { name: 'does not mind what parse answers', a: { parse: () => true }, calls: all },
  {
    name: 'runs every cleanup, whatever one of them throws',
    a: {
      cleanup() {
        throw new Error('cleanup is broken')
      },
    },
    calls: all,
  },
  { name: 'does not mind what cleanup answers', a: { cleanup: () => true }, calls: all },
  {
    name: 'sends what cleanup responds',
    b: { cleanup: respond('bye') },
    calls: `${all} b.outgoing a.outgoing`,
    sent: ['bye'],
  },
  {
    name: 'cancels a message that outgoing answers with false, and asks no further app',
    a: { parse: respond('hello') },
    b: { outgoing: () => false },
    calls: `${all} b.outgoing`,
    sent: [],
  },
  {
    name: 'sends a message that outgoing answers with true',
    a: { parse: respond('hello'), outgoing: () => true },
    calls: `${all} b.outgoing a.outgoing`,
    sent: ['hello'],
  },
  {
    name: 'cancels one of several responses alone',
    a: {
      parse: (message) => {
        message.respond('one')
        message.respond('two')
      },
    },
    b: { outgoing: (message) => message.text !== 'one' },
    calls: `${all} b.outgoing b.outgoing a.outgoing`,
    sent: ['two'],
  },
  {
    name: 'sends the text that outgoing makes of it, each app after the one before',
    a: {
      parse: respond('x'),
      outgoing: (message) => {
        message.text += 'a'
      },
    },
    b: {
      outgoing: (message) => {
        message.text += 'b'
      },
    },
    calls: `${all} b.outgoing a.outgoing`,
    sent: ['xba'],
  },
  {
    name: 'lets later phases see the text that parse made of it',
    a: {
      parse: (message) => {
        message.text = message.text.toUpperCase()
      },
    },
    b: { handle: (message) => message.respond(`${message.text} was ${message.rawText}`) },
    calls: 'a.filter b.filter a.parse b.parse a.handle b.handle a.cleanup b.cleanup b.outgoing a.outgoing',
    sent: ['HELLO was hello'],
  },
]

describe('phases', () => {
  let t: TestSwitchboard | undefined
  afterEach(() => t?.stop())

  for (const { name, a, b, calls, sent = [] } of rows) {
    it(name, async () => {
      const trace: string[] = []
      t = await testSwitchboard({ apps: [traced('a', trace, a), traced('b', trace, b)] })
      await t.receive('hello')
      expect(trace.join(' ')).to.equal(calls)
      expect(t.sent.map(({ text }) => text)).to.deep.equal(sent)
    })
  }

  describe('what is no exact true or false', () => {
    const truthy: readonly (readonly [string, unknown])[] = [
      ['1', 1],
      ['a text', 'yes'],
      ['an object', {}],
      ['a promise of 1', Promise.resolve(1)],
    ]
    for (const phase of ['filter', 'handle', 'default'] as const) {
      for (const [what, answer] of truthy) {
        it(`does not stop ${phase} by ${what}, and warns once`, async () => {
          const trace: string[] = []
          t = await testSwitchboard({ apps: [traced('a', trace, { [phase]: () => answer }), traced('b', trace)] })
          await t.receive('hello')
          await t.receive('hello')
          expect(trace.join(' ')).to.equal(`${all} ${all}`)
          const warnings = t.logs.filter(({ level }) => level === 'warn')
          expect(warnings).to.have.length(1)
          expect(warnings[0]?.fields).to.include({ app: 'a', phase })
        })
      }
    }

    for (const answer of [0, '', null, Number.NaN]) {
      it(`sends a message that outgoing answers with ${JSON.stringify(answer)}, without a warning`, async () => {
        t = await testSwitchboard({ apps: [traced('a', [], { outgoing: () => answer, parse: respond('hello') })] })
        await t.receive('hello')
        expect(t.sent).to.have.length(1)
        expect(t.logs.filter(({ level }) => level === 'warn')).to.deep.equal([])
      })
    }

    for (const phase of ['parse', 'cleanup'] as const) {
      it(`does not warn of ${phase}, whose answer means nothing`, async () => {
        t = await testSwitchboard({ apps: [traced('a', [], { [phase]: (message: IncomingMessage) => message.text })] })
        await t.receive('hello')
        expect(t.logs.filter(({ level }) => level === 'warn')).to.deep.equal([])
      })
    }
  })

  describe('of what an app is not concerned with', () => {
    const onlyRows: readonly (readonly [string, App['only'], readonly string[]])[] = [
      ['nothing', undefined, ['one', 'two', 'three']],
      ['backends', { backends: ['x'] }, ['one', 'two']],
      ['addresses', { addresses: ['1234'] }, ['one', 'three']],
      ['backends and addresses', { backends: ['x'], addresses: ['1234'] }, ['one']],
      ['no backend at all', { backends: [] }, []],
    ]
    for (const [name, only, seen] of onlyRows) {
      it(`shows an app that names ${name} its own messages alone`, async () => {
        const trace: string[] = []
        const heard: string[] = []
        const app = { ...traced('a', trace), handle: (message: IncomingMessage) => void heard.push(message.text) }
        const responder: App = { name: 'responder', handle: (message) => message.respond('ok') }
        t = await testSwitchboard({
          apps: [{ ...app, ...(only === undefined ? {} : { only }) }, responder],
          backends: { x: fakeBackend(), y: fakeBackend() },
        })
        await t.receive({ backend: 'x', address: '1234', text: 'one' })
        await t.receive({ backend: 'x', text: 'two' })
        await t.receive({ backend: 'y', address: '1234', text: 'three' })
        expect(heard).to.deep.equal(seen)
        expect(trace.filter((call) => call === 'a.outgoing')).to.have.length(seen.length)
        expect(trace.filter((call) => call === 'a.cleanup')).to.have.length(seen.length)
      })
    }
  })
})
