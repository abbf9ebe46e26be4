import { expect } from 'chai'
import sinon from 'sinon'
import { sleep, systemClock } from '../../src/messages/clock.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'

const DAY = 24 * 3600_000

describe('systemClock', () => {
  let time: sinon.SinonFakeTimers

  beforeEach(() => {
    time = sinon.useFakeTimers({ now: 1_700_000_000_000 })
  })

  afterEach(() => time.restore())

  it('tells the time of the machine', () => {
    time.tick(123)
    expect(systemClock.now()).to.equal(1_700_000_000_123)
  })

  for (const [title, wait] of [
    ['a second', 1_000],
    ['as long as a timer of Node can be', 2_147_483_647],
    ['a little longer', 2_147_483_648],
    ['a hundred days', 100 * DAY],
  ] as const) {
    it(`calls once after ${title}, at its time`, () => {
      const callback = sinon.spy()
      systemClock.schedule(systemClock.now() + wait, callback)
      time.tick(wait - 1)
      expect(callback.callCount).to.equal(0)
      time.tick(1)
      expect(callback.callCount).to.equal(1)
      time.tick(100 * DAY)
      expect(callback.callCount).to.equal(1)
    })
  }

  it('calls of a time that has passed after the current turn, not within it', () => {
    const callback = sinon.spy()
    systemClock.schedule(systemClock.now() - 5_000, callback)
    expect(callback.callCount).to.equal(0)
    time.tick(1)
    expect(callback.callCount).to.equal(1)
  })

  it('takes back a timer, also in a later link of its chain, and twice', () => {
    for (const before of [0, 30 * DAY, 60 * DAY]) {
      const callback = sinon.spy()
      const timer = systemClock.schedule(systemClock.now() + 80 * DAY, callback)
      time.tick(before)
      timer.cancel()
      timer.cancel()
      time.tick(100 * DAY)
      expect(callback.callCount).to.equal(0)
    }
  })
})

describe('sleep', () => {
  it('resolves once the time has passed', async () => {
    const clock = new FakeClock()
    let awake = false
    void sleep(clock, 1_000).then(() => {
      awake = true
    })
    await clock.advance(999)
    expect(awake).to.equal(false)
    await clock.advance(1)
    expect(awake).to.equal(true)
  })

  it('resolves at once when it is aborted, before or while it lasts, and leaves nothing behind', async () => {
    const clock = new FakeClock()
    await sleep(clock, 1_000, AbortSignal.abort())
    expect(clock.timers).to.equal(0)
    const controller = new AbortController()
    const removed = sinon.spy(controller.signal, 'removeEventListener')
    const asleep = sleep(clock, 1_000, controller.signal)
    controller.abort()
    await asleep
    expect(clock.timers).to.equal(0)
    expect(removed.callCount).to.equal(1)
  })

  it('takes its listener away when it ends by itself', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const removed = sinon.spy(controller.signal, 'removeEventListener')
    const asleep = sleep(clock, 1_000, controller.signal)
    await clock.advance(1_000)
    await asleep
    await settle()
    expect(removed.callCount).to.equal(1)
  })
})
