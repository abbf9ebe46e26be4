import { expect } from 'chai'
import type { CallbackDelivery, NewCallback } from '../../../src/store/callback-store.ts'
import type { AttemptResult } from '../../../src/store/outgoing-records.ts'
import {
  finished,
  head,
  incomingLane,
  incomingRow,
  NOW,
  outgoingLane,
  outgoingRow,
  reportRow,
  sendFirst,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const LEASE = 60_000
const DAY = 24 * 3600_000

export function callbackRow(values: Partial<NewCallback> = {}): NewCallback {
  return {
    ...{ user: 'ann', name: 'sms_received', url: 'http://receiver.example/', target: 'receiver', format: 'json' },
    ...{ backends: null, secret: 'whsec_c2VjcmV0', createdAt: T0, updatedAt: T0 },
    ...values,
  }
}

/** Who is told of what happens. */
export function describeCallbacks(kit: StoreKit): void {
  const add = (values: Partial<NewCallback> = {}) => kit.store.callbacks.add(callbackRow(values))
  const receive = async (values: Parameters<typeof incomingRow>[0] = {}) => {
    const row = incomingRow(values)
    await kit.store.recordIncoming([row])
    return row.id
  }
  const send = async (values: Partial<AttemptResult> = {}) => {
    const row = outgoingRow()
    await kit.store.recordOutgoing([row])
    await sendFirst(kit.store, outgoingLane(), values)
    return row.id
  }
  const claim = (values: object = {}) =>
    kit.store.callbacks.claim({
      target: 'receiver',
      holder: 'me',
      now: NOW,
      until: NOW + LEASE,
      limit: 100,
      page: 100,
      after: 0,
      ...values,
    })
  const claimed = async (values: object = {}) => (await claim(values)).deliveries
  const held = ({ seq }: CallbackDelivery, holder = 'me') => ({ seq, holder, target: 'receiver' })
  const done = async (delivery: CallbackDelivery, holder = 'me') =>
    kit.store.callbacks.settle([{ ...held(delivery, holder), kind: 'delivered', now: NOW + DAY }])
  /** Everything that is told, in the order of each lane. */
  const told = async (target = 'receiver') => {
    const all: CallbackDelivery[] = []
    for (let batch = await claimed({ target }); batch.length > 0; batch = await claimed({ target })) {
      for (const delivery of batch) await done(delivery)
      all.push(...batch)
    }
    return all
  }
  const names = async () => (await told()).map(({ name, state }) => (state === null ? name : `${name} ${state}`))

  describe('callbacks', () => {
    it('are added, listed, found, changed and removed', async () => {
      const first = await add()
      const second = await add({ user: null, name: 'sms_receipt', backends: ['a', 'b'], format: 'form' })
      expect(first).to.deep.include({ user: 'ann', backends: null, disabledAt: null, disabledReason: null })
      expect(await kit.store.callbacks.list()).to.deep.equal([first, second])
      expect(await kit.store.callbacks.find(second.id)).to.deep.equal(second)
      const {
        id: _,
        createdAt: __,
        updatedAt: ___,
        disabledAt: ____,
        disabledReason: _____,
        user: ______,
        ...values
      } = second
      const changed = await kit.store.callbacks.change(
        second.id,
        { ...values, url: 'http://new/', target: 'n' },
        T0 + 5,
      )
      expect(changed).to.deep.equal({ ...second, url: 'http://new/', target: 'n', updatedAt: T0 + 5 })
      expect(await kit.store.callbacks.remove(second.id)).to.equal(true)
      expect(await kit.store.callbacks.remove(second.id)).to.equal(false)
      expect(await kit.store.callbacks.change(second.id, values, T0)).to.equal(undefined)
      expect(await kit.store.callbacks.list()).to.deep.equal([first])
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

  describe('callback deliveries', () => {
    it('of one lane are claimed one at a time, lanes side by side', async () => {
      await add()
      const ids = [await receive(), await receive({ identity: '2' }), await receive()]
      const first = await claimed()
      expect(first.map(({ messageId }) => messageId)).to.deep.equal([ids[0], ids[1]])
      expect(await claimed({ holder: 'you' })).to.deep.equal([])
      const [delivery] = first
      if (delivery === undefined) throw new Error('nothing was claimed')
      await done(delivery)
      expect((await claimed({ holder: 'you' })).map(({ messageId }) => messageId)).to.deep.equal([ids[2]])
    })

    it('are looked through page by page, and are the first of their lanes on whichever page they stand', async () => {
      await add()
      const ids = []
      for (const identity of ['1', '1', '1', '2', '1', '3']) ids.push(await receive({ identity }))
      const found: string[] = []
      let after: number | undefined = 0
      while (after !== undefined) {
        const { deliveries, next } = await claim({ page: 2, after })
        found.push(...deliveries.map(({ messageId }) => messageId))
        after = next
      }
      expect(found).to.deep.equal([ids[0], ids[3], ids[5]])
    })

    it('of two callbacks with the same URL share a lane', async () => {
      await add()
      await add({ name: 'message_sent' })
      await receive()
      await send()
      expect(await claimed()).to.have.lengthOf(1)
    })

    it('are claimed by somebody else when the lease is over; who comes late settles nothing', async () => {
      await add()
      await receive()
      const [mine] = await claimed()
      const [yours] = await claimed({ holder: 'you', now: NOW + LEASE, until: NOW + 2 * LEASE })
      if (mine === undefined || yours === undefined) throw new Error('nothing was claimed')
      expect(yours.id).to.equal(mine.id)
      await done(mine)
      await kit.store.callbacks.settle([{ ...held(mine), kind: 'dead', now: NOW, status: 500, failure: 'late' }])
      expect(await kit.store.callbacks.counts()).to.deep.equal([{ callback: mine.callback, waiting: 1, dead: 0 }])
      await done(yours, 'you')
      expect(await kit.store.callbacks.counts()).to.deep.equal([])
    })

    it('that failed hold back their lane until they are due; a URL that was not reached, all of it', async () => {
      await add()
      await receive()
      await receive()
      const [delivery] = await claimed()
      if (delivery === undefined) throw new Error('nothing was claimed')
      const failed = {
        ...held(delivery),
        kind: 'retry',
        at: NOW + 5_000,
        now: NOW,
        status: null,
        failure: 'no',
      } as const
      await kit.store.callbacks.settle([{ ...failed, hold: NOW + 3_000 }])
      expect(await claimed()).to.deep.equal([])
      expect(await kit.store.callbacks.targets(NOW + 2_999)).to.deep.equal([])
      expect(await kit.store.callbacks.targets(NOW + 3_000)).to.deep.equal([{ target: 'receiver', failures: 1 }])
      const [again] = await claimed({ now: NOW + 5_000, until: NOW + LEASE })
      expect(again).to.deep.include({ id: delivery.id, tries: 1, failure: 'no', status: null })
      await done(delivery)
      expect(await kit.store.callbacks.targets(NOW)).to.deep.equal([{ target: 'receiver', failures: 0 }])
    })

    it('of different URLs are found without the others', async () => {
      await add()
      await add({ target: 'another' })
      await receive()
      const targets = await kit.store.callbacks.targets(NOW)
      expect(targets.map(({ target }) => target).sort()).to.deep.equal(['another', 'receiver'])
      expect(await told('another')).to.have.lengthOf(1)
    })

    it('given up are kept, seen and replayed, and go with what is old', async () => {
      const { id } = await add()
      await receive()
      await receive({ identity: '2' })
      const [a, b] = await claimed()
      if (a === undefined || b === undefined) throw new Error('nothing was claimed')
      const dead = { kind: 'dead', now: NOW, status: 500, failure: 'answered 500' } as const
      await kit.store.callbacks.settle([
        { ...held(a), ...dead },
        { ...held(b), ...dead, status: null },
      ])
      const listed = await kit.store.callbacks.dead({ limit: 10 })
      expect(listed.map((each) => each.id)).to.deep.equal([b.id, a.id])
      expect(listed[1]).to.deep.include({ tries: 1, status: 500, failure: 'answered 500', deadAt: NOW })
      expect(await kit.store.callbacks.dead({ limit: 10, before: b.seq, callback: id })).to.have.lengthOf(1)
      expect(await kit.store.callbacks.replay(undefined, [a.id], NOW + 1)).to.equal(1)
      expect((await claimed({ now: NOW + 1 }))[0]).to.deep.include({ id: a.id, tries: 0, since: NOW + 1, deadAt: null })
      await kit.store.purge({ before: NOW + DAY, now: NOW, limit: 10 })
      expect(await kit.store.callbacks.dead({ limit: 10 })).to.deep.equal([])
      expect(await kit.store.callbacks.replay(id, undefined, NOW + 2)).to.equal(0)
    })

    it('of a callback that is disabled stay, and nothing more is recorded until it is changed', async () => {
      const {
        id,
        user: _,
        createdAt: __,
        updatedAt: ___,
        disabledAt: ____,
        disabledReason: _____,
        ...values
      } = await add()
      await receive()
      expect(await kit.store.callbacks.disable(id, 'answered 410', NOW)).to.equal(true)
      expect(await kit.store.callbacks.disable(id, 'answered 410', NOW)).to.equal(false)
      await receive()
      const [delivery, ...others] = await claimed()
      if (delivery === undefined) throw new Error('nothing was claimed')
      expect(others).to.deep.equal([])
      await kit.store.callbacks.settle([{ ...held(delivery), kind: 'dead', now: NOW, status: 410, failure: 'gone' }])
      await kit.store.callbacks.change(id, { ...values, target: 'new' }, NOW)
      await kit.store.callbacks.replay(id, undefined, NOW)
      await receive()
      expect(await told('new')).to.have.lengthOf(2)
    })

    kit.itUnless('reopen', 'are there after a restart', async () => {
      await add()
      await receive()
      const store = await kit.harness.reopen()
      await store.recordIncoming([incomingRow({ identity: '2' })])
      const request = { target: 'receiver', holder: 'x', now: NOW, until: NOW + 1, limit: 10, page: 10, after: 0 }
      expect((await store.callbacks.claim(request)).deliveries).to.have.lengthOf(2)
    })
  })
}
