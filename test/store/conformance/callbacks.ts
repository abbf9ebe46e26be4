import { expect } from 'chai'
import type { AttemptResult } from '../../../src/store/outgoing-records.ts'
import { callbackRow, callbackWork, valuesOf } from '../../support/callback-rows.ts'
import {
  finished,
  head,
  incomingLane,
  NOW,
  outgoingLane,
  outgoingRow,
  reportRow,
  sendFirst,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** Who is told of what happens. */
export function describeCallbacks(kit: StoreKit): void {
  const { add, receive, told } = callbackWork(kit)
  const send = async (values: Partial<AttemptResult> = {}) => {
    const row = outgoingRow()
    await kit.store.recordOutgoing([row])
    await sendFirst(kit.store, outgoingLane(), values)
    return row.id
  }
  const names = async () => (await told()).map(({ name, state }) => (state === null ? name : `${name} ${state}`))

  describe('callbacks', () => {
    it('are added, listed, found, changed and removed', async () => {
      const first = await add()
      const second = await add({ user: null, name: 'sms_receipt', backends: ['a', 'b'], format: 'form' })
      expect(first).to.deep.include({ user: 'ann', backends: null, disabledAt: null, disabledReason: null })
      expect(await kit.store.callbacks.list()).to.deep.equal([first, second])
      expect(await kit.store.callbacks.find(second.id)).to.deep.equal(second)
      const values = { ...valuesOf(second), url: 'http://new/', target: 'n' }
      const changed = await kit.store.callbacks.change(second.id, second.revision, values, T0 + 5)
      expect(changed).to.deep.equal({
        ...second,
        url: 'http://new/',
        target: 'n',
        updatedAt: T0 + 5,
        revision: changed?.revision,
      })
      expect(changed?.revision).not.to.equal(second.revision)
      expect(await kit.store.callbacks.remove(second.id)).to.equal(true)
      expect(await kit.store.callbacks.remove(second.id)).to.equal(false)
      expect(await kit.store.callbacks.change(second.id, changed?.revision ?? 0, values, T0)).to.equal(undefined)
      expect(await kit.store.callbacks.list()).to.deep.equal([first])
    })

    it('are listed for one owner', async () => {
      const [anns, nobodys] = [await add(), await add({ user: null })]
      await add({ user: 'bob' })
      expect(await kit.store.callbacks.list('ann')).to.deep.equal([anns])
      expect(await kit.store.callbacks.list(null)).to.deep.equal([nobodys])
      expect(await kit.store.callbacks.list('cem')).to.deep.equal([])
      expect(await kit.store.callbacks.list()).to.have.lengthOf(3)
    })

    for (const user of ['ann', null]) {
      it(`are no more than one owner may have, however many are added at once: ${user}`, async () => {
        await add({ user: 'bob' })
        const adding = Array.from({ length: 20 }, () => kit.store.callbacks.add(callbackRow({ user }), 7))
        const added = (await Promise.all(adding)).filter((each) => each !== undefined)
        expect(added).to.have.lengthOf(7)
        expect(await kit.store.callbacks.list(user)).to.deep.equal([...added].sort((a, b) => a.id - b.id))
        await kit.store.callbacks.remove(added[0]?.id ?? 0)
        expect(await kit.store.callbacks.add(callbackRow({ user }), 7)).not.to.equal(undefined)
      })
    }

    it('are changed as they were read alone: of two at the same time, one is told that it came late', async () => {
      const { id, revision, ...callback } = await add()
      const values = valuesOf({ id, revision, ...callback })
      const changes = [
        { ...values, secret: 'whsec_bmV3' },
        { ...values, format: 'form' as const },
      ]
      const changed = await Promise.all(changes.map((each) => kit.store.callbacks.change(id, revision, each, T0)))
      expect(changed.filter((each) => each !== undefined)).to.deep.equal([await kit.store.callbacks.find(id)])
    })

    it('are disabled as they were read alone', async () => {
      const callback = await add()
      const values = { ...valuesOf(callback), backends: ['a'] }
      const changed = await kit.store.callbacks.change(callback.id, callback.revision, values, T0)
      expect(await kit.store.callbacks.disable(callback.id, callback.revision, 'late', NOW)).to.equal(false)
      expect((await kit.store.callbacks.find(callback.id))?.disabledAt).to.equal(null)
      expect(await kit.store.callbacks.disable(callback.id, changed?.revision ?? 0, 'in time', NOW)).to.equal(true)
    })

    it('have the revision of before where nothing is another, unless that ends their being disabled', async () => {
      for (const backends of [null, ['a']]) {
        const callback = await add({ backends })
        const { id, revision } = callback
        const same = await kit.store.callbacks.change(id, revision, valuesOf(callback), T0)
        expect(same?.revision).to.equal(revision)
        await kit.store.callbacks.disable(id, revision, 'answered 410', NOW)
        const enabled = await kit.store.callbacks.change(id, revision, valuesOf(callback), T0)
        expect(enabled?.revision).to.equal(revision + 1)
      }
    })

    it('hear of what is received, once, as it is recorded', async () => {
      const { id: callback } = await add()
      const id = await receive({ externalId: 'x1', fields: { keyword: 'hi' }, text: 'odd \u0000 text' })
      await receive({ externalId: 'x1' })
      const [delivery, ...others] = await told()
      expect(others).to.deep.equal([])
      expect(delivery).to.deep.include({
        ...{ callback, name: 'sms_received', messageId: id, backend: 'gateway', identity: '15550001', address: '2020' },
        ...{ text: 'odd \u0000 text', externalId: 'x1', fields: { keyword: 'hi' }, at: T0, recordedAt: T0, since: T0 },
        ...{ state: null, tries: 0, deadAt: null },
      })
    })

    it('hear nothing of what was received before them, nor after they are gone', async () => {
      await receive()
      const { id } = await add()
      await kit.store.callbacks.remove(id)
      await receive()
      await add()
      expect(await told()).to.deep.equal([])
    })

    it('hear of some backends alone where they say so', async () => {
      await add({ backends: ['other'] })
      await receive()
      await receive({ backend: 'other' })
      expect((await told()).map(({ backend }) => backend)).to.deep.equal(['other'])
    })

    it('do not hear again of a message that is replayed', async () => {
      await add()
      const id = await receive()
      const { fence, message } = head(await kit.store.claimIncoming(incomingLane(), 1))
      await kit.store.finishIncoming([finished(fence, message, { outcome: { kind: 'failed', error: 'no' } })])
      await kit.store.replay([id], NOW)
      expect(await told()).to.have.lengthOf(1)
    })

    it('hear in their order of what becomes of a message', async () => {
      for (const name of ['message_failed', 'sms_receipt', 'message_sent'] as const) await add({ name })
      await send({ externalIds: ['a'] })
      await kit.store.recordReports([reportRow({ externalId: 'a', state: 'SENT' })])
      await kit.store.recordReports([reportRow({ externalId: 'a' }), reportRow({ externalId: 'a' })])
      expect(await names()).to.deep.equal(['message_sent SENT', 'sms_receipt DELIVERED'])
      await send({ externalIds: ['b'] })
      await kit.store.recordReports([reportRow({ externalId: 'b', state: 'ERROR', code: '7', text: 'off' })])
      const all = await told()
      expect(all.map(({ name, state }) => [name, state])).to.deep.equal([
        ...[
          ['message_sent', 'SENT'],
          ['sms_receipt', 'ERROR'],
          ['message_failed', 'ERROR'],
        ],
      ])
      expect(all.at(-1)).to.deep.include({ code: '7', error: 'off', sentAt: T0 + 300, at: T0 + 1_000 })
    })

    it('hear of what was refused, cancelled, or cannot be known', async () => {
      for (const name of ['message_failed', 'sms_receipt', 'message_sent'] as const) await add({ name })
      await send({ outcome: { kind: 'settled', state: 'ERROR' } })
      await send({ outcome: { kind: 'settled', state: 'UNKNOWN' } })
      await send({ outcome: { kind: 'settled', state: 'DELIVERED' } })
      await kit.store.recordOutgoing([outgoingRow({ state: 'CANCELLED' }), outgoingRow({ state: 'DEBUG' })])
      await kit.store.recordOutgoing([outgoingRow()])
      await sendFirst(kit.store, outgoingLane(), { outcome: { kind: 'retry', at: T0 + 400 } })
      await kit.store.recordOutgoing([outgoingRow({ identity: '2' })])
      const retry = { outcome: { kind: 'retry', at: T0 + 400 }, externalIds: ['early'] } as const
      await sendFirst(kit.store, outgoingLane('2'), retry)
      await kit.store.recordReports([reportRow({ externalId: 'early' })])
      expect(await names()).to.deep.equal([
        ...['message_failed ERROR', 'message_sent DELIVERED', 'sms_receipt UNKNOWN', 'sms_receipt DELIVERED'],
        ...['message_sent DELIVERED', 'sms_receipt DELIVERED', 'message_failed CANCELLED'],
      ])
    })
  })
}
