import { expect } from 'chai'
import {
  defineBackend,
  type EventName,
  type Hook,
  HookError,
  HookTimeoutError,
  InvalidInputError,
  MessageSendError,
  type ReceiveEvent,
  type SendEvent,
  type StatusEvent,
} from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { rejection } from '../support/rejection.ts'

const PERSON = '8005551212'
const never = () => new Promise<never>(() => {})

describe('hooks', () => {
  let t: TestSwitchboard
  let trace: string[]
  beforeEach(() => {
    trace = []
  })
  afterEach(() => t.stop())

  const begin = async (events: object = {}, settings: object = {}, backend: object = {}) => {
    t = await testSwitchboard({
      apps: [echo()],
      backends: { fake: fakeBackend(backend) },
      settings: { events, ...settings },
      patience: 100,
    })
  }
  const noting =
    (word: string): Hook<EventName> =>
    ({ type }) => {
      trace.push(`${type} ${word}`)
    }
  const failing = (times: number, word = 'run') => {
    let runs = 0
    return (_: unknown, { attempt }: { readonly attempt: number }) => {
      trace.push(`${word} ${attempt}`)
      if (++runs <= times) throw new Error('the hook is broken')
    }
  }
  const logged = (message: string) =>
    t.logs.filter((line) => line.message.includes(message)).map(({ fields }) => fields)

  describe('tell', () => {
    it('of a message that was taken in, once however often the service repeats it', async () => {
      await begin()
      const events: ReceiveEvent[] = []
      t.router.on('receive', (event) => events.push(event))
      const message = { text: 'hello', externalId: 'x1', address: '12345', fields: { network: 'A' } }
      const { id } = await t.receive(message)
      await t.receive(message)
      expect(events.map((event) => event.message)).to.deep.equal([
        { ...message, id, backend: 'fake', identity: PERSON, receivedAt: new Date(t.clock.now()) },
      ])
      expect(await t.store.log.find(id)).to.include({ text: 'hello' })
    })

    it('of a message that a service took, with all that it said', async () => {
      await begin({}, { prices: [{ perPart: 0.05, currency: 'EUR' }] })
      const events: SendEvent[] = []
      t.router.on('send', (event) => events.push(event))
      t.fake.failNext(1)
      const [sent] = await t.send({
        to: PERSON,
        text: 'a'.repeat(161),
        options: { senderId: 'SHOP' },
        params: { a: 1 },
      })
      expect(events).to.deep.equal([])
      await t.advance('10s')
      expect(events.map(({ message }) => message)).to.have.length(1)
      expect(events[0]?.message).to.deep.include({
        ...{ id: sent?.id, backend: 'fake', identity: PERSON, text: 'a'.repeat(161), via: 'send', state: 'SENT' },
        ...{ externalIds: ['fake-1'], parts: 2, currency: 'EUR', estimated: true, class: 'normal' },
        ...{ options: { senderId: 'SHOP' }, params: { a: 1 }, inResponseTo: null },
      })
      expect(events[0]?.message.cost).to.be.closeTo(0.1, 1e-9)
      expect(events[0]?.message.sentAt).to.be.greaterThan(events[0]?.message.createdAt ?? new Date())
    })

    it('of nothing that no service took', async () => {
      await begin()
      t.router.on('send', noting('never'))
      t.fake.failNext(1, new MessageSendError('no'))
      await t.send({ to: PERSON, text: 'refused' })
      await t.advance('1m')
      expect(trace).to.deep.equal([])
    })

    it('of the responses that a view gives in its own answer', async () => {
      await begin()
      const events: SendEvent[] = []
      t.router.on('send', (event) => events.push(event))
      const { id, responses } = await t.receive({ text: 'echo hi', wait: '5s', externalId: 'x1', address: '123' })
      expect(responses).to.deep.equal([{ text: 'hi', end: false }])
      expect(events.map(({ message }) => message)).to.have.length(1)
      expect(events[0]?.message).to.deep.include({
        ...{ text: 'hi', via: 'answer', state: 'SENT', address: '123', inResponseTo: { id, externalId: 'x1' } },
        ...{ externalIds: [], parts: 1 },
      })
    })

    const reports: [state: 'SENT' | 'DELIVERED' | 'ERROR' | 'UNKNOWN', classes: string[], changed: boolean][] = [
      ['SENT', ['accepted'], false],
      ['DELIVERED', ['accepted', 'delivered'], true],
      ['ERROR', ['accepted', 'error'], true],
      ['UNKNOWN', [], true],
    ]
    for (const [state, classes, changed] of reports) {
      it(`of a report ${state}`, async () => {
        await begin()
        const events: StatusEvent[] = []
        t.router.on('status', (event) => events.push(event))
        const [sent] = await t.send({ to: PERSON, text: 'hi' })
        await t.fake.report(state, { code: '7' })
        await t.idle()
        expect(events).to.deep.equal([
          {
            ...{ type: 'status', backend: 'fake', classes, messageId: sent?.id, messageState: state, changed },
            report: { externalId: 'fake-1', state, code: '7' },
            receivedAt: new Date(t.clock.now()),
          },
        ])
      })
    }

    it('of messages with fields as deep as a service may send them', async () => {
      await begin()
      t.router.on('receive', noting('deep'))
      for (let depth = 500, isTaken = true; isTaken; depth += 500) {
        const nested = JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown
        const told = trace.length
        const received = t.receive({ text: 'x', fields: { nested } })
        isTaken = await received.then(
          () => true,
          () => false,
        )
        expect(trace.length - told, `${depth}`).to.equal(isTaken ? 1 : 0)
        expect((await t.store.log.counts()).incoming, `${depth}`).to.equal(trace.length)
      }
      expect(trace.length).to.be.greaterThan(1)
    })

    it('of a report whose message is not known', async () => {
      await begin()
      const events: StatusEvent[] = []
      t.router.on('status', (event) => events.push(event))
      await t.router.report('fake', { externalId: 'nobody', state: 'ERROR', expired: true })
      await t.idle()
      expect(
        events.map(({ messageId, messageState, classes }) => ({ messageId, messageState, classes })),
      ).to.deep.equal([{ messageId: null, messageState: null, classes: ['accepted', 'expired'] }])
    })

    it('by a copy, which changes no message', async () => {
      await begin()
      t.router.on('receive', ({ message }) => {
        ;(message.fields as Record<string, unknown>)['network'] = 'B'
      })
      await t.receive({ text: 'hello', fields: { network: 'A' } })
      expect(logged('a hook failed')[0]).to.have.property('event', 'receive')
    })
  })

  describe('are called', () => {
    it('in the order they were registered, each awaited', async () => {
      await begin({ receive: [noting('0'), { hook: noting('1'), name: 'one' }] })
      let release = () => {}
      t.router.on('receive', async () => {
        trace.push('receive 2 begins')
        await new Promise<void>((resolve) => {
          release = resolve
        })
        trace.push('receive 2 ends')
      })
      t.router.on('receive', noting('3'))
      await t.receive('hello')
      expect(trace).to.deep.equal(['receive 0', 'receive 1', 'receive 2 begins'])
      release()
      await t.idle()
      expect(trace.slice(3)).to.deep.equal(['receive 2 ends', 'receive 3'])
    })

    it('for one message after the other, those of a person in their order', async () => {
      await begin()
      t.router.on('receive', async ({ message }) => {
        trace.push(`${message.text} begins`)
        await new Promise(setImmediate)
        trace.push(`${message.text} ends`)
      })
      await Promise.all(['a', 'b', 'c'].map((text) => t.router.receive('fake', { identity: PERSON, text })))
      await t.idle()
      expect(trace).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    })

    it('so many at a time', async () => {
      await begin({ concurrency: 2 })
      let most = 0
      let running = 0
      t.router.on('receive', async () => {
        most = Math.max(most, ++running)
        await new Promise(setImmediate)
        running--
      })
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => t.router.receive('fake', { identity: `${index}`, text: 'x' })),
      )
      await t.idle()
      expect(most).to.equal(2)
      expect(t.router.hooks.counts).to.include({ runs: 20, waiting: 0 })
    })

    it('after the answer, however long they take', async () => {
      await begin()
      t.router.on('receive', noting('ran'))
      await t.router.receive('fake', { identity: PERSON, text: 'hello' })
      expect(trace).to.deep.equal([])
      await t.idle()
      expect(trace).to.deep.equal(['receive ran'])
    })

    it('and hold up no message when they hang', async () => {
      await begin()
      t.router.on('receive', never)
      t.router.on('send', never)
      await t.script(`${PERSON} > echo one\n${PERSON} < one\n${PERSON} > echo two\n${PERSON} < two`)
      expect(((await rejection(t.idle())) as Error).message).to.match(
        /^Still running after 100 ms:\n {2}receive hook "never"/,
      )
    })
  })

  describe('can be removed', () => {
    it('by the function that on returns, which removes that one registration', async () => {
      await begin()
      const hook = noting('hook')
      const remove = t.router.on('receive', hook)
      t.router.on('receive', hook)
      remove()
      remove()
      await t.receive('hello')
      expect(trace).to.deep.equal(['receive hook'])
    })

    it('by off, however often they were registered', async () => {
      await begin()
      const hook = noting('hook')
      t.router.on('receive', hook)
      t.router.on('receive', hook, { before: true })
      expect([t.router.off('receive', hook), t.router.off('receive', hook)]).to.deep.equal([true, false])
      await t.receive('hello')
      expect(trace).to.deep.equal([])
    })

    it('within a hook: neither itself nor those before are skipped, those removed do not run', async () => {
      await begin()
      const removeFirst = t.router.on('receive', () => {
        trace.push('first')
        removeFirst()
        removeThird()
      })
      t.router.on('receive', noting('second'))
      const removeThird = t.router.on('receive', noting('third'))
      t.router.on('receive', noting('fourth'))
      await t.receive('a')
      await t.receive('b')
      expect(trace).to.deep.equal(['first', ...Array(2).fill(['receive second', 'receive fourth']).flat()])
    })

    it('while they wait to be run again', async () => {
      await begin()
      const remove = t.router.on('receive', failing(9))
      await t.receive('hello')
      remove()
      await t.advance('10m')
      expect(trace).to.deep.equal(['run 1'])
      expect(t.router.hooks.counts).to.include({ runs: 1, waiting: 0 })
    })
  })

  describe('that fail', () => {
    it('are run again a bounded number of times, later each time; others and the message are not touched', async () => {
      await begin({ attempts: 3, firstDelay: 1_000, longestDelay: 60_000 })
      t.router.on('receive', failing(9, 'broken'), { name: 'to the books' })
      t.router.on('receive', failing(0, 'sound'))
      const { id } = await t.receive('echo hi')
      expect(trace).to.deep.equal(['broken 1', 'sound 1'])
      expect(t.sent.map(({ text }) => text)).to.deep.equal(['hi'])
      await t.advance(499)
      expect(trace).to.have.length(2)
      await t.advance(501)
      expect(trace.slice(2)).to.deep.equal(['broken 2'])
      await t.advance(2_000)
      expect(trace.slice(3)).to.deep.equal(['broken 3'])
      await t.advance('10m')
      expect(trace).to.have.length(4)
      const [first, ...others] = logged('a hook failed')
      expect(first).to.include({ event: 'receive', hook: 'to the books', id, attempt: 1 })
      expect(others.map((fields) => fields['attempt'])).to.deep.equal([2, 3])
      expect(t.router.hooks.counts).to.deep.equal({
        ...{ runs: 4, failures: 3, givenUp: 1, leftOut: 0, waiting: 0, refusals: 0 },
      })
    })

    it('and then do not are over', async () => {
      await begin()
      t.router.on('send', failing(2))
      await t.send({ to: PERSON, text: 'hi' })
      await t.advance('10m')
      expect(trace).to.deep.equal(['run 1', 'run 2', 'run 3'])
      expect(t.router.hooks.counts).to.include({ failures: 2, givenUp: 0 })
    })

    const bad: [what: string, hook: Hook<EventName>][] = [
      ['reject with nothing', () => Promise.reject(undefined)],
      [
        'throw what has no text',
        () => {
          throw Object.create(null)
        },
      ],
      [
        'return what throws when it is looked at',
        () =>
          new Proxy(
            {},
            {
              get() {
                throw new Error('hands off')
              },
            },
          ),
      ],
    ]
    for (const [what, hook] of bad) {
      it(`may ${what}`, async () => {
        await begin({ attempts: 1 })
        for (const name of ['receive', 'send', 'status'] as const) t.router.on(name, hook)
        await t.receive('echo hi')
        await t.fake.report('DELIVERED')
        await t.idle()
        expect(t.router.hooks.counts).to.include({ failures: 3, givenUp: 3 })
      })
    }

    it('to return within the time limit have their signal aborted, and are run again', async () => {
      await begin({ timeLimit: 5_000, attempts: 2 })
      const signals: AbortSignal[] = []
      t.router.on('receive', (_, { signal }) => {
        signals.push(signal)
        return never()
      })
      await t.receive('hello')
      await t.advance(4_999)
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false])
      await t.advance(1)
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true])
      await t.advance('1m')
      expect(signals).to.have.length(2)
      expect(logged('a hook failed')[0]?.['err']).to.have.property('code', 'HOOK_TIMEOUT')
    })

    it('so many that others cannot be run are told of', async () => {
      await begin({ mostWaiting: 2, timeLimit: 1_000, attempts: 1 })
      t.router.on('receive', never)
      for (let index = 0; index < 4; index++) await t.receive({ text: 'x', identity: `${index}` })
      expect(t.router.hooks.counts).to.include({ leftOut: 2, waiting: 2 })
      expect(logged('too many events wait').map((fields) => fields['leftOut'])).to.deep.equal([1])
      await t.advance('5s')
      await t.receive({ text: 'x', identity: '9' })
      expect(t.router.hooks.counts).to.include({ leftOut: 2, waiting: 1 })
    })
  })

  describe('at a stop', () => {
    it('are waited for', async () => {
      await begin()
      let release = () => {}
      t.router.on('receive', async () => {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        trace.push((await t.store.log.counts()).incoming > 0 ? 'the store is there' : 'nothing')
      })
      await t.receive('hello')
      const stopped = t.switchboard.stop()
      setImmediate(() => release())
      await stopped
      expect(trace).to.deep.equal(['the store is there'])
    })

    it('have their last run, when they wait to be run again', async () => {
      await begin()
      t.router.on('receive', failing(9))
      await t.receive('hello')
      await t.switchboard.stop()
      expect(trace).to.deep.equal(['run 1', 'run 2'])
      expect(t.router.hooks.counts).to.include({ failures: 2, givenUp: 1, waiting: 0 })
    })

    it('that hang are left when the time is over; the next life is not touched by it', async () => {
      await begin({ timeLimit: 3_600_000 }, { queue: { drain: 2_000 } })
      let hangs = true
      t.router.on('receive', ({ message }, { signal }) => {
        trace.push(message.text)
        signal.addEventListener('abort', () => trace.push('aborted'))
        return hangs ? never() : undefined
      })
      await t.receive('one')
      await t.receive('two')
      const before = t.clock.now()
      await t.stop()
      expect(t.clock.now() - before).to.be.within(2_000, 3_000)
      expect(trace).to.deep.equal(['one', 'aborted'])
      expect(logged('stopped waiting for hooks')[0]).to.include({ events: 2 })
      hangs = false
      await t.switchboard.start()
      await t.receive('three')
      expect(trace.slice(2)).to.deep.equal(['three'])
    })
  })

  describe('that run before', () => {
    it('a message is recorded, may refuse it; in order, up to the first that throws', async () => {
      await begin()
      t.router.on('receive', noting('after'))
      t.router.on('receive', noting('1'), { before: true })
      const cause = new Error('the books are closed')
      const remove = t.router.on('receive', () => Promise.reject(cause), { before: true, name: 'books' })
      t.router.on('receive', noting('3'), { before: true })
      const error = await rejection(t.receive({ text: 'echo hi', externalId: 'x' }))
      expect(error).to.be.instanceOf(HookError).with.property('message', 'The hook "books" failed.')
      expect(error).to.include({ code: 'HOOK', thrown: cause })
      expect(await t.store.log.counts()).to.deep.include({ incoming: 0, outgoing: 0 })
      expect(trace).to.deep.equal(['receive 1'])
      remove()
      await t.receive({ text: 'echo hi', externalId: 'x' })
      expect(trace.slice(1)).to.deep.equal(['receive 1', 'receive 3', 'receive after'])
      expect(t.sent.map(({ text }) => text)).to.deep.equal(['hi'])
      expect(t.router.hooks.counts).to.include({ refusals: 1, failures: 0 })
    })

    it('the whole of a long message is recorded, which is handed on when they let it', async () => {
      await begin()
      let isOpen = false
      t.router.on(
        'receive',
        ({ message }) => {
          trace.push(message.text)
          if (!isOpen) throw new Error('not now')
        },
        { before: true },
      )
      const part = (number: number, content: string) =>
        t.router.means.receivePart('fake', { identity: PERSON, reference: 'r', total: 2, number, content })
      await part(2, 'world')
      expect(await part(1, 'hello ')).to.deep.equal({ duplicate: false, id: null })
      expect(trace).to.deep.equal(['hello world'])
      isOpen = true
      await t.advance('31s')
      expect((await t.store.log.counts()).incoming).to.equal(1)
    })

    it('take of the time that a view waits', async () => {
      await begin()
      t.router.on('receive', () => t.clock.advance(3_000), { before: true })
      t.router.on('send', never, { before: true })
      const started = t.clock.now()
      const pending = t.router.receive('fake', { identity: PERSON, text: 'nothing for this' }, { wait: 4_000 })
      await t.advance('3999ms')
      expect(t.clock.now() - started).to.be.lessThan(8_000)
      expect(await pending)
        .to.have.property('responses')
        .that.deep.equals([])
    })

    it('a report is recorded, may refuse it', async () => {
      await begin()
      const [sent] = await t.send({ to: PERSON, text: 'hi' })
      const events: StatusEvent[] = []
      const remove = t.router.on(
        'status',
        (event) => {
          events.push(event)
          throw new Error('no')
        },
        { before: true },
      )
      expect(await rejection(t.fake.report('DELIVERED'))).to.be.instanceOf(HookError)
      expect(events[0]).to.deep.include({ classes: ['accepted', 'delivered'], messageId: null, messageState: null })
      expect(await t.store.log.reports(sent?.id ?? '')).to.deep.equal([])
      remove()
      await t.fake.report('DELIVERED')
      expect(await t.store.log.find(sent?.id ?? '')).to.include({ state: 'DELIVERED' })
    })

    it('a report is recorded, are not asked of what we say ourselves', async () => {
      const box = defineBackend({
        kind: 'box',
        settings: z.strictObject({}),
        send: (message, { outbox }) => outbox.add(message),
      })
      t = await testSwitchboard({ apps: [], backends: { box: box({}) } })
      t.router.on('status', failing(9), { before: true })
      t.router.on('status', ({ messageState }) => trace.push(`${messageState}`))
      const [sent] = await t.send({ to: PERSON, text: 'hi', expires: new Date(t.clock.now() + 60_000) })
      await t.advance('5m')
      expect(await t.store.log.find(sent?.id ?? '')).to.include({ state: 'CANCELLED' })
      expect(trace).to.deep.equal(['CANCELLED'])
    })

    it('an attempt, put the message off as a failed attempt does', async () => {
      await begin()
      const states: string[] = []
      const remove = t.router.on(
        'send',
        ({ message }) => {
          states.push(message.state)
          throw new Error('not now')
        },
        { before: true },
      )
      const [sent] = await t.send({ to: PERSON, text: 'hi' })
      expect(t.fake.attempts).to.have.length(0)
      expect(await t.store.log.find(sent?.id ?? '')).to.include({ state: 'WAITING', tries: 1 })
      remove()
      await t.advance('1m')
      expect(t.sent.map(({ text }) => text)).to.deep.equal(['hi'])
      expect(states).to.deep.equal(['WAITING'])
    })

    it('all attempts, have the message in ERROR in the end', async () => {
      await begin({}, {}, { sending: { attempts: 3 } })
      t.router.on('send', failing(9), { before: true, name: 'guard' })
      const [sent] = await t.send({ to: PERSON, text: 'hi' })
      await t.advance('1h')
      const found = await t.store.log.find(sent?.id ?? '')
      expect(found).to.include({ state: 'ERROR', error: 'The hook "guard" failed: the hook is broken' })
      expect(t.fake.attempts).to.have.length(0)
    })

    it('an attempt, say by what they throw that another is of no use', async () => {
      await begin()
      t.router.on(
        'send',
        () => {
          throw new MessageSendError('never')
        },
        { before: true },
      )
      const [sent] = await t.send({ to: PERSON, text: 'hi' })
      expect(await t.store.log.find(sent?.id ?? '')).to.include({
        state: 'ERROR',
        error: 'The hook "without a name" failed: never',
      })
    })

    it('an attempt, throw to who waits for it by sendNow', async () => {
      await begin()
      t.router.on(
        'send',
        () => {
          throw new Error('not now')
        },
        { before: true, name: 'guard' },
      )
      const error = await rejection(t.router.sendNow({ to: PERSON, text: 'hi' }))
      expect(error).to.be.instanceOf(MessageSendError).with.property('message', 'The hook "guard" failed: not now')
    })

    it('a response goes in the answer to the request, leave it to be sent later', async () => {
      await begin()
      const remove = t.router.on(
        'send',
        () => {
          throw new Error('not now')
        },
        { before: true },
      )
      const { responses } = await t.receive({ text: 'echo hi', wait: '2s' })
      expect(responses).to.deep.equal([])
      remove()
      await t.advance('1m')
      expect(t.sent.map(({ text }) => text)).to.deep.equal(['hi'])
    })

    it('and hang are given up at their own limit', async () => {
      await begin({ beforeTimeLimit: 2_000 })
      t.router.on('receive', never, { before: true })
      const failure = rejection(t.router.receive('fake', { identity: PERSON, text: 'x' }))
      await t.advance('2s')
      expect(((await failure) as HookError).thrown).to.be.instanceOf(HookTimeoutError)
    })
  })

  for (const before of [true, false]) {
    it(`that run ${before ? 'before' : 'after'} bring no text and no number into the log, whatever they throw`, async () => {
      await begin()
      const quoting: Hook<'receive' | 'send'> = ({ message: { text, identity } }) => {
        throw new Error(`cannot write "${text}" of ${identity}`, { cause: new Error(text) })
      }
      const remove = t.router.on('receive', quoting, { before })
      await t.receive('my secret illness').catch(() => undefined)
      remove()
      t.router.on('send', quoting, { before })
      await t.send({ to: PERSON, text: 'my secret illness' })
      await t.advance('10m')
      const log = JSON.stringify(t.logs)
      expect(log).to.include('a hook')
      expect(log).to.include('cannot write')
      expect(log).not.to.match(/illness|8005551212/)
    })
  }

  it('are refused where the name or the hook is none', async () => {
    await begin()
    const on = (name: unknown, hook: unknown) => () => t.router.on(name as 'receive', hook as () => void)
    expect(on('recieve', () => {})).to.throw(
      InvalidInputError,
      'recieve: there is no such event; there are receive, send, status',
    )
    expect(on('__proto__', () => {})).to.throw(InvalidInputError)
    expect(on('receive', 'hook')).to.throw(InvalidInputError, 'receive: a hook is a function')
  })

  it('that nobody registered cost no event', async () => {
    await begin()
    await t.receive('echo hi')
    await t.fake.report('DELIVERED')
    await t.idle()
    expect(t.router.hooks.counts).to.deep.equal({
      ...{ runs: 0, failures: 0, givenUp: 0, leftOut: 0, waiting: 0, refusals: 0 },
    })
  })
})
