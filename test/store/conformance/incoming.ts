import { expect } from 'chai'
import {
  change,
  contactRow,
  finished,
  head,
  incomingLane,
  incomingRow,
  outgoingRow,
  processFirst,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const WEEK = 7 * 24 * 3600_000

/** Recording incoming messages, duplicates, and claims. */
export function describeIncoming(kit: StoreKit): void {
  describe('recording incoming messages', () => {
    it('answers a batch in its order, each with its own id', async () => {
      const rows = [incomingRow(), incomingRow({ identity: '15550002' }), incomingRow({ text: 'again' })]
      const recorded = await kit.store.recordIncoming(rows)
      expect(recorded.map(({ id, duplicate }) => ({ id, duplicate }))).to.deep.equal(
        rows.map(({ id }) => ({ id, duplicate: false })),
      )
      expect(await kit.store.recordIncoming([])).to.deep.equal([])
    })

    it('gives back everything that was recorded', async () => {
      const row = incomingRow({
        text: 'hé 你好 😀',
        fields: { nested: { list: [1, null, true, 'x'] }, empty: '' },
        externalId: 'ext-1',
        answerBy: T0 + 5_000,
      })
      await kit.store.recordIncoming([row])
      const { message, fence } = head(await kit.store.claimIncoming(incomingLane(), 1))
      expect(fence.lane).to.be.a('string')
      expect(message.seq).to.be.a('number')
      const { seq, ...rest } = message
      expect(rest).to.deep.include({ ...row, notBefore: 0, tries: 0, contact: null })
    })

    it('records the whole of a batch or nothing of it', async () => {
      const row = incomingRow()
      await kit.store.recordIncoming([row])
      const failure = await kit.store.recordIncoming([incomingRow({ identity: 'new' }), { ...row }]).then(
        () => undefined,
        (error: unknown) => error,
      )
      expect(failure, 'an id that is taken').to.be.instanceOf(Error)
      expect((await kit.store.claimIncoming(incomingLane('new'), 1)).messages).to.deep.equal([])
      expect(await kit.store.countOpenIncoming()).to.equal(1)
    })

    it('numbers both directions from one count, in the order of the calls', async () => {
      const first = incomingRow({ text: '1' })
      const second = outgoingRow({ text: '2' })
      const third = incomingRow({ text: '3' })
      const fourth = outgoingRow({ text: '4' })
      await Promise.all([
        kit.store.recordIncoming([first]),
        kit.store.recordOutgoing([second]),
        kit.store.recordIncoming([third]),
      ])
      await kit.store.recordOutgoing([fourth])
      const lines = await kit.store.log.conversation({ backend: 'gateway', identity: '15550001', limit: 10 })
      expect(lines.map(({ text }) => text)).to.deep.equal(['1', '2', '3', '4'])
      const numbers = lines.map(({ seq }) => seq)
      expect(numbers).to.deep.equal([...new Set(numbers)].sort((a, b) => a - b))
    })

    kit.itUnless('reopen', 'goes on counting after a restart', async () => {
      await kit.store.recordIncoming([incomingRow(), incomingRow({ text: 'second' })])
      const before = await kit.store.claimIncoming(incomingLane(), 10)
      const store = await kit.harness.reopen()
      await store.recordIncoming([incomingRow({ text: 'third' })])
      const after = await store.claimIncoming(incomingLane(), 10)
      expect(after.messages.map(({ text }) => text)).to.deep.equal(['hello', 'second', 'third'])
      expect(after.messages[2]?.seq).to.be.greaterThan(before.messages[1]?.seq ?? Number.POSITIVE_INFINITY)
    })
  })

  describe('duplicates', () => {
    it('answers a repeat with the id of the first and records it once', async () => {
      const first = incomingRow({ externalId: 'ext-1' })
      await kit.store.recordIncoming([first])
      const repeat = incomingRow({ externalId: 'ext-1', text: 'another text', receivedAt: T0 + 60_000 })
      expect((await kit.store.recordIncoming([repeat]))[0]).to.deep.include({ id: first.id, duplicate: true })
      expect((await kit.store.claimIncoming(incomingLane(), 10)).messages).to.have.length(1)
      expect(await kit.store.log.find(repeat.id)).to.equal(undefined)
    })

    it('finds a repeat within the same batch and among concurrent calls', async () => {
      const rows = Array.from({ length: 6 }, () => incomingRow({ externalId: 'ext-1' }))
      const [a, b, ...others] = rows
      if (a === undefined || b === undefined) throw new Error('six rows were made')
      const answers = await Promise.all([
        kit.store.recordIncoming([a, b]),
        ...others.map((row) => kit.store.recordIncoming([row])),
      ])
      const recorded = answers.flat()
      expect(recorded.filter(({ duplicate }) => !duplicate)).to.have.length(1)
      expect(new Set(recorded.map(({ id }) => id)).size).to.equal(1)
      expect(await kit.store.countOpenIncoming()).to.equal(1)
    })

    it('still knows it after the first was processed', async () => {
      const first = incomingRow({ externalId: 'ext-1' })
      await kit.store.recordIncoming([first])
      await processFirst(kit.store, incomingLane())
      const [repeat] = await kit.store.recordIncoming([incomingRow({ externalId: 'ext-1' })])
      expect(repeat).to.deep.include({ id: first.id, duplicate: true })
      expect((await kit.store.claimIncoming(incomingLane(), 10)).messages).to.deep.equal([])
    })

    it('tells the same external id of another person or backend apart', async () => {
      const rows = [
        incomingRow({ externalId: 'ext-1' }),
        incomingRow({ externalId: 'ext-1', identity: '15550002' }),
        incomingRow({ externalId: 'ext-1', backend: 'other' }),
        incomingRow({ externalId: 'EXT-1' }),
        incomingRow({ externalId: null }),
        incomingRow({ externalId: null }),
      ]
      const recorded = await kit.store.recordIncoming(rows)
      expect(recorded.map(({ duplicate }) => duplicate)).to.deep.equal(rows.map(() => false))
    })

    it('forgets after a week: the same external id is a new message then', async () => {
      const [first, within, beyond] = [0, WEEK, 2 * WEEK + 1].map((later) =>
        incomingRow({ externalId: 'ext-1', receivedAt: T0 + later }),
      )
      if (first === undefined || within === undefined || beyond === undefined) throw new Error('three rows were made')
      await kit.store.recordIncoming([first])
      expect((await kit.store.recordIncoming([within]))[0]).to.deep.include({ id: first.id, duplicate: true })
      expect((await kit.store.recordIncoming([beyond]))[0]).to.deep.include({ id: beyond.id, duplicate: false })
      const [again] = await kit.store.recordIncoming([
        incomingRow({ externalId: 'ext-1', receivedAt: beyond.receivedAt + 1 }),
      ])
      expect(again).to.deep.include({ id: beyond.id, duplicate: true })
    })
  })

  describe('the window on equal texts, for services without ids', () => {
    const rows = [
      { title: 'an equal text within it is the same message', values: { receivedAt: T0 + 2_000 }, duplicate: true },
      { title: 'an equal text at its very end', values: { receivedAt: T0 + 5_000 }, duplicate: true },
      { title: 'an equal text after it', values: { receivedAt: T0 + 5_001 }, duplicate: false },
      { title: 'another text', values: { text: 'Hello' }, duplicate: false },
      { title: 'another person', values: { identity: '15550002' }, duplicate: false },
      { title: 'another backend', values: { backend: 'other' }, duplicate: false },
    ]
    for (const { title, values, duplicate } of rows) {
      it(`${title}: ${duplicate ? 'a repeat' : 'a message'}`, async () => {
        const first = incomingRow({ window: 5_000 })
        const next = incomingRow({ window: 5_000, ...values })
        const [, second] = await kit.store.recordIncoming([first, next])
        expect(second).to.deep.include({ id: duplicate ? first.id : next.id, duplicate })
      })
    }

    it('does not hold for messages that ask for none', async () => {
      const [, second] = await kit.store.recordIncoming([incomingRow(), incomingRow()])
      expect(second?.duplicate).to.equal(false)
    })

    it('looks at the last message only: a text in between opens it again', async () => {
      const texts = ['yes', 'no', 'yes']
      const recorded = await kit.store.recordIncoming(texts.map((text) => incomingRow({ text, window: 5_000 })))
      expect(recorded.map(({ duplicate }) => duplicate)).to.deep.equal([false, false, false])
    })

    it('is closed by our own answer in between, not by an answer to somebody else', async () => {
      const first = incomingRow({ window: 5_000 })
      await kit.store.recordIncoming([first])
      await processFirst(kit.store, incomingLane(), { outgoing: [outgoingRow({ identity: '15550002' })] })
      const repeat = incomingRow({ window: 5_000, receivedAt: T0 + 1_000 })
      expect((await kit.store.recordIncoming([repeat]))[0]).to.deep.include({ id: first.id, duplicate: true })
      await kit.store.recordOutgoing([outgoingRow()])
      const afterAnswer = incomingRow({ window: 5_000, receivedAt: T0 + 2_000 })
      expect((await kit.store.recordIncoming([afterAnswer]))[0]).to.deep.include({
        id: afterAnswer.id,
        duplicate: false,
      })
    })

    it('is not closed by an answer that was cancelled', async () => {
      const first = incomingRow({ window: 5_000 })
      await kit.store.recordIncoming([first])
      await processFirst(kit.store, incomingLane(), { outgoing: [outgoingRow({ state: 'CANCELLED', reason: 'veto' })] })
      const repeat = incomingRow({ window: 5_000, receivedAt: T0 + 1_000 })
      expect((await kit.store.recordIncoming([repeat]))[0]).to.deep.include({ id: first.id, duplicate: true })
    })
  })

  describe('claiming incoming messages', () => {
    it('gives the first of the lane in order, at the most as many as asked for', async () => {
      await kit.store.recordIncoming(['1', '2', '3'].map((text) => incomingRow({ text })))
      await kit.store.recordIncoming([incomingRow({ text: 'x', identity: '15550002' })])
      for (const limit of [1, 2, 3, 10]) {
        const { messages } = await kit.store.claimIncoming(incomingLane(), limit)
        expect(messages.map(({ text }) => text)).to.deep.equal(['1', '2', '3'].slice(0, limit))
      }
    })

    it('gives nothing of a lane without messages', async () => {
      expect((await kit.store.claimIncoming(incomingLane('nobody'), 5)).messages).to.deep.equal([])
    })

    it('moves on as messages are finished, whatever became of them', async () => {
      await kit.store.recordIncoming(['1', '2', '3'].map((text) => incomingRow({ text })))
      const { fence, message } = head(await kit.store.claimIncoming(incomingLane(), 1))
      await kit.store.finishIncoming([finished(fence, message, { outcome: { kind: 'failed', error: 'broken' } })])
      expect(head(await kit.store.claimIncoming(incomingLane(), 1)).message.text).to.equal('2')
      await processFirst(kit.store, incomingLane())
      expect(head(await kit.store.claimIncoming(incomingLane(), 1)).message.text).to.equal('3')
    })

    it('joins the contact of the connection, as it is now', async () => {
      const contact = contactRow({ name: 'Bea', language: 'sw', timeZone: 'Africa/Nairobi', optedOutAt: T0 })
      const connection = { backend: 'gateway', identity: '15550001' }
      await kit.store.recordIncoming([incomingRow()])
      expect(head(await kit.store.claimIncoming(incomingLane(), 1)).message.contact).to.equal(null)
      await change(kit.store, [
        { kind: 'contact-created', contact },
        { kind: 'connection-linked', connection, contactId: contact.id },
      ])
      expect(head(await kit.store.claimIncoming(incomingLane(), 1)).message.contact).to.deep.equal(contact)
      await change(kit.store, [{ kind: 'contact-changed', id: contact.id, values: { name: 'Bee' } }])
      expect(head(await kit.store.claimIncoming(incomingLane(), 1)).message.contact?.name).to.equal('Bee')
    })
  })
}
