import { expect } from 'chai'
import { type Lane, laneKey } from '../../../src/messages/lane.ts'
import type { OpenLane } from '../../../src/store/store.ts'
import {
  head,
  incomingLane,
  incomingRow,
  NOW,
  outgoingLane,
  outgoingRow,
  processFirst,
  reportRow,
  sendFirst,
  sent,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** What is unfinished, and what is opened again. */
export function describeLanes(kit: StoreKit): void {
  const allLanes = async (kind: Lane['kind'], limit: number) => {
    const pages: (readonly OpenLane[])[] = []
    let after: Lane | undefined
    do {
      const page = await kit.store.openLanes(kind, after, limit)
      pages.push(page)
      after = page.at(-1)?.lane
    } while (after !== undefined)
    return pages
  }
  const keys = (lanes: readonly OpenLane[]) => lanes.map(({ lane }) => laneKey(lane)).sort()

  describe('open lanes', () => {
    it('come page by page, each once, for every size of page', async () => {
      const incoming = ['a', 'b', 'c'].flatMap((backend) =>
        ['1', '2', '3'].map((identity) => incomingRow({ backend, identity })),
      )
      await kit.store.recordIncoming([
        ...incoming,
        ...incoming.map((row) => incomingRow({ ...row, id: `${row.id}-2` })),
      ])
      const outgoing = (['urgent', 'reply', 'normal', 'bulk'] as const).flatMap((messageClass) =>
        ['1', '2'].map((identity) => outgoingRow({ class: messageClass, identity })),
      )
      await kit.store.recordOutgoing(outgoing)
      for (const limit of [1, 2, 4, 100]) {
        for (const { kind, count } of [
          { kind: 'incoming', count: 9 },
          { kind: 'outgoing', count: 8 },
        ] as const) {
          const pages = await allLanes(kind, limit)
          const lanes = pages.flat()
          expect(new Set(keys(lanes)).size, `${kind} by ${limit}`).to.equal(count)
          expect(lanes).to.have.length(count)
          expect(pages.every((page) => page.length <= limit)).to.equal(true)
        }
      }
    })

    it('carry the time before which none of their messages may be worked', async () => {
      await kit.store.recordIncoming([incomingRow(), incomingRow({ text: 'second' })])
      await kit.store.recordOutgoing([outgoingRow({ notBefore: T0 + 7 }), outgoingRow({ notBefore: T0 + 3 })])
      await processFirst(kit.store, incomingLane(), { outcome: { kind: 'retry', at: T0 + 5, error: 'x' } })
      expect(await kit.store.openLanes('incoming', undefined, 10)).to.deep.equal([
        { lane: incomingLane(), notBefore: T0 + 5 },
      ])
      expect(await kit.store.openLanes('outgoing', undefined, 10)).to.deep.equal([
        { lane: outgoingLane(), notBefore: T0 + 3 },
      ])
      const [retry] = (await kit.store.claimOutgoing(outgoingLane(), 1, T0 + 3)).messages
      if (retry === undefined) throw new Error('one is due')
      await kit.store.recordOutgoing([outgoingRow({ text: 'held back' })])
      const [held] = (await kit.store.claimOutgoing(outgoingLane(), 9, T0)).messages
      expect(held?.text).to.equal('held back')
      const { fence } = await kit.store.claimOutgoing(outgoingLane(), 1, T0 + 3)
      await kit.store.startAttempts([{ fence, message: retry, at: T0 + 3 }])
      await kit.store.finishAttempts([sent(fence, retry, { outcome: { kind: 'retry', at: T0 + 9 } })])
      expect(await kit.store.openLanes('outgoing', undefined, 10)).to.deep.equal([
        { lane: outgoingLane(), notBefore: T0 + 7 },
      ])
    })

    it('are those with unfinished messages only', async () => {
      await kit.store.recordIncoming([incomingRow({ identity: '1' }), incomingRow({ identity: '2' })])
      await kit.store.recordOutgoing([outgoingRow({ identity: '1' }), outgoingRow({ identity: '2' })])
      await processFirst(kit.store, incomingLane('1'))
      await sendFirst(kit.store, outgoingLane('1'))
      expect((await allLanes('incoming', 10)).flat().map(({ lane }) => lane.identity)).to.deep.equal(['2'])
      expect((await allLanes('outgoing', 10)).flat().map(({ lane }) => lane.identity)).to.deep.equal(['2'])
      await processFirst(kit.store, incomingLane('2'), { outcome: { kind: 'failed', error: 'x' } })
      await sendFirst(kit.store, outgoingLane('2'), { outcome: { kind: 'settled', state: 'UNKNOWN' } })
      expect(await allLanes('incoming', 10)).to.deep.equal([[]])
      expect(await allLanes('outgoing', 10)).to.deep.equal([[]])
    })

    kit.itUnless('reopen', 'are known after a restart, with their messages in order', async () => {
      const texts = Array.from({ length: 12 }, (_, index) => String(index))
      await kit.store.recordIncoming(texts.map((text) => incomingRow({ text })))
      await processFirst(kit.store, incomingLane())
      const store = await kit.harness.reopen()
      expect(await store.countOpenIncoming()).to.equal(11)
      expect(await store.openLanes('incoming', undefined, 10)).to.deep.equal([{ lane: incomingLane(), notBefore: 0 }])
      const { messages } = await store.claimIncoming(incomingLane(), 100)
      expect(messages.map(({ text }) => text)).to.deep.equal(texts.slice(1))
    })
  })

  describe('counting what waits for its phases', () => {
    it('counts open incoming messages, whatever else there is', async () => {
      expect(await kit.store.countOpenIncoming()).to.equal(0)
      await kit.store.recordIncoming([incomingRow({ identity: '1' }), incomingRow({ identity: '2' }), incomingRow()])
      await kit.store.recordOutgoing([outgoingRow()])
      expect(await kit.store.countOpenIncoming()).to.equal(3)
      await processFirst(kit.store, incomingLane('1'))
      await processFirst(kit.store, incomingLane('2'), { outcome: { kind: 'retry', at: T0, error: 'x' } })
      await processFirst(kit.store, incomingLane(), { outcome: { kind: 'failed', error: 'x' } })
      expect(await kit.store.countOpenIncoming()).to.equal(1)
    })
  })

  describe('replay', () => {
    it('opens failed messages of both directions at their old places and names their lanes', async () => {
      const failed = incomingRow({ text: 'failed' })
      const error = outgoingRow({ text: 'error' })
      await kit.store.recordIncoming([failed, incomingRow({ text: 'waiting' })])
      await kit.store.recordOutgoing([error, outgoingRow({ text: 'waiting' })])
      await processFirst(kit.store, incomingLane(), { outcome: { kind: 'failed', error: 'x' } })
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'settled', state: 'ERROR' }, error: 'y' })
      const lanes = await kit.store.replay([failed.id, error.id], T0 + 900)
      expect(lanes).to.deep.equal([incomingLane(), outgoingLane()])
      const incoming = await kit.store.claimIncoming(incomingLane(), 5)
      expect(incoming.messages.map(({ text, tries, notBefore }) => [text, tries, notBefore])).to.deep.equal([
        ['failed', 0, T0 + 900],
        ['waiting', 0, 0],
      ])
      const outgoing = await kit.store.claimOutgoing(outgoingLane(), 5, NOW)
      expect(
        outgoing.messages.map(({ text, tries, notBefore, attemptOpen }) => [text, tries, notBefore, attemptOpen]),
      ).to.deep.equal([
        ['error', 0, T0 + 900, false],
        ['waiting', 0, 0, false],
      ])
    })

    it('lets the message go through, and goes on counting its attempts', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'settled', state: 'ERROR' } })
      await kit.store.replay([row.id], T0 + 900)
      await sendFirst(kit.store, outgoingLane())
      expect((await kit.store.log.find(row.id))?.state).to.equal('SENT')
      expect((await kit.store.log.attempts(row.id)).map(({ number }) => number)).to.deep.equal([1, 2])
      const failed = incomingRow()
      await kit.store.recordIncoming([failed])
      await processFirst(kit.store, incomingLane(), { outcome: { kind: 'failed', error: 'x' } })
      await kit.store.replay([failed.id], T0 + 900)
      await processFirst(kit.store, incomingLane())
      expect(await kit.store.log.find(failed.id)).to.deep.include({ state: 'PROCESSED', error: null })
    })

    it('opens what is UNKNOWN too, when it is named', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'settled', state: 'UNKNOWN' } })
      expect(await kit.store.replay([row.id], T0 + 900)).to.deep.equal([outgoingLane()])
      expect((await kit.store.log.find(row.id))?.state).to.equal('WAITING')
    })

    it('begins a life of its own: nothing is left of the first one, and its reports move nothing', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const failure = { outcome: { kind: 'settled', state: 'ERROR' }, code: 'SERVER', error: 'no' } as const
      await sendFirst(kit.store, outgoingLane(), { ...failure, externalIds: ['old'], startedAt: T0 })
      await kit.store.replay([row.id], T0 + 900)
      expect(await kit.store.log.find(row.id)).to.deep.include({ state: 'WAITING', error: null, tries: 0 })
      expect(head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW)).message.firstAttemptAt).to.equal(null)
      const effects = await kit.store.recordReports([reportRow({ externalId: 'old' })])
      expect(effects).to.deep.equal([{ messageId: null, state: null, changed: false }])
      expect((await kit.store.log.find(row.id))?.state).to.equal('WAITING')
    })

    it('leaves alone what did not fail, and ids that are not known', async () => {
      const waiting = incomingRow({ identity: '1' })
      const processed = incomingRow({ identity: '2' })
      const sentRow = outgoingRow({ identity: '3' })
      await kit.store.recordIncoming([waiting, processed])
      await kit.store.recordOutgoing([sentRow])
      await processFirst(kit.store, incomingLane('2'))
      await sendFirst(kit.store, outgoingLane('3'))
      const ids = [waiting.id, processed.id, sentRow.id, 'unknown']
      expect(await kit.store.replay(ids, T0)).to.deep.equal([])
      expect(await kit.store.replay([], T0)).to.deep.equal([])
      expect((await kit.store.log.find(sentRow.id))?.state).to.equal('SENT')
    })
  })
}
