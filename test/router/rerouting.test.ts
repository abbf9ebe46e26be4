import { expect } from 'chai'
import { AuthError, type TextRequest } from 'sms-switchboard'
import { type FakeBackend, fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { until } from '../support/until.ts'

const NUMBER = '254712345678'
const BEHIND = 5

describe('what waits for a backend that takes nothing', () => {
  let t: TestSwitchboard
  let a: FakeBackend
  let b: FakeBackend
  afterEach(() => t?.stop())

  const begin = async (of: Parameters<typeof fakeBackend>[0] = {}) => {
    a = fakeBackend({
      sending: { firstDelay: 1_000, pause: { firstProbe: 60_000, longestProbe: 60_000 }, ...of.sending },
    })
    b = fakeBackend()
    t = await testSwitchboard({
      apps: [],
      backends: { a, b },
      settings: { routing: { rules: [{ to: 'a', failover: ['b'] }], attempts: 10 } },
    })
  }
  const send = async (request: Partial<TextRequest> = {}) => {
    const [message] = await t.send({ to: NUMBER, text: 'hi', ...request })
    return message?.id ?? ''
  }
  const tried = async (id: string) =>
    (await t.store.log.attempts(id)).map(({ backend, outcome, startedAt }) =>
      [backend, outcome, ...(startedAt === null ? ['without an attempt'] : [])].join(' '),
    )
  const sentOver = (backend: string) => t.sent.filter((message) => message.backend === backend).length

  it('goes elsewhere when the backend is paused', async () => {
    await begin({ sending: { concurrency: 1 } })
    a.hang()
    const ids = []
    for (let index = 0; index <= BEHIND; index++) {
      const [message] = await t.router.send({ to: `25471234567${index}`, text: 'hi' })
      ids.push(message?.id ?? '')
    }
    await until('one of them hangs', () => a.hanging === 1)
    a.failAlways(new AuthError('no'))
    a.recover()
    a.failAlways(new AuthError('no'))
    await until('all are sent', () => t.sent.length === ids.length)
    await t.idle()
    expect(sentOver('a')).to.equal(1)
    expect(sentOver('b')).to.equal(BEHIND)
    const paths = await Promise.all(ids.map(tried))
    expect(paths.filter((path) => path.join() === 'a MOVED,b SENT')).to.have.length(1)
    expect(paths.filter((path) => path.join() === 'a MOVED without an attempt,b SENT')).to.have.length(BEHIND - 1)
  })

  it('is never given to it while it is paused, as the routing sees it', async () => {
    await begin()
    a.failNext(1, new AuthError('no'))
    await send()
    const id = await send()
    expect(await tried(id)).to.deep.equal(['b SENT'])
    expect((await t.store.log.attempts(id))[0]?.reason).to.equal('rule "1"; not available: a')
    const plan = await t.router.plan(NUMBER)
    expect(plan.steps.map(({ backend, isAvailable }) => [backend, isAvailable])).to.deep.equal([
      ['b', true],
      ['a', false],
    ])
  })

  it('has one message try it now and then, which brings it back', async () => {
    await begin()
    a.failNext(2, new AuthError('no'))
    await send()
    expect(t.router.holds.isAvailable('a')).to.equal(false)
    await t.advance('1m')
    const probe = await send()
    const beside = await send({ to: '254712345679' })
    await until('the probe has gone elsewhere', async () => (await tried(probe)).length === 2)
    expect(await tried(probe)).to.deep.equal(['a MOVED', 'b SENT'])
    expect(await tried(beside)).to.deep.equal(['b SENT'])
    await t.advance('1m')
    expect(await tried(await send())).to.deep.equal(['a SENT'])
    await t.idle()
    expect(t.router.holds.isAvailable('a')).to.equal(true)
    expect(await tried(await send())).to.deep.equal(['a SENT'])
  })

  it('stays where it is scheduled for later, at its time', async () => {
    await begin()
    const id = await send({ at: new Date(t.clock.now() + 3_600_000) })
    a.failNext(1, new AuthError('no'))
    await send({ to: '254712345679' })
    await until('it has moved', async () => (await tried(id)).length === 1)
    expect(t.sent.map(({ id: each }) => each)).to.not.include(id)
    await t.advance('2h')
    expect(t.sent.map(({ id: each, backend }) => [each, backend])).to.deep.include([id, 'b'])
  })

  it('stays where nothing else takes it either', async () => {
    await begin()
    const id = await send({ at: new Date(t.clock.now() + 60_000) })
    b.failAlways(new AuthError('no'))
    a.failAlways(new AuthError('no'))
    const lost = await send({ to: '254712345679' })
    await t.advance('10m')
    expect(t.sent).to.deep.equal([])
    for (const each of [id, lost]) expect((await t.store.log.find(each))?.state).to.be.oneOf(['WAITING', 'SENDING'])
    b.recover()
    await t.advance('10m')
    expect(t.sent.map(({ id: each, backend }) => [each, backend])).to.deep.include.members([[lost, 'b']])
  })
})
