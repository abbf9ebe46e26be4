import { expect } from 'chai'
import {
  AuthError,
  ConnectionError,
  CreditError,
  MessageSendError,
  PausedError,
  type SendRequest,
  ServerError,
} from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { defineBackend } from '../../src/backends/define.ts'
import { pauseNudge } from '../../src/router/pauses.ts'
import { rejection } from '../support/rejection.ts'

type FakeInput = Parameters<typeof fakeBackend>[0]

describe('a pause', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const begin = async (input: FakeInput = {}, others: readonly string[] = []) => {
    const beside = Object.fromEntries(others.map((name) => [name, fakeBackend()]))
    t = await testSwitchboard({ apps: [], backends: { fake: fakeBackend(input), ...beside } })
  }
  const send = async (text: string, request: Partial<SendRequest> = {}) => {
    const values = { to: text, ...request, text } as SendRequest
    const [message] = await t.send(values)
    return message?.id ?? ''
  }
  const stateOf = async (id: string) => (await t.store.log.find(id))?.state
  const sent = () => t.sent.map(({ text }) => text)
  const attempts = () => t.fake.attempts.map(({ text }) => text)
  /** As the command does beside a server. */
  const byHand = async (reason = 'tests') => {
    const since = t.clock.now()
    await t.store.pauses.begin({ backend: 'fake', cause: 'HAND', reason, since, probes: 0, probeAt: null })
    await t.router.holds.heard()
    await t.idle()
  }
  const byHandResumed = async () => {
    await t.store.pauses.end('fake', 'hand')
    await t.router.holds.heard()
    await t.idle()
  }

  for (const error of [new AuthError('wrong password'), new CreditError('no credit')]) {
    it(`is begun by a ${error.constructor.name}: what waits is kept, and sent in its order after it`, async () => {
      await begin()
      t.fake.failAlways(error)
      const ids = [await send('a', { to: '1' }), await send('b', { to: '1' }), await send('c', { to: '2' })]
      expect(attempts()).to.deep.equal(['a'])
      expect(await Promise.all(ids.map(stateOf))).to.deep.equal(['SENDING', 'WAITING', 'WAITING'])
      t.fake.recover()
      await t.advance('59s')
      expect(attempts()).to.deep.equal(['a'])
      await t.advance('1s')
      expect(sent()).to.have.members(['a', 'b', 'c'])
      expect(sent().indexOf('a')).to.be.lessThan(sent().indexOf('b'))
      expect(await Promise.all(ids.map(stateOf))).to.deep.equal(['SENT', 'SENT', 'SENT'])
      expect(t.router.holds.paused).to.deep.equal([])
    })
  }

  it('is probed by one message at growing times, none of whose tries are used up', async () => {
    await begin({ sending: { attempts: 2, maxAge: 1_000 } })
    t.fake.failAlways(new AuthError('wrong password'))
    const id = await send('a')
    for (const other of ['b', 'c', 'd']) await send(other)
    await t.advance('60m')
    // After 1, 3, 7, 15, 30, 45 and 60 minutes.
    expect(t.fake.attempts).to.have.length(8)
    expect(await t.store.log.find(id)).to.include({ state: 'SENDING', tries: 0 })
    t.fake.recover()
    t.fake.failNext(1, new ServerError('just now'))
    await t.advance('15m')
    expect(t.router.holds.paused, 'a failure that says nothing of the password').to.have.length(1)
    await t.advance('15m')
    expect(sent()).to.have.members(['a', 'b', 'c', 'd'])
  })

  it('hands nothing else to the service meanwhile, and tells each thing once', async () => {
    await begin()
    t.fake.failAlways(new CreditError('no credit'))
    for (let n = 0; n < 200; n++) await t.router.send({ to: `${n}`, text: `${n}` })
    await t.idle()
    const inHand = t.fake.attempts.length
    expect(inHand, 'those in hand at the same moment').to.be.at.most(10)
    await t.advance('59s')
    expect(t.fake.attempts).to.have.length(inHand)
    const loud = t.logs.filter(({ level, message }) => level === 'error' && message.includes('is paused'))
    expect(loud).to.have.length(1)
    expect(loud[0]?.message).to.include('top up its account').and.include('switchboard resume fake')
    t.fake.recover()
    await t.advance('1s')
    expect(sent()).to.have.length(200)
  })

  it('lets the next one be tried where a probe is refused for itself', async () => {
    await begin()
    t.fake.failNext(1, new AuthError('wrong password'))
    const id = await send('a')
    await send('b')
    t.fake.failNext(1, new MessageSendError('no such number'))
    await t.advance('1m')
    expect(await stateOf(id)).to.equal('ERROR')
    expect(sent()).to.deep.equal([])
    await t.advance('2m')
    expect(sent()).to.deep.equal(['b'])
  })

  it('is not begun for ever by one message, of which the service says so while it takes all others', async () => {
    const sent: string[] = []
    const backend = defineBackend({
      ...{ kind: 'strict', settings: z.strictObject({}) },
      send: async ({ text }) => {
        if (text === 'barred') throw new AuthError('403')
        sent.push(text)
        return {}
      },
    })
    t = await testSwitchboard({ apps: [], backends: { fake: backend({}) } })
    const id = await send('barred')
    for (let n = 0; n < 10; n++) {
      await send(`${n}`)
      await t.advance('5m')
    }
    expect(await stateOf(id)).to.equal('ERROR')
    expect(sent).to.have.length(10)
    expect(t.router.holds.paused).to.deep.equal([])
  })

  it('may be ended again and again by hand, though nothing is mended: no message is lost by it', async () => {
    await begin()
    t.fake.failAlways(new AuthError('wrong password'))
    const id = await send('a')
    for (let n = 0; n < 5; n++) await byHandResumed()
    expect(t.fake.attempts).to.have.length(6)
    expect(await stateOf(id)).to.equal('SENDING')
    t.fake.recover()
    await t.advance('1m')
    expect(sent()).to.deep.equal(['a'])
  })

  it('tries what is recorded later when nothing waited, and leaves other backends alone', async () => {
    await begin({}, ['other'])
    t.fake.failNext(1, new AuthError('wrong password'))
    expect(await rejection(t.router.sendNow({ to: '1', text: 'now' }))).to.be.instanceOf(AuthError)
    await t.advance('10m')
    await send('elsewhere', { backend: 'other' })
    expect(sent()).to.deep.equal(['elsewhere'])
    await send('first')
    await send('second')
    expect(sent()).to.deep.equal(['elsewhere', 'first', 'second'])
  })

  it('passes over what is cancelled instead of tried', async () => {
    await begin()
    t.fake.failNext(1, new AuthError('wrong password'))
    const late = await send('late', { expires: new Date(t.clock.now() + 30_000) })
    await send('good')
    await t.advance('1m')
    expect(await stateOf(late)).to.equal('CANCELLED')
    expect(sent()).to.deep.equal(['good'])
  })

  it('by hand ends by hand only, and is never probed', async () => {
    await begin()
    await byHand('the provider moves')
    await send('a')
    await t.advance('2h')
    expect(t.fake.attempts).to.deep.equal([])
    expect(t.router.holds.isAvailable('fake')).to.equal(false)
    await byHandResumed()
    expect(sent()).to.deep.equal(['a'])
    expect(t.router.holds.isAvailable('fake')).to.equal(true)
  })

  it('by hand takes the place of one that would end by itself; resumed, all is tried', async () => {
    await begin()
    t.fake.failNext(1, new AuthError('wrong password'))
    await send('a')
    await byHand()
    await t.advance('2h')
    expect(t.fake.attempts).to.have.length(1)
    await byHandResumed()
    expect(sent()).to.deep.equal(['a'])
  })

  it('outlives a restart', async () => {
    await begin()
    t.fake.failAlways(new AuthError('wrong password'))
    await send('a')
    await t.switchboard.router.stop(0)
    await t.switchboard.router.start()
    await t.idle()
    expect(t.fake.attempts).to.have.length(1)
    t.fake.recover()
    await t.advance('1m')
    expect(sent()).to.deep.equal(['a'])
  })

  it('is noticed by a sweep where the word of it was lost', async () => {
    await begin()
    const since = t.clock.now()
    await t.store.pauses.begin({ backend: 'fake', cause: 'HAND', reason: '', since, probes: 0, probeAt: null })
    await t.advance('1m')
    await send('a')
    expect(sent()).to.deep.equal([])
  })

  it('lets what waits expire', async () => {
    await begin()
    await byHand()
    const own = await send('own', { expires: new Date(t.clock.now() + 60_000) })
    const bulk = await send('bulk', { class: 'bulk' })
    const normal = await send('normal')
    const reply = await send('reply', { class: 'reply' })
    await t.advance('3m')
    expect(await t.store.log.find(own)).to.include({ state: 'CANCELLED', error: 'expired before it was sent' })
    await t.advance('12h')
    expect(await Promise.all([reply, bulk, normal].map(stateOf))).to.deep.equal(['CANCELLED', 'WAITING', 'WAITING'])
    await t.advance('12h')
    expect(await Promise.all([bulk, normal].map(stateOf))).to.deep.equal(['CANCELLED', 'WAITING'])
    await byHandResumed()
    expect(sent()).to.deep.equal(['normal'])
  }).timeout(60_000)

  describe('to who sends now', () => {
    it('throws its error at once, and nothing is recorded', async () => {
      await begin()
      t.fake.failNext(1, new CreditError('no credit'))
      await send('a')
      const error = await rejection(t.router.sendNow({ to: '2', text: 'now' }))
      expect(error).to.be.instanceOf(CreditError)
      expect(error).to.have.property('message').that.includes('no credit')
      expect((await t.store.log.counts()).outgoing).to.equal(1)
      await byHand('the provider moves')
      const byHandError = await rejection(t.router.sendNow({ to: '2', text: 'now' }))
      expect(byHandError).to.be.instanceOf(PausedError)
      expect(byHandError).to.include({ code: 'PAUSED', retry: true })
    })

    it('throws it to who waits already for a message that was not tried yet', async () => {
      await begin({ sending: { concurrency: 1 } })
      t.fake.hang()
      const first = rejection(t.router.sendNow({ to: '1', text: 'first' }))
      await t.idle().catch(() => undefined)
      const second = rejection(t.router.sendNow({ to: '2', text: 'second' }))
      await new Promise((resolve) => setTimeout(resolve, 20))
      await t.store.pauses.begin({
        ...{ backend: 'fake', cause: 'HAND', reason: 'moving', probes: 0, probeAt: null },
        since: t.clock.now(),
      })
      await t.router.holds.heard()
      expect(await second).to.be.instanceOf(PausedError)
      t.fake.recover()
      await t.advance('1m')
      expect(sent()).to.deep.equal(['first'])
      void first
    })
  })

  it('is none for other errors', async () => {
    await begin()
    t.fake.failNext(1, new ConnectionError('away'))
    await send('a')
    expect(t.router.holds.paused).to.deep.equal([])
    expect(pauseNudge('fake')).to.include({ owner: 'fake', identity: '' })
  })
})
