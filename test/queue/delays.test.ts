import { expect } from 'chai'
import fc from 'fast-check'
import { Delays } from '../../src/queue/delays.ts'
import { FakeClock } from '../support/fake-clock.ts'

describe('Delays', () => {
  it('gives every item at its time, in the order of the times and then of the adding', async () => {
    const operations = fc.array(
      fc.record({ after: fc.integer({ min: 0, max: 40 }), advance: fc.integer({ min: 0, max: 15 }) }),
      { maxLength: 60 },
    )
    await fc.assert(
      fc.asyncProperty(operations, async (steps) => {
        const clock = new FakeClock(1_000)
        const given: { at: number; order: number; when: number }[] = []
        const delays = new Delays<{ at: number; order: number }>(clock, (item) =>
          given.push({ ...item, when: clock.now() }),
        )
        const added: { at: number; order: number; since: number }[] = []
        for (const [order, { after, advance }] of steps.entries()) {
          const at = clock.now() + after
          added.push({ at, order, since: clock.now() })
          delays.add(at, { at, order })
          await clock.advance(advance)
        }
        await clock.advance(100)
        const expected = added
          .map(({ at, order, since }) => ({ at, order, when: Math.max(at, since) }))
          .sort((a, b) => a.when - b.when || a.at - b.at || a.order - b.order)
        expect(given).to.deep.equal(expected)
        expect(clock.timers).to.equal(0)
      }),
      { numRuns: 60 },
    )
  })

  it('keeps one timer however much waits, and none once it is cleared', () => {
    const clock = new FakeClock()
    const delays = new Delays(clock, () => {})
    for (let item = 0; item < 100; item++) delays.add(clock.now() + ((item * 37) % 100) + 1, item)
    expect(clock.timers).to.equal(1)
    delays.clear()
    expect(clock.timers).to.equal(0)
  })

  it('takes up again when a timer comes too early', async () => {
    const clock = new FakeClock(1_000)
    const given: string[] = []
    const delays = new Delays<string>(clock, (item) => given.push(item))
    delays.add(1_010, 'item')
    clock.jump(900)
    await clock.advance(110)
    expect(given).to.deep.equal(['item'])
  })

  it('may be added to from within', async () => {
    const clock = new FakeClock(1_000)
    const given: number[] = []
    const delays = new Delays<number>(clock, (item) => {
      given.push(item)
      if (item < 3) delays.add(clock.now(), item + 1)
    })
    delays.add(1_001, 1)
    await clock.advance(1)
    expect(given).to.deep.equal([1, 2, 3])
  })
})
