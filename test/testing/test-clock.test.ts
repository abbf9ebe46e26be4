import { expect } from 'chai'
import { TestClock } from 'sms-switchboard/testing'
import { milliseconds } from '../../src/testing/duration.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('TestClock', () => {
  it('stands still at the start given', async () => {
    const clock = new TestClock(1_000)
    await turn()
    expect(clock.now()).to.equal(1_000)
    expect(new Date(new TestClock().now()).toISOString()).to.equal('2026-01-05T09:00:00.000Z')
  })

  it('calls timers in the order of their times, then of their making, each at its own time', async () => {
    const clock = new TestClock(0)
    const calls: string[] = []
    const note = (name: string) => () => void calls.push(`${name}@${clock.now()}`)
    clock.schedule(20, note('late'))
    clock.schedule(10, note('first'))
    clock.schedule(10, note('second'))
    clock.schedule(31, note('never'))
    await clock.advance(30)
    expect(calls).to.deep.equal(['first@10', 'second@10', 'late@20'])
    expect(clock.now()).to.equal(30)
  })

  it('reaches timers that were made on the way', async () => {
    const clock = new TestClock(0)
    const times: number[] = []
    const every = () => {
      times.push(clock.now())
      clock.schedule(clock.now() + 10, every)
    }
    clock.schedule(10, every)
    await clock.advance(35)
    expect(times).to.deep.equal([10, 20, 30])
  })

  it('settles between the steps', async () => {
    const clock = new TestClock(0)
    const steps: string[] = []
    for (const at of [10, 20]) clock.schedule(at, () => void steps.push(`timer ${at}`))
    await clock.advance(25, async () => void steps.push(`settled ${clock.now()}`))
    expect(steps).to.deep.equal(['settled 0', 'timer 10', 'settled 10', 'timer 20', 'settled 20'])
  })

  it('calls what is due already without being moved, but not within the same turn', async () => {
    const clock = new TestClock(100)
    const calls: string[] = []
    clock.schedule(100, () => void calls.push('due'))
    clock.schedule(0, () => void calls.push('overdue'))
    expect(calls).to.deep.equal([])
    await turn()
    expect(calls).to.deep.equal(['due', 'overdue'])
  })

  it('does not call what was cancelled', async () => {
    const clock = new TestClock(0)
    let calls = 0
    const count = () => calls++
    clock.schedule(0, count).cancel()
    clock.schedule(5, count).cancel()
    await clock.advance(10)
    expect(calls).to.equal(0)
  })

  it('does not go back', async () => {
    const refused = await new TestClock().advance(-1).catch((error: unknown) => error)
    expect(refused).to.be.instanceOf(RangeError)
  })
})

describe('a length of time', () => {
  const rows: readonly (readonly [number | string, number])[] = [
    [0, 0],
    [1_500, 1_500],
    ['250ms', 250],
    ['10s', 10_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1.5h', 5_400_000],
    ['1d', 86_400_000],
    ['1h30m', 5_400_000],
  ]
  for (const [given, expected] of rows) {
    it(`reads ${JSON.stringify(given)}`, () => expect(milliseconds(given)).to.equal(expected))
  }
  for (const given of [-1, Number.NaN, Number.POSITIVE_INFINITY, '', '10', 'm', '10 m', '10x', '-1h']) {
    it(`refuses ${JSON.stringify(given)} (${typeof given})`, () => {
      expect(() => milliseconds(given)).to.throw(/A length of time is expected/)
    })
  }
})
