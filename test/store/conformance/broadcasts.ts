import { expect } from 'chai'
import { HELD_UNTIL, type NewBroadcast, type NewRecipient } from '../../../src/store/broadcast-store.ts'
import { StaleResultError } from '../../../src/store/errors.ts'
import { rejection } from '../../support/rejection.ts'
import { change, contactRow, head, NOW, outgoingLane, outgoingRow, sendFirst, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const LEASE = 30_000

/** Messages to very many people: whom they go to, and what becomes of them as a whole. */
export function describeBroadcasts(kit: StoreKit): void {
  const row = (values: Partial<NewBroadcast> = {}): NewBroadcast => ({
    id: 'b1',
    name: null,
    tag: null,
    key: null,
    request: { send: { text: 'hello' } },
    startAt: 0,
    createdAt: T0,
    holder: 'me',
    heldUntil: T0 + LEASE,
    ...values,
  })
  const recipient = (position: number, values: Partial<NewRecipient> = {}): NewRecipient => ({
    ...{ position, backend: 'gateway', identity: `person ${position}`, params: null },
    ...values,
  })
  const take = (recipients: readonly NewRecipient[], values = {}) =>
    kit.store.broadcasts.take({ id: 'b1', holder: 'me', heldUntil: T0 + LEASE, recipients, faults: [], ...values })
  const find = async (id = 'b1') => {
    const found = await kit.store.broadcasts.find(id)
    if (found === undefined) throw new Error(`the broadcast ${id} is not there`)
    return found
  }
  const run = () => kit.store.broadcasts.change({ id: 'b1', from: ['TAKING'], to: 'RUNNING', at: T0 })
  /** One that runs, with this many recipients of which all have their messages. */
  const running = async (count: number) => {
    await kit.store.broadcasts.create(row())
    const positions = Array.from({ length: count }, (_, index) => index + 1)
    await take(positions.map((position) => recipient(position)))
    await run()
    const messages = positions.map((position) =>
      outgoingRow({ identity: `person ${position}`, class: 'bulk', broadcastId: 'b1' }),
    )
    await kit.store.broadcasts.expand({ ...expansion, to: count, recipients: count, messages })
    return messages
  }
  const expansion = { id: 'b1', from: 0, to: 2, recipients: 2, messages: [], faults: [], at: T0 + 5 }
  const lane = (position: number) => outgoingLane(`person ${position}`, 'gateway', 'bulk')
  const claimed = async (position: number) => (await kit.store.claimOutgoing(lane(position), 1, NOW)).messages

  describe('a broadcast', () => {
    it('is kept as it was made, and found', async () => {
      const made = row({ name: 'Größe', tag: 't', startAt: 5, request: { a: [1, null], text: 'x\u0000\ud800y' } })
      const { row: created, isNew } = await kit.store.broadcasts.create(made)
      expect(isNew).to.equal(true)
      expect(await find()).to.deep.equal(created)
      expect(created).to.deep.include({ id: 'b1', name: 'Größe', tag: 't', state: 'TAKING', startAt: 5, held: false })
      expect(created.request).to.deep.equal({ a: [1, null], text: 'x\u0000\ud800y' })
      expect(await kit.store.broadcasts.find('else')).to.equal(undefined)
    })

    it('is there once for a key, until it fails', async () => {
      await kit.store.broadcasts.create(row({ key: 'k' }))
      const again = await kit.store.broadcasts.create(row({ id: 'b2', key: 'k' }))
      expect({ id: again.row.id, isNew: again.isNew }).to.deep.equal({ id: 'b1', isNew: false })
      await kit.store.broadcasts.change({ id: 'b1', from: ['TAKING'], to: 'FAILED', at: T0 })
      expect((await kit.store.broadcasts.create(row({ id: 'b2', key: 'k' }))).isNew).to.equal(true)
      expect((await kit.store.broadcasts.create(row({ id: 'b3' }))).isNew).to.equal(true)
    })

    it('is made by one of several that come with the same key at once', async () => {
      const made = await Promise.all(['b1', 'b2', 'b3'].map((id) => kit.store.broadcasts.create(row({ id, key: 'k' }))))
      expect(made.filter(({ isNew }) => isNew)).to.have.lengthOf(1)
      expect(new Set(made.map((one) => one.row.id)).size).to.equal(1)
    })

    it('changes its state from those that are named alone, and for its holder', async () => {
      const { broadcasts } = kit.store
      await broadcasts.create(row())
      const to = { id: 'b1', from: ['TAKING'], at: T0 + 9 } as const
      expect(await broadcasts.change({ ...to, to: 'RUNNING', holder: 'else' })).to.equal(false)
      expect(await broadcasts.change({ ...to, to: 'FAILED', heldBefore: T0 + LEASE })).to.equal(false)
      expect(await broadcasts.change({ ...to, to: 'RUNNING', holder: 'me' })).to.equal(true)
      expect(await broadcasts.change({ ...to, to: 'RUNNING' })).to.equal(false)
      expect(await find()).to.deep.include({ state: 'RUNNING', changedAt: T0 + 9, endedAt: null })
      const end = { id: 'b1', from: ['PAUSED', 'RUNNING'], to: 'CANCELLED', reason: 'enough', at: T0 + 10 } as const
      expect(await broadcasts.change(end)).to.equal(true)
      expect(await find()).to.deep.include({ state: 'CANCELLED', reason: 'enough', endedAt: T0 + 10 })
      expect(await broadcasts.change({ ...end, id: 'else' })).to.equal(false)
    })

    it('is listed: the newest first, those that have not ended the oldest first', async () => {
      const { broadcasts } = kit.store
      for (const id of ['b1', 'b2', 'b3']) await broadcasts.create(row({ id }))
      await broadcasts.change({ id: 'b2', from: ['TAKING'], to: 'FAILED', at: T0 })
      const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id)
      expect(ids(await broadcasts.list({ limit: 2 }))).to.deep.equal(['b3', 'b2'])
      expect(ids(await broadcasts.list({ limit: 9, before: 'b2' }))).to.deep.equal(['b1'])
      expect(ids(await broadcasts.list({ limit: 9, before: 'else' }))).to.deep.equal([])
      expect(ids(await broadcasts.unended(9))).to.deep.equal(['b1', 'b3'])
      expect(ids(await broadcasts.unended(1))).to.deep.equal(['b1'])
    })
  })

  describe('the recipients of a broadcast', () => {
    it('are each taken in once, and counted', async () => {
      await kit.store.broadcasts.create(row())
      await take([recipient(1), recipient(2), recipient(3, { identity: 'person 1' })])
      await take([recipient(4, { identity: 'person 2', backend: 'else' }), recipient(9, { params: { name: 'Ann' } })])
      expect(await find()).to.deep.include({ recipients: 3, duplicates: 2, faults: 0 })
      const all = await kit.store.broadcasts.recipients('b1', 0, 10)
      expect(all.map(({ position }) => position)).to.deep.equal([1, 2, 9])
      expect(all[2]).to.deep.equal({ ...recipient(9, { params: { name: 'Ann' } }), contact: null })
      expect((await kit.store.broadcasts.recipients('b1', 1, 1)).map(({ position }) => position)).to.deep.equal([2])
    })

    it('are those of their broadcast alone', async () => {
      await kit.store.broadcasts.create(row())
      await kit.store.broadcasts.create(row({ id: 'b2' }))
      await take([recipient(1)])
      await take([recipient(1)], { id: 'b2' })
      expect(await find('b2')).to.deep.include({ recipients: 1, duplicates: 0 })
      expect(await kit.store.broadcasts.recipients('b2', 0, 10)).to.have.lengthOf(1)
    })

    it('come with the contacts they belong to', async () => {
      const ann = contactRow({ language: 'sw', timeZone: 'Africa/Nairobi', optedOutAt: T0 })
      const connection = { backend: 'gateway', identity: 'person 2' }
      await change(kit.store, [
        { kind: 'contact-created', contact: ann },
        { kind: 'connection-linked', connection, contactId: ann.id },
      ])
      await kit.store.broadcasts.create(row())
      await take([recipient(1), recipient(2)])
      const [one, two] = await kit.store.broadcasts.recipients('b1', 0, 10)
      expect(one?.contact).to.equal(null)
      expect(two?.contact).to.deep.equal(ann)
    })

    it('take any text as it is', async () => {
      await kit.store.broadcasts.create(row())
      const identity = `'";--\u0000\u001a\n${'é'.repeat(2_000)}`
      await take([recipient(1, { identity, params: { a: '\u0000', b: ['\u001a'] } })])
      const [one] = await kit.store.broadcasts.recipients('b1', 0, 1)
      expect(one).to.deep.include({ identity, params: { a: '\u0000', b: ['\u001a'] } })
    })

    it('are refused when their taking-in has ended, or is somebody else’s', async () => {
      await kit.store.broadcasts.create(row())
      expect(await rejection(take([recipient(1)], { holder: 'else' }))).to.be.instanceOf(StaleResultError)
      await run()
      expect(await rejection(take([recipient(1)]))).to.be.instanceOf(StaleResultError)
      expect(await kit.store.broadcasts.recipients('b1', 0, 1)).to.deep.equal([])
    })

    it('that are faults are counted, and the first thousand kept', async () => {
      await kit.store.broadcasts.create(row())
      const faults = Array.from({ length: 700 }, (_, index) => ({ position: index + 1, error: `bad ${index}` }))
      await take([], { faults })
      await take([], { faults: faults.map((fault) => ({ ...fault, position: fault.position + 700 })) })
      expect((await find()).faults).to.equal(1_400)
      expect(await kit.store.broadcasts.faults('b1', { after: 0, limit: 2 })).to.deep.equal(faults.slice(0, 2))
      const last = await kit.store.broadcasts.faults('b1', { after: 990, limit: 100 })
      expect(last.map(({ position }) => position)).to.deep.equal([991, 992, 993, 994, 995, 996, 997, 998, 999, 1_000])
    })

    kit.itUnless('reopen', 'outlive a restart', async () => {
      await kit.store.broadcasts.create(row())
      await take([recipient(1), recipient(2)])
      const store = await kit.harness.reopen()
      expect(await store.broadcasts.recipients('b1', 0, 9)).to.have.lengthOf(2)
      expect((await store.broadcasts.find('b1'))?.state).to.equal('TAKING')
    })
  })

  describe('the messages of a broadcast', () => {
    it('are recorded with how far it has come, as one', async () => {
      const messages = await running(2)
      expect(await find()).to.deep.include({ cursor: 2, expanded: 2, messages: 2, changedAt: T0 + 5 })
      expect((await claimed(1)).map(({ id }) => id)).to.deep.equal([messages[0]?.id])
      expect(await kit.store.broadcasts.countOpen('b1', 10)).to.equal(2)
      expect(await kit.store.broadcasts.countOpen('b1', 1)).to.equal(1)
      expect(await kit.store.broadcasts.states('b1')).to.deep.equal({ WAITING: 2 })
    })

    it('are not recorded twice, nor when it does not run', async () => {
      await running(2)
      const more = { ...expansion, messages: [outgoingRow({ identity: 'person 1', class: 'bulk', broadcastId: 'b1' })] }
      expect(await rejection(kit.store.broadcasts.expand(more))).to.be.instanceOf(StaleResultError)
      await kit.store.broadcasts.change({ id: 'b1', from: ['RUNNING'], to: 'PAUSED', at: T0 })
      expect(await rejection(kit.store.broadcasts.expand({ ...more, from: 2 }))).to.be.instanceOf(StaleResultError)
      expect(await kit.store.broadcasts.countOpen('b1', 10)).to.equal(2)
    })

    it('are recorded by one of two who expand the same recipients at once', async () => {
      await kit.store.broadcasts.create(row())
      await take([recipient(1), recipient(2)])
      await run()
      const tries = await Promise.allSettled(
        [1, 2, 3].map(() =>
          kit.store.broadcasts.expand({
            ...expansion,
            messages: [outgoingRow({ identity: 'person 1', class: 'bulk', broadcastId: 'b1' })],
          }),
        ),
      )
      expect(tries.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(1)
      expect(await kit.store.broadcasts.countOpen('b1', 10)).to.equal(1)
    })

    it('are counted by their states', async () => {
      await running(4)
      await sendFirst(kit.store, lane(1))
      await sendFirst(kit.store, lane(2), { outcome: { kind: 'settled', state: 'ERROR' } })
      await sendFirst(kit.store, lane(3), { outcome: { kind: 'retry', at: NOW + 9 } })
      expect(await kit.store.broadcasts.states('b1')).to.deep.equal({ SENT: 1, ERROR: 1, SENDING: 1, WAITING: 1 })
      expect(await kit.store.broadcasts.countOpen('b1', 10)).to.equal(2)
      expect(await kit.store.broadcasts.states('else')).to.deep.equal({})
    })

    it('are held back where nobody has tried to send them, and let go again', async () => {
      await running(4)
      await kit.store.recordOutgoing([outgoingRow({ identity: 'person 1', class: 'bulk', text: 'other' })])
      await sendFirst(kit.store, lane(3), { outcome: { kind: 'retry', at: NOW } })
      const { fence, message } = head(await kit.store.claimOutgoing(lane(4), 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: T0 }])
      const held = await kit.store.broadcasts.hold('b1', true, 2, T0)
      expect(held.more).to.equal(true)
      expect(held.lanes).to.have.deep.members([lane(1), lane(2)])
      expect((await find()).held).to.equal(false)
      expect((await kit.store.broadcasts.hold('b1', true, 2, T0)).more).to.equal(false)
      expect((await find()).held).to.equal(true)
      expect((await claimed(1)).map(({ text }) => text)).to.deep.equal(['other'])
      expect(await claimed(2)).to.deep.equal([])
      expect((await kit.store.claimOutgoing(lane(2), 1, NOW)).dueAt).to.equal(HELD_UNTIL)
      expect(await claimed(3)).to.have.lengthOf(1)
      expect((await kit.store.broadcasts.hold('b1', false, 10, T0)).lanes).to.have.deep.members([lane(1), lane(2)])
      expect((await find()).held).to.equal(false)
      expect((await claimed(1)).map(({ text }) => text)).to.deep.equal(['hello yourself'])
      expect(await claimed(2)).to.have.lengthOf(1)
    })

    it('are cancelled where no service has them, so many at a time', async () => {
      const messages = await running(4)
      const { fence, message } = head(await kit.store.claimOutgoing(lane(1), 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: T0 }])
      await sendFirst(kit.store, lane(2), { outcome: { kind: 'retry', at: NOW } })
      const { broadcasts } = kit.store
      expect(await broadcasts.cancelOpen('b1', 'enough', 2, T0 + 9)).to.equal(2)
      expect(await broadcasts.cancelOpen('b1', 'enough', 2, T0 + 9)).to.equal(1)
      expect(await broadcasts.cancelOpen('b1', 'enough', 2, T0 + 9)).to.equal(0)
      expect(await broadcasts.states('b1')).to.deep.equal({ SENDING: 1, CANCELLED: 3 })
      expect(await claimed(3)).to.deep.equal([])
      const logged = await kit.store.log.find(messages[2]?.id ?? '')
      expect(logged).to.deep.include({ state: 'CANCELLED', error: 'enough' })
    })

    it('are cancelled before a worker begins with them that has claimed them', async () => {
      await running(1)
      const { fence, message } = head(await kit.store.claimOutgoing(lane(1), 1, NOW))
      await kit.store.broadcasts.cancelOpen('b1', 'enough', 9, T0)
      const late = await rejection(kit.store.startAttempts([{ fence, message, at: T0 }]))
      expect(late).to.be.instanceOf(StaleResultError)
    })

    it('tell what they have cost, each once', async () => {
      await running(4)
      expect(await kit.store.broadcasts.cost('b1')).to.deep.equal({ cost: 0, settled: 0 })
      await sendFirst(kit.store, lane(1), { cost: 0.5 })
      await sendFirst(kit.store, lane(2), { cost: 0.25, outcome: { kind: 'settled', state: 'ERROR' } })
      expect(await kit.store.broadcasts.cost('b1')).to.deep.equal({ cost: 0.75, settled: 2 })
      await sendFirst(kit.store, lane(4), { cost: 9 })
      await kit.store.recordOutgoing([outgoingRow({ identity: 'person 1' })])
      // Behind one that is open, costs may still come.
      expect(await kit.store.broadcasts.cost('b1')).to.deep.equal({ cost: 0.75, settled: 2 })
      await sendFirst(kit.store, lane(3))
      expect(await kit.store.broadcasts.cost('b1')).to.deep.equal({ cost: 9.75, settled: 4 })
      expect(await kit.store.broadcasts.cost('b1')).to.deep.equal({ cost: 9.75, settled: 4 })
    })
  })

  describe('purging a broadcast', () => {
    const purge = async (before: number) => {
      let others = 0
      for (let more = true; more; ) {
        const purged = await kit.store.purge({ before, now: T0, limit: 2 })
        others += purged.others
        more = purged.more
      }
      return others
    }

    it('takes all that is left of one that ended before, and nothing of another', async () => {
      await kit.store.broadcasts.create(row())
      const faults = [{ position: 9, error: 'bad' }]
      await take(
        [1, 2, 3, 4, 5].map((position) => recipient(position)),
        { faults },
      )
      await kit.store.broadcasts.create(row({ id: 'b2' }))
      await take([recipient(1)], { id: 'b2' })
      await purge(T0 + 1_000)
      expect((await find()).recipients).to.equal(5)
      await kit.store.broadcasts.change({ id: 'b1', from: ['TAKING'], to: 'FAILED', at: T0 + 10 })
      await purge(T0 + 10)
      expect(await kit.store.broadcasts.recipients('b1', 0, 9)).to.have.lengthOf(5)
      expect(await purge(T0 + 11)).to.equal(7)
      expect(await kit.store.broadcasts.find('b1')).to.equal(undefined)
      expect(await kit.store.broadcasts.recipients('b1', 0, 9)).to.deep.equal([])
      expect(await kit.store.broadcasts.recipients('b2', 0, 9)).to.have.lengthOf(1)
    })
  })
}
