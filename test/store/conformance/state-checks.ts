import { expect } from 'chai'
import { leastIdAt } from '../../../src/messages/ids.ts'
import type { AttemptResult } from '../../../src/store/outgoing-records.ts'
import type { UncertainMessage } from '../../../src/store/state-check-store.ts'
import {
  head,
  NOW,
  newId,
  outgoingLane,
  outgoingRow,
  reportRow,
  sendFirst,
  sent,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const HOUR = 3600_000

/** The check of messages that were never confirmed. */
export function describeStateChecks(kit: StoreKit): void {
  const begun = Date.now() - HOUR
  const send = async (values: Partial<AttemptResult>, backend = 'gateway') => {
    const row = outgoingRow({ backend })
    await kit.store.recordOutgoing([row])
    await sendFirst(kit.store, outgoingLane('15550001', backend), values)
    return row.id
  }
  const all = async (limit = 100, values: { readonly since?: number; readonly until?: number } = {}) => {
    const messages: UncertainMessage[] = []
    let after: string | undefined
    do {
      const query = { backend: 'gateway', since: begun, until: T0 + HOUR, ...values, after, limit }
      const page = await kit.store.stateChecks.uncertain(query)
      messages.push(...page.messages)
      after = page.next
    } while (after !== undefined)
    return messages
  }
  const ids = async (...given: Parameters<typeof all>) => (await all(...given)).map(({ id }) => id)
  const timeOut = (state: 'UNKNOWN' | 'ERROR' = 'UNKNOWN', values = {}) =>
    kit.store.stateChecks.timeOut({ before: T0 + HOUR, state, at: T0 + HOUR, limit: 100, ...values })
  const stateOf = async (id: string) => (await kit.store.log.find(id))?.state

  describe('messages to ask about', () => {
    it('are those with an id whose last word is not said, the oldest first, page by page', async () => {
      const expected = []
      for (const state of ['SENDING', 'SENT', 'UNKNOWN', 'DELIVERED', 'ERROR', 'SENT'] as const) {
        const id = await send({ externalIds: [`${state} ${newId()}`], outcome: { kind: 'settled', state } })
        if (state !== 'DELIVERED' && state !== 'ERROR') expected.push(id)
      }
      await send({ externalIds: [] })
      await send({ externalIds: ['elsewhere'] }, 'other')
      for (const limit of [1, 2, 100]) expect(await ids(limit), `${limit}`).to.deep.equal(expected)
    })

    it('have what a backend asks by', async () => {
      const id = await send({ externalIds: ['b', 'a'], at: T0 + 300 })
      expect(await all()).to.deep.equal([
        {
          ...{ id, backend: 'gateway', identity: '15550001', state: 'SENT', timedOut: false },
          ...{ externalIds: ['a', 'b'], givenAt: T0 + 300 },
        },
      ])
    })

    it('name those parts alone that are not over', async () => {
      await send({ externalIds: ['p1', 'p2', 'p3'], isIdPerPart: true })
      await kit.store.recordReports([reportRow({ externalId: 'p2' }), reportRow({ externalId: 'p1', state: 'SENT' })])
      expect((await all())[0]?.externalIds).to.deep.equal(['p1', 'p3'])
    })

    it('are none that were recorded before the time, or have changed after it', async () => {
      await send({ externalIds: ['x'], at: T0 + 300 })
      expect(await all(100, { since: Date.now() + HOUR })).to.deep.equal([])
      expect(await all(100, { until: T0 + 299 })).to.deep.equal([])
    })

    it('are none that are open, in hand or to be tried again', async () => {
      await send({ externalIds: ['old'], outcome: { kind: 'retry', at: T0 + 500 } })
      expect(await all()).to.deep.equal([])
      const { fence, message } = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: T0 + 600 }])
      expect(await all()).to.deep.equal([])
      expect(await timeOut()).to.deep.equal([])
      await kit.store.finishAttempts([sent(fence, message, { externalIds: ['new'] })])
      expect((await all())[0]?.externalIds).to.deep.equal(['new'])
    })

    it('are named by the ids of the last attempt', async () => {
      await send({ externalIds: ['first'], outcome: { kind: 'retry', at: T0 + 500 } })
      await sendFirst(kit.store, outgoingLane(), { externalIds: ['last'] })
      expect((await all())[0]?.externalIds).to.deep.equal(['last'])
    })

    it('have ids however they look', async () => {
      const odd = ['7:gateway', `a\u0000b`, 'ключ 12:']
      await send({ externalIds: odd })
      expect((await all())[0]?.externalIds).to.have.members(odd)
    })
  })

  describe('messages that were never confirmed', () => {
    const sending = { outcome: { kind: 'settled', state: 'SENDING' } } as const

    it('are settled when they have stood in SENDING for too long', async () => {
      const id = await send({ ...sending, externalIds: ['x'] })
      const others = [await send({}), await send({ outcome: { kind: 'settled', state: 'DELIVERED' } })]
      const young = await send({ ...sending, at: T0 + 2 * HOUR })
      expect(await timeOut()).to.deep.equal([{ id, backend: 'gateway', identity: '15550001' }])
      expect(await timeOut()).to.deep.equal([])
      expect(await kit.store.log.find(id)).to.deep.include({ state: 'UNKNOWN', error: 'timed out' })
      expect(await Promise.all([...others, young].map(stateOf))).to.deep.equal(['SENT', 'DELIVERED', 'SENDING'])
    })

    it('as ERROR too, which DELIVERED still corrects, and nothing else', async () => {
      const id = await send({ ...sending, externalIds: ['x'] })
      await timeOut('ERROR')
      expect(await kit.store.log.failed({ direction: 'out', limit: 5 })).to.have.length(1)
      expect((await all())[0]).to.deep.include({ id, state: 'ERROR', timedOut: true })
      await kit.store.recordReports([reportRow({ externalId: 'x', state: 'ERROR', text: 'late' })])
      expect(await kit.store.log.find(id)).to.deep.include({ state: 'ERROR', error: 'timed out' })
      await kit.store.recordReports([reportRow({ externalId: 'x' })])
      expect(await kit.store.log.find(id)).to.deep.include({ state: 'DELIVERED', error: null })
      expect(await kit.store.log.failed({ direction: 'out', limit: 5 })).to.deep.equal([])
    })

    it('are settled so many at a time', async () => {
      for (let count = 0; count < 3; count++) await send(sending)
      expect(await timeOut('UNKNOWN', { limit: 2 })).to.have.length(2)
      expect(await timeOut('UNKNOWN', { limit: 2 })).to.have.length(1)
    })

    it('can be worked again', async () => {
      const id = await send(sending)
      await timeOut('ERROR')
      expect(await kit.store.replay([id], NOW)).to.have.length(1)
      expect(await stateOf(id)).to.equal('WAITING')
    })
  })

  it('the least id of a time lies between the ids before and after it', () => {
    const id = newId()
    const at = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
    expect(leastIdAt(at) <= id && id < leastIdAt(at + 1)).to.equal(true)
  })
}
