import { expect } from 'chai'
import { messageClasses } from '../../../src/messages/lane.ts'
import { outgoing, type QueueKit } from '../conformance.ts'

/** What is held back, and what may pass all the same. */
export function describeHolds(kit: QueueKit): void {
  describe('holding', () => {
    const begin = async (settings = {}) => {
      const { queue, clock } = await kit.make({ concurrency: 4, ...settings })
      const held = kit.held()
      return { queue, clock, held, started: held.started }
    }

    it('hands out nothing of what is held, rung before or after it, and all of it in its order at the end', async () => {
      const { queue, held, started } = await begin()
      await queue.ring(outgoing('1'))
      queue.hold('pool', messageClasses)
      queue.work(held.handler)
      for (const name of ['2', '3']) await queue.ring(outgoing(name))
      await kit.settle()
      expect(started).to.deep.equal([])
      queue.hold('pool', [])
      await kit.settle()
      expect(started).to.deep.equal(['1', '2', '3'])
    })

    it('goes on with what is in hand, and keeps what is given back', async () => {
      const { queue, held, started } = await begin()
      queue.work(held.handler)
      await queue.ring(outgoing('1'))
      await kit.settle()
      queue.hold('pool', messageClasses)
      await held.finish(outgoing('1'), { next: 'more' })
      await kit.settle()
      expect(started).to.deep.equal(['1'])
      queue.hold('pool', [])
      await kit.settle()
      expect(started).to.deep.equal(['1', '1'])
    })

    it('holds single classes of one pool', async () => {
      const { queue } = await kit.make((lane) => ({ name: lane.owner, concurrency: 4 }))
      const held = kit.held()
      queue.work(held.handler)
      queue.hold('gateway', ['normal', 'bulk'])
      for (const name of messageClasses) await queue.ring(outgoing(name, name))
      await queue.ring({ kind: 'outgoing', owner: 'other', class: 'bulk', identity: 'other' })
      await kit.settle()
      expect(held.started).to.have.members(['urgent', 'reply', 'other'])
    })

    it('keeps what comes due meanwhile', async () => {
      const { queue, clock, held, started } = await begin()
      queue.work(held.handler)
      queue.hold('pool', messageClasses)
      await queue.ring(outgoing('1'), clock.now() + 1_000)
      await clock.advance(2_000)
      expect(started).to.deep.equal([])
      queue.hold('pool', [])
      await kit.settle()
      expect(started).to.deep.equal(['1'])
    })

    it('lets one lane pass, now or when there is one, the most urgent of those that may', async () => {
      const { queue, held, started } = await begin()
      queue.work(held.handler)
      queue.hold('pool', messageClasses)
      for (const name of ['bulk', 'normal', 'urgent'] as const) await queue.ring(outgoing(name, name))
      queue.letOne('pool', ['normal', 'bulk'])
      await kit.settle()
      expect(started).to.deep.equal(['normal'])
      await held.finish(outgoing('normal', 'normal'))
      queue.letOne('pool', ['reply'])
      await kit.settle()
      expect(started).to.deep.equal(['normal'])
      await queue.ring(outgoing('reply', 'reply'))
      await queue.ring(outgoing('another', 'reply'))
      await kit.settle()
      expect(started).to.deep.equal(['normal', 'reply'])
    })

    it('takes back, by the next hold, that one may pass', async () => {
      const { queue, held, started } = await begin()
      queue.work(held.handler)
      queue.hold('pool', messageClasses)
      queue.letOne('pool', messageClasses)
      queue.hold('pool', messageClasses)
      await queue.ring(outgoing('1'))
      await kit.settle()
      expect(started).to.deep.equal([])
    })

    it('lets one lane pass at a rate', async () => {
      const { queue, clock, held, started } = await begin({ rate: { perSecond: 1 } })
      queue.work(held.handler)
      queue.hold('pool', messageClasses)
      for (const name of ['1', '2', '3']) await queue.ring(outgoing(name))
      await clock.advance(5_000)
      expect(started).to.deep.equal([])
      queue.letOne('pool', messageClasses)
      await clock.advance(5_000)
      expect(started).to.deep.equal(['1'])
    })
  })
}
