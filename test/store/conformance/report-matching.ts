import { expect } from 'chai'
import fc from 'fast-check'
import { joinedState, type OutgoingState } from '../../../src/messages/states.ts'
import type { AttemptResult, NewReport } from '../../../src/store/outgoing-records.ts'
import { NOW, newId, outgoingLane, outgoingRow, reportRow, sendFirst, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const HOUR = 3600_000

/** Which message a report belongs to: by number, as one of several parts, by the id of an earlier attempt. */
export function describeReportMatching(kit: StoreKit): void {
  const send = async (values: Partial<AttemptResult>, identity = '15550001', createdAt = T0) => {
    const row = outgoingRow({ identity, createdAt })
    await kit.store.recordOutgoing([row])
    await sendFirst(kit.store, outgoingLane(identity), values)
    return row.id
  }
  const stateOf = async (id: string) => (await kit.store.log.find(id))?.state
  const report = async (values: Partial<NewReport> & { readonly externalId: string }) =>
    (await kit.store.recordReports([reportRow(values)]))[0]
  const byNumber = (values: Partial<Omit<NewReport, 'externalId'>> = {}): NewReport => ({
    ...{ backend: 'gateway', identity: '15550001', state: 'DELIVERED', receivedAt: T0 + 1_000, since: T0 - HOUR },
    ...values,
  })

  describe('reports by number', () => {
    it('are of the newest message on its way to this person by this backend', async () => {
      const older = await send({})
      const newer = await send({})
      const elsewhere = await send({}, '15550002')
      const [effect] = await kit.store.recordReports([byNumber()])
      expect(effect).to.deep.equal({ messageId: newer, state: 'DELIVERED', changed: true })
      const states = await Promise.all([older, newer, elsewhere].map(stateOf))
      expect(states).to.deep.equal(['SENT', 'DELIVERED', 'SENT'])
    })

    it('go to one message after the other, in one batch too, where they differ', async () => {
      const older = await send({})
      const newer = await send({})
      const effects = await kit.store.recordReports([byNumber({ code: '1' }), byNumber({ code: '2', state: 'ERROR' })])
      expect(effects.map(({ messageId, state }) => [messageId, state])).to.deep.equal([
        [newer, 'DELIVERED'],
        [older, 'ERROR'],
      ])
    })

    it('repeated within a minute are of the same message, without effect', async () => {
      const older = await send({})
      const newer = await send({})
      const fields = { at: '12:00:07' }
      const effects = await kit.store.recordReports([
        byNumber({ fields }),
        byNumber({ fields, receivedAt: T0 + 50_000 }),
        byNumber({ fields, receivedAt: T0 + 130_000 }),
      ])
      expect(effects.map(({ messageId, changed }) => [messageId, changed])).to.deep.equal([
        [newer, true],
        [newer, false],
        [older, true],
      ])
    })

    it('belong to nobody where no message is on its way, or none within the time', async () => {
      const old = await send({}, '15550001', T0 - 2 * HOUR)
      await send({ outcome: { kind: 'settled', state: 'DELIVERED' } })
      const effects = await kit.store.recordReports([byNumber(), byNumber({ backend: 'other' })])
      expect(effects.map(({ messageId }) => messageId)).to.deep.equal([null, null])
      expect(await stateOf(old)).to.equal('SENT')
      expect((await kit.store.recordReports([byNumber({ since: T0 - 3 * HOUR })]))[0]?.messageId).to.equal(old)
    })

    it('faster than the answer to the attempt settle it when it was delivered', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, messages } = await kit.store.claimOutgoing(outgoingLane(), 1, NOW)
      await kit.store.startAttempts(messages.map((message) => ({ fence, message, at: T0 })))
      const [effect] = await kit.store.recordReports([byNumber()])
      expect(effect).to.deep.equal({ messageId: row.id, state: 'DELIVERED', changed: true })
      expect((await kit.store.claimOutgoing(outgoingLane(), 1, NOW)).messages).to.deep.equal([])
    })

    it('take whatever is given for a number', async () => {
      const identity = `${'9'.repeat(5_000)}\0\ud800'"`
      expect(await kit.store.recordReports([byNumber({ identity }), byNumber({ identity })])).to.have.length(2)
    })
  })

  describe('reports of parts', () => {
    const parts = { externalIds: ['p1', 'p2', 'p3'], isIdPerPart: true }

    it('come to DELIVERED when all of them have', async () => {
      const id = await send(parts)
      const states = []
      for (const externalId of ['p2', 'p1', 'p2', 'p3']) states.push(await report({ externalId }))
      expect(states.map((effect) => effect?.state)).to.deep.equal(['SENT', 'SENT', 'SENT', 'DELIVERED'])
      expect(states.at(0)).to.deep.equal({ messageId: id, state: 'SENT', changed: false, ofPart: true })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('come to ERROR with the first that failed, for good', async () => {
      const id = await send(parts)
      await report({ externalId: 'p1' })
      const failed = await report({ externalId: 'p2', state: 'ERROR', code: '9', text: 'absent' })
      expect(failed).to.deep.include({ state: 'ERROR', changed: true })
      await report({ externalId: 'p2' })
      await report({ externalId: 'p3' })
      expect(await kit.store.log.find(id)).to.deep.include({ state: 'ERROR', error: 'absent' })
    })

    it('that were faster than the answer are joined as well, and in one batch', async () => {
      await kit.store.recordReports(['p3', 'p1'].map((externalId) => reportRow({ externalId })))
      const id = await send(parts)
      expect(await stateOf(id)).to.equal('SENT')
      const effects = await kit.store.recordReports(['p1', 'p2'].map((externalId) => reportRow({ externalId })))
      expect(effects.map(({ state }) => state)).to.deep.equal(['SENT', 'DELIVERED'])
    })

    it('several ids of one and the same message are no parts', async () => {
      const id = await send({ externalIds: ['one', 'same'] })
      expect(await report({ externalId: 'same' })).to.deep.equal({ messageId: id, state: 'DELIVERED', changed: true })
    })

    it('correct a message that was given up, once all of them have arrived', async () => {
      const id = await send({ ...parts, outcome: { kind: 'settled', state: 'UNKNOWN' } })
      for (const externalId of ['p1', 'p2']) await report({ externalId })
      expect(await stateOf(id)).to.equal('UNKNOWN')
      await report({ externalId: 'p3' })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('at the same time lose none of each other', async () => {
      const ids = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6']
      const id = await send({ externalIds: ids, isIdPerPart: true })
      await Promise.all(ids.map((externalId) => report({ externalId })))
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('in any order, however often, come to the same', async () => {
      const words = fc.tuple(
        fc.subarray<OutgoingState>(['SENDING', 'SENT']),
        fc.constantFrom<OutgoingState | null>('DELIVERED', 'DELIVERED', 'ERROR', 'UNKNOWN', null),
      )
      const told = fc.array(words, { minLength: 2, maxLength: 4 }).chain((parts) => {
        const all = parts.flatMap(([before, last], part) =>
          [...before, ...(last === null ? [] : [last])].map((state) => ({ part, state })),
        )
        const expected = joinedState(parts.map(([, last]) => last))
        return fc.tuple(
          fc.constant({ count: parts.length, expected }),
          fc.shuffledSubarray([...all, ...all], { minLength: 2 * all.length }),
        )
      })
      await fc.assert(
        fc.asyncProperty(told, async ([{ count, expected }, reports]) => {
          const name = newId()
          const externalIds = Array.from({ length: count }, (_, part) => `${name} ${part}`)
          const id = await send({ externalIds, isIdPerPart: true }, name)
          await kit.store.recordReports(
            reports.map(({ part, state }) => reportRow({ externalId: externalIds[part] ?? '', state })),
          )
          expect(await stateOf(id)).to.equal(expected)
        }),
        { numRuns: 25 },
      )
    })
  })

  describe('reports by an id of an attempt that another one has followed', () => {
    const followed = async () => {
      const id = await send({ outcome: { kind: 'retry', at: T0 + 500 }, externalIds: ['first'] })
      await sendFirst(kit.store, outgoingLane(), { startedAt: T0 + 600, at: T0 + 700, externalIds: ['second'] })
      return id
    }

    it('move nothing unless they say that it has arrived', async () => {
      const id = await followed()
      for (const state of ['ERROR', 'UNKNOWN'] as const) await report({ externalId: 'first', state })
      expect(await stateOf(id)).to.equal('SENT')
      await report({ externalId: 'first' })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('move it as ever where the last attempt has the same id', async () => {
      const id = await send({ outcome: { kind: 'retry', at: T0 + 500 }, externalIds: ['same'] })
      await sendFirst(kit.store, outgoingLane(), { startedAt: T0 + 600, at: T0 + 700, externalIds: ['same'] })
      await report({ externalId: 'same', state: 'ERROR' })
      expect(await stateOf(id)).to.equal('ERROR')
    })
  })

  describe('reports that nobody knows', () => {
    it('go after a day, with those that come later', async () => {
      const old = Array.from({ length: 150 }, (_, n) => reportRow({ externalId: `old ${n}`, receivedAt: T0 }))
      const now = T0 + 25 * HOUR
      const later = Array.from({ length: 150 }, (_, n) => reportRow({ externalId: `new ${n}`, receivedAt: now }))
      await kit.store.recordReports(old)
      await kit.store.recordReports(later)
      const { others } = await kit.store.purge({ before: 0, now: now + 25 * HOUR, limit: 1_000 })
      expect(others).to.equal(150)
    })

    it('are of the message whose outcome was not known, from when it was first tried', async () => {
      await kit.store.recordReports([reportRow({ externalId: 'ours', receivedAt: T0 + 5_000 })])
      const id = await send({
        outcome: { kind: 'settled', state: 'UNKNOWN' },
        externalIds: ['ours'],
        at: T0 + 10 * HOUR,
        reportsSince: T0,
      })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })
  })

  describe('the log of reports', () => {
    it('has them as they came, in their order', async () => {
      await kit.store.recordReports([reportRow({ externalId: 'a', state: 'SENT', text: 'fast', fields: { x: [1] } })])
      const id = await send({ externalIds: ['a'] })
      const { state: _, ...stateless } = reportRow({ externalId: 'a', code: 'XYZ', identity: '+1 555' })
      await kit.store.recordReports([stateless])
      await kit.store.recordReports([byNumber({ state: 'ERROR', expired: true, receivedAt: T0 + 9 })])
      const common = { backend: 'gateway', identity: null, expired: false, code: null, text: null, fields: null }
      expect(await kit.store.log.reports(id)).to.deep.equal([
        { ...common, externalId: 'a', state: 'SENT', text: 'fast', fields: { x: [1] }, receivedAt: T0 + 1_000 },
        { ...common, externalId: 'a', state: null, code: 'XYZ', identity: '+1 555', receivedAt: T0 + 1_000 },
        { ...common, externalId: null, state: 'ERROR', expired: true, identity: '15550001', receivedAt: T0 + 9 },
      ])
      expect(await kit.store.log.reports(newId())).to.deep.equal([])
    })
  })
}
