import { expect } from 'chai'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

describe('the rate of a backend', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  it('is what it sends in the long run, though every recipient has one message only', async () => {
    const sending = { partsPerSecond: 10, concurrency: 4 }
    t = await testSwitchboard({ apps: [], backends: { fake: fakeBackend({ sending }) } })
    for (let round = 1; round <= 3; round++) {
      const to = Array.from({ length: 50 }, (_, index) => `2547${round}${index}`)
      await t.router.send({ to, text: 'hi', class: 'bulk' })
      for (let second = 0; second < 5; second++) await t.advance(1_000)
      expect(t.sent.length).to.be.within(50 * round - 2, 50 * round)
    }
  })
})
