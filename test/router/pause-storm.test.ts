import { expect } from 'chai'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

/** 200,000 take a minute; the number can be given to see that. */
const MESSAGES = Number(process.env['STORM'] ?? 5_000)
const PAGE = 5_000

describe(`a pause with ${MESSAGES} messages waiting`, function () {
  this.timeout(300_000)
  let t: TestSwitchboard
  afterEach(() => t.stop())

  /** Counts the calls that work lanes. */
  const watched = () => {
    const { store } = t
    const claim = store.claimOutgoing.bind(store)
    const counted = { claims: 0 }
    store.claimOutgoing = (...args) => {
      counted.claims++
      return claim(...args)
    }
    return counted
  }

  it('costs nothing while it lasts, nothing when it begins, and each message one turn when it ends', async () => {
    t = await testSwitchboard({ apps: [], backends: { fake: fakeBackend() }, patience: 200_000 })
    const counted = watched()
    const byHand = async (act: () => Promise<unknown>) => {
      await act()
      await t.router.holds.heard()
    }
    const since = t.clock.now()
    const pause = { backend: 'fake', cause: 'HAND', reason: '', since, probes: 0, probeAt: null } as const
    await byHand(() => t.store.pauses.begin(pause))
    for (let from = 0; from < MESSAGES; from += PAGE) {
      await t.router.send({ to: Array.from({ length: PAGE }, (_, n) => `${from + n}`), text: 'hi' })
    }
    await t.advance('3m')
    expect(counted.claims).to.equal(0)
    await byHand(() => t.store.pauses.end('fake', 'hand'))
    await t.idle()
    expect(t.sent).to.have.length(MESSAGES)
    expect(counted.claims / MESSAGES).to.be.at.most(2)
  })

  it('stops within the lanes that are in hand, when it begins', async () => {
    t = await testSwitchboard({ apps: [], backends: { fake: fakeBackend({ sending: { concurrency: 10 } }) } })
    const counted = watched()
    t.fake.hang()
    await t.router.send({ to: Array.from({ length: PAGE }, (_, n) => `${n}`), text: 'hi' })
    while (t.fake.hanging < 10) await new Promise((resolve) => setImmediate(resolve))
    const since = t.clock.now()
    await t.store.pauses.begin({ backend: 'fake', cause: 'HAND', reason: '', since, probes: 0, probeAt: null })
    await t.router.holds.heard()
    const before = counted.claims
    t.fake.recover()
    await t.idle()
    expect(t.sent).to.have.length(10)
    expect(counted.claims - before).to.be.at.most(10)
  })
})
