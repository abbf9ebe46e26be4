import { expect } from 'chai'
import type { Signals } from '../../src/queue/signals.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'

/**
 * What all signals keep to.
 * @param make makes some that nobody else uses, over this clock
 */
export function describeSignals(name: string, make: (clock: FakeClock) => Signals | Promise<Signals>): void {
  describe(`${name}, as signals`, () => {
    describe('channels', () => {
      it('tell all who listen, and nobody of other channels or who has gone', async () => {
        const signals = await make(new FakeClock())
        const heard: unknown[] = []
        const ends = ['a', 'b'].map((who) => signals.subscribe('news', (payload) => heard.push([who, payload])))
        signals.subscribe('other', () => heard.push('never'))
        await signals.publish('news', { n: 1 })
        await settle()
        expect(heard).to.deep.equal([
          ['a', { n: 1 }],
          ['b', { n: 1 }],
        ])
        ends[0]?.()
        ends[0]?.()
        await signals.publish('news', 'second')
        await settle()
        expect(heard.slice(2)).to.deep.equal([['b', 'second']])
        await signals.publish('nobody listens', null)
      })

      it('keep the order of what one publisher says', async () => {
        const signals = await make(new FakeClock())
        const heard: unknown[] = []
        signals.subscribe('news', (payload) => heard.push(payload))
        const sent = Array.from({ length: 100 }, (_, index) => index)
        for (const index of sent) await signals.publish('news', index)
        await settle()
        expect(heard).to.deep.equal(sent)
      })

      it('hold a listener to its own faults', async () => {
        const signals = await make(new FakeClock())
        const heard: unknown[] = []
        signals.subscribe('news', () => {
          throw new Error('a fault')
        })
        signals.subscribe('news', (payload) => heard.push(payload))
        await signals.publish('news', 1)
        await settle()
        expect(heard).to.deep.equal([1])
      })

      it('let a listener go, and another come, while they are told', async () => {
        const signals = await make(new FakeClock())
        const heard: string[] = []
        const end = signals.subscribe('news', () => {
          heard.push('first')
          end()
          signals.subscribe('news', () => heard.push('late'))
        })
        await signals.publish('news', 1)
        await signals.publish('news', 2)
        await settle()
        expect(heard).to.deep.equal(['first', 'late'])
      })
    })

    describe('rate tokens', () => {
      /** Takes a token as soon as there is one, for so long; returns how many it got. */
      const takeFor = async (signals: Signals, clock: FakeClock, perSecond: number, milliseconds: number) => {
        const end = clock.now() + milliseconds
        let taken = 0
        while (clock.now() < end) {
          const wait = await signals.takeToken('bucket', { perSecond })
          if (wait === 0) taken++
          else clock.jump(clock.now() + wait)
        }
        return taken
      }

      for (const perSecond of [0.1, 1, 7, 30, 250, 5_000]) {
        it(`${perSecond} a second come at that rate in the long run`, async () => {
          const clock = new FakeClock()
          const signals = await make(clock)
          const seconds = Math.max(2, 200 / perSecond)
          const taken = await takeFor(signals, clock, perSecond, seconds * 1_000)
          expect(taken).to.be.within(perSecond * seconds * 0.95, perSecond * seconds * 1.05 + 1)
        })
      }

      it('that were saved up make no burst: 50 ms of the rate at the most, or one', async () => {
        for (const [perSecond, most] of [
          [1, 1],
          [30, 1],
          [100, 5],
          [1_000, 50],
        ] as const) {
          const clock = new FakeClock()
          const signals = await make(clock)
          await signals.takeToken('bucket', { perSecond })
          clock.jump(clock.now() + 3_600_000)
          let burst = 0
          while ((await signals.takeToken('bucket', { perSecond })) === 0) burst++
          expect(burst, `${perSecond} a second`).to.be.within(1, most)
        }
      })

      it('says how long until there is one, and takes nothing then', async () => {
        const clock = new FakeClock()
        const signals = await make(clock)
        const rate = { perSecond: 4 }
        expect(await signals.takeToken('bucket', rate)).to.equal(0)
        expect(await signals.takeToken('bucket', rate)).to.equal(250)
        expect(await signals.takeToken('bucket', rate)).to.equal(250)
        clock.jump(clock.now() + 249)
        expect(await signals.takeToken('bucket', rate)).to.be.within(1, 2)
        clock.jump(clock.now() + 2)
        expect(await signals.takeToken('bucket', rate)).to.equal(0)
      })

      it('may be spent ahead: what was owed is waited for, what is given back is there', async () => {
        const clock = new FakeClock()
        const signals = await make(clock)
        const rate = { perSecond: 10 }
        await signals.takeToken('bucket', rate)
        await signals.spendTokens('bucket', 9, rate)
        expect(await signals.takeToken('bucket', rate)).to.equal(1_000)
        await signals.spendTokens('bucket', -5, rate)
        expect(await signals.takeToken('bucket', rate)).to.equal(500)
        clock.jump(clock.now() + 500)
        expect(await signals.takeToken('bucket', rate)).to.equal(0)
      })

      it('in parts: messages of three parts go at a third of the rate', async () => {
        const clock = new FakeClock()
        const signals = await make(clock)
        const rate = { perSecond: 30 }
        const end = clock.now() + 20_000
        let parts = 0
        while (clock.now() < end) {
          const wait = await signals.takeToken('bucket', rate)
          clock.jump(clock.now() + wait)
          if (wait > 0) continue
          await signals.spendTokens('bucket', 2, rate)
          parts += 3
        }
        expect(parts).to.be.within(600 * 0.95, 600 * 1.05)
      })

      it('of one bucket are none of another', async () => {
        const signals = await make(new FakeClock())
        const rate = { perSecond: 1 }
        expect(await signals.takeToken('a', rate)).to.equal(0)
        expect(await signals.takeToken('b', rate)).to.equal(0)
        expect(await signals.takeToken('a', rate)).to.be.greaterThan(0)
      })

      it('survive a clock that goes backwards', async () => {
        const clock = new FakeClock()
        const signals = await make(clock)
        const rate = { perSecond: 1 }
        await signals.takeToken('bucket', rate)
        clock.jump(clock.now() - 3_600_000)
        const wait = await signals.takeToken('bucket', rate)
        expect(wait).to.be.within(1, 1_000)
      })
    })
  })
}
