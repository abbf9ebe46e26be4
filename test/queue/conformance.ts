import { expect } from 'chai'
import type { Lane, MessageClass } from '../../src/messages/lane.ts'
import type { PoolSettings, Queue } from '../../src/queue/queue.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { HeldHandler } from './conformance/held-handler.ts'
import { describeHolds } from './conformance/holds.ts'
import { describePools } from './conformance/pools.ts'

export interface QueueParts {
  readonly clock: FakeClock
  readonly poolOf: (lane: Lane) => PoolSettings
}

/** What the parts of the suite work with. */
export interface QueueKit {
  /** Makes a queue whose lanes all count in one pool of these settings, or in those given. */
  make(settings?: Partial<PoolSettings> | ((lane: Lane) => PoolSettings)): Promise<TriedQueue>
  held(): HeldHandler
  /** Lets everything that has begun come to where it waits for the clock or the test. */
  settle(): Promise<void>
}

export interface TriedQueue {
  readonly queue: Queue
  readonly clock: FakeClock
}

export const incoming = (identity: string): Lane => ({ kind: 'incoming', owner: 'gateway', identity })
export const outgoing = (identity: string, messageClass: MessageClass = 'normal'): Lane => ({
  kind: 'outgoing',
  owner: 'gateway',
  identity,
  class: messageClass,
})

/**
 * What every queue keeps to.
 * @param makeQueue makes one that nobody else uses, with signals of its own over the same clock
 * @param settleAll waits until the queue has nothing more to do; a turn of the loop is enough within this process
 */
export function describeQueue(
  name: string,
  makeQueue: (parts: QueueParts) => Queue | Promise<Queue>,
  settleAll: () => Promise<void> = settle,
): void {
  describe(`${name}, as a queue`, () => {
    const made: Queue[] = []
    const kit: QueueKit = {
      async make(settings = {}) {
        const clock = new FakeClock(undefined, settleAll)
        const pool = { name: 'pool', concurrency: 64, ...(typeof settings === 'function' ? {} : settings) }
        const queue = await makeQueue({ clock, poolOf: typeof settings === 'function' ? settings : () => pool })
        made.push(queue)
        return { queue, clock }
      },
      held: () => new HeldHandler(settleAll),
      settle: settleAll,
    }

    afterEach(async () => {
      await Promise.all(made.splice(0).map((queue) => queue.stop(0)))
    })

    describeHandingOut(kit)
    describeStopping(kit)
    describePools(kit)
    describeHolds(kit)
  })
}

function describeHandingOut(kit: QueueKit): void {
  describe('handing out lanes', () => {
    it('hands out what was rung before and after work began, in the order of the rings', async () => {
      const { queue } = await kit.make()
      const held = kit.held()
      await queue.ring(incoming('1'))
      await queue.ring(incoming('2'))
      expect(held.started).to.deep.equal([])
      queue.work(held.handler)
      await queue.ring(incoming('3'))
      await kit.settle()
      expect(held.started).to.deep.equal(['1', '2', '3'])
      expect(queue.size()).to.equal(3)
    })

    it('never hands out one lane twice at once, however often it is rung', async () => {
      const { queue } = await kit.make()
      const held = kit.held()
      queue.work(held.handler)
      for (let ring = 0; ring < 100; ring++) await queue.ring(incoming('1'))
      await kit.settle()
      expect(held.started).to.deep.equal(['1'])
      expect(queue.size()).to.equal(1)
    })

    it('hands it out again when it was rung while being worked, once', async () => {
      const { queue } = await kit.make()
      const held = kit.held()
      queue.work(held.handler)
      await queue.ring(incoming('1'))
      await kit.settle()
      await queue.ring(incoming('1'))
      await queue.ring(incoming('1'))
      await held.finish(incoming('1'))
      expect(held.started).to.deep.equal(['1', '1'])
      await held.finish(incoming('1'))
      expect(held.started).to.deep.equal(['1', '1'])
      expect(queue.size()).to.equal(0)
    })

    it('tells lanes apart by direction, owner, identity and class', async () => {
      const { queue } = await kit.make()
      const held = kit.held()
      queue.work(held.handler)
      const lanes = [
        incoming('1'),
        incoming('2'),
        outgoing('1'),
        outgoing('1', 'bulk'),
        { ...incoming('1'), owner: 'x' },
      ]
      for (const lane of lanes) await queue.ring(lane)
      await kit.settle()
      expect(held.active.size).to.equal(lanes.length)
    })

    it('more: after the others; later: at its time; idle: when it is rung', async () => {
      const { queue, clock } = await kit.make({ concurrency: 1 })
      const held = kit.held()
      queue.work(held.handler)
      for (const identity of ['1', '2']) await queue.ring(incoming(identity))
      await kit.settle()
      await held.finish(incoming('1'), { next: 'more' })
      await held.finish(incoming('2'), { next: 'later', at: clock.now() + 5_000 })
      await held.finish(incoming('1'))
      expect(held.started).to.deep.equal(['1', '2', '1'])
      await clock.advance(4_999)
      expect(held.started).to.have.length(3)
      await clock.advance(1)
      expect(held.started).to.deep.equal(['1', '2', '1', '2'])
      await held.finish(incoming('2'))
      await clock.advance(60_000)
      expect(held.started).to.have.length(4)
      await queue.ring(incoming('1'))
      await kit.settle()
      expect(held.started).to.have.length(5)
    })

    it('waits for notBefore; the earliest ring counts', async () => {
      const { queue, clock } = await kit.make()
      const held = kit.held()
      queue.work(held.handler)
      const now = clock.now()
      await queue.ring(incoming('1'), now + 5_000)
      await queue.ring(incoming('2'), now + 1_000)
      await queue.ring(incoming('1'), now + 2_000)
      await queue.ring(incoming('1'), now + 9_000)
      await queue.ring(incoming('3'), now)
      await kit.settle()
      expect(held.started).to.deep.equal(['3'])
      await clock.advance(1_000)
      expect(held.started).to.deep.equal(['3', '2'])
      await clock.advance(1_000)
      expect(held.started).to.deep.equal(['3', '2', '1'])
      await held.finish(incoming('1'))
      await clock.advance(60_000)
      expect(held.started).to.have.length(3)
    })

    it('rung for later while being worked: handed out then, or when the handler asks if that is earlier', async () => {
      const { queue, clock } = await kit.make()
      const held = kit.held()
      queue.work(held.handler)
      await queue.ring(incoming('1'))
      await kit.settle()
      await queue.ring(incoming('1'), clock.now() + 5_000)
      await held.finish(incoming('1'), { next: 'later', at: clock.now() + 2_000 })
      await clock.advance(2_000)
      expect(held.started).to.have.length(2)
      await queue.ring(incoming('1'), clock.now() + 3_000)
      await held.finish(incoming('1'))
      await clock.advance(2_999)
      expect(held.started).to.have.length(2)
      await clock.advance(1)
      expect(held.started).to.have.length(3)
    })

    for (const [title, fault] of [
      ['rejects', () => Promise.reject(new Error('a fault'))],
      [
        'throws',
        () => {
          throw new Error('a fault')
        },
      ],
    ] as const) {
      it(`a handler that ${title} is called again after a while, and does not spin`, async () => {
        const { queue, clock } = await kit.make()
        let calls = 0
        queue.work(() => {
          calls++
          return fault()
        })
        await queue.ring(incoming('1'))
        for (let turn = 0; turn < 20; turn++) await kit.settle()
        expect(calls).to.equal(1)
        await clock.advance(60_000)
        expect(calls).to.be.within(2, 61)
      })
    }
  })
}

function describeStopping(kit: QueueKit): void {
  describe('stopping', () => {
    it('hands out no more, waits for what is in hand, and says that nothing is left', async () => {
      const { queue } = await kit.make({ concurrency: 1 })
      const held = kit.held()
      queue.work(held.handler)
      await queue.ring(incoming('1'))
      await queue.ring(incoming('2'))
      await kit.settle()
      const stopped = queue.stop(10_000)
      let left: number | undefined
      const done = stopped.then((count) => {
        left = count
      })
      await kit.settle()
      expect(left, 'while a handler runs').to.equal(undefined)
      await held.finish(incoming('1'), { next: 'more' })
      await done
      expect(left).to.equal(0)
      expect(held.started).to.deep.equal(['1'])
    })

    it('gives up after the limit and says how many were still being worked', async () => {
      const { queue, clock } = await kit.make()
      const held = kit.held()
      queue.work(held.handler)
      for (const identity of ['1', '2', '3']) await queue.ring(incoming(identity))
      await kit.settle()
      const stopped = queue.stop(2_000)
      await held.finish(incoming('2'))
      await clock.advance(2_000)
      expect(await stopped).to.equal(2)
    })

    it('leaves no timer behind, whatever was waiting', async () => {
      const { queue, clock } = await kit.make({ rate: { perSecond: 1 } })
      queue.work(async () => ({ next: 'idle' }))
      for (const identity of ['1', '2', '3']) await queue.ring(outgoing(identity))
      await queue.ring(outgoing('4'), clock.now() + 5_000)
      await kit.settle()
      await queue.stop(1_000)
      await kit.settle()
      expect(clock.timers).to.equal(0)
    })

    it('may work again after it; a lane still in hand from before is not worked twice', async () => {
      const { queue } = await kit.make()
      const held = kit.held()
      queue.work(held.handler)
      await queue.ring(incoming('1'))
      await queue.ring(incoming('2'))
      await kit.settle()
      expect(await queue.stop(0)).to.equal(2)
      queue.work(held.handler)
      await queue.ring(incoming('1'))
      await queue.ring(incoming('3'))
      await kit.settle()
      expect(held.started).to.deep.equal(['1', '2', '3'])
      await held.finish(incoming('1'))
      expect(held.started).to.deep.equal(['1', '2', '3', '1'])
    })
  })
}
