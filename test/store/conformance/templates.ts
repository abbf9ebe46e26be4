import { expect } from 'chai'
import type { NewOutgoing } from '../../../src/store/outgoing-records.ts'
import type { Store } from '../../../src/store/store.ts'
import type { StoredTemplate } from '../../../src/store/template-store.ts'
import {
  finished,
  head,
  incomingLane,
  incomingRow,
  newId,
  outgoingLane,
  outgoingRow,
  sendFirst,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const template = (slug: string, values: Partial<StoredTemplate> = {}): StoredTemplate => ({
  slug,
  body: `Hello of ${slug}`,
  active: true,
  locked: false,
  allowDuplicates: true,
  createdAt: T0,
  changedAt: T0,
  version: 1,
  ...values,
})

const sole = (key: string, values: Partial<NewOutgoing> = {}): NewOutgoing => {
  const id = newId()
  return outgoingRow({ id, sole: { key, by: id }, ...values })
}

async function recorded(store: Store, messages: readonly NewOutgoing[]): Promise<readonly boolean[]> {
  return Promise.all(messages.map(async ({ id }) => (await store.log.find(id)) !== undefined))
}

/** Templates, and messages that may not be repeated. */
export function describeTemplates(kit: StoreKit): void {
  describe('templates', () => {
    it('are kept whole, and found by their slugs', async () => {
      const { templates } = kit.store
      const whole = template('whole', {
        body: { en: 'Hello {{ name }} \u0000\u001a', 'pt-BR': 'Olá' },
        active: false,
        locked: true,
        allowDuplicates: false,
        changedAt: T0 + 1,
      })
      expect(await templates.put(whole)).to.equal(true)
      expect(await templates.get('whole')).to.deep.equal(whole)
      expect(await templates.get('Whole')).to.equal(undefined)
    })

    it('are listed page by page, in one order', async () => {
      const { templates } = kit.store
      for (const slug of ['b', 'a-2', 'B', 'a_1', 'a', 'c']) await templates.put(template(slug))
      const first = await templates.list({ limit: 4 })
      expect(first.map(({ slug }) => slug)).to.deep.equal(['B', 'a', 'a-2', 'a_1'])
      const rest = await templates.list({ after: 'a_1', limit: 4 })
      expect(rest.map(({ slug }) => slug)).to.deep.equal(['b', 'c'])
    })

    it('change only for who has seen them as they are', async () => {
      const { templates } = kit.store
      expect(await templates.put(template('t', { version: 2 }))).to.equal(false)
      expect(await templates.put(template('t'))).to.equal(true)
      expect(await templates.put(template('t', { body: 'another' }))).to.equal(false)
      const changes = ['one', 'two', 'three'].map((body) => templates.put(template('t', { body, version: 2 })))
      expect((await Promise.all(changes)).filter(Boolean)).to.have.length(1)
      expect(await templates.remove('t', 1)).to.equal(false)
      expect(await templates.remove('t', 2)).to.equal(true)
      expect(await templates.remove('t', 2)).to.equal(false)
      expect(await templates.get('t')).to.equal(undefined)
    })

    it('that were removed and made again are not those that were seen', async () => {
      const { templates } = kit.store
      await templates.put(template('t'))
      await templates.remove('t', 1)
      await templates.put(template('t', { createdAt: T0 + 5 }))
      expect(await templates.put(template('t', { body: 'late', version: 2 }))).to.equal(false)
    })

    kit.itUnless('reopen', 'outlive a restart', async () => {
      await kit.store.templates.put(template('t'))
      const store = await kit.harness.reopen()
      expect(await store.templates.get('t')).to.deep.equal(template('t'))
    })
  })

  describe('messages that may not be repeated', () => {
    it('are recorded once for a key', async () => {
      const { store } = kit
      const [a, again, other] = [sole('k'), sole('k'), sole('other')]
      await store.recordOutgoing([a, other])
      await store.recordOutgoing([again])
      expect(await recorded(store, [a, again, other])).to.deep.equal([true, false, true])
      expect(await store.templates.soleHolders(['other', 'none', 'k'])).to.deep.equal([other.id, null, a.id])
    })

    it('are recorded once within one batch, with what stands beside them', async () => {
      const { store } = kit
      const rows = [sole('k'), outgoingRow(), sole('k'), sole('k'), outgoingRow()]
      await store.recordOutgoing(rows)
      expect(await recorded(store, rows)).to.deep.equal([true, true, false, false, true])
      const { messages } = await store.claimOutgoing(outgoingLane(), 9, T0)
      expect(messages.map(({ id }) => id)).to.deep.equal([rows[0]?.id, rows[1]?.id, rows[4]?.id])
    })

    it('are recorded once by many that ask at the same time', async () => {
      const { store } = kit
      const rows = Array.from({ length: 40 }, (_, index) => sole(`k${index % 2}`, { identity: `p${index}` }))
      await Promise.all(rows.map((row) => store.recordOutgoing([row])))
      expect((await recorded(store, rows)).filter(Boolean)).to.have.length(2)
    })

    it('may be several where one text was split', async () => {
      const { store } = kit
      const first = sole('k')
      const second = outgoingRow({ sole: { key: 'k', by: first.id } })
      const late = sole('k')
      await store.recordOutgoing([first, second, late])
      expect(await recorded(store, [first, second, late])).to.deep.equal([true, true, false])
    })

    it('count for what phases send too, and not for phases that failed', async () => {
      const { store } = kit
      await store.recordIncoming([incomingRow(), incomingRow()])
      const { fence, message } = head(await store.claimIncoming(incomingLane(), 1))
      const lost = sole('k')
      const stale = await kit.harness.staleFence(fence)
      await store.finishIncoming([finished(stale, message, { outgoing: [lost] })]).catch(() => undefined)
      expect(await store.templates.soleHolders(['k'])).to.deep.equal([null])
      const claim = head(await store.claimIncoming(incomingLane(), 1))
      const [kept, again] = [sole('k'), sole('k')]
      await store.finishIncoming([finished(claim.fence, claim.message, { outgoing: [kept, again] })])
      expect(await recorded(store, [lost, kept, again])).to.deep.equal([false, true, false])
    })

    it('take keys of any length and any characters', async () => {
      const { store } = kit
      const keys = ['k'.repeat(5_000), `${'k'.repeat(5_000)}x`, '\u0000', 'ž%_']
      const rows = keys.map((key) => sole(key))
      await store.recordOutgoing(rows)
      await store.recordOutgoing(keys.map((key) => sole(key)))
      expect(await store.templates.soleHolders(keys)).to.deep.equal(rows.map(({ id }) => id))
    })

    it('may be repeated once they are old, finished and removed', async () => {
      const { store } = kit
      const [done, waiting] = [sole('done', { identity: 'A' }), sole('waiting', { identity: 'B', notBefore: T0 + 9e9 })]
      await store.recordOutgoing([done, waiting])
      await sendFirst(store, outgoingLane('A'))
      const request = { now: T0 + 5e9, limit: 100 }
      await store.purge({ ...request, before: T0 })
      expect(await store.templates.soleHolders(['done', 'waiting'])).to.deep.equal([done.id, waiting.id])
      for (let rounds = 0; rounds < 5; rounds++) await store.purge({ ...request, before: T0 + 4e9 })
      expect(await store.templates.soleHolders(['done', 'waiting'])).to.deep.equal([null, waiting.id])
    })

    kit.itUnless('reopen', 'are known after a restart', async () => {
      const first = sole('k')
      await kit.store.recordOutgoing([first])
      const store = await kit.harness.reopen()
      const again = sole('k')
      await store.recordOutgoing([again])
      expect(await recorded(store, [first, again])).to.deep.equal([true, false])
    })
  })
}
