import { expect } from 'chai'
import {
  change,
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

const HOSTILE: readonly { readonly title: string; readonly text: string; readonly nul?: boolean }[] = [
  { title: 'an empty text', text: '' },
  { title: 'blanks and line ends', text: ' \t\r\n\u2028\u00a0 ' },
  { title: 'emoji and joined characters', text: '😀👩‍👩‍👧‍👦🇰🇪 é e\u0301 \u202eabc' },
  { title: 'quotes and SQL', text: `'; DROP TABLE incoming; --" \\ %_ \`$1 ?` },
  { title: 'NUL and control characters', text: 'a\0b\u0001\u001f\u007f\ufeff', nul: true },
  { title: 'non-characters', text: '\ufffe\uffff\u{10ffff}' },
  { title: 'a text of 1 MB', text: 'ünï '.repeat(250_000) },
]

// What a parser of JSON makes of a hostile body: an own property of that name.
const FIELDS = JSON.parse(
  '{"__proto__": {"polluted": true}, "constructor": "x", "toString": null, "": [], "deep": {"__proto__": 1}}',
) as Record<string, unknown>

/** Texts and fields that somebody made up come back as they were. */
export function describeHostileTexts(kit: StoreKit): void {
  const there = async (text: string) => {
    const incoming = incomingRow({ text, identity: 'x', address: text, externalId: text, fields: { text } })
    const outgoing = outgoingRow({
      text,
      identity: 'y',
      address: text,
      fields: { text },
      params: { text },
      reason: null,
    })
    await kit.store.recordIncoming([incoming])
    await kit.store.recordOutgoing([outgoing])
    return { incoming, outgoing }
  }

  describe('hostile texts', () => {
    for (const { title, text, nul = false } of HOSTILE) {
      const test = async () => {
        const { incoming, outgoing } = await there(text)
        const claimed = head(await kit.store.claimIncoming(incomingLane('x'), 1)).message
        expect(claimed).to.deep.include({ text, address: text, externalId: text, fields: { text } })
        expect(head(await kit.store.claimOutgoing(outgoingLane('y'), 1, NOW)).message).to.deep.include({
          text,
          params: { text },
        })
        expect((await kit.store.log.find(incoming.id))?.text).to.equal(text)
        expect((await kit.store.log.find(outgoing.id))?.text).to.equal(text)
        await change(kit.store, [
          { kind: 'document-put', scope: text.slice(0, 100), key: text, value: text, version: 0 },
        ])
        expect((await kit.store.documents.get(text.slice(0, 100), text))?.value).to.equal(text)
      }
      if (nul) kit.itUnless('nul', title, test)
      else it(title, test)
    }

    kit.itUnless('reopen', 'come back the same after a restart', async () => {
      const texts = HOSTILE.filter(({ nul }) => nul !== true).map(({ text }) => text)
      await kit.store.recordIncoming(texts.map((text) => incomingRow({ text, fields: { text } })))
      const store = await kit.harness.reopen()
      const { messages } = await store.claimIncoming(incomingLane(), 100)
      expect(messages.map(({ text }) => text)).to.deep.equal(texts)
      expect(messages.map(({ fields }) => fields['text'])).to.deep.equal(texts)
    })

    it('halves of surrogate pairs become the replacement character, in every way of reading', async () => {
      const { incoming } = await there('a\ud83db\udc00')
      const whole = 'a\ufffdb\ufffd'
      const { fence, message } = head(await kit.store.claimIncoming(incomingLane('x'), 1))
      expect(message).to.deep.include({ text: whole, address: whole, externalId: whole })
      expect((await kit.store.log.find(incoming.id))?.text).to.equal(whole)
      expect(head(await kit.store.claimOutgoing(outgoingLane('y'), 1, NOW)).message.text).to.equal(whole)
      expect(fence.lane.isWellFormed()).to.equal(true)
      const [repeat] = await kit.store.recordIncoming([incomingRow({ identity: 'x', externalId: whole })])
      expect(repeat?.duplicate).to.equal(true)
    })

    it('an identity with half a surrogate pair has one lane, found by either spelling', async () => {
      await kit.store.recordIncoming([incomingRow({ identity: '\ud83d' }), incomingRow({ identity: '\ufffd' })])
      for (const identity of ['\ud83d', '\ufffd']) {
        const { messages } = await kit.store.claimIncoming(incomingLane(identity), 5)
        expect(messages.map((message) => message.identity)).to.deep.equal(['\ufffd', '\ufffd'])
      }
      await processFirst(kit.store, incomingLane('\ud83d'))
      expect(await kit.store.countOpenIncoming()).to.equal(1)
    })

    it('fields named like members of objects are kept and change nothing', async () => {
      await kit.store.recordIncoming([incomingRow({ fields: FIELDS })])
      await kit.store.recordOutgoing([outgoingRow({ fields: FIELDS, params: FIELDS })])
      const incoming = head(await kit.store.claimIncoming(incomingLane(), 1)).message
      const outgoing = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW)).message
      for (const fields of [incoming.fields, outgoing.fields, outgoing.params]) {
        expect(JSON.stringify(fields)).to.equal(JSON.stringify(FIELDS))
        expect(Object.getPrototypeOf(fields)).to.equal(Object.prototype)
      }
      expect({}).not.to.have.property('polluted')
      await processFirst(kit.store, incomingLane(), { at: T0, outcome: { kind: 'failed', error: 'x\ud83d' } })
      expect((await kit.store.log.find(incoming.id))?.error).to.equal('x\ufffd')
    })

    it('nothing in the fields of a claim is shared with what the caller still holds', async () => {
      const fields: Record<string, unknown> = { list: [1] }
      await kit.store.recordIncoming([incomingRow({ fields })])
      await kit.store.recordOutgoing([outgoingRow({ fields, params: fields })])
      fields['list'] = 'changed'
      expect(head(await kit.store.claimIncoming(incomingLane(), 1)).message.fields).to.deep.equal({ list: [1] })
      const { message } = head(await kit.store.claimOutgoing(outgoingLane(), 1, NOW))
      expect([message.fields, message.params]).to.deep.equal([{ list: [1] }, { list: [1] }])
    })
  })
}
