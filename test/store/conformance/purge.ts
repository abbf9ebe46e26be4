import { expect } from 'chai'
import type { Purged, Store } from '../../../src/store/store.ts'
import {
  change,
  contactRow,
  finished,
  head,
  incomingLane,
  incomingRow,
  NOW,
  newId,
  outgoingLane,
  outgoingRow,
  processFirst,
  reportRow,
  sendFirst,
  sent,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const DAY = 24 * 3600_000
const BEFORE = T0 + 30 * DAY
const YOUNG = T0 + 31 * DAY
const MOST_BATCHES = 200

/** Batch after batch until there is no more; gives what they removed together. */
async function purgeAll(store: Store, before = BEFORE, limit = 100): Promise<Omit<Purged, 'more'>> {
  const sum = { incoming: 0, outgoing: 0, others: 0 }
  for (let batch = 0; batch < MOST_BATCHES; batch++) {
    const { incoming, outgoing, others, more } = await store.purge({ before, now: before, limit })
    sum.incoming += incoming
    sum.outgoing += outgoing
    sum.others += others
    if (!more) return sum
  }
  throw new Error(`there is more after ${MOST_BATCHES} batches`)
}

/** The removal of old messages. */
export function describePurge(kit: StoreKit): void {
  const left = async (ids: readonly string[]) => {
    const found = await Promise.all(ids.map((id) => kit.store.log.find(id)))
    return ids.filter((_, index) => found[index] !== undefined)
  }
  /** Records and processes one message from each identity. */
  const processed = async (identities: readonly string[], receivedAt = T0) => {
    const rows = identities.map((identity) => incomingRow({ identity, receivedAt }))
    await kit.store.recordIncoming(rows)
    for (const identity of identities) await processFirst(kit.store, incomingLane(identity))
    return rows.map(({ id }) => id)
  }

  describe('purge', () => {
    it('finds nothing in an empty store', async () => {
      expect(await kit.store.purge({ before: BEFORE, now: BEFORE, limit: 10 })).to.deep.equal({
        incoming: 0,
        outgoing: 0,
        others: 0,
        more: false,
      })
    })

    it('removes what is old and finished, however it ended, and leaves what is young', async () => {
      const old = await processed(['1'])
      const young = await processed(['2'], YOUNG)
      const failed = incomingRow({ identity: '3' })
      await kit.store.recordIncoming([failed])
      await processFirst(kit.store, incomingLane('3'), { outcome: { kind: 'failed', error: 'x' } })
      const states = ['SENT', 'DELIVERED', 'ERROR', 'UNKNOWN'] as const
      const outgoing = states.map((state) => outgoingRow({ identity: state }))
      const youngOutgoing = outgoingRow({ identity: '4', createdAt: YOUNG })
      const cancelled = outgoingRow({ state: 'CANCELLED', reason: 'veto' })
      await kit.store.recordOutgoing([...outgoing, cancelled, youngOutgoing])
      for (const state of states) {
        await sendFirst(kit.store, outgoingLane(state), { outcome: { kind: 'settled', state } })
      }
      await sendFirst(kit.store, outgoingLane('4'), { startedAt: YOUNG, at: YOUNG })
      expect(await purgeAll(kit.store)).to.deep.include({ incoming: 2, outgoing: 5 })
      const all = [...old, ...young, failed.id, ...outgoing.map(({ id }) => id), cancelled.id, youngOutgoing.id]
      expect(await left(all)).to.deep.equal([...young, youngOutgoing.id])
      expect(await kit.store.log.failed({ direction: 'in', limit: 9 })).to.deep.equal([])
      expect(await kit.store.log.failed({ direction: 'out', limit: 9 })).to.deep.equal([])
    })

    it('takes along all that belongs to a message', async () => {
      const row = incomingRow()
      await kit.store.recordIncoming([row])
      const answer = outgoingRow({ inResponseTo: { id: row.id, externalId: null } })
      await kit.store.effects.put(row.id, 'paid', { receipt: 1 }, T0)
      await processFirst(kit.store, incomingLane(), { outgoing: [answer] })
      await kit.store.effects.put(answer.id, 'paid', { receipt: 2 }, T0)
      await sendFirst(kit.store, outgoingLane(), { externalIds: ['ext'] })
      await kit.store.recordReports([reportRow({ externalId: 'ext' })])
      expect(await purgeAll(kit.store)).to.deep.include({ incoming: 1, outgoing: 1 })
      expect(await left([row.id, answer.id])).to.deep.equal([])
      expect(await kit.store.log.attempts(answer.id)).to.deep.equal([])
      const { backend, identity } = row
      expect(await kit.store.log.conversation({ backend, identity, limit: 9 })).to.deep.equal([])
      expect(await kit.store.effects.get(row.id, 'paid')).to.equal(undefined)
      expect(await kit.store.effects.get(answer.id, 'paid')).to.equal(undefined)
      const effects = await kit.store.recordReports([reportRow({ externalId: 'ext', receivedAt: YOUNG })])
      expect(effects).to.deep.equal([{ messageId: null, state: null, changed: false }])
      expect(await kit.store.log.counts()).to.deep.include({ incoming: 0, outgoing: 0 })
    })

    it('touches nothing that is unfinished, however old, and what is in hand is finished as ever', async () => {
      const waiting = [incomingRow({ text: 'in hand' }), incomingRow({ text: 'waits' })]
      const retried = incomingRow({ identity: '2' })
      const outgoing = [outgoingRow({ text: 'in hand' }), outgoingRow({ text: 'later', notBefore: YOUNG })]
      await kit.store.recordIncoming([...waiting, retried])
      await kit.store.recordOutgoing(outgoing)
      await processFirst(kit.store, incomingLane('2'), { outcome: { kind: 'retry', at: YOUNG, error: 'x' } })
      const incoming = head(await kit.store.claimIncoming(incomingLane(), 1))
      const attempt = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      await kit.store.startAttempts([{ ...attempt, at: T0 + 200 }])
      await kit.store.effects.put(retried.id, 'paid', 1, T0)
      expect(await purgeAll(kit.store, YOUNG)).to.deep.equal({ incoming: 0, outgoing: 0, others: 0 })
      await kit.store.finishIncoming([finished(incoming.fence, incoming.message)])
      await kit.store.finishAttempts([sent(attempt.fence, attempt.message)])
      expect(await kit.store.effects.get(retried.id, 'paid')).to.deep.equal({ result: 1 })
      expect(await purgeAll(kit.store)).to.deep.include({ incoming: 1, outgoing: 1 })
      expect((await kit.store.claimIncoming(incomingLane(), 9)).messages.map(({ text }) => text)).to.deep.equal([
        'waits',
      ])
      const { messages } = await kit.store.claimOutgoing(outgoingLane(), 9, YOUNG)
      expect(messages.map(({ text }) => text)).to.deep.equal(['later'])
      expect(await kit.store.countOpenIncoming()).to.equal(2)
    })

    it('keeps an incoming message until its answers are finished, over another backend too', async () => {
      const rows = [incomingRow({ identity: '1' }), incomingRow({ identity: '2' })]
      await kit.store.recordIncoming(rows)
      const backends = ['gateway', 'other']
      for (const [index, row] of rows.entries()) {
        const inResponseTo = { id: row.id, externalId: null }
        const answer = { identity: row.identity, backend: backends[index] ?? '', inResponseTo }
        await processFirst(kit.store, incomingLane(row.identity), {
          outgoing: [outgoingRow({ ...answer, state: 'CANCELLED', reason: 'veto' }), outgoingRow(answer)],
        })
      }
      const ids = rows.map(({ id }) => id)
      expect(await purgeAll(kit.store)).to.deep.include({ incoming: 0, outgoing: 2 })
      expect(await left(ids)).to.deep.equal(ids)
      await sendFirst(kit.store, outgoingLane('2', 'other'))
      expect(await purgeAll(kit.store)).to.deep.include({ incoming: 1, outgoing: 1 })
      expect(await left(ids)).to.deep.equal(ids.slice(0, 1))
      await sendFirst(kit.store, outgoingLane('1'))
      expect(await purgeAll(kit.store)).to.deep.include({ incoming: 1, outgoing: 1 })
    })

    it('keeps a message that waits for a gateway to fetch it', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'settled', state: 'SENDING' } })
      await kit.store.outbox.add({ ...row, despiteOptOut: false })
      expect(await purgeAll(kit.store)).to.deep.include({ outgoing: 0 })
      await kit.store.outbox.remove(row.backend, row.id)
      expect(await purgeAll(kit.store)).to.deep.include({ outgoing: 1 })
    })

    kit.itUnless('limit', 'removes the oldest first, of both directions, and no more than the limit', async () => {
      const ids: string[] = []
      for (const identity of ['1', '2', '3']) {
        ids.push(...(await processed([identity])))
        const row = outgoingRow({ identity })
        await kit.store.recordOutgoing([row])
        await sendFirst(kit.store, outgoingLane(identity))
        ids.push(row.id)
      }
      const batches: Purged[] = []
      for (const gone of [4, 6]) {
        batches.push(await kit.store.purge({ before: BEFORE, now: BEFORE, limit: 4 }))
        expect(await left(ids)).to.deep.equal(ids.slice(gone))
      }
      expect(batches).to.deep.equal([
        { incoming: 2, outgoing: 2, others: 0, more: true },
        { incoming: 1, outgoing: 1, others: 0, more: false },
      ])
    })

    for (const limit of [1, 3, 1_000]) {
      it(`gets past any number of unfinished messages, ${limit} at a time`, async () => {
        const unfinished = Array.from({ length: 60 }, (_, index) => incomingRow({ identity: `open ${index}` }))
        await kit.store.recordIncoming(unfinished)
        const old = await processed(['1', '2', '3', '4', '5'])
        const young = await processed(['6', '7'], YOUNG)
        expect(await purgeAll(kit.store, BEFORE, limit)).to.deep.include({ incoming: 5, outgoing: 0 })
        expect(await left([...old, ...young])).to.deep.equal(young)
        expect(await kit.store.countOpenIncoming()).to.equal(60)
        await processFirst(kit.store, incomingLane('open 0'))
        expect(await purgeAll(kit.store, BEFORE, limit)).to.deep.include({ incoming: 1 })
      })
    }

    it('finds what is old behind what a wrong clock has recorded as young', async () => {
      const young = await processed(['1'], YOUNG)
      const old = await processed(['2'])
      expect(await purgeAll(kit.store)).to.deep.include({ incoming: 1 })
      expect(await left([...young, ...old])).to.deep.equal(young)
    })

    it('removes more when a later time is asked for', async () => {
      const young = await processed(
        Array.from({ length: 25 }, (_, index) => String(index)),
        YOUNG,
      )
      const old = await processed(['100'])
      // It may come to its end among the young ones, or stand there still.
      for (let batch = 0; batch < 2; batch++) await kit.store.purge({ before: BEFORE, now: BEFORE, limit: 1 })
      await purgeAll(kit.store, YOUNG + 1, 2)
      expect(await left([...young, ...old])).to.deep.equal([])
    })

    it('leaves contacts, their connections and groups, and documents', async () => {
      const contact = contactRow()
      const connection = { backend: 'gateway', identity: '15550001' }
      await change(kit.store, [
        { kind: 'contact-created', contact },
        { kind: 'connection-linked', connection, contactId: contact.id },
        { kind: 'group-joined', group: 'friends', contactId: contact.id },
        { kind: 'document-put', scope: 'app', key: 'k', value: 1, version: 0 },
      ])
      await processed(['15550001'])
      expect(await purgeAll(kit.store)).to.deep.include({ incoming: 2 })
      expect(await kit.store.contacts.ofConnection(connection)).to.deep.include({ id: contact.id, name: 'Ann' })
      expect(await kit.store.contacts.groupsOf(contact.id)).to.deep.equal(['friends'])
      expect(await kit.store.documents.get('app', 'k')).to.deep.equal({ value: 1, version: 1 })
    })

    it('keeps the ids of repeats for their time, and removes them after it', async () => {
      const receivedAt = BEFORE - 1_000
      const row = incomingRow({ externalId: 'ext', receivedAt })
      await kit.store.recordIncoming([row, incomingRow({ externalId: 'old' })])
      await processFirst(kit.store, incomingLane())
      await processFirst(kit.store, incomingLane())
      expect(await purgeAll(kit.store)).to.deep.equal({ incoming: 2, outgoing: 0, others: 1 })
      const repeat = incomingRow({ externalId: 'ext', receivedAt: BEFORE })
      expect(await kit.store.recordIncoming([repeat])).to.deep.equal([{ id: row.id, duplicate: true }])
      expect(await purgeAll(kit.store, BEFORE + 30 * DAY)).to.deep.equal({ incoming: 0, outgoing: 0, others: 1 })
    })

    it('removes reports that never found their message, but none that may still find it', async () => {
      const receivedAt = BEFORE - 1_000
      const foreign = Array.from({ length: 5 }, () => reportRow({ externalId: newId() }))
      await kit.store.recordReports([...foreign, reportRow({ externalId: 'fast', receivedAt })])
      expect(await purgeAll(kit.store, BEFORE, 2)).to.deep.equal({ incoming: 0, outgoing: 0, others: 5 })
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      await sendFirst(kit.store, outgoingLane(), { startedAt: receivedAt, at: BEFORE, externalIds: ['fast'] })
      expect((await kit.store.log.find(row.id))?.state).to.equal('DELIVERED')
    })

    it('does not set back the count that gives messages their order', async () => {
      await kit.store.recordIncoming([incomingRow({ text: 'first' })])
      const first = await processFirst(kit.store, incomingLane())
      await purgeAll(kit.store)
      await kit.store.recordIncoming([incomingRow({ text: 'second' })])
      expect((await processFirst(kit.store, incomingLane())).seq).to.be.greaterThan(first.seq)
    })

    it('may be run by several at once', async () => {
      const old = await processed(Array.from({ length: 40 }, (_, index) => String(index)))
      const runs = await Promise.all([7, 5, 3].map((limit) => purgeAll(kit.store, BEFORE, limit)))
      expect(runs.reduce((sum, { incoming }) => sum + incoming, 0)).to.equal(old.length)
      expect(await left(old)).to.deep.equal([])
    })
  })
}
