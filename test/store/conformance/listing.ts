import { expect } from 'chai'
import { leastIdAt } from '../../../src/messages/ids.ts'
import { messagePage } from '../../../src/router/message-pages.ts'
import type { ListingFilter } from '../../../src/store/listing-store.ts'
import {
  incomingLane,
  incomingRow,
  outgoingLane,
  outgoingRow,
  processFirst,
  sendFirst,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** Reads of all messages, for programs that keep up with them. */
export function describeListing(kit: StoreKit): void {
  describe('the list of all messages', () => {
    const talk = async () => {
      await kit.store.recordIncoming([incomingRow({ text: 'One', externalId: 'x' })])
      await kit.store.recordOutgoing([outgoingRow({ text: 'two', tag: 't', relatedTo: 'r', address: '2020' })])
      await kit.store.recordIncoming([incomingRow({ text: 'three', backend: 'other', receivedAt: T0 + 5_000 })])
      await kit.store.recordOutgoing([outgoingRow({ text: 'four', identity: '15550002', createdAt: T0 + 5_000 })])
      await processFirst(kit.store, incomingLane())
      await sendFirst(kit.store, outgoingLane())
    }
    const window = async (filter: ListingFilter = {}, limit = 100, after = 0) => {
      const upTo = await kit.store.listing.settledUpTo()
      const found = await kit.store.listing.window({ after, upTo, filter, limit })
      return found.map(({ text }) => text)
    }

    it('has both directions in the order in which they were recorded, open or finished', async () => {
      await talk()
      expect(await window()).to.deep.equal(['One', 'two', 'three', 'four'])
      expect(await window({}, 2)).to.deep.equal(['One', 'two'])
    })

    it('begins after a number, and ends at one', async () => {
      await talk()
      const upTo = await kit.store.listing.settledUpTo()
      const all = await kit.store.listing.window({ after: 0, upTo, filter: {}, limit: 100 })
      expect(await window({}, 100, all[1]?.seq)).to.deep.equal(['three', 'four'])
      const first = await kit.store.listing.window({ after: 0, upTo: all[0]?.seq ?? 0, filter: {}, limit: 100 })
      expect(first).to.deep.equal(all.slice(0, 1))
      expect(upTo).to.be.at.least(all.at(-1)?.seq ?? Number.NaN)
    })

    for (const { filter, texts } of [
      { filter: { backends: ['other'] }, texts: ['three'] },
      { filter: { backends: ['other', 'gateway'] }, texts: ['One', 'two', 'three', 'four'] },
      { filter: { backends: ['none'] }, texts: [] },
      { filter: { identity: '15550002' }, texts: ['four'] },
      { filter: { direction: 'in' }, texts: ['One', 'three'] },
      { filter: { direction: 'out' }, texts: ['two', 'four'] },
      { filter: { state: 'PROCESSED' }, texts: ['One'] },
      { filter: { state: 'SENT' }, texts: ['two'] },
      { filter: { tag: 't' }, texts: ['two'] },
      { filter: { tag: 't', direction: 'in' }, texts: ['One', 'three'] },
      { filter: { text: 'oN' }, texts: ['One'] },
      { filter: { text: '%' }, texts: [] },
      { filter: { since: T0 + 5_000 }, texts: ['three', 'four'] },
      { filter: { until: T0 + 5_000 }, texts: ['One', 'two'] },
      { filter: { since: T0, until: T0 + 1, direction: 'out', backends: ['gateway'] }, texts: ['two'] },
    ] satisfies { filter: ListingFilter; texts: string[] }[]) {
      it(`finds what is asked for: ${JSON.stringify(filter)}`, async () => {
        await talk()
        expect(await window(filter)).to.deep.equal(texts)
      })
    }

    it('tells all of a message', async () => {
      await talk()
      const upTo = await kit.store.listing.settledUpTo()
      const [one, two] = await kit.store.listing.window({ after: 0, upTo, filter: {}, limit: 2 })
      expect(one).to.deep.include({
        direction: 'in',
        externalId: 'x',
        at: T0,
        changedAt: T0 + 100,
        parts: null,
        tag: null,
      })
      const of = { tag: 't', relatedTo: 'r', address: '2020', parts: 1, state: 'SENT', tries: 1, deliveredAt: null }
      expect(two).to.deep.include({ ...of, direction: 'out', at: T0, changedAt: T0 + 300, sentAt: T0 + 300 })
      expect(await kit.store.listing.outgoing([two?.id ?? '', one?.id ?? '', 'none'])).to.deep.equal([two])
    })

    it('gives ids of outgoing ones, the newest first, page by page', async () => {
      const rows = Array.from({ length: 5 }, (_, index) =>
        outgoingRow({ backend: index % 2 === 0 ? 'gateway' : 'other' }),
      )
      await kit.store.recordOutgoing(rows)
      await sendFirst(kit.store, outgoingLane())
      const newest = rows.map(({ id, backend }) => ({ id, backend })).reverse()
      const first = await kit.store.listing.sentIds({ from: leastIdAt(0), before: 'g', limit: 3 })
      expect(first).to.deep.equal(newest.slice(0, 3))
      const before = first.at(-1)?.id ?? ''
      expect(await kit.store.listing.sentIds({ from: newest[4]?.id ?? '', before, limit: 3 })).to.deep.equal(
        newest.slice(3),
      )
      expect(await kit.store.listing.sentIds({ from: newest[3]?.id ?? '', before, limit: 3 })).to.deep.equal([
        newest[3],
      ])
    })

    it('tells where the messages of a time begin', async () => {
      expect(await kit.store.listing.firstSince(0)).to.equal(undefined)
      await kit.store.recordOutgoing([outgoingRow({ id: `${leastIdAt(T0)}-7000-8000-000000000000` })])
      await kit.store.recordIncoming([incomingRow({ id: `${leastIdAt(T0 + 10)}-7000-8000-000000000000` })])
      const first = await kit.store.listing.firstSince(T0)
      const second = await kit.store.listing.firstSince(T0 + 1)
      expect(second).to.be.greaterThan(first ?? Number.NaN)
      expect(await kit.store.listing.firstSince(T0 + 11)).to.equal(undefined)
    })

    it('is given in pages that are all of it, each message once', async () => {
      for (let index = 0; index < 7; index++) {
        await kit.store.recordOutgoing([outgoingRow({ text: `${index}`, tag: index % 3 === 0 ? 't' : null })])
      }
      const read = async (filter: ListingFilter) => {
        const texts: string[] = []
        for (let after = 0, more = true; more; ) {
          const page = await messagePage(kit.store.listing, { after, filter, limit: 2 })
          expect(page.messages.length).to.be.at.most(2)
          texts.push(...page.messages.map(({ text }) => text))
          ;({ next: after, more } = page)
        }
        return texts
      }
      expect(await read({})).to.deep.equal(['0', '1', '2', '3', '4', '5', '6'])
      expect(await read({ tag: 't' })).to.deep.equal(['0', '3', '6'])
      expect(await read({ since: 0 })).to.have.length(7)
      expect(await read({ until: T0 - 24 * 3_600_000 })).to.deep.equal([])
    })
  })
}
