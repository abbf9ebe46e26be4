import { expect } from 'chai'
import type { NewCallback } from '../../../src/store/callback-store.ts'
import { callbackWork, DAY, LEASE, valuesOf } from '../../support/callback-rows.ts'
import { incomingRow, NOW, outgoingLane, outgoingRow, sendFirst } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** What is on its way to callbacks. */
export function describeCallbackDeliveries(kit: StoreKit): void {
  const { add, receive, claim, claimed, one, held, done, told } = callbackWork(kit)

  describe('callback deliveries', () => {
    it('of one lane are claimed one at a time, lanes side by side', async () => {
      await add()
      const ids = [await receive(), await receive({ identity: '2' }), await receive()]
      const first = await claimed()
      expect(first.map(({ messageId }) => messageId)).to.deep.equal([ids[0], ids[1]])
      expect(await claimed({ holder: 'you' })).to.deep.equal([])
      const [delivery] = first
      if (delivery === undefined) throw new Error('nothing was claimed')
      await done(delivery)
      expect((await claimed({ holder: 'you' })).map(({ messageId }) => messageId)).to.deep.equal([ids[2]])
    })

    it('are looked through page by page, and are the first of their lanes on whichever page they stand', async () => {
      await add()
      const ids = []
      for (const identity of ['1', '1', '1', '2', '1', '3']) ids.push(await receive({ identity }))
      const found: string[] = []
      let after: number | undefined = 0
      while (after !== undefined) {
        const { deliveries, next } = await claim({ page: 2, after })
        found.push(...deliveries.map(({ messageId }) => messageId))
        after = next
      }
      expect(found).to.deep.equal([ids[0], ids[3], ids[5]])
    })

    it('of two callbacks with the same URL share a lane', async () => {
      await add()
      await add({ name: 'message_sent' })
      await receive()
      await kit.store.recordOutgoing([outgoingRow()])
      await sendFirst(kit.store, outgoingLane())
      expect(await claimed()).to.have.lengthOf(1)
    })

    it('are claimed by somebody else when the lease is over; who comes late settles nothing', async () => {
      await add()
      await receive()
      const [mine] = await claimed()
      const [yours] = await claimed({ holder: 'you', now: NOW + LEASE, until: NOW + 2 * LEASE })
      if (mine === undefined || yours === undefined) throw new Error('nothing was claimed')
      expect(yours.id).to.equal(mine.id)
      await done(mine)
      await kit.store.callbacks.settle([{ ...held(mine), kind: 'dead', now: NOW, status: 500, failure: 'late' }])
      const { callback } = mine
      expect(await kit.store.callbacks.counts([callback])).to.deep.equal([{ callback, waiting: 1, dead: 0 }])
      await done(yours, 'you')
      expect(await kit.store.callbacks.counts([callback])).to.deep.equal([])
    })

    it('that failed hold back their lane until they are due; a URL that was not reached, all of it', async () => {
      await add()
      await receive()
      await receive()
      const [delivery] = await claimed()
      if (delivery === undefined) throw new Error('nothing was claimed')
      const failed = {
        ...held(delivery),
        kind: 'retry',
        at: NOW + 5_000,
        now: NOW,
        status: null,
        failure: 'no',
      } as const
      await kit.store.callbacks.settle([{ ...failed, hold: NOW + 3_000 }])
      expect(await claimed()).to.deep.equal([])
      const target = { target: 'receiver', user: 'ann' }
      expect(await kit.store.callbacks.targets(NOW + 2_999)).to.deep.equal([])
      expect(await kit.store.callbacks.targets(NOW + 3_000)).to.deep.equal([{ ...target, failures: 1 }])
      const [again] = await claimed({ now: NOW + 5_000, until: NOW + LEASE })
      expect(again).to.deep.include({ id: delivery.id, tries: 1, failure: 'no', status: null })
      await done(delivery)
      expect(await kit.store.callbacks.targets(NOW)).to.deep.equal([{ ...target, failures: 0 }])
    })

    it('of different URLs are found without the others', async () => {
      await add()
      await add({ target: 'another', user: null })
      await receive()
      expect(await kit.store.callbacks.targets(NOW)).to.have.deep.members([
        { target: 'another', user: null, failures: 0 },
        { target: 'receiver', user: 'ann', failures: 0 },
      ])
      expect(await told('another')).to.have.lengthOf(1)
    })

    it('given up are kept, seen and replayed, and go with what is old', async () => {
      const { id } = await add()
      await receive()
      await receive({ identity: '2' })
      const [a, b] = await claimed()
      if (a === undefined || b === undefined) throw new Error('nothing was claimed')
      const dead = { kind: 'dead', now: NOW, status: 500, failure: 'answered 500' } as const
      await kit.store.callbacks.settle([
        { ...held(a), ...dead },
        { ...held(b), ...dead, status: null },
      ])
      const listed = await kit.store.callbacks.dead({ limit: 10 })
      expect(listed.map((each) => each.id)).to.deep.equal([b.id, a.id])
      expect(listed[1]).to.deep.include({ tries: 1, status: 500, failure: 'answered 500', deadAt: NOW })
      expect(await kit.store.callbacks.dead({ limit: 10, before: b.seq, callback: id })).to.have.lengthOf(1)
      expect(await kit.store.callbacks.replay(undefined, [a.id], NOW + 1)).to.equal(1)
      expect((await claimed({ now: NOW + 1 }))[0]).to.deep.include({ id: a.id, tries: 0, since: NOW + 1, deadAt: null })
      await kit.store.purge({ before: NOW + DAY, now: NOW, limit: 10 })
      expect(await kit.store.callbacks.dead({ limit: 10 })).to.deep.equal([])
      expect(await kit.store.callbacks.replay(id, undefined, NOW + 2)).to.equal(0)
    })

    it('of a callback that is disabled stay, and nothing more is recorded until it is changed', async () => {
      const callback = await add()
      const { id, revision } = callback
      await receive()
      expect(await kit.store.callbacks.disable(id, revision, 'answered 410', NOW)).to.equal(true)
      expect(await kit.store.callbacks.disable(id, revision, 'answered 410', NOW)).to.equal(false)
      await receive()
      const [delivery, ...others] = await claimed()
      if (delivery === undefined) throw new Error('nothing was claimed')
      expect(others).to.deep.equal([])
      await kit.store.callbacks.settle([{ ...held(delivery), kind: 'dead', now: NOW, status: 410, failure: 'gone' }])
      await kit.store.callbacks.change(id, revision, { ...valuesOf(callback), target: 'new' }, NOW)
      await kit.store.callbacks.replay(id, undefined, NOW)
      await receive()
      expect(await told('new')).to.have.lengthOf(2)
    })

    it('are counted for the callbacks that are asked for', async () => {
      const [first, second] = [await add(), await add({ user: 'bob' })]
      await add({ user: null, target: 'third' })
      await receive()
      const [delivery] = await claimed()
      if (delivery === undefined) throw new Error('nothing was claimed')
      await kit.store.callbacks.settle([{ ...held(delivery), kind: 'dead', now: NOW, status: 500, failure: 'no' }])
      expect(await kit.store.callbacks.counts([first.id, second.id])).to.have.deep.members([
        { callback: first.id, waiting: 0, dead: 1 },
        { callback: second.id, waiting: 1, dead: 0 },
      ])
      expect(await kit.store.callbacks.counts([])).to.deep.equal([])
    })

    it('that are given back go where their callback is now', async () => {
      const callback = await add()
      await receive()
      const delivery = await one()
      await kit.store.callbacks.change(callback.id, callback.revision, { ...valuesOf(callback), target: 'new' }, NOW)
      await kit.store.callbacks.settle([{ ...held(delivery), kind: 'released' }])
      expect(await claimed()).to.deep.equal([])
      expect((await claimed({ target: 'new' })).map(({ id }) => id)).to.deep.equal([delivery.id])
    })

    it('that are given back until later wait that long', async () => {
      await add()
      await receive()
      await kit.store.callbacks.settle([{ ...held(await one()), kind: 'released', at: NOW + 5_000 }])
      expect(await claimed({ now: NOW + 4_999 })).to.deep.equal([])
      expect(await one({ now: NOW + 5_000 })).to.deep.include({ tries: 0 })
    })

    describe('to a URL that is left alone', () => {
      /** A callback whose delivery has failed, and the URL with it. */
      const away = async (values: Partial<NewCallback> = {}) => {
        const callback = await add(values)
        await receive()
        const failed = { kind: 'retry', at: NOW + DAY, now: NOW, status: null, failure: 'no' } as const
        await kit.store.callbacks.settle([{ ...held(await one()), ...failed, hold: NOW + DAY }])
        expect(await kit.store.callbacks.targets(NOW)).to.deep.equal([])
        return callback
      }
      const targets = async () => (await kit.store.callbacks.targets(NOW)).map(({ target }) => target)
      const mends: readonly Partial<NewCallback>[] = [{ secret: 'whsec_bmV3' }, { url: 'http://new/', target: 'new' }]
      for (const mend of mends) {
        it(`are due at once when it is mended: ${Object.keys(mend)[0]}`, async () => {
          const callback = await away()
          const { id, revision } = callback
          await kit.store.callbacks.change(id, revision, { ...valuesOf(callback), ...mend }, NOW)
          const target = mend.target ?? 'receiver'
          expect(await targets()).to.deep.equal([target])
          expect(await claimed({ target })).to.have.lengthOf(1)
        })
      }

      it('are due at once when it was disabled, and is told again', async () => {
        const callback = await away()
        const { id, revision } = callback
        await kit.store.callbacks.disable(id, revision, 'answered 410', NOW)
        await kit.store.callbacks.change(id, revision, valuesOf(callback), NOW)
        expect(await claimed()).to.have.lengthOf(1)
        expect(await targets()).to.deep.equal(['receiver'])
      })

      it('wait on when something else is changed', async () => {
        const callback = await away()
        const { id, revision } = callback
        await kit.store.callbacks.change(id, revision, { ...valuesOf(callback), format: 'form' }, NOW)
        expect(await targets()).to.deep.equal([])
        expect(await claimed()).to.deep.equal([])
      })

      for (const way of ['id', 'callback', 'all'] as const) {
        it(`are tried at once when they are replayed: ${way}`, async () => {
          const { id } = await away()
          await receive({ identity: '2' })
          const [, other] = await claimed({ now: NOW + DAY, until: NOW + DAY + LEASE })
          if (other === undefined) throw new Error('nothing was claimed')
          const dead = { kind: 'dead', now: NOW, status: 500, failure: 'no' } as const
          await kit.store.callbacks.settle([{ ...held(other), ...dead }])
          expect(await kit.store.callbacks.replay(undefined, ['none'], NOW)).to.equal(0)
          expect(await targets()).to.deep.equal([])
          const ids = way === 'id' ? [other.id] : undefined
          expect(await kit.store.callbacks.replay(way === 'callback' ? id : undefined, ids, NOW)).to.equal(1)
          expect(await targets()).to.deep.equal(['receiver'])
        })
      }

      it('leave nothing of that behind when their callback is removed, unless others share it', async () => {
        const { id } = await away()
        const shared = await add()
        await kit.store.callbacks.remove(id)
        await receive()
        expect(await targets()).to.deep.equal([])
        await kit.store.callbacks.remove(shared.id)
        await add()
        await receive()
        expect(await targets()).to.deep.equal(['receiver'])
      })

      it('are claimed by nobody, whatever is due', async () => {
        await away()
        await receive({ identity: '2' })
        expect(await claim({ page: 1 })).to.deep.equal({ deliveries: [], next: undefined })
        expect(await claimed({ now: NOW + DAY, until: NOW + DAY + LEASE })).to.have.lengthOf(2)
      })

      it('leave nothing of that behind when their callback goes elsewhere, unless others share it', async () => {
        const { id, revision, ...callback } = await away()
        const elsewhere = { ...valuesOf({ id, revision, ...callback }), url: 'http://new/', target: 'new' }
        const shared = await add()
        await kit.store.callbacks.change(id, revision, elsewhere, NOW)
        await receive()
        expect(await targets()).to.deep.equal(['new'])
        await kit.store.callbacks.change(shared.id, shared.revision, { ...elsewhere, target: 'newer' }, NOW)
        await add()
        await receive()
        expect((await targets()).sort()).to.deep.equal(['new', 'newer', 'receiver'])
      })

      it('are no hindrance to who comes later: a late answer holds up no URL that is told nothing any more', async () => {
        const { id } = await add()
        await receive()
        const late = await one()
        await kit.store.callbacks.remove(id)
        const failed = { kind: 'retry', at: NOW + DAY, now: NOW, status: 429, failure: 'no', hold: NOW + DAY } as const
        await kit.store.callbacks.settle([{ ...held(late), ...failed }])
        await add()
        await receive()
        expect(await targets()).to.deep.equal(['receiver'])
      })

      it('have that forgotten a day after it is over, when nothing waits', async () => {
        const { id } = await away()
        const purge = (now: number) => kit.store.purge({ before: 0, now, limit: 10 })
        expect((await purge(NOW + 3 * DAY)).others).to.equal(0)
        const delivery = await one({ now: NOW + DAY, until: NOW + DAY + LEASE })
        const dead = { kind: 'dead', now: NOW, status: 500, failure: 'no' } as const
        await kit.store.callbacks.settle([{ ...held(delivery), ...dead }])
        expect((await purge(NOW + 2 * DAY)).others).to.equal(0)
        expect((await purge(NOW + 2 * DAY + 1)).others).to.equal(1)
        expect((await kit.store.callbacks.counts([id]))[0]?.dead).to.equal(1)
      })
    })

    kit.itUnless('reopen', 'are there after a restart', async () => {
      await add()
      await receive()
      const store = await kit.harness.reopen()
      await store.recordIncoming([incomingRow({ identity: '2' })])
      const request = { target: 'receiver', holder: 'x', now: NOW, until: NOW + 1, limit: 10, page: 10, after: 0 }
      expect((await store.callbacks.claim(request)).deliveries).to.have.lengthOf(2)
    })
  })
}
