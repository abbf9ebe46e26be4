import { expect } from 'chai'
import type { OutgoingState } from '../../../src/messages/states.ts'
import { head, NOW, outgoingLane, outgoingRow, reportRow, sendFirst, sent, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** Delivery reports. */
export function describeReports(kit: StoreKit): void {
  /** Records a message and sends it under these external ids. */
  const sendOne = async (externalIds: readonly string[], state: OutgoingState = 'SENT') => {
    const row = outgoingRow()
    await kit.store.recordOutgoing([row])
    await sendFirst(kit.store, outgoingLane(), { externalIds, outcome: { kind: 'settled', state } })
    return row.id
  }
  const stateOf = async (id: string) => (await kit.store.log.find(id))?.state

  describe('delivery reports', () => {
    it('are matched by backend and external id, in a batch answered in its order', async () => {
      const a = await sendOne(['a'])
      const b = await sendOne(['b1', 'b2'])
      const effects = await kit.store.recordReports([
        reportRow({ externalId: 'b2', state: 'ERROR', code: '13', text: 'no such number' }),
        reportRow({ externalId: 'a', backend: 'other' }),
        reportRow({ externalId: 'a' }),
      ])
      expect(effects).to.deep.equal([
        { messageId: b, state: 'ERROR', changed: true },
        { messageId: null, state: null, changed: false },
        { messageId: a, state: 'DELIVERED', changed: true },
      ])
      expect(await stateOf(a)).to.equal('DELIVERED')
      expect(await kit.store.log.find(b)).to.deep.include({ state: 'ERROR', error: 'no such number' })
    })

    it('without a state leave the message as it is', async () => {
      const id = await sendOne(['a'])
      const { state, ...unknown } = reportRow({ externalId: 'a', code: 'XYZ' })
      expect(await kit.store.recordReports([unknown])).to.deep.equal([{ messageId: id, state: 'SENT', changed: false }])
    })

    it('wait until the id is known, and count in the order they came', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, message } = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: T0 }])
      expect(
        await kit.store.recordReports([
          reportRow({ externalId: 'fast', state: 'SENT' }),
          reportRow({ externalId: 'fast', state: 'DELIVERED' }),
          reportRow({ externalId: 'fast', state: 'ERROR' }),
        ]),
      ).to.deep.equal(Array(3).fill({ messageId: null, state: null, changed: false }))
      expect(await stateOf(row.id)).to.equal('SENDING')
      await kit.store.finishAttempts([sent(fence, message, { startedAt: T0, externalIds: ['fast'] })])
      expect(await stateOf(row.id)).to.equal('DELIVERED')
      const [late] = await kit.store.recordReports([reportRow({ externalId: 'fast', state: 'ERROR' })])
      expect(late).to.deep.equal({ messageId: row.id, state: 'DELIVERED', changed: false })
    })

    it('that waited for an id since long before the attempt belong to somebody else', async () => {
      const yesterday = T0 - 24 * 3600_000
      await kit.store.recordReports([reportRow({ externalId: '17', state: 'ERROR', receivedAt: yesterday })])
      expect(await stateOf(await sendOne(['17']))).to.equal('SENT')
    })

    const rows: readonly (readonly [OutgoingState, OutgoingState, OutgoingState])[] = [
      ['SENDING', 'SENT', 'SENT'],
      ['SENT', 'SENDING', 'SENT'],
      ['SENT', 'WAITING', 'SENT'],
      ['SENT', 'UNKNOWN', 'UNKNOWN'],
      ['DELIVERED', 'ERROR', 'DELIVERED'],
      ['DELIVERED', 'SENT', 'DELIVERED'],
      ['ERROR', 'DELIVERED', 'ERROR'],
      ['ERROR', 'SENT', 'ERROR'],
      ['UNKNOWN', 'DELIVERED', 'DELIVERED'],
      ['UNKNOWN', 'ERROR', 'UNKNOWN'],
      ['UNKNOWN', 'SENT', 'UNKNOWN'],
      ['DEBUG', 'DELIVERED', 'DEBUG'],
    ]
    for (const [state, report, then] of rows) {
      it(`${report} over ${state}: ${then}`, async () => {
        const id = await sendOne(['a'], state)
        const changed = then !== state
        const effects = await kit.store.recordReports([reportRow({ externalId: 'a', state: report })])
        expect(effects).to.deep.equal([{ messageId: id, state: then, changed }])
        expect(await stateOf(id)).to.equal(then)
      })
    }

    it('repeated: the second has no effect', async () => {
      const id = await sendOne(['a'])
      const report = reportRow({ externalId: 'a' })
      const effects = await kit.store.recordReports([report, report])
      expect(effects.map(({ changed }) => changed)).to.deep.equal([true, false])
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('of an id that the service uses again speak of the newest message', async () => {
      const first = await sendOne(['a'])
      const second = await sendOne(['a'])
      await kit.store.recordReports([reportRow({ externalId: 'a' })])
      expect([await stateOf(first), await stateOf(second)]).to.deep.equal(['SENT', 'DELIVERED'])
    })
  })

  describe('reports of an earlier attempt, on a message that is to be tried again', () => {
    const retried = async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'retry', at: T0 + 500 }, externalIds: ['old'] })
      return row.id
    }

    it('ERROR, UNKNOWN and SENT keep nothing from being sent', async () => {
      const id = await retried()
      for (const state of ['ERROR', 'UNKNOWN', 'SENT'] as const) {
        const effects = await kit.store.recordReports([reportRow({ externalId: 'old', state })])
        expect(effects).to.deep.equal([{ messageId: id, state: 'SENDING', changed: false }])
      }
      expect((await kit.store.claimOutgoing(outgoingLane(), 5, NOW)).messages).to.have.length(1)
    })

    it('DELIVERED settles it: it leaves its lane', async () => {
      const id = await retried()
      const next = outgoingRow({ text: 'next' })
      await kit.store.recordOutgoing([next])
      expect(head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW)).message.id).to.equal(id)
      await kit.store.recordReports([reportRow({ externalId: 'old' })])
      expect(head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW)).message.id).to.equal(next.id)
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    for (const outcome of [
      { kind: 'settled', state: 'SENT' },
      { kind: 'settled', state: 'ERROR' },
      { kind: 'retry', at: T0 + 5_000 },
    ] as const) {
      it(`DELIVERED while the next is on its way stands, whatever that comes to: ${Object.values(outcome)}`, async () => {
        const id = await retried()
        const { fence, message } = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
        await kit.store.startAttempts([{ fence, message, at: T0 + 600 }])
        await kit.store.recordReports([reportRow({ externalId: 'old' })])
        await kit.store.finishAttempts([sent(fence, message, { outcome, externalIds: ['new'] })])
        expect(await stateOf(id)).to.equal('DELIVERED')
        expect(await kit.store.log.attempts(id)).to.have.length(2)
        expect((await kit.store.claimOutgoing(outgoingLane(), 5, NOW)).messages).to.deep.equal([])
        const [effect] = await kit.store.recordReports([reportRow({ externalId: 'new' })])
        expect(effect?.messageId).to.equal(id)
      })
    }
  })
}
