import { expect } from 'chai'
import { DocumentConflictError, StaleResultError } from '../../../src/store/errors.ts'
import { rejection } from '../../support/rejection.ts'
import {
  contactRow,
  finished,
  head,
  incomingLane,
  incomingRow,
  NOW,
  outgoingLane,
  outgoingRow,
  processFirst,
  T0,
} from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

/** Committing what the phases came to. */
export function describeIncomingResults(kit: StoreKit): void {
  const claim = async () => head(await kit.store.claimIncoming(incomingLane(), 1))

  describe('finishing incoming messages', () => {
    it('processed: it has left its lane and its state is kept', async () => {
      const row = incomingRow()
      await kit.store.recordIncoming([row])
      await processFirst(kit.store, incomingLane(), { outcome: { kind: 'processed', handledBy: 'echo' } })
      expect((await kit.store.claimIncoming(incomingLane(), 1)).messages).to.deep.equal([])
      expect(await kit.store.log.find(row.id)).to.deep.include({ state: 'PROCESSED', error: null, tries: 0 })
    })

    it('retry: it stays the head of its lane, counted, not before its time', async () => {
      await kit.store.recordIncoming([incomingRow({ text: '1' }), incomingRow({ text: '2' })])
      const outcome = { kind: 'retry', at: T0 + 9_000, error: 'boom' } as const
      await processFirst(kit.store, incomingLane(), { outcome })
      const { messages } = await kit.store.claimIncoming(incomingLane(), 2)
      expect(messages.map(({ text, tries, notBefore }) => ({ text, tries, notBefore }))).to.deep.equal([
        { text: '1', tries: 1, notBefore: T0 + 9_000 },
        { text: '2', tries: 0, notBefore: 0 },
      ])
      const logged = await kit.store.log.find(messages[0]?.id ?? '')
      expect(logged).to.deep.include({ state: 'RECEIVED', error: 'boom', tries: 1 })
      await processFirst(kit.store, incomingLane())
      expect(await kit.store.log.find(messages[0]?.id ?? '')).to.deep.include({ state: 'PROCESSED', error: null })
    })

    it('failed: it has left its lane with its error', async () => {
      const row = incomingRow()
      await kit.store.recordIncoming([row])
      await processFirst(kit.store, incomingLane(), { outcome: { kind: 'failed', error: 'boom' } })
      expect((await kit.store.claimIncoming(incomingLane(), 1)).messages).to.deep.equal([])
      expect(await kit.store.log.find(row.id)).to.deep.include({ state: 'FAILED', error: 'boom', tries: 1 })
    })

    it('records the outgoing messages with it, in their order', async () => {
      await kit.store.recordIncoming([incomingRow()])
      const outgoing = ['a', 'b', 'c'].map((text) => outgoingRow({ text, phased: true }))
      await processFirst(kit.store, incomingLane(), { outgoing })
      const { messages } = await kit.store.claimOutgoing(outgoingLane(), 10, NOW)
      expect(messages.map(({ text }) => text)).to.deep.equal(['a', 'b', 'c'])
    })

    it('takes several results of several lanes in one call', async () => {
      const identities = ['1', '2', '3']
      await kit.store.recordIncoming(identities.map((identity) => incomingRow({ identity })))
      const heads = await Promise.all(
        identities.map(async (identity) => head(await kit.store.claimIncoming(incomingLane(identity), 1))),
      )
      await kit.store.finishIncoming(heads.map(({ fence, message }) => finished(fence, message)))
      expect(await kit.store.countOpenIncoming()).to.equal(0)
    })

    it('commits changes of every kind together with it', async () => {
      const contact = contactRow()
      const gone = contactRow({ name: 'Gone' })
      await kit.store.recordIncoming([incomingRow()])
      await processFirst(kit.store, incomingLane(), {
        changes: [
          { kind: 'contact-created', contact },
          { kind: 'contact-created', contact: gone },
          { kind: 'connection-linked', connection: { backend: 'new', identity: '1' }, contactId: contact.id },
          { kind: 'contact-changed', id: contact.id, values: { language: 'fr', optedOutAt: T0 } },
          { kind: 'group-joined', group: 'mothers', contactId: contact.id },
          { kind: 'group-joined', group: 'nurses', contactId: contact.id },
          { kind: 'group-left', group: 'mothers', contactId: contact.id },
          { kind: 'document-put', scope: 's', key: 'k', value: { step: 1 }, version: 0 },
        ],
      })
      const { contacts, documents } = kit.store
      expect(await contacts.find(contact.id)).to.deep.equal({ ...contact, language: 'fr', optedOutAt: T0 })
      expect(await contacts.ofConnection({ backend: 'new', identity: '1' })).to.deep.include({ id: contact.id })
      expect(await contacts.groupsOf(contact.id)).to.deep.equal(['nurses'])
      expect(await documents.get('s', 'k')).to.deep.equal({ value: { step: 1 }, version: 1 })
    })
  })

  describe('results that are refused', () => {
    const consequences = () => ({
      outgoing: [outgoingRow({ text: 'never' })],
      changes: [
        { kind: 'contact-created', contact: contactRow({ id: 'never' }) },
        { kind: 'document-put', scope: 's', key: 'never', value: 1, version: 0 },
      ] as const,
    })
    const expectNothing = async () => {
      expect((await kit.store.claimOutgoing(outgoingLane(), 5, NOW)).messages).to.deep.equal([])
      expect(await kit.store.contacts.find('never')).to.equal(undefined)
      expect(await kit.store.documents.get('s', 'never')).to.equal(undefined)
    }

    it('a fence that was overtaken: StaleResultError, nothing written, and the message is still there', async () => {
      await kit.store.recordIncoming([incomingRow()])
      const { fence, message } = await claim()
      const stale = await kit.harness.staleFence(fence)
      const error = await rejection(kit.store.finishIncoming([finished(stale, message, consequences())]))
      expect(error).to.be.instanceOf(StaleResultError)
      await expectNothing()
      expect((await claim()).message).to.deep.equal(message)
    })

    it('a message that is settled already: StaleResultError, nothing written', async () => {
      const outcomes = [
        { kind: 'processed', handledBy: null },
        { kind: 'retry', at: T0, error: 'x' },
        { kind: 'failed', error: 'x' },
      ] as const
      await kit.store.recordIncoming([incomingRow()])
      const { fence, message } = await claim()
      await kit.store.finishIncoming([finished(fence, message)])
      for (const outcome of outcomes) {
        const again = finished(fence, message, { ...consequences(), outcome })
        expect(await rejection(kit.store.finishIncoming([again]))).to.be.instanceOf(StaleResultError)
      }
      await expectNothing()
      expect((await kit.store.log.find(message.id))?.state).to.equal('PROCESSED')
    })

    it('two results of one message at once: one counts', async () => {
      await kit.store.recordIncoming([incomingRow()])
      const { fence, message } = await claim()
      const answers = await Promise.allSettled(
        ['a', 'b'].map((text) =>
          kit.store.finishIncoming([finished(fence, message, { outgoing: [outgoingRow({ text })] })]),
        ),
      )
      expect(answers.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected'])
      expect((await kit.store.claimOutgoing(outgoingLane(), 5, NOW)).messages).to.have.length(1)
    })

    it('a document of another version: DocumentConflictError, nothing written, and it can be done again', async () => {
      await kit.store.recordIncoming([incomingRow({ text: '1' }), incomingRow({ text: '2' })])
      await processFirst(kit.store, incomingLane(), {
        changes: [{ kind: 'document-put', scope: 's', key: 'k', value: 'old', version: 0 }],
      })
      const { fence, message } = await claim()
      for (const version of [0, 2]) {
        const { outgoing, changes } = consequences()
        const put = { kind: 'document-put', scope: 's', key: 'k', value: 'new', version } as const
        const result = finished(fence, message, { outgoing, changes: [...changes, put] })
        expect(await rejection(kit.store.finishIncoming([result]))).to.be.instanceOf(DocumentConflictError)
        await expectNothing()
      }
      expect(await kit.store.documents.get('s', 'k')).to.deep.equal({ value: 'old', version: 1 })
      await processFirst(kit.store, incomingLane(), {
        changes: [{ kind: 'document-put', scope: 's', key: 'k', value: 'new', version: 1 }],
      })
      expect(await kit.store.documents.get('s', 'k')).to.deep.equal({ value: 'new', version: 2 })
    })

    it('one refused result leaves the others of its moment alone', async () => {
      const identities = ['1', '2', '3']
      await kit.store.recordIncoming(identities.map((identity) => incomingRow({ identity })))
      const heads = await Promise.all(
        identities.map(async (identity) => head(await kit.store.claimIncoming(incomingLane(identity), 1))),
      )
      const answers = await Promise.allSettled(
        heads.map(async ({ fence, message }, index) =>
          kit.store.finishIncoming([
            finished(index === 1 ? await kit.harness.staleFence(fence) : fence, message, {
              outgoing: [outgoingRow({ text: message.identity })],
            }),
          ]),
        ),
      )
      expect(answers.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled'])
      const { messages } = await kit.store.claimOutgoing(outgoingLane(), 5, NOW)
      expect(messages.map(({ text }) => text).sort()).to.deep.equal(['1', '3'])
      expect(await kit.store.countOpenIncoming()).to.equal(1)
    })
  })
}
