import { expect } from 'chai'
import type { NewPart } from '../../../src/store/part-store.ts'
import { newId, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

function partRow(values: Partial<NewPart> = {}): NewPart {
  const { text = 'part', number = 1, hex = null } = values
  return {
    groupId: newId(),
    backend: 'gateway',
    identity: '15550001',
    address: '2020',
    reference: '8:1',
    total: 3,
    number,
    text,
    hex,
    coding: null,
    digest: `${text} ${hex}`,
    fields: {},
    externalId: null,
    receivedAt: T0,
    dueAt: T0 + 300_000,
    ...values,
  }
}

/** Parts of long messages, until they are joined. */
export function describeParts(kit: StoreKit): void {
  describe('parts of long messages', () => {
    const add = (values: Partial<NewPart>) => kit.store.parts.add(partRow(values))
    const dueAt = async (now: number) =>
      (await kit.store.parts.due(now, 10)).map(({ parts }) => parts.map(({ text }) => text).join('+'))

    it('are complete with the last one, whatever their order', async () => {
      expect(await add({ number: 3, text: 'c' })).to.deep.equal({ duplicate: false, messageId: null, complete: null })
      await add({ number: 1, text: 'a', fields: { deep: [1] }, externalId: 'x' })
      const { complete } = await add({ number: 2, text: null, hex: '00ff', coding: 'ucs2' })
      expect(complete).to.deep.include({ backend: 'gateway', identity: '15550001', address: '2020', total: 3 })
      expect(complete?.parts).to.deep.equal([
        { number: 1, text: 'a', hex: null, coding: null, fields: { deep: [1] }, externalId: 'x' },
        { number: 2, text: null, hex: '00ff', coding: 'ucs2', fields: {}, externalId: null },
        { number: 3, text: 'c', hex: null, coding: null, fields: {}, externalId: null },
      ])
    })

    it('of other people, addresses, backends, references and totals are kept apart', async () => {
      await add({ number: 1, total: 2 })
      const others = [
        { identity: '15550002' },
        { address: null },
        { address: '3030' },
        { backend: 'other' },
        { reference: '8:2' },
        { total: 3 },
      ]
      for (const other of others) {
        const { complete } = await add({ number: 2, total: 2, ...other })
        expect(complete, JSON.stringify(other)).to.equal(null)
      }
      expect((await add({ number: 2, total: 2 })).complete?.parts).to.have.length(2)
    })

    it('that come again are repeats, by their external id or what they say', async () => {
      await add({ number: 1, text: 'a', externalId: 'x' })
      expect(await add({ number: 1, text: 'a', externalId: 'x' })).to.include({ duplicate: true })
      expect(await add({ number: 1, text: 'changed', externalId: 'x' })).to.include({ duplicate: true })
      expect(await add({ number: 1, text: 'a', externalId: 'y' })).to.include({ duplicate: true })
      expect(await dueAt(T0 + 300_000)).to.deep.equal(['a'])
    })

    it('of a message that was handed on are known until they are forgotten', async () => {
      await add({ number: 1, text: 'a', total: 2, externalId: 'x' })
      const { complete } = await add({ number: 2, text: 'b', total: 2, externalId: 'y' })
      await kit.store.parts.handedOn(complete?.id ?? '', 'message-1', T0 + 1_000)
      expect(await dueAt(T0 + 900_000)).to.deep.equal([])
      const repeat = { number: 2, text: 'b', total: 2, externalId: 'y' }
      expect(await add(repeat)).to.deep.equal({ duplicate: true, messageId: 'message-1', complete: null })
      await kit.store.parts.forget(T0 + 1_000)
      expect(await add(repeat)).to.include({ duplicate: true })
      await kit.store.parts.forget(T0 + 1_001)
      expect(await add(repeat)).to.deep.equal({ duplicate: false, messageId: null, complete: null })
    })

    it('begin a new message when the reference is used again', async () => {
      await add({ number: 1, text: 'a', total: 2, externalId: 'x' })
      const first = await add({ number: 2, text: 'b', total: 2, externalId: 'y' })
      await kit.store.parts.handedOn(first.complete?.id ?? '', 'message-1', T0 + 900_000)
      // The same text again, with ids of its own, is another message.
      expect(await add({ number: 1, text: 'a', total: 2, externalId: 'x2' })).to.include({ duplicate: false })
      const second = await add({ number: 2, text: 'b', total: 2, externalId: 'y2' })
      expect(second.complete?.id).to.be.a('string').that.is.not.equal(first.complete?.id)
    })

    it('make what waits due at once when another part of the same number comes', async () => {
      await add({ number: 1, text: 'old' })
      await add({ number: 1, text: 'new', receivedAt: T0 + 10 })
      expect(await dueAt(T0 + 9)).to.deep.equal([])
      expect(await dueAt(T0 + 10)).to.deep.equal(['old'])
      await add({ number: 2, text: 'er', receivedAt: T0 + 10 })
      expect(await dueAt(T0 + 300_000)).to.have.members(['old', 'new+er'])
    })

    it('are due when their time is over, or at once when they are complete', async () => {
      await add({ number: 2, text: 'b', dueAt: T0 + 500 })
      await add({ number: 3, text: 'c', dueAt: T0 + 9_999 })
      expect(await dueAt(T0 + 499)).to.deep.equal([])
      expect(await dueAt(T0 + 500)).to.deep.equal(['b+c'])
      await add({ number: 1, text: 'a', receivedAt: T0 + 20 })
      expect(await dueAt(T0 + 20)).to.deep.equal(['a+b+c'])
    })

    it('added at the same time make one message', async () => {
      const added = await Promise.all([1, 2, 3, 1, 2, 3].map((number) => add({ number, text: `${number}` })))
      expect(added.filter(({ duplicate }) => duplicate)).to.have.length(3)
      expect(new Set(added.flatMap(({ complete }) => complete?.id ?? []))).to.have.property('size', 1)
    })

    kit.itUnless('reopen', 'outlive a restart', async () => {
      await add({ number: 1, text: 'a', total: 2 })
      const store = await kit.harness.reopen()
      const { complete } = await store.parts.add(partRow({ number: 2, text: 'b', total: 2 }))
      expect(complete?.parts.map(({ text }) => text)).to.deep.equal(['a', 'b'])
    })
  })
}
