import { expect } from 'chai'
import { ServerError } from 'sms-switchboard'
import { ping } from 'sms-switchboard/apps'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

const late = new ServerError('not now', { retryAfter: 3_600_000 })

describe('messages without an expiry of their own', () => {
  let t: TestSwitchboard
  const begin = async (expiry: Partial<Record<'session' | 'urgent' | 'reply' | 'normal' | 'bulk', number>> = {}) => {
    const backends = { fake: fakeBackend({ sending: { maxAge: 900_000_000, longestDelay: 3_600_000 } }) }
    t = await testSwitchboard({ apps: [ping()], backends, settings: { expiry } })
  }
  const state = async (id: string | undefined) => {
    const found = await t.store.log.find(id ?? '')
    return [found?.state, found?.error]
  }
  const expired = ['CANCELLED', 'expired before it was sent']
  afterEach(() => t.stop())

  for (const messageClass of ['urgent', 'reply', 'normal', 'bulk'] as const) {
    it(`expire by their class: ${messageClass}`, async () => {
      await begin({ [messageClass]: 1_800_000 })
      t.fake.failNext(2, late)
      const others = messageClass === 'normal' ? 'bulk' : 'normal'
      const [first] = await t.send({ to: '1', text: 'hi', class: messageClass })
      const [other] = await t.send({ to: '2', text: 'hi', class: others })
      await t.advance('2h')
      expect(await state(first?.id)).to.deep.equal(expired)
      expect(await state(other?.id)).to.deep.equal(['SENT', null])
    })
  }

  it('expire soon in a session', async () => {
    await begin()
    t.fake.failNext(2, late)
    await t.receive({ identity: '8005551212', text: 'ping', fields: { session: { id: 's', event: 'new' } } })
    await t.receive({ identity: '8005551213', text: 'ping' })
    await t.advance('2h')
    expect(t.sent.map(({ identity }) => identity)).to.deep.equal(['8005551213'])
  })

  it('count from when they are due, and keep an expiry of their own', async () => {
    await begin({ normal: 60_000 })
    const now = t.clock.now()
    const [planned] = await t.send({ to: '1', text: 'hi', at: new Date(now + 3_600_000) })
    t.fake.failNext(1, late)
    const [own] = await t.send({ to: '2', text: 'hi', expires: new Date(now + 86_400_000) })
    await t.advance('2h')
    expect(await state(planned?.id)).to.deep.equal(['SENT', null])
    expect(await state(own?.id)).to.deep.equal(['SENT', null])
  })

  it('begin anew when they are replayed', async () => {
    await begin({ normal: 86_400_000 })
    t.fake.failAlways()
    const [sent] = await t.send({ to: '1', text: 'hi' })
    await t.advance('10h')
    expect((await state(sent?.id))[0]).to.equal('ERROR')
    t.fake.recover()
    await t.advance('3d')
    await t.router.replay([sent?.id ?? ''])
    await t.idle()
    expect(await state(sent?.id)).to.deep.equal(['SENT', null])
  })
})
