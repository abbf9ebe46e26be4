import { expect } from 'chai'
import { leastIdAt } from '../../../src/messages/ids.ts'
import type { Pause } from '../../../src/store/pause-store.ts'
import { outgoingLane, outgoingRow, sendFirst, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** Pauses, what waits meanwhile, counts against caps, what reports are made of. */
export function describeTrouble(kit: StoreKit): void {
  describePauses(kit)
  describeWaiting(kit)
  describeUsage(kit)
  describeTraffic(kit)
}

function describePauses(kit: StoreKit): void {
  describe('pauses', () => {
    const pause = (values: Partial<Pause> = {}): Pause => ({
      ...{ backend: 'a', cause: 'AUTH', reason: 'no', since: T0, probes: 0, probeAt: T0 + 60_000 },
      ...values,
    })
    const byHand = pause({ cause: 'HAND', reason: 'moving \u0000\ud800', since: T0 + 5, probeAt: null })

    it('are one for each backend: the first stands, unless another is begun by hand', async () => {
      const { pauses } = kit.store
      expect(await pauses.all()).to.deep.equal([])
      expect(await Promise.all([pauses.begin(pause()), pauses.begin(pause({ backend: 'b' }))])).to.deep.equal([
        true,
        true,
      ])
      expect(await pauses.begin(pause({ reason: 'again', since: T0 + 1 }))).to.equal(false)
      expect(await pauses.all()).to.deep.equal([pause(), pause({ backend: 'b' })])
      expect(await pauses.begin({ ...byHand, reason: 'moving' })).to.equal(true)
      expect(await pauses.begin(pause())).to.equal(false)
      expect((await pauses.all())[0]).to.deep.equal({ ...byHand, reason: 'moving' })
    })

    it('note what was tried, while they are the same', async () => {
      const { pauses } = kit.store
      await pauses.begin(pause())
      await pauses.probed('a', T0, T0 + 9)
      await pauses.probed('a', T0 + 1, T0 + 99)
      expect(await pauses.all()).to.deep.equal([pause({ probes: 1, probeAt: T0 + 9 })])
    })

    it('end by a success, or by hand, which alone ends one that was begun so', async () => {
      const { pauses } = kit.store
      await pauses.begin(pause())
      expect(await pauses.end('a', 'success')).to.equal(true)
      expect(await pauses.end('a', 'success')).to.equal(false)
      await pauses.begin({ ...byHand, reason: '' })
      expect(await pauses.end('a', 'success')).to.equal(false)
      expect(await pauses.end('a', 'hand')).to.equal(true)
      expect(await pauses.all()).to.deep.equal([])
    })

    kit.itUnless('reopen', 'outlive a restart', async () => {
      await kit.store.pauses.begin(pause())
      expect(await (await kit.harness.reopen()).pauses.all()).to.deep.equal([pause()])
    })
  })
}

function describeWaiting(kit: StoreKit): void {
  describe('what waits', () => {
    const times = { urgent: 100, reply: 200, normal: 300, bulk: 400 }
    const overdue = async (now: number, values = {}) => {
      const query = { backend: 'gateway', now, times, answers: 50, after: 0, limit: 10, ...values }
      return (await kit.store.waiting.overdue(query)).map(({ id }) => id)
    }

    it('is counted by backend', async () => {
      const rows = ['gateway', 'gateway', 'other'].map((backend, n) => outgoingRow({ backend, identity: `${n}` }))
      await kit.store.recordOutgoing(rows)
      expect(await kit.store.waiting.counts()).to.deep.equal({ gateway: 2, other: 1 })
    })

    it('is found when it may be over: by its own time, or by its class', async () => {
      const own = outgoingRow({ id: 'own', expiresAt: T0 + 10 })
      const bulk = outgoingRow({ id: 'bulk', class: 'bulk', identity: '2' })
      const later = outgoingRow({ id: 'later', class: 'urgent', identity: '3', notBefore: T0 + 350 })
      const answer = outgoingRow({ id: 'answer', class: 'reply', inResponseTo: { id: 'in', externalId: 'x' } })
      const other = outgoingRow({ id: 'other', backend: 'other', expiresAt: T0 })
      await kit.store.recordOutgoing([own, bulk, later, answer, other])
      expect(await overdue(T0 + 9)).to.deep.equal([])
      expect(await overdue(T0 + 10)).to.deep.equal(['own'])
      expect(await overdue(T0 + 399)).to.deep.equal(['own', 'answer'])
      expect(await overdue(T0 + 450)).to.deep.equal(['own', 'bulk', 'later', 'answer'])
      const [first] = await kit.store.waiting.overdue({
        ...{ backend: 'gateway', now: T0 + 450, times, answers: 50, after: 0, limit: 1 },
      })
      expect(first).to.deep.include({ ...{ id: 'own', class: 'normal', expiresAt: T0 + 10, inResponseTo: null } })
      expect(await overdue(T0 + 450, { after: first?.seq, limit: 2 })).to.deep.equal(['bulk', 'later'])
    })

    it('is cancelled once, unless an attempt is under way', async () => {
      const rows = ['1', '2', '3'].map((identity) => outgoingRow({ id: `m${identity}`, identity }))
      await kit.store.recordOutgoing(rows)
      const { fence, messages } = await kit.store.claimOutgoing(outgoingLane('2'), 1, T0 + 1)
      const [message] = messages
      if (message === undefined) throw new Error('there is none')
      await kit.store.startAttempts([{ fence, message, at: T0 + 1 }])
      expect([...(await kit.store.waiting.cancel(['m1', 'm2', 'none'], 'too late', T0 + 5))]).to.deep.equal(['m1'])
      expect(await kit.store.waiting.cancel(['m1', 'm2'], 'too late', T0 + 5)).to.deep.equal([])
      expect(await kit.store.log.find('m1')).to.include({ state: 'CANCELLED', error: 'too late' })
      expect(await kit.store.log.find('m2')).to.include({ state: 'SENDING' })
      expect((await kit.store.claimOutgoing(outgoingLane('1'), 1, T0 + 9)).messages).to.deep.equal([])
      expect((await kit.store.claimOutgoing(outgoingLane('3'), 1, T0 + 9)).messages).to.have.length(1)
    })
  })

  describe('a try that is not the message’s own', () => {
    it('leaves the count of its tries as it was, and it at its place', async () => {
      await kit.store.recordOutgoing([outgoingRow({ text: 'first' }), outgoingRow({ text: 'second' })])
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'retry', at: T0 + 1, uncounted: true } })
      const { messages } = await kit.store.claimOutgoing(outgoingLane(), 2, T0 + 60_000)
      expect(messages.map(({ text, tries }) => [text, tries])).to.deep.equal([
        ['first', 0],
        ['second', 0],
      ])
    })
  })
}

function describeUsage(kit: StoreKit): void {
  describe('usage', () => {
    const one = { messages: 1, parts: 2, cost: 0.5 }
    const take = (limits = {}, name = 'day') => kit.store.usage.take(name, one, limits, T0 + 1_000)

    it('is counted by name as far as the limits go, by all who count at the same time', async () => {
      const taken = await Promise.all(Array.from({ length: 10 }, () => take({ messages: 4 })))
      expect(taken.filter(Boolean)).to.have.length(4)
      expect(await kit.store.usage.get('day')).to.deep.equal({ messages: 4, parts: 8, cost: 2 })
      expect(await kit.store.usage.get('other')).to.deep.equal({ messages: 0, parts: 0, cost: 0 })
    })

    for (const limits of [{ messages: 1 }, { parts: 3 }, { cost: 0.9 }]) {
      it(`is held to a limit of ${Object.keys(limits)[0]}`, async () => {
        expect(await take(limits)).to.equal(true)
        expect(await take(limits)).to.equal(false)
      })
    }

    it('refuses even the first that does not fit', async () => {
      expect(await take({ parts: 1 })).to.equal(false)
      expect(await kit.store.usage.get('day')).to.deep.equal({ messages: 0, parts: 0, cost: 0 })
    })

    it('is corrected, never below nothing', async () => {
      await take()
      await kit.store.usage.correct('day', { messages: -5, parts: 1, cost: 0.25 })
      await kit.store.usage.correct('none', one)
      expect(await kit.store.usage.get('day')).to.deep.equal({ messages: 0, parts: 3, cost: 0.75 })
      expect(await kit.store.usage.get('none')).to.deep.equal({ messages: 0, parts: 0, cost: 0 })
    })

    it('is removed when its time is over', async () => {
      await take()
      await kit.store.purge({ before: T0, now: T0 + 999, limit: 10 })
      expect(await kit.store.usage.get('day')).to.deep.include({ messages: 1 })
      expect(await kit.store.purge({ before: T0, now: T0 + 1_001, limit: 10 })).to.deep.include({ others: 1 })
      expect(await kit.store.usage.get('day')).to.deep.include({ messages: 0 })
    })
  })
}

function describeTraffic(kit: StoreKit): void {
  describe('traffic', () => {
    const at = (time: number, n: number) => `${leastIdAt(time)}-7000-8000-00000000000${n}`

    it('is read page by page, in the order of the ids, with what each attempt cost', async () => {
      const rows = [1, 2, 3].map((n) =>
        outgoingRow({
          id: at(T0 + n * 1_000, n),
          identity: `${n}`,
          createdAt: T0 + n * 1_000,
          tag: n === 1 ? 'a' : null,
        }),
      )
      await kit.store.recordOutgoing(rows)
      const money = { cost: 0.5, currency: 'EUR', network: '26201' }
      const sent = { outcome: { kind: 'settled', state: 'DELIVERED' }, ...money } as const
      await sendFirst(kit.store, outgoingLane('1'), { ...sent, outcome: { kind: 'retry', at: T0 } })
      await sendFirst(kit.store, outgoingLane('1'), { ...sent, estimated: true })
      await sendFirst(kit.store, outgoingLane('2'), { outcome: { kind: 'settled', state: 'ERROR' } })
      const all = { from: T0, to: T0 + 60_000, limit: 10 }
      const page = await kit.store.traffic.page(all)
      const told = { backend: 'gateway', parts: 1 }
      expect(page).to.deep.equal([
        {
          ...{ ...told, id: rows[0]?.id, identity: '1', tag: 'a', state: 'DELIVERED', createdAt: T0 + 1_000 },
          attempts: [
            { ...money, estimated: false },
            { ...money, estimated: true },
          ],
        },
        { ...told, id: rows[1]?.id, identity: '2', tag: null, state: 'ERROR', createdAt: T0 + 2_000, attempts: [] },
      ])
      const ids = async (query: object) => (await kit.store.traffic.page({ ...all, ...query })).map(({ id }) => id)
      expect(await ids({ limit: 1 })).to.deep.equal([rows[0]?.id])
      expect(await ids({ after: rows[0]?.id ?? '' })).to.deep.equal([rows[1]?.id])
      expect(await ids({ from: T0 + 2_000 })).to.deep.equal([rows[1]?.id])
      expect(await ids({ to: T0 + 2_000 })).to.deep.equal([rows[0]?.id])
    })
  })
}
