import { expect } from 'chai'
import { ConnectionError, RequestError } from 'sms-switchboard'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { replayAll } from '../../src/cli/replay.ts'

describe('replaying all', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  for (const page of [1, 2, 5, 100]) {
    it(`opens each once, also what fails again meanwhile, ${page} at a time`, async () => {
      t = await testSwitchboard({ apps: [] })
      t.fake.failAlways(new RequestError('no'))
      await t.send({ to: ['1', '2', '3', '4', '5'], text: 'hi' })
      const opened: string[] = []
      const router = {
        replay: async (ids: readonly string[]) => {
          opened.push(...ids)
          if (opened.length > 20) throw new Error('it goes on and on')
          const count = await t.router.replay(ids)
          await t.idle()
          return count
        },
      }
      expect(await replayAll(t.store.log, router, { direction: 'out' }, page)).to.equal(5)
      expect(opened).to.have.length(5)
      expect(t.fake.attempts).to.have.length(10)
    })
  }

  it('leaves alone what is UNKNOWN, unless that is asked for', async () => {
    t = await testSwitchboard({ apps: [] })
    t.fake.failNext(1, new ConnectionError('no answer', { outcomeUnknown: true }))
    await t.send({ to: '1', text: 'hi' })
    expect(await replayAll(t.store.log, t.router, { direction: 'out' }, 10)).to.equal(0)
    expect(await replayAll(t.store.log, t.router, { direction: 'out', unknown: true }, 10)).to.equal(1)
    await t.idle()
    expect(t.sent).to.have.length(1)
  })
})
