import { expect } from 'chai'
import { laneKey } from '../../../src/messages/lane.ts'
import { StaleResultError } from '../../../src/store/errors.ts'
import type { AttemptResult, ClaimedOutgoing } from '../../../src/store/outgoing-records.ts'
import { rejection } from '../../support/rejection.ts'
import { head, NOW, outgoingLane, outgoingRow, sendFirst, sent, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const IDENTITY = '15550001'
const route = { why: 'rule "1"', next: [{ backend: 'spare', identity: IDENTITY, address: null }], left: [] }

/** Routed messages that wait, and are taken elsewhere. */
export function describeRoutes(kit: StoreKit): void {
  const here = outgoingLane()
  const there = outgoingLane(IDENTITY, 'spare')
  const moveOf = (message: ClaimedOutgoing, values: Partial<AttemptResult> = {}): AttemptResult => {
    const { backend, identity, class: messageClass, text } = message
    const lane = laneKey({ kind: 'outgoing', owner: backend, class: messageClass, identity })
    const to = { backend: 'spare', identity, address: null }
    return sent({ lane, token: 0 }, message, {
      startedAt: null,
      outcome: { kind: 'moved', to, text, parts: 1, at: T0 },
      route: { ...route, next: [] },
      reason: 'to spare: paused',
      ...values,
    })
  }
  const waiting = (after = 0, limit = 10) => kit.store.routes.waiting('gateway', after, limit)
  const textsIn = async (lane: typeof here) =>
    (await kit.store.claimOutgoing(lane, 10, NOW)).messages.map(({ text }) => text)

  describe('routed messages that wait', () => {
    it('are found by their backend, page by page, and no others', async () => {
      await kit.store.recordOutgoing([
        outgoingRow({ text: 'without' }),
        outgoingRow({ text: '1', route }),
        outgoingRow({ text: 'elsewhere', route, backend: 'other' }),
        outgoingRow({ text: '2', route, class: 'bulk', notBefore: T0 + 3_600_000 }),
        outgoingRow({ text: 'done', route, state: 'DEBUG' }),
        outgoingRow({ text: '3', route, identity: '15550002' }),
      ])
      const first = await waiting(0, 2)
      expect(first.map(({ text }) => text)).to.deep.equal(['1', '2'])
      expect(first[0]).to.deep.include({ backend: 'gateway', route, attemptOpen: false })
      expect((await waiting(first.at(-1)?.seq, 2)).map(({ text }) => text)).to.deep.equal(['3'])
    })

    it('are moved, each with its line in the list of attempts', async () => {
      const rows = [outgoingRow({ text: '1', route }), outgoingRow({ text: '2', route })]
      await kit.store.recordOutgoing(rows)
      // What remembers the lanes has to learn of it.
      expect(await textsIn(here)).to.deep.equal(['1', '2'])
      expect(await textsIn(there)).to.deep.equal([])
      const moved = await kit.store.routes.move((await waiting()).map((message) => moveOf(message)))
      expect(moved).to.have.members(rows.map(({ id }) => id))
      expect(await textsIn(here)).to.deep.equal([])
      expect(await textsIn(there)).to.deep.equal(['1', '2'])
      expect(await waiting()).to.deep.equal([])
      const [attempt] = await kit.store.log.attempts(rows[0]?.id ?? '')
      expect(attempt).to.include({ backend: 'gateway', outcome: 'MOVED', startedAt: null, reason: 'to spare: paused' })
    })

    it('stay while an attempt of them is being taken', async () => {
      await kit.store.recordOutgoing([outgoingRow({ route })])
      const [message] = await waiting()
      if (message === undefined) throw new Error('nothing waits')
      const claim = head(await kit.store.claimOutgoing(here, 1, NOW))
      await kit.store.startAttempts([{ ...claim, at: T0 }])
      expect(await waiting()).to.deep.equal([])
      expect(await kit.store.routes.move([moveOf(message)])).to.deep.equal([])
      await kit.store.finishAttempts([sent(claim.fence, claim.message)])
      expect(await kit.store.log.find(message.id)).to.include({ state: 'SENT', backend: 'gateway' })
    })

    it('are begun by nobody who had claimed them before', async () => {
      await kit.store.recordOutgoing([outgoingRow({ route })])
      const claim = head(await kit.store.claimOutgoing(here, 1, NOW))
      await kit.store.routes.move((await waiting()).map((message) => moveOf(message)))
      const begun = kit.store.startAttempts([{ ...claim, at: T0 }])
      expect(await rejection(begun)).to.be.instanceOf(StaleResultError)
      const cancelled = sent(claim.fence, claim.message, {
        startedAt: null,
        outcome: { kind: 'settled', state: 'CANCELLED' },
      })
      expect(await rejection(kit.store.finishAttempts([cancelled]))).to.be.instanceOf(StaleResultError)
      const [message] = (await kit.store.claimOutgoing(there, 1, NOW)).messages
      expect(message).to.include({ attemptOpen: false, tries: 0 })
    })

    it('leave alone the result of another message of their lane', async () => {
      const rows = [outgoingRow({ text: 'in hand' }), outgoingRow({ text: 'behind', route })]
      await kit.store.recordOutgoing(rows)
      const claim = head(await kit.store.claimOutgoing(here, 1, NOW))
      await kit.store.startAttempts([{ ...claim, at: T0 }])
      await kit.store.routes.move((await waiting()).map((message) => moveOf(message)))
      await kit.store.finishAttempts([sent(claim.fence, claim.message)])
      expect(await kit.store.log.find(rows[0]?.id ?? '')).to.include({ state: 'SENT' })
    })

    it('are moved once', async () => {
      await kit.store.recordOutgoing([outgoingRow({ route })])
      const moves = (await waiting()).map((message) => moveOf(message))
      const ids = await Promise.all([kit.store.routes.move(moves), kit.store.routes.move(moves)])
      expect(ids.flat()).to.have.length(1)
      await sendFirst(kit.store, there)
      expect(await kit.store.routes.move(moves)).to.deep.equal([])
    })

    it('may be nobody', async () => {
      expect(await kit.store.routes.move([])).to.deep.equal([])
    })
  })
}
