import { expect } from 'chai'
import { type Lane, messageClasses } from '../../../src/messages/lane.ts'
import type { Queue } from '../../../src/queue/queue.ts'
import { incoming, outgoing, type QueueKit } from '../conformance.ts'

const RINGS_TOGETHER = 50

/** Rings so often, some at a time, as those who ring do. */
async function ringAll(queue: Queue, rings: number, lanes: number): Promise<void> {
  for (let ring = 0; ring < rings; ring += RINGS_TOGETHER) {
    const some = Array.from({ length: RINGS_TOGETHER }, (_, index) => incoming(String((ring + index) % lanes)))
    await Promise.all(some.map((lane) => queue.ring(lane)))
  }
}

/** Concurrency, classes, fairness, rates. */
export function describePools(kit: QueueKit): void {
  describe('pools', () => {
    it('work as many lanes side by side as they may', async () => {
      const { queue } = await kit.make({ concurrency: 3 })
      const held = kit.held()
      queue.work(held.handler)
      for (let lane = 0; lane < 10; lane++) await queue.ring(incoming(String(lane)))
      await kit.settle()
      for (let lane = 0; lane < 10; lane++) await held.finish(incoming(String(lane)))
      expect(held.started).to.have.length(10)
      expect(held.mostAtOnce).to.equal(3)
    })

    it('are apart: a full one holds up no other', async () => {
      const { queue } = await kit.make((lane: Lane) => ({ name: lane.owner, concurrency: 1 }))
      const held = kit.held()
      queue.work(held.handler)
      for (const owner of ['a', 'b']) {
        for (const identity of ['1', '2'])
          await queue.ring({ kind: 'incoming', owner, identity: `${owner}${identity}` })
      }
      await kit.settle()
      expect(held.started).to.deep.equal(['a1', 'b1'])
    })

    it('hand out urgent before reply before normal before bulk', async () => {
      const { queue } = await kit.make({ concurrency: 1 })
      const held = kit.held()
      for (const name of messageClasses.toReversed())
        for (const n of ['1', '2']) await queue.ring(outgoing(name + n, name))
      queue.work(held.handler)
      await kit.settle()
      for (const name of messageClasses) for (const n of ['1', '2']) await held.finish(outgoing(name + n, name))
      expect(held.started).to.deep.equal(messageClasses.flatMap((name) => [`${name}1`, `${name}2`]))
    })

    it('give a released slot to another lane; the releasing lane stays taken until its handler returns', async () => {
      const { queue } = await kit.make({ concurrency: 1 })
      const held = kit.held()
      queue.work(held.handler)
      for (const identity of ['1', '2', '3']) await queue.ring(incoming(identity))
      await kit.settle()
      held.slots.get('1')?.release()
      held.slots.get('1')?.release()
      await queue.ring(incoming('1'))
      await kit.settle()
      expect(held.started).to.deep.equal(['1', '2'])
      await held.finish(incoming('1'))
      expect(held.started, 'the slot was given back already').to.deep.equal(['1', '2'])
      await held.finish(incoming('2'))
      expect(held.started).to.deep.equal(['1', '2', '3'])
    })

    it('give a slot again to a lane in hand before they give it to others, and never one too many', async () => {
      for (const rate of [undefined, { perSecond: 1_000 }]) {
        const { queue, clock } = await kit.make({ concurrency: 2, ...(rate === undefined ? {} : { rate }) })
        const held = kit.held()
        queue.work(held.handler)
        for (const identity of ['1', '2', '3', '4']) await queue.ring(incoming(identity))
        await clock.advance(100)
        const granted: string[] = []
        const again = (identity: string) =>
          void held.slots
            .get(identity)
            ?.again()
            .then(() => granted.push(identity))
        again('1')
        await kit.settle()
        expect(granted, 'still held').to.deep.equal(['1'])
        held.slots.get('1')?.release()
        await clock.advance(100)
        again('1')
        again('1')
        await clock.advance(100)
        expect([held.started, granted]).to.deep.equal([['1', '2', '3'], ['1']])
        await held.finish(incoming('2'))
        await clock.advance(100)
        expect([held.started, granted]).to.deep.equal([
          ['1', '2', '3'],
          ['1', '1', '1'],
        ])
        await held.finish(incoming('1'))
        await clock.advance(100)
        expect(held.started).to.deep.equal(['1', '2', '3', '4'])
      }
    })

    it('take back the slot of a lane that has ended while it waited for one', async () => {
      const { queue } = await kit.make({ concurrency: 1 })
      const held = kit.held()
      queue.work(held.handler)
      for (const identity of ['1', '2', '3', '4']) await queue.ring(incoming(identity))
      await kit.settle()
      held.slots.get('1')?.release()
      await kit.settle()
      void held.slots.get('1')?.again()
      await held.finish(incoming('1'))
      await held.finish(incoming('2'))
      expect(held.started).to.deep.equal(['1', '2', '3'])
    })

    it('go on giving slots again while they stop', async () => {
      const { queue, clock } = await kit.make({ concurrency: 1 })
      const held = kit.held()
      queue.work(held.handler)
      for (const identity of ['1', '2']) await queue.ring(incoming(identity))
      await kit.settle()
      held.slots.get('1')?.release()
      await kit.settle()
      let isGranted = false
      void held.slots
        .get('1')
        ?.again()
        .then(() => {
          isGranted = true
        })
      const stopped = queue.stop(1_000)
      await held.finish(incoming('2'))
      expect(isGranted).to.equal(true)
      await held.finish(incoming('1'))
      await clock.advance(1)
      expect(await stopped).to.equal(0)
    })

    it('take thousands of handlers that release their slot at once', async () => {
      const { queue } = await kit.make({ concurrency: 1 })
      let started = 0
      await ringAll(queue, 20_000, 20_000)
      queue.work(async (_, slot) => {
        started++
        slot.release()
        return { next: 'idle' }
      })
      await kit.settle()
      await kit.settle()
      expect(started).to.equal(20_000)
      expect(queue.size()).to.equal(0)
    })

    it('are fair: a lane with 10,000 turns delays every other by one round at the most', async () => {
      const { queue } = await kit.make({ concurrency: 2 })
      const turns: string[] = []
      let left = 10_000
      queue.work(async (lane) => {
        turns.push(lane.identity)
        await null
        return { next: lane.identity === 'busy' && --left > 0 ? 'more' : 'idle' }
      })
      await queue.ring(incoming('busy'))
      for (let lane = 0; lane < 50; lane++) await queue.ring(incoming(String(lane)))
      for (let turn = 0; turn < 100 && queue.size() > 0; turn++) await kit.settle()
      expect(turns.filter((identity) => identity === 'busy')).to.have.length(10_000)
      const last = Math.max(...Array.from({ length: 50 }, (_, lane) => turns.indexOf(String(lane))))
      expect(last, 'the turn at which the last of the others came').to.be.below(2 * 51)
    })

    it('take 100,000 rings and forget the lanes that are done', async () => {
      const { queue } = await kit.make()
      const worked = new Set<string>()
      queue.work(async (lane) => {
        worked.add(lane.identity)
        return { next: 'idle' }
      })
      await ringAll(queue, 100_000, 20_000)
      await kit.settle()
      expect(worked.size).to.equal(20_000)
      expect(queue.size()).to.equal(0)
    })
  })

  describe('rates', () => {
    for (const perSecond of [0.5, 5, 30, 333, 1_500]) {
      it(`hand out ${perSecond} lanes a second in the long run, within 5 %`, async () => {
        const { queue, clock } = await kit.make({ rate: { perSecond } })
        const seconds = Math.max(4, Math.ceil(100 / perSecond))
        let started = 0
        queue.work(async () => {
          started++
          return { next: 'idle' }
        })
        await Promise.all(
          Array.from({ length: perSecond * (seconds + 2) }, (_, lane) => queue.ring(outgoing(String(lane)))),
        )
        await clock.advance(seconds * 1_000)
        expect(started).to.be.within(perSecond * seconds * 0.95, perSecond * seconds * 1.05 + 1)
      })
    }

    it('hold one pool and no other', async () => {
      const { queue } = await kit.make((lane: Lane) =>
        lane.kind === 'incoming'
          ? { name: 'incoming', concurrency: 64 }
          : { name: lane.owner, concurrency: 64, rate: { perSecond: 1 } },
      )
      const held = kit.held()
      queue.work(held.handler)
      for (const identity of ['o1', 'o2', 'o3']) await queue.ring(outgoing(identity))
      for (const identity of ['i1', 'i2', 'i3']) await queue.ring(incoming(identity))
      await kit.settle()
      expect([...held.started].sort()).to.deep.equal(['i1', 'i2', 'i3', 'o1'])
    })

    it('let a reply that came meanwhile go before the bulk that was waiting', async () => {
      const { queue, clock } = await kit.make({ rate: { perSecond: 1 } })
      const held = kit.held()
      queue.work(held.handler)
      for (const identity of ['b1', 'b2', 'b3']) await queue.ring(outgoing(identity, 'bulk'))
      await kit.settle()
      await queue.ring(outgoing('r', 'reply'))
      await clock.advance(1_100)
      expect(held.started).to.deep.equal(['b1', 'r'])
    })

    it('do not go beyond the concurrency', async () => {
      const { queue, clock } = await kit.make({ concurrency: 2, rate: { perSecond: 100 } })
      const held = kit.held()
      queue.work(held.handler)
      for (const identity of ['1', '2', '3']) await queue.ring(outgoing(identity))
      await clock.advance(10_000)
      expect(held.started).to.deep.equal(['1', '2'])
      await held.finish(outgoing('1'))
      await clock.advance(1_000)
      expect(held.started).to.deep.equal(['1', '2', '3'])
    })
  })
}
