import { expect } from 'chai'
import type { KeyedSend } from '../../../src/store/keyed-sends.ts'
import type { NewOutgoing } from '../../../src/store/outgoing-records.ts'
import { change, contactRow, head, NOW, newId, outgoingLane, outgoingRow, sent, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const DAY_MS = 24 * 3600_000

/** Sends that are known by a key, and messages that are put off. */
export function describeKeyed(kit: StoreKit): void {
  describe('sends that are known by a key', () => {
    const send = (values: Partial<KeyedSend<NewOutgoing>> = {}): KeyedSend<NewOutgoing> => {
      const message = outgoingRow()
      const common = { key: 'k', digest: 'd', now: T0, expiresAt: T0 + DAY_MS }
      return { id: newId(), result: { ids: [message.id] }, messages: [message], ...common, ...values }
    }
    const count = async () => (await kit.store.log.counts()).outgoing

    it('are recorded with their messages, once', async () => {
      const first = send()
      expect(await kit.store.keyed.find('k', T0)).to.equal(undefined)
      expect(await kit.store.keyed.record(first)).to.equal(undefined)
      const kept = { digest: 'd', result: first.result }
      expect(await kit.store.keyed.record(send({ digest: 'other' }))).to.deep.equal(kept)
      expect(await kit.store.keyed.find('k', T0)).to.deep.equal(kept)
      expect(await count()).to.equal(1)
      const { message } = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      expect(message.id).to.equal(first.messages[0]?.id)
    })

    it('are one, however many come at the same moment', async () => {
      const sends = Array.from({ length: 100 }, () => send())
      const kept = await Promise.all(sends.map((one) => kit.store.keyed.record(one)))
      const first = sends[kept.indexOf(undefined)]
      expect(kept.filter((one) => one === undefined)).to.have.length(1)
      for (const one of kept) if (one !== undefined) expect(one.result).to.deep.equal(first?.result)
      expect(await count()).to.equal(1)
    })

    it('are known also where there is nothing to send', async () => {
      const first = send({ messages: [], result: { kept: 7 } })
      expect(await kit.store.keyed.record(first)).to.equal(undefined)
      const kept = { digest: 'd', result: { kept: 7 } }
      expect(await kit.store.keyed.record(send({ messages: [], result: null }))).to.deep.equal(kept)
      expect(await kit.store.keyed.find('k', T0)).to.deep.equal(kept)
      expect(await count()).to.equal(0)
    })

    it('with other keys are others, and keep their order', async () => {
      const sends = Array.from({ length: 20 }, (_, index) => send({ key: `k${index}` }))
      await Promise.all(sends.map((one) => kit.store.keyed.record(one)))
      const { messages } = await kit.store.claimOutgoing(outgoingLane(), 100, NOW)
      expect(messages.map(({ id }) => id)).to.deep.equal(sends.map(({ messages: [message] }) => message?.id))
    })

    it('take their key from one that has expired', async () => {
      await kit.store.keyed.record(send())
      const later = send({ digest: 'new', now: T0 + DAY_MS, expiresAt: T0 + 2 * DAY_MS })
      expect(await kit.store.keyed.find('k', T0 + DAY_MS)).to.equal(undefined)
      expect(await kit.store.keyed.record(later)).to.equal(undefined)
      expect(await kit.store.keyed.find('k', T0 + DAY_MS)).to.deep.equal({ digest: 'new', result: later.result })
      expect(await count()).to.equal(2)
    })

    it('are as if their key had never been used when it is forgotten', async () => {
      await kit.store.keyed.record(send())
      await kit.store.keyed.record(send({ key: 'other' }))
      await kit.store.keyed.forget('k')
      await kit.store.keyed.forget('none')
      expect(await kit.store.keyed.find('k', T0)).to.equal(undefined)
      expect(await kit.store.keyed.find('other', T0)).to.have.property('digest', 'd')
      expect(await kit.store.keyed.record(send())).to.equal(undefined)
      expect(await count()).to.equal(3)
    })

    it('leave no key when their messages cannot be recorded', async () => {
      const message = outgoingRow()
      await kit.store.recordOutgoing([message])
      const failed = await kit.store.keyed.record(send({ messages: [message] })).catch((error: unknown) => error)
      expect(failed).to.be.instanceOf(Error)
      expect(await kit.store.keyed.find('k', T0)).to.equal(undefined)
    })

    for (const [name, key] of [
      ['a NUL', 'a\0b'],
      ['a quote', `'; DROP TABLE idempotency_keys; --`],
      ['4,000 characters', 'ü'.repeat(4_000)],
      ['half a surrogate pair', 'a\ud83d'],
    ] as const) {
      it(`may have ${name} in their key`, async () => {
        expect(await kit.store.keyed.record(send({ key }))).to.equal(undefined)
        expect(await kit.store.keyed.record(send({ key }))).to.have.property('digest', 'd')
        expect(await kit.store.keyed.find('a', T0)).to.equal(undefined)
      })
    }

    it('are purged when their time is over, and not before', async () => {
      await kit.store.keyed.record(send())
      const purge = (now: number) => kit.store.purge({ before: 0, now, limit: 100 })
      await purge(T0 + DAY_MS - 1)
      expect(await kit.store.keyed.find('k', T0)).to.have.property('digest', 'd')
      expect((await purge(T0 + DAY_MS + 1)).others).to.equal(1)
      expect(await kit.store.keyed.find('k', T0)).to.equal(undefined)
    })

    kit.itUnless('reopen', 'are known after a restart', async () => {
      await kit.store.keyed.record(send())
      const store = await kit.harness.reopen()
      expect(await store.keyed.record(send())).to.have.property('digest', 'd')
      expect((await store.log.counts()).outgoing).to.equal(1)
    })
  })

  describe('a message that is put off', () => {
    it('is as it was, but later, lets others pass and says why', async () => {
      const rows = [outgoingRow({ text: 'first' }), outgoingRow({ text: 'second' })]
      await kit.store.recordOutgoing(rows)
      const { fence, message } = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      const outcome = { kind: 'later', at: NOW + 1_000 } as const
      await kit.store.finishAttempts([sent(fence, message, { startedAt: null, outcome, error: 'quiet' })])
      const next = await kit.store.claimOutgoing(outgoingLane(), 10, NOW)
      expect(next.messages.map(({ text }) => text)).to.deep.equal(['second'])
      expect(await kit.store.log.find(message.id)).to.include({ state: 'WAITING', error: 'quiet', tries: 0 })
      const { messages } = await kit.store.claimOutgoing(outgoingLane(), 10, NOW + 1_000)
      expect(messages[0]).to.deep.equal({ ...message, notBefore: NOW + 1_000 })
    })

    it('holds back its lane when it waits for a retry', async () => {
      const [first, second] = [outgoingRow(), outgoingRow()]
      await kit.store.recordOutgoing([first, second])
      const { fence, message } = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: NOW }])
      const later = async (kind: 'retry' | 'later', at: number, startedAt: number | null) => {
        const { fence } = await kit.store.claimOutgoing(outgoingLane(), 1, NOW)
        await kit.store.finishAttempts([sent(fence, message, { startedAt, outcome: { kind, at } })])
      }
      await later('retry', NOW, NOW)
      await later('later', NOW + 1_000, null)
      const claim = await kit.store.claimOutgoing(outgoingLane(), 1, NOW)
      expect(claim.messages[0]).to.include({ id: first.id, tries: 1, notBefore: NOW + 1_000, firstAttemptAt: NOW })
      expect(claim.dueAt).to.equal(NOW + 1_000)
      expect(await kit.store.log.attempts(first.id)).to.have.length(1)
    })
  })

  describe('an outgoing message', () => {
    it('is claimed with the time zone of its contact', async () => {
      const contact = contactRow({ timeZone: 'Africa/Nairobi' })
      const connection = { backend: 'gateway', identity: 'zoned' }
      await change(kit.store, [
        { kind: 'contact-created', contact },
        { kind: 'connection-linked', connection, contactId: contact.id },
      ])
      await kit.store.recordOutgoing([outgoingRow({ identity: 'zoned' }), outgoingRow({ identity: 'other' })])
      for (const [identity, timeZone] of [
        ['zoned', 'Africa/Nairobi'],
        ['other', null],
      ] as const) {
        const { message } = head(await kit.store.claimOutgoing(outgoingLane(identity), 1, NOW))
        expect(message.timeZone).to.equal(timeZone)
      }
    })

    it('has the ids that its service gave it', async () => {
      const row = outgoingRow()
      await kit.store.recordOutgoing([row])
      const { fence, message } = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      await kit.store.startAttempts([{ fence, message, at: T0 }])
      expect(await kit.store.log.externalIds(row.id)).to.deep.equal([])
      await kit.store.finishAttempts([sent(fence, message, { externalIds: ['7:x', 'ü\0'] })])
      expect(await kit.store.log.externalIds(row.id)).to.have.members(['7:x', 'ü\0'])
      expect(await kit.store.log.externalIds('nobody')).to.deep.equal([])
    })
  })
}
