import { expect } from 'chai'
import {
  type App,
  AuthError,
  ConnectionError,
  CreditError,
  defineBackend,
  LimitsError,
  MessageSendError,
  RequestError,
  ServerError,
  type TextRequest,
  UnsupportedError,
} from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { backoffDelay } from '../../src/router/retry.ts'

type FakeInput = Parameters<typeof fakeBackend>[0]

describe('attempts', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const begin = async (input: FakeInput = {}, apps: readonly App[] = []) => {
    t = await testSwitchboard({ apps, backends: { fake: fakeBackend(input) } })
  }
  const send = async (request: Partial<TextRequest> = {}) => {
    const [message] = await t.send({ to: '1', text: 'hi', ...request })
    return message?.id ?? ''
  }
  const logged = (id: string) => t.store.log.find(id)

  it('follow each other with delays that grow, never beyond the longest', async () => {
    await begin({ sending: { attempts: 7, firstDelay: 1_000, longestDelay: 8_000 } })
    t.fake.failAlways()
    const id = await send()
    await t.advance('10m')
    const attempts = await t.store.log.attempts(id)
    const starts = attempts.map(({ startedAt }) => startedAt ?? 0)
    const delays = starts.slice(1).map((start, index) => start - (starts[index] ?? 0))
    const wholes = [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]
    expect(delays).to.have.length(wholes.length)
    for (const [index, whole] of wholes.entries()) expect(delays[index]).to.be.within(whole / 2, whole)
    expect(attempts.map(({ outcome }) => outcome)).to.deep.equal([...Array(6).fill('RETRY'), 'ERROR'])
    expect(await logged(id)).to.include({
      state: 'ERROR',
      tries: 7,
      error: 'The fake service fails, as it was told to.',
    })
  })

  it('wait as long as the service asks', async () => {
    await begin()
    t.fake.failNext(1, new LimitsError('slowly', { retryAfter: 60_000 }))
    await send()
    await t.advance('59s')
    expect(t.sent).to.deep.equal([])
    await t.advance('1s')
    expect(t.sent).to.have.length(1)
  })

  it('end when the message is too old', async () => {
    await begin({ sending: { attempts: 100, maxAge: 60_000 } })
    t.fake.failAlways()
    const id = await send()
    await t.advance('1m')
    expect(await logged(id)).to.include({ state: 'ERROR' })
    expect(t.fake.attempts.length).to.be.within(5, 8)
  })

  it('hold back later messages to the same person and class alone', async () => {
    await begin()
    t.fake.failNext(1)
    await send({ text: 'first' })
    await send({ text: 'second' })
    await send({ text: 'reply', class: 'reply' })
    await send({ to: '2', text: 'other' })
    expect(t.sent.map(({ text }) => text)).to.deep.equal(['reply', 'other'])
    await t.advance('1s')
    expect(t.sent.map(({ text }) => text)).to.deep.equal(['reply', 'other', 'first', 'second'])
  })

  const errors = [
    [new ServerError('no'), 'WAITS'],
    [new ConnectionError('no'), 'WAITS'],
    [new LimitsError('no'), 'WAITS'],
    [new TypeError('no'), 'WAITS'],
    [new RequestError('no'), 'ERROR'],
    [new AuthError('no'), 'WAITS'],
    [new CreditError('no'), 'WAITS'],
    [new UnsupportedError('no'), 'ERROR'],
    [new MessageSendError('no'), 'ERROR'],
    [new ConnectionError('no', { outcomeUnknown: true }), 'UNKNOWN'],
  ] as const
  for (const [error, outcome] of errors) {
    const unknown = 'outcomeUnknown' in error && error.outcomeUnknown ? ' of unknown outcome' : ''
    it(`after a ${error.constructor.name}${unknown}: ${outcome === 'WAITS' ? 'another one' : outcome}`, async () => {
      await begin()
      t.fake.failNext(1, error)
      const id = await send()
      const state = (await logged(id))?.state
      expect(state).to.equal(outcome === 'WAITS' ? 'SENDING' : outcome)
      await t.advance('1h')
      expect(t.sent).to.have.length(outcome === 'WAITS' ? 1 : 0)
      expect((await logged(id))?.state).to.equal(outcome === 'WAITS' ? 'SENT' : outcome)
    })
  }

  describe('of unknown outcome', () => {
    it('are repeated where settings say so', async () => {
      await begin({ sending: { unknownOutcome: 'retry', timeLimit: 1_000 } })
      t.fake.hang()
      const id = await send()
      await t.advance('1s')
      expect((await logged(id))?.state).to.equal('SENDING')
      t.fake.recover()
      await t.advance('1s')
      expect(await logged(id)).to.include({ state: 'SENT', tries: 2 })
    })

    it('are repeated for the classes that settings name', async () => {
      await begin({ sending: { unknownOutcome: { reply: 'retry' } } })
      t.fake.failNext(2, new ConnectionError('no answer', { outcomeUnknown: true }))
      const reply = await send({ class: 'reply' })
      const normal = await send({ to: '2' })
      await t.advance('1m')
      expect((await logged(reply))?.state).to.equal('SENT')
      expect((await logged(normal))?.state).to.equal('UNKNOWN')
    })

    it('are corrected by a report of delivery', async () => {
      let report = async () => {}
      const late = defineBackend({
        kind: 'late',
        settings: z.strictObject({}),
        async send(_, tools) {
          report = () => tools.report({ externalId: 'x', state: 'DELIVERED' })
          await tools.report({ externalId: 'x', state: 'SENT' })
          return { externalIds: ['x'], state: 'UNKNOWN' }
        },
      })
      t = await testSwitchboard({ apps: [], backends: { late: late() } })
      const id = await send()
      expect((await logged(id))?.state).to.equal('UNKNOWN')
      await report()
      expect((await logged(id))?.state).to.equal('DELIVERED')
    })
  })

  describe('are not begun', () => {
    const join: App = {
      name: 'join',
      async handle(message, context) {
        const { contact } = context
        if (message.text === 'join') await context.contacts.create({ name: 'Ann' })
        if (message.text === 'stop' && contact !== null) {
          await context.contacts.update(contact.id, { optedOutAt: message.receivedAt.getTime() })
        }
      },
    }

    it('once the message has expired', async () => {
      let late = ''
      const tooLate: App = {
        name: 'too-late',
        async handle(_message, context) {
          const [sent] = await context.send({ to: '3', text: 'hi', expires: new Date(t.clock.now()) })
          late = sent?.id ?? ''
          return true
        },
      }
      await begin({}, [tooLate])
      await t.receive({ identity: '9', text: 'go' })
      const now = t.clock.now()
      const expires = new Date(now + 60_000)
      const inTime = await send({ to: '2', at: new Date(now + 59_000), expires })
      await t.advance('2m')
      expect(await logged(late)).to.include({ state: 'CANCELLED', error: 'expired before it was sent' })
      expect((await logged(inTime))?.state).to.equal('SENT')
    })

    it('once the message has expired between two attempts', async () => {
      await begin()
      t.fake.failAlways()
      const id = await send({ expires: new Date(t.clock.now() + 5_000) })
      await t.advance('1m')
      expect((await logged(id))?.state).to.equal('CANCELLED')
    })

    it('once the recipient has opted out, between two attempts too', async () => {
      await begin({}, [join])
      await t.receive({ identity: '1', text: 'join' })
      t.fake.failNext(1)
      const waiting = await send()
      const planned = await send({ at: new Date(t.clock.now() + 60_000) })
      await t.receive({ identity: '1', text: 'stop' })
      await t.advance('2m')
      for (const id of [waiting, planned]) {
        expect(await logged(id)).to.include({ state: 'CANCELLED', error: 'the recipient has opted out' })
      }
      expect(t.fake.attempts).to.have.length(1)
    })

    it('once the time is over while the outgoing phase ran', async () => {
      const slow: App = {
        name: 'slow',
        outgoing: () => new Promise((resolve) => t.clock.schedule(t.clock.now() + 2_000, resolve)),
      }
      t = await testSwitchboard({ apps: [slow], patience: 10 })
      const id = await send({ expires: new Date(t.clock.now() + 1_000) })
      await t.advance('3s')
      expect((await logged(id))?.state).to.equal('CANCELLED')
      expect(t.fake.attempts).to.deep.equal([])
    })

    it('once the recipient has opted out while the outgoing phase ran', async () => {
      let release = () => {}
      const slow: App = {
        name: 'slow',
        outgoing: () =>
          new Promise((resolve) => {
            release = resolve
          }),
      }
      t = await testSwitchboard({ apps: [join, slow], patience: 10 })
      await t.receive({ identity: '1', text: 'join' })
      const id = await send()
      await t.receive({ identity: '1', text: 'stop' })
      release()
      await t.idle()
      expect((await logged(id))?.state).to.equal('CANCELLED')
      expect(t.fake.attempts).to.deep.equal([])
    })
  })

  describe('and reports', () => {
    const rows: readonly (readonly [readonly ('SENT' | 'DELIVERED' | 'ERROR')[], string])[] = [
      [['DELIVERED'], 'DELIVERED'],
      [['ERROR'], 'ERROR'],
      [['SENT', 'DELIVERED'], 'DELIVERED'],
      [['DELIVERED', 'SENT', 'ERROR'], 'DELIVERED'],
      [['ERROR', 'DELIVERED'], 'ERROR'],
    ]
    for (const [reports, state] of rows) {
      it(`${reports.join(', ')} after the answer: ${state}`, async () => {
        await begin()
        const id = await send()
        for (const report of reports) await t.fake.report(report)
        expect((await logged(id))?.state).to.equal(state)
      })

      it(`${reports.join(', ')} before the answer: ${state}`, async () => {
        const eager = defineBackend({
          kind: 'eager',
          settings: z.strictObject({}),
          async send(_, tools) {
            for (const report of reports) await tools.report({ externalId: 'x', state: report })
            return { externalIds: ['x'] }
          },
        })
        t = await testSwitchboard({ apps: [], backends: { eager: eager() } })
        const id = await send()
        expect((await logged(id))?.state).to.equal(state)
        await t.advance('1h')
        expect(await t.store.log.attempts(id)).to.have.length(1)
      })
    }

    it('of a code that is not known leave the state as it is, and are logged', async () => {
      await begin()
      const id = await send()
      await t.router.report('fake', { externalId: 'fake-1', code: '99' })
      expect((await logged(id))?.state).to.equal('SENT')
      expect(t.logs.filter(({ level }) => level === 'warn').map(({ fields }) => fields['code'])).to.deep.equal(['99'])
    })

    it('of a message that nobody knows are kept', async () => {
      await begin()
      await t.router.report('fake', { externalId: 'unheard of', state: 'DELIVERED' })
      expect(t.logs.at(-1)?.fields).to.include({ id: null, changed: false })
    })
  })

  it('begin again by a replay of a message in ERROR', async () => {
    await begin()
    t.fake.failNext(1, new MessageSendError('no'))
    const id = await send()
    expect((await t.store.log.failed({ direction: 'out', limit: 5 })).map((each) => each.id)).to.deep.equal([id])
    expect(await t.router.replay([id, 'no-such-id'])).to.equal(1)
    await t.idle()
    expect(await logged(id)).to.include({ state: 'SENT', error: null })
    expect(await t.router.replay([id])).to.equal(0)
    expect(await t.store.log.attempts(id)).to.have.length(2)
  })

  it('are made by no backend that is gone from the settings', async () => {
    await begin({}, [
      { name: 'tell', handle: (message) => message.respond('hi', { to: { backend: 'gone', identity: '1' } }) },
    ])
    await t.receive('hello')
    const [message] = await t.store.log.failed({ direction: 'out', limit: 5 })
    expect(message).to.include({ state: 'ERROR', error: 'the backend "gone" is not in the settings' })
  })
})

describe('backoffDelay', () => {
  const rows = [
    [1, 0, 500],
    [1, 1, 1_000],
    [2, 0.5, 1_500],
    [3, 1, 4_000],
    [11, 1, 60_000],
    [10_000, 1, 60_000],
  ] as const
  for (const [failures, random, delay] of rows) {
    it(`is ${delay} ms after ${failures} failures, with chance ${random}`, () => {
      expect(backoffDelay(failures, { firstDelay: 1_000, longestDelay: 60_000 }, () => random)).to.equal(delay)
    })
  }
})
