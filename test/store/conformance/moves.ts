import { expect } from 'chai'
import type { OutgoingRoute } from '../../../src/messages/route.ts'
import { StaleResultError } from '../../../src/store/errors.ts'
import type { AttemptResult } from '../../../src/store/outgoing-records.ts'
import { rejection } from '../../support/rejection.ts'
import { head, NOW, outgoingLane, outgoingRow, reportRow, sendFirst, sent, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const IDENTITY = '15550001'
const PLUS = '+15550001'

const route: OutgoingRoute = {
  why: 'rule "1"',
  next: [{ backend: 'spare', identity: PLUS, address: '3030' }],
  left: [],
}
const onward: OutgoingRoute = {
  why: 'moved from gateway: AUTH',
  next: [],
  left: [{ backend: 'gateway', identity: IDENTITY }],
}

/** An attempt that takes a message to another backend. */
const moved = (values: Partial<AttemptResult> = {}): Partial<AttemptResult> => ({
  outcome: {
    kind: 'moved',
    to: { backend: 'spare', identity: PLUS, address: '3030' },
    text: 'as spare writes it',
    parts: 2,
    at: T0 + 300,
  },
  route: onward,
  reason: 'to spare: AUTH',
  code: 'AUTH',
  error: 'wrong password',
  ...values,
})

/** Messages that move from one backend to another. */
export function describeMoves(kit: StoreKit): void {
  const here = outgoingLane()
  const there = outgoingLane(PLUS, 'spare')
  const messagesIn = async (lane: typeof here) => (await kit.store.claimOutgoing(lane, 10, NOW)).messages

  describe('moving outgoing messages to another backend', () => {
    it('keeps the route with the message, and none with those that have none', async () => {
      const rows = [outgoingRow({ route }), outgoingRow()]
      await kit.store.recordOutgoing(rows)
      const [routed, plain] = await messagesIn(here)
      expect(routed?.route).to.deep.equal(route)
      expect(plain?.route).to.equal(undefined)
    })

    it('takes it out of the one lane and into the other, as it is written there', async () => {
      const row = outgoingRow({ route, fields: { a: 1 }, params: { b: 2 }, options: { validity: 5 }, extra: { c: 3 } })
      await kit.store.recordOutgoing([row])
      const before = await sendFirst(kit.store, here, moved())
      expect(await messagesIn(here)).to.deep.equal([])
      expect((await kit.store.claimOutgoing(here, 1, NOW)).dueAt).to.equal(undefined)
      const { message } = head(await kit.store.claimOutgoing(there, 1, NOW))
      expect(message).to.deep.include({
        id: row.id,
        seq: before.seq,
        backend: 'spare',
        identity: PLUS,
        address: '3030',
        text: 'as spare writes it',
        parts: 2,
        tries: 0,
        firstAttemptAt: T0 + 200,
        notBefore: T0 + 300,
        attemptOpen: false,
        phased: true,
        fields: { a: 1 },
        params: { b: 2 },
        options: { validity: 5 },
        route: onward,
      })
    })

    it('lists each attempt with its backend and the reason', async () => {
      const row = outgoingRow({ route })
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, here, { outcome: { kind: 'retry', at: T0 }, reason: 'rule "1"', code: 'SERVER' })
      await sendFirst(kit.store, here, moved())
      await sendFirst(kit.store, there, { reason: onward.why, externalIds: ['x'] })
      const attempts = await kit.store.log.attempts(row.id)
      expect(
        attempts.map(({ number, backend, outcome, code, reason }) => [number, backend, outcome, code, reason]),
      ).to.deep.equal([
        [1, 'gateway', 'RETRY', 'SERVER', 'rule "1"'],
        [2, 'gateway', 'MOVED', 'AUTH', 'to spare: AUTH'],
        [3, 'spare', 'SENT', null, 'moved from gateway: AUTH'],
      ])
      expect(await kit.store.log.find(row.id)).to.include({
        state: 'SENT',
        backend: 'spare',
        identity: PLUS,
        error: null,
      })
    })

    it('has no reason for attempts of messages without a route', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, here)
      expect((await kit.store.log.attempts(row.id)).map(({ reason }) => reason)).to.deep.equal([null])
    })

    it('lists a move without an attempt', async () => {
      const row = outgoingRow({ route })
      await kit.store.recordOutgoing([row])
      const { fence, message } = head(await kit.store.claimOutgoing(here, 1, NOW))
      await kit.store.finishAttempts([sent(fence, message, moved({ startedAt: null, code: null, error: 'paused' }))])
      const { message: onTheOtherSide } = head(await kit.store.claimOutgoing(there, 1, NOW))
      expect(onTheOtherSide).to.include({ phased: false, firstAttemptAt: null, tries: 0 })
      const [attempt] = await kit.store.log.attempts(row.id)
      expect(attempt).to.include({ backend: 'gateway', startedAt: null, outcome: 'MOVED', reason: 'to spare: AUTH' })
      expect(await kit.store.log.find(row.id)).to.include({ state: 'WAITING' })
    })

    it('keeps its place in the order of all messages', async () => {
      await kit.store.recordOutgoing([
        outgoingRow({ route, text: 'first' }),
        outgoingRow({ backend: 'spare', identity: PLUS, text: 'second' }),
      ])
      // What remembers the other lane has to learn of the one before.
      expect(await messagesIn(there)).to.have.length(1)
      await sendFirst(kit.store, here, moved())
      expect((await messagesIn(there)).map(({ text }) => text)).to.deep.equal(['as spare writes it', 'second'])
      await kit.store.recordOutgoing([outgoingRow({ backend: 'spare', identity: PLUS, text: 'third' })])
      expect((await messagesIn(there)).map(({ text }) => text)).to.deep.equal(['as spare writes it', 'second', 'third'])
    })

    it('lets those behind it go on', async () => {
      await kit.store.recordOutgoing([outgoingRow({ route }), outgoingRow({ text: 'behind' })])
      await sendFirst(kit.store, here, moved())
      expect((await messagesIn(here)).map(({ text }) => text)).to.deep.equal(['behind'])
    })

    it('is found by a scan of the open lanes, whoever rang or not', async () => {
      await kit.store.recordOutgoing([outgoingRow({ route })])
      await sendFirst(kit.store, here, moved())
      expect(await kit.store.openLanes('outgoing', undefined, 10)).to.deep.equal([{ lane: there, notBefore: T0 + 300 }])
    })

    it('is refused under a fence that is over, and stays', async () => {
      await kit.store.recordOutgoing([outgoingRow({ route })])
      const { fence, message } = head(await kit.store.claimOutgoing(here, 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: T0 + 200 }])
      const stale = await kit.harness.staleFence(fence)
      expect(await rejection(kit.store.finishAttempts([sent(stale, message, moved())]))).to.be.instanceOf(
        StaleResultError,
      )
      expect(await messagesIn(there)).to.deep.equal([])
      expect(await messagesIn(here)).to.have.length(1)
    })

    it('happens once, whoever says it twice', async () => {
      const row = outgoingRow({ route })
      await kit.store.recordOutgoing([row])
      const { fence, message } = head(await kit.store.claimOutgoing(here, 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: T0 + 200 }])
      await kit.store.finishAttempts([sent(fence, message, moved())])
      const next = head(await kit.store.claimOutgoing(there, 1, NOW))
      await kit.store.startAttempts([{ fence: next.fence, message: next.message, at: T0 + 400 }])
      const again = kit.store.finishAttempts([sent(fence, message, moved())])
      expect(await rejection(again)).to.be.instanceOf(StaleResultError)
      await kit.store.finishAttempts([sent(next.fence, next.message, { externalIds: ['x'] })])
      expect(await kit.store.log.find(row.id)).to.include({ state: 'SENT' })
      expect(await kit.store.log.attempts(row.id)).to.have.length(2)
    })

    it('still takes reports of the backend it was with, by the ids of that one', async () => {
      const row = outgoingRow({ route })
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, here, moved({ externalIds: ['x'] }))
      await sendFirst(kit.store, there, { externalIds: ['y'] })
      const report = async (backend: string, externalId: string) =>
        (await kit.store.recordReports([reportRow({ backend, externalId, receivedAt: T0 + 1_000 })]))[0]
      expect(await report('spare', 'x')).to.deep.include({ messageId: null })
      expect(await report('gateway', 'x')).to.deep.include({ messageId: row.id, state: 'DELIVERED', changed: true })
      expect(await report('spare', 'y')).to.deep.include({ messageId: row.id, state: 'DELIVERED', changed: false })
    })

    it('ends when the backend it was with delivers it after all', async () => {
      const row = outgoingRow({ route })
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, here, moved({ externalIds: ['x'] }))
      await kit.store.recordReports([reportRow({ externalId: 'x', receivedAt: T0 + 1_000 })])
      expect(await messagesIn(there)).to.deep.equal([])
      expect(await kit.store.log.find(row.id)).to.include({ state: 'DELIVERED' })
    })

    it('stands in the conversation of the backend that has it now', async () => {
      // More than the index of conversations leaves for later.
      const others = Array.from({ length: 1_100 }, (_, index) =>
        outgoingRow({ identity: `other${index}`, state: 'DEBUG' }),
      )
      const row = outgoingRow({ route, text: 'first' })
      await kit.store.recordOutgoing([row])
      await kit.store.recordOutgoing(others)
      const late = outgoingRow({ route, text: 'second' })
      await kit.store.recordOutgoing([late])
      await sendFirst(kit.store, here, moved())
      await sendFirst(kit.store, here, moved())
      const ids = async (backend: string, identity: string) =>
        (await kit.store.log.conversation({ backend, identity, limit: 10 })).map(({ id }) => id)
      expect(await ids('gateway', IDENTITY)).to.deep.equal([])
      expect(await ids('spare', PLUS)).to.deep.equal([row.id, late.id])
    })

    it('records what came of splitting its text with it', async () => {
      const rest = outgoingRow({ backend: 'spare', identity: PLUS, text: 'rest' })
      await kit.store.recordOutgoing([outgoingRow({ route })])
      await sendFirst(kit.store, here, moved({ outgoing: [rest] }))
      expect((await messagesIn(there)).map(({ text }) => text)).to.deep.equal(['as spare writes it', 'rest'])
    })

    it('may lose what is left of its route with a retry', async () => {
      await kit.store.recordOutgoing([outgoingRow({ route })])
      await sendFirst(kit.store, here, { outcome: { kind: 'retry', at: T0 }, route: { ...route, next: [] } })
      expect((await messagesIn(here))[0]?.route).to.deep.equal({ ...route, next: [] })
    })

    it('is opened again where it ended', async () => {
      const row = outgoingRow({ route })
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, here, moved())
      await sendFirst(kit.store, there, { outcome: { kind: 'settled', state: 'ERROR' }, code: 'REQUEST', error: 'no' })
      expect(await kit.store.replay([row.id], NOW)).to.deep.equal([there])
      expect((await messagesIn(there))[0]).to.deep.include({ id: row.id, tries: 0, route: onward })
    })

    it('writes hostile texts as they are', async () => {
      const hostile = 'a\u0000b\u001ac\ud800'
      const to = { backend: 'spare', identity: `x${hostile}`, address: hostile }
      await kit.store.recordOutgoing([outgoingRow({ route: { ...route, why: hostile } })])
      await sendFirst(kit.store, here, moved({ outcome: { kind: 'moved', to, text: hostile, parts: 1, at: T0 } }))
      const lane = outgoingLane(to.identity.toWellFormed(), 'spare')
      expect((await messagesIn(lane))[0]).to.include({ text: hostile.toWellFormed(), address: hostile.toWellFormed() })
    })

    kit.itUnless('reopen', 'survives a restart', async () => {
      const row = outgoingRow({ route })
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, here, moved())
      const store = await kit.harness.reopen()
      expect((await store.claimOutgoing(there, 1, NOW)).messages[0]).to.deep.include({ id: row.id, route: onward })
    })
  })
}
