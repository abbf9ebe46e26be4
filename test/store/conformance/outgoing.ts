import { expect } from 'chai'
import { DocumentConflictError, StaleResultError } from '../../../src/store/errors.ts'
import type { ClaimedOutgoing } from '../../../src/store/outgoing-records.ts'
import { rejection } from '../../support/rejection.ts'
import {
  change,
  contactRow,
  head,
  incomingLane,
  incomingRow,
  NOW,
  outgoingLane,
  outgoingRow,
  processFirst,
  sendFirst,
  sent,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** Outgoing messages and their attempts. */
export function describeOutgoing(kit: StoreKit): void {
  const claim = async () => head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))

  describe('recording and claiming outgoing messages', () => {
    it('gives back everything a worker needs', async () => {
      const row = outgoingRow({
        address: '2020',
        text: 'hé 😀',
        fields: { from: 'form' },
        options: { senderId: 'ACME', validity: 60, statusReport: true },
        params: { priority: 1 },
        inResponseTo: { id: 'some-id', externalId: 'their-id' },
        parts: 3,
        notBefore: T0 + 1,
        expiresAt: T0 + 2,
        phased: true,
        once: true,
        extra: { order: 7 },
      })
      await kit.store.recordOutgoing([row])
      const { message } = await claim()
      const { state, reason, contactId, tag, template, relatedTo, extra, ...kept } = row
      expect(message).to.deep.include({ ...kept, tries: 0, optedOut: false, attemptOpen: false })
    })

    it('keeps the classes of one person apart, and each in its order', async () => {
      const rows = (['bulk', 'reply', 'urgent', 'normal', 'reply'] as const).map((name, index) =>
        outgoingRow({ class: name, text: String(index) }),
      )
      await kit.store.recordOutgoing(rows)
      const texts = async (name: string) => {
        const { messages } = await kit.store.claimOutgoing(outgoingLane('15550001', 'gateway', name), 10, NOW)
        return messages.map(({ text }) => text)
      }
      expect(await texts('reply')).to.deep.equal(['1', '4'])
      expect(await texts('urgent')).to.deep.equal(['2'])
      expect(await texts('normal')).to.deep.equal(['3'])
      expect(await texts('bulk')).to.deep.equal(['0'])
    })

    it('never hands out what was recorded as cancelled or for debugging, but logs it', async () => {
      const rows = [
        outgoingRow({ state: 'CANCELLED', reason: 'cancelled by the app "optOut"' }),
        outgoingRow({ state: 'DEBUG' }),
      ]
      await kit.store.recordOutgoing(rows)
      expect((await kit.store.claimOutgoing(outgoingLane(), 5, NOW)).messages).to.deep.equal([])
      expect(await kit.store.log.find(rows[0]?.id ?? '')).to.deep.include({
        state: 'CANCELLED',
        error: 'cancelled by the app "optOut"',
      })
      expect(await kit.store.log.find(rows[1]?.id ?? '')).to.deep.include({ state: 'DEBUG' })
    })

    it('tells whether the lane holds others than those claimed, due or not', async () => {
      const lane = outgoingLane()
      const isAll = async (limit: number) => (await kit.store.claimOutgoing(lane, limit, NOW)).isAll
      expect(await isAll(1)).to.equal(true)
      await kit.store.recordOutgoing([outgoingRow()])
      expect(await isAll(1)).to.equal(true)
      expect(await isAll(2)).to.equal(true)
      await kit.store.recordOutgoing([outgoingRow({ notBefore: NOW + 1_000 })])
      expect(await isAll(1)).to.equal(false)
      expect(await isAll(2)).to.equal(false)
      await sendFirst(kit.store, lane)
      expect(await isAll(1)).to.equal(false)
    })

    for (const reread of [false, true]) {
      it(`lets later ones pass what is scheduled${reread ? ', read back too' : ''}, but not a retry`, async () => {
        const lane = outgoingLane()
        const rows = [
          outgoingRow({ text: 'evening', notBefore: T0 + 900 }),
          outgoingRow({ text: 'first' }),
          outgoingRow({ text: 'noon', notBefore: T0 + 500 }),
          outgoingRow({ text: 'second' }),
        ]
        await kit.store.recordOutgoing(rows)
        const look = async (now: number, limit = 1) => {
          if (reread) await forgetLane()
          const { messages, dueAt } = await kit.store.claimOutgoing(lane, limit, now)
          return [messages.map(({ text }) => text), dueAt]
        }
        // A claim that is refused makes whatever remembers the lane read it again.
        const forgetLane = async () => {
          const { fence, messages } = await kit.store.claimOutgoing(lane, 9, T0 + 900)
          const stale = await kit.harness.staleFence(fence)
          for (const message of messages.slice(0, 1)) {
            await rejection(kit.store.finishAttempts([sent(stale, message)]))
          }
        }
        const take = async (now: number, values: Parameters<typeof sent>[2] = {}) => {
          const { fence, message } = head(await kit.store.claimOutgoing(lane, 1, now))
          await kit.store.startAttempts([{ fence, message, at: now }])
          await kit.store.finishAttempts([sent(fence, message, values)])
        }
        expect(await look(T0, 9)).to.deep.equal([['first', 'second'], 0])
        expect(await look(T0)).to.deep.equal([['first'], 0])
        expect(await look(T0 + 500, 9)).to.deep.equal([['first', 'noon', 'second'], 0])
        await take(T0, { outcome: { kind: 'retry', at: T0 + 950 } })
        expect(await look(T0)).to.deep.equal([['first'], T0 + 900])
        expect(await look(T0 + 900)).to.deep.equal([['evening'], T0 + 900])
        await take(T0)
        await take(T0)
        expect(await look(T0, 9)).to.deep.equal([[], T0 + 500])
        expect(await look(T0 + 900, 9)).to.deep.equal([['evening', 'noon'], T0 + 900])
        await take(T0 + 900)
        await take(T0 + 900)
        expect(await look(T0 + 900)).to.deep.equal([[], undefined])
      })
    }

    it('says whether the person has opted out, as it is now', async () => {
      const contact = contactRow()
      await kit.store.recordOutgoing([outgoingRow()])
      await change(kit.store, [
        { kind: 'contact-created', contact },
        {
          kind: 'connection-linked',
          connection: { backend: 'gateway', identity: '15550001' },
          contactId: contact.id,
        },
      ])
      expect((await claim()).message.optedOut).to.equal(false)
      await change(kit.store, [{ kind: 'contact-changed', id: contact.id, values: { optedOutAt: T0 } }])
      expect((await claim()).message.optedOut).to.equal(true)
      await change(kit.store, [{ kind: 'contact-changed', id: contact.id, values: { optedOutAt: null } }])
      expect((await claim()).message.optedOut).to.equal(false)
    })

    kit.itUnless('reopen', 'claims the same before and after a restart, at every step', async () => {
      const rows = [
        outgoingRow({ text: 'hé\n😀', fields: { a: 1 }, options: { end: true }, params: { p: [1] }, once: true }),
        outgoingRow({ inResponseTo: { id: 'x', externalId: null }, notBefore: T0 + 5, expiresAt: T0 + 9, extra: {} }),
        outgoingRow({ identity: '15550001', phased: true, parts: 2, address: 'ACME' }),
      ]
      await kit.store.recordOutgoing(rows)
      let cached: readonly ClaimedOutgoing[] = []
      const expectSame = async () => {
        const store = await kit.harness.reopen()
        expect((await store.claimOutgoing(outgoingLane(), 10, NOW)).messages).to.deep.equal(cached)
      }
      cached = (await kit.store.claimOutgoing(outgoingLane(), 10, NOW)).messages
      await expectSame()
      // Learned from the database now; what the steps do to it must show in what is kept of it.
      const { fence, message } = await claim()
      await kit.store.startAttempts([{ fence, message, text: 'changed', parts: 4, at: T0 + 1 }])
      cached = (await kit.store.claimOutgoing(outgoingLane(), 10, NOW)).messages
      expect(cached[0]).to.deep.include({ text: 'changed', parts: 4, tries: 1, attemptOpen: true, phased: true })
      await expectSame()
    })
  })

  describe('attempts', () => {
    it('begun: counted, SENDING, and known to be open until its result is there', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, message } = await claim()
      await kit.store.startAttempts([{ fence, message, at: T0 }])
      expect(await kit.store.log.find(row.id)).to.deep.include({ state: 'SENDING', tries: 1 })
      expect((await claim()).message).to.deep.include({ tries: 1, attemptOpen: true, phased: true })
    })

    it('begun with a changed text and with what the apps changed', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, message } = await claim()
      const changes = [{ kind: 'document-put', scope: 's', key: 'k', value: 1, version: 0 }] as const
      await kit.store.startAttempts([{ fence, message, text: 'changed', parts: 2, changes, at: T0 }])
      expect((await kit.store.log.find(row.id))?.text).to.equal('changed')
      expect(await kit.store.documents.get('s', 'k')).to.deep.equal({ value: 1, version: 1 })
      expect((await claim()).message).to.deep.include({ text: 'changed', parts: 2 })
    })

    it('settled together with what follows from the answer, or not at all when that has changed meanwhile', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, message } = await claim()
      await kit.store.startAttempts([{ fence, message, at: T0 }])
      const put = { kind: 'document-put', scope: 's', key: 'k', value: 1, version: 0 } as const
      const contact = contactRow({ optedOutAt: T0 })
      const { backend, identity } = row
      const changes = [
        put,
        { kind: 'contact-created', contact },
        { kind: 'connection-linked', connection: { backend, identity }, contactId: contact.id },
      ] as const
      const failure = { outcome: { kind: 'settled', state: 'ERROR' }, code: 'MESSAGE_SEND', error: 'no' } as const
      await change(kit.store, [put])
      const refused = await rejection(kit.store.finishAttempts([sent(fence, message, { ...failure, changes })]))
      expect(refused).to.be.instanceOf(DocumentConflictError)
      expect(await kit.store.log.attempts(row.id)).to.deep.equal([])
      expect(await kit.store.contacts.ofConnection({ backend, identity })).to.equal(undefined)
      await kit.store.finishAttempts([sent(fence, message, { ...failure, changes: changes.slice(1) })])
      expect((await kit.store.log.find(row.id))?.state).to.equal('ERROR')
      expect(await kit.store.contacts.ofConnection({ backend, identity })).to.deep.equal(contact)
    })

    it('settled: it has left its lane, and the attempt is kept with all that the service told', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row, outgoingRow({ text: 'next' })])
      await sendFirst(kit.store, outgoingLane(), {
        externalIds: ['a', 'b'],
        cost: 0.0375,
        currency: 'EUR',
        network: '26201',
        extra: { balance: '12.5' },
        parts: 2,
      })
      expect((await claim()).message.text).to.equal('next')
      expect(await kit.store.log.find(row.id)).to.deep.include({ state: 'SENT', error: null, tries: 1 })
      expect(await kit.store.log.attempts(row.id)).to.deep.equal([
        {
          number: 1,
          backend: 'gateway',
          startedAt: T0 + 200,
          finishedAt: T0 + 300,
          outcome: 'SENT',
          code: null,
          providerCode: null,
          error: null,
          cost: 0.0375,
          currency: 'EUR',
          network: '26201',
          reason: null,
        },
      ])
    })

    it('retried: it stays the head of its class, not before its time, and every attempt is kept', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row, outgoingRow({ text: 'next' })])
      const failure = { code: 'SERVER', providerCode: '503', error: 'busy' }
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'retry', at: T0 + 5_000 }, ...failure })
      const { messages } = await kit.store.claimOutgoing(outgoingLane(), 2, NOW)
      expect(messages.map(({ text }) => text)).to.deep.equal([row.text, 'next'])
      expect(messages[0]).to.deep.include({ tries: 1, attemptOpen: false, notBefore: T0 + 5_000 })
      expect((await kit.store.log.find(row.id))?.error).to.equal('busy')
      await sendFirst(kit.store, outgoingLane(), {
        outcome: { kind: 'settled', state: 'ERROR' },
        code: 'REQUEST',
        providerCode: '400',
        error: 'no',
      })
      const attempts = await kit.store.log.attempts(row.id)
      expect(
        attempts.map(({ number, outcome, code, providerCode, error }) => [number, outcome, code, providerCode, error]),
      ).to.deep.equal([
        [1, 'RETRY', 'SERVER', '503', 'busy'],
        [2, 'ERROR', 'REQUEST', '400', 'no'],
      ])
      expect(await kit.store.log.find(row.id)).to.deep.include({ state: 'ERROR', error: 'no', tries: 2 })
    })

    it('keep when the first of them began, from the first failure of the phase on', async () => {
      await kit.store.recordOutgoing([outgoingRow(), outgoingRow({ identity: '2' })])
      const first = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      expect(first.message.firstAttemptAt).to.equal(null)
      const retry = { outcome: { kind: 'retry', at: T0 + 5_000 } } as const
      await sendFirst(kit.store, outgoingLane(), { ...retry, startedAt: T0 + 1 })
      await sendFirst(kit.store, outgoingLane(), { ...retry, startedAt: T0 + 2 })
      expect((await claim()).message.firstAttemptAt).to.equal(T0 + 1)
      const other = head(await kit.store.claimOutgoing(outgoingLane('2'), 1, NOW))
      await kit.store.finishAttempts([sent(other.fence, other.message, { ...retry, startedAt: null, at: T0 + 3 })])
      const failed = head(await kit.store.claimOutgoing(outgoingLane('2'), 1, NOW)).message
      expect(failed).to.deep.include({ firstAttemptAt: T0 + 3, tries: 1 })
    })

    it('settled without an attempt: cancelled with the reason, no attempt kept', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, message } = await claim()
      const values = { startedAt: null, code: 'CANCELLED', error: 'expired' }
      await kit.store.finishAttempts([
        sent(fence, message, { ...values, outcome: { kind: 'settled', state: 'CANCELLED' } }),
      ])
      expect(await kit.store.log.find(row.id)).to.deep.include({ state: 'CANCELLED', error: 'expired', tries: 0 })
      expect(await kit.store.log.attempts(row.id)).to.deep.equal([])
    })

    it('takes the results of several lanes in one call', async () => {
      const identities = ['1', '2', '3']
      await kit.store.recordOutgoing(identities.map((identity) => outgoingRow({ identity })))
      const heads = await Promise.all(
        identities.map(async (identity) => head(await kit.store.claimOutgoing(outgoingLane(identity), 1, NOW))),
      )
      await kit.store.startAttempts(heads.map(({ fence, message }) => ({ fence, message, at: T0 })))
      await kit.store.finishAttempts(heads.map(({ fence, message }) => sent(fence, message)))
      expect(await kit.store.openLanes('outgoing', undefined, 10)).to.deep.equal([])
    })

    it('a stale fence: StaleResultError, nothing written', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, message } = await claim()
      const stale = await kit.harness.staleFence(fence)
      const changes = [{ kind: 'document-put', scope: 's', key: 'never', value: 1, version: 0 }] as const
      const start = kit.store.startAttempts([{ fence: stale, message, at: T0, changes }])
      expect(await rejection(start)).to.be.instanceOf(StaleResultError)
      expect(await rejection(kit.store.finishAttempts([sent(stale, message)]))).to.be.instanceOf(StaleResultError)
      expect(await kit.store.documents.get('s', 'never')).to.equal(undefined)
      expect(await kit.store.log.attempts(row.id)).to.deep.equal([])
      expect((await claim()).message).to.deep.equal(message)
    })

    it('a message that is settled already: StaleResultError, nothing written', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, message } = await claim()
      await sendFirst(kit.store, outgoingLane())
      const retry = { outcome: { kind: 'retry', at: T0 } } as const
      for (const again of [
        () => kit.store.startAttempts([{ fence, message, at: T0 }]),
        () => kit.store.finishAttempts([sent(fence, message, { outcome: { kind: 'settled', state: 'ERROR' } })]),
        () => kit.store.finishAttempts([sent(fence, message, retry)]),
      ]) {
        expect(await rejection(again())).to.be.instanceOf(StaleResultError)
      }
      expect((await kit.store.log.find(row.id))?.state).to.equal('SENT')
      expect(await kit.store.log.attempts(row.id)).to.have.length(1)
    })
  })

  describe('responses given in the answer to the request', () => {
    it('are SENT and leave their lane; only those that nobody had taken are answered', async () => {
      const rows = ['a', 'b', 'c'].map((text) => outgoingRow({ text, identity: text, class: 'reply', phased: true }))
      const [a, b, c] = rows.map(({ id }) => id)
      if (a === undefined || b === undefined || c === undefined) throw new Error('three rows were made')
      await kit.store.recordIncoming([incomingRow()])
      await processFirst(kit.store, incomingLane(), { outgoing: rows })
      const lane = (identity: string) => outgoingLane(identity, 'gateway', 'reply')
      const { fence, message } = head(await kit.store.claimOutgoing(lane('b'), 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: T0 }])
      expect(await kit.store.settleAnswered([a, b, 'unknown', c, a], T0 + 50)).to.deep.equal([a, c])
      expect(await kit.store.settleAnswered([a], T0 + 60)).to.deep.equal([])
      expect((await kit.store.log.find(a))?.state).to.equal('SENT')
      expect(await kit.store.log.attempts(a)).to.deep.equal([])
      expect((await kit.store.claimOutgoing(lane('a'), 5, NOW)).messages).to.deep.equal([])
      expect((await kit.store.claimOutgoing(lane('b'), 5, NOW)).messages).to.have.length(1)
    })

    it('cannot be begun any more by a worker that had claimed them before', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row, outgoingRow({ text: 'next' })])
      const { fence, message } = await claim()
      await kit.store.settleAnswered([row.id], T0)
      const error = await rejection(kit.store.startAttempts([{ fence, message, at: T0 }]))
      expect(error).to.be.instanceOf(StaleResultError)
      expect((await claim()).message.text).to.equal('next')
    })
  })
}
