import { expect } from 'chai'
import {
  change,
  contactRow,
  incomingLane,
  incomingRow,
  outgoingLane,
  outgoingRow,
  processFirst,
  sendFirst,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** The queries for people and programs. */
export function describeLog(kit: StoreKit): void {
  describe('the log of a conversation', () => {
    const talk = async () => {
      for (const index of [1, 2, 3]) {
        const row = incomingRow({ text: `in ${index}` })
        await kit.store.recordIncoming([row])
        const inResponseTo = { id: row.id, externalId: null }
        await processFirst(kit.store, incomingLane(), {
          outgoing: [
            outgoingRow({ text: `out ${index}`, inResponseTo }),
            outgoingRow({ text: `vetoed ${index}`, inResponseTo, state: 'CANCELLED', reason: 'veto' }),
          ],
        })
      }
      await kit.store.recordIncoming([incomingRow({ text: 'else', identity: '15550002' })])
      await kit.store.recordOutgoing([outgoingRow({ text: 'else', backend: 'other' })])
    }
    const conversation = (limit: number) =>
      kit.store.log.conversation({ backend: 'gateway', identity: '15550001', limit })

    it('is in order, oldest first, of this person only, cancelled ones left out', async () => {
      await talk()
      const lines = await conversation(100)
      const texts = ['in 1', 'out 1', 'in 2', 'out 2', 'in 3', 'out 3']
      expect(lines.map(({ text }) => text)).to.deep.equal(texts)
      expect(lines.map(({ direction }) => direction)).to.deep.equal(['in', 'out', 'in', 'out', 'in', 'out'])
      expect(lines[1]?.inResponseTo).to.equal(lines[0]?.id)
    })

    it('gives the newest when there are more than asked for', async () => {
      await talk()
      expect((await conversation(3)).map(({ text }) => text)).to.deep.equal(['out 2', 'in 3', 'out 3'])
      expect(await kit.store.log.conversation({ backend: 'gateway', identity: 'nobody', limit: 5 })).to.deep.equal([])
    })
  })

  describe('the log of failures', () => {
    it('is newest first, by direction and backend, bounded', async () => {
      const failed = ['a', 'b', 'a'].map((backend, index) => incomingRow({ backend, identity: String(index) }))
      const errors = ['a', 'b', 'a'].map((backend, index) => outgoingRow({ backend, identity: String(index) }))
      await kit.store.recordIncoming([...failed, incomingRow()])
      await kit.store.recordOutgoing([...errors, outgoingRow()])
      for (const { backend, identity } of failed) {
        await processFirst(kit.store, incomingLane(identity, backend), { outcome: { kind: 'failed', error: 'bad' } })
      }
      for (const { backend, identity } of errors) {
        const outcome = { kind: 'settled', state: 'ERROR' } as const
        await sendFirst(kit.store, outgoingLane(identity, backend), { outcome, error: 'no' })
      }
      const { log } = kit.store
      const ids = async (query: Parameters<typeof log.failed>[0]) => (await log.failed(query)).map(({ id }) => id)
      const [in0, in1, in2] = failed.map(({ id }) => id)
      const [out0, out1, out2] = errors.map(({ id }) => id)
      expect(await ids({ direction: 'in', limit: 10 })).to.deep.equal([in2, in1, in0])
      expect(await ids({ direction: 'in', backend: 'a', limit: 10 })).to.deep.equal([in2, in0])
      expect(await ids({ direction: 'in', limit: 1 })).to.deep.equal([in2])
      expect(await ids({ direction: 'out', limit: 10 })).to.deep.equal([out2, out1, out0])
      expect(await ids({ direction: 'out', backend: 'b', limit: 10 })).to.deep.equal([out1])
      expect((await log.failed({ direction: 'out', limit: 1 }))[0]).to.deep.include({ state: 'ERROR', error: 'no' })
      const [newest] = await log.failed({ direction: 'out', limit: 1 })
      const before = newest?.seq ?? 0
      expect(await ids({ direction: 'out', limit: 10, before })).to.deep.equal([out1, out0])
      const [incoming] = await log.failed({ direction: 'in', limit: 1 })
      expect(await ids({ direction: 'in', limit: 1, before: incoming?.seq ?? 0 })).to.deep.equal([in1])
    })

    it('tells apart what is UNKNOWN', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'settled', state: 'UNKNOWN' } })
      const { log } = kit.store
      expect(await log.failed({ direction: 'out', limit: 10 })).to.deep.equal([])
      expect(await log.failed({ direction: 'in', unknown: true, limit: 10 })).to.deep.equal([])
      expect((await log.failed({ direction: 'out', unknown: true, limit: 10 })).map(({ id }) => id)).to.deep.equal([
        row.id,
      ])
    })
  })

  describe('the log of one message', () => {
    it('shows an incoming one', async () => {
      const row = incomingRow({ externalId: 'ext' })
      await kit.store.recordIncoming([row])
      const found = await kit.store.log.find(row.id)
      expect(found?.seq).to.be.a('number')
      expect(found).to.deep.include({
        id: row.id,
        direction: 'in',
        backend: 'gateway',
        identity: '15550001',
        address: '2020',
        text: 'hello',
        state: 'RECEIVED',
        at: T0,
        externalId: 'ext',
        inResponseTo: null,
        template: null,
        error: null,
        tries: 0,
      })
    })

    it('shows an outgoing one', async () => {
      const row = outgoingRow({
        address: '2020',
        inResponseTo: { id: 'question', externalId: null },
        template: 'welcome',
      })
      await kit.store.recordOutgoing([row])
      expect(await kit.store.log.find(row.id)).to.deep.include({
        id: row.id,
        direction: 'out',
        address: '2020',
        text: 'hello yourself',
        state: 'WAITING',
        at: T0,
        externalId: null,
        inResponseTo: 'question',
        template: 'welcome',
        error: null,
        tries: 0,
      })
    })

    it('finds nothing under an id that is not known', async () => {
      expect(await kit.store.log.find('unknown')).to.equal(undefined)
      expect(await kit.store.log.attempts('unknown')).to.deep.equal([])
    })
  })

  describe('the log in figures', () => {
    it('counts messages of both directions, whatever their state, and contacts', async () => {
      expect(await kit.store.log.counts()).to.deep.equal({ incoming: 0, outgoing: 0, contacts: 0 })
      await kit.store.recordOutgoing([outgoingRow(), outgoingRow({ state: 'CANCELLED' })])
      await change(kit.store, [{ kind: 'contact-created', contact: contactRow() }])
      await kit.store.recordIncoming([incomingRow()])
      expect(await kit.store.log.counts()).to.deep.equal({ incoming: 2, outgoing: 2, contacts: 1 })
    })

    it('names the identities of a backend last in touch, each once, newest first', async () => {
      await kit.store.recordIncoming(['1', '2', '1', '3'].map((identity) => incomingRow({ identity })))
      await kit.store.recordOutgoing([outgoingRow({ identity: '2' })])
      await kit.store.recordIncoming([incomingRow({ backend: 'other', identity: '9' })])
      expect(await kit.store.log.recentIdentities('gateway', 10)).to.deep.equal(['2', '3', '1'])
      expect(await kit.store.log.recentIdentities('gateway', 2)).to.deep.equal(['2', '3'])
    })

    it('names them of a quiet backend beside a busy one', async () => {
      await kit.store.recordIncoming(['1', '2', '3'].map((identity) => incomingRow({ backend: 'quiet', identity })))
      await kit.store.recordOutgoing([outgoingRow({ backend: 'quiet', identity: '2' })])
      await kit.store.recordIncoming(Array.from({ length: 100 }, (_, index) => incomingRow({ identity: `${index}` })))
      await kit.store.recordOutgoing(Array.from({ length: 100 }, (_, index) => outgoingRow({ identity: `${index}` })))
      expect(await kit.store.log.recentIdentities('quiet', 2)).to.deep.equal(['2', '3'])
      expect(await kit.store.log.recentIdentities('unknown', 2)).to.deep.equal([])
    })
  })
}
