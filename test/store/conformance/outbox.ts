import { expect } from 'chai'
import { T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** What gateways fetch, what backends remember, and leases. */
export function describeOutbox(kit: StoreKit): void {
  describe('an outbox', () => {
    const add = (id: string, identity = 'A', backend = 'phone') =>
      kit.store.outbox.add({
        ...{ id, backend, identity, address: null, text: `text ${id}` },
        ...{ expiresAt: null, despiteOptOut: false },
      })
    const lease = async (device: string, now = T0, limit = 10) => {
      const leased = await kit.store.outbox.lease({ backend: 'phone', device, limit, now, until: now + 1_000 })
      return leased.map(({ id }) => id)
    }

    it('gives messages in their order, each once while its lease lasts', async () => {
      for (const [id, identity] of [
        ['1', 'A'],
        ['2', 'B'],
        ['3', 'A'],
      ] as const)
        await add(id, identity)
      await add('9', 'A', 'other')
      expect(await lease('one', T0, 2)).to.deep.equal(['1', '2'])
      expect(await lease('one', T0, 2)).to.deep.equal(['3'])
      expect(await lease('one', T0)).to.deep.equal([])
      expect(await lease('one', T0 + 1_000)).to.deep.equal(['1', '2', '3'])
    })

    it('gives all that is known of a message, and how often it was given', async () => {
      await add('1')
      const request = { backend: 'phone', device: 'one', limit: 1, now: T0, until: T0 + 5 }
      const known = { id: '1', backend: 'phone', identity: 'A', address: null, text: 'text 1' }
      const message = { ...known, expiresAt: null, despiteOptOut: false, optedOut: false }
      expect(await kit.store.outbox.lease(request)).to.deep.equal([{ ...message, tries: 1 }])
      expect(await kit.store.outbox.lease({ ...request, now: T0 + 5 })).to.deep.equal([{ ...message, tries: 2 }])
    })

    it('keeps what is for one person with one device at a time', async () => {
      await add('1', 'A')
      expect(await lease('one')).to.deep.equal(['1'])
      await add('2', 'A')
      await add('3', 'B')
      expect(await lease('two')).to.deep.equal(['3'])
      expect(await lease('one')).to.deep.equal(['2'])
      expect(await lease('two', T0 + 1_000)).to.deep.equal(['1', '2', '3'])
    })

    it('forgets what is removed, once, and knows an id that is added again', async () => {
      await add('1')
      await add('1')
      expect(await kit.store.outbox.remove('other', '1')).to.equal(false)
      expect(await kit.store.outbox.remove('phone', '1')).to.equal(true)
      expect(await kit.store.outbox.remove('phone', '1')).to.equal(false)
      expect(await lease('one')).to.deep.equal([])
    })

    it('gives a message to one of two that ask at the same time', async () => {
      for (const id of ['1', '2', '3', '4']) await add(id, `person ${id}`)
      const given = await Promise.all([lease('one', T0, 3), lease('two', T0, 3)])
      expect(given.flat().sort()).to.deep.equal(['1', '2', '3', '4'])
    })

    kit.itUnless('reopen', 'outlives a restart, leases included', async () => {
      await add('1')
      await add('2', 'B')
      await lease('one', T0, 1)
      const store = await kit.harness.reopen()
      const again = await store.outbox.lease({ backend: 'phone', device: 'two', limit: 9, now: T0, until: T0 + 1 })
      expect(again.map(({ id }) => id)).to.deep.equal(['2'])
    })
  })

  describe('a memory', () => {
    it('keeps plain JSON by backend and key', async () => {
      const { memory } = kit.store
      expect(await memory.get('a', 'k')).to.equal(undefined)
      for (const value of [{ a: [1, null] }, 'text', 0, false, null]) {
        await memory.put('a', 'k', value)
        expect(await memory.get('a', 'k')).to.deep.equal(value)
      }
      expect(await memory.get('b', 'k')).to.equal(undefined)
      await memory.put('a', 'k', undefined)
      await memory.put('a', 'k', undefined)
      expect(await memory.get('a', 'k')).to.equal(undefined)
    })

    it('leases a name to one holder until it is over or given back', async () => {
      const { memory } = kit.store
      expect(await memory.lease('n', 'one', T0, T0 + 100)).to.equal(true)
      expect(await memory.lease('n', 'two', T0 + 99, T0 + 200)).to.equal(false)
      expect(await memory.lease('other', 'two', T0, T0 + 100)).to.equal(true)
      expect(await memory.lease('n', 'one', T0 + 50, T0 + 300)).to.equal(true)
      expect(await memory.lease('n', 'two', T0 + 299, T0 + 400)).to.equal(false)
      expect(await memory.lease('n', 'two', T0 + 300, T0 + 400)).to.equal(true)
      await memory.release('n', 'one')
      expect(await memory.lease('n', 'one', T0 + 301, T0 + 400)).to.equal(false)
      await memory.release('n', 'two')
      expect(await memory.lease('n', 'one', T0 + 301, T0 + 400)).to.equal(true)
    })

    it('leases a name to one of many that ask at the same time', async () => {
      const asked = Array.from({ length: 5 }, (_, index) => kit.store.memory.lease('n', `${index}`, T0, T0 + 100))
      expect((await Promise.all(asked)).filter(Boolean)).to.have.length(1)
    })
  })
}
