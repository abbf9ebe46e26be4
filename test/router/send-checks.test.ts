import { expect } from 'chai'
import type { SendRequest } from 'sms-switchboard'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { rejection } from '../support/rejection.ts'

const nested = (depth: number): object => (depth === 1 ? {} : { a: nested(depth - 1) })

describe('what a sender gives', () => {
  let t: TestSwitchboard
  before(async () => {
    t = await testSwitchboard({ apps: [] })
  })
  after(() => t.stop())

  // As a program in JavaScript may give it.
  const request = (values: object) => ({ to: '1', text: 'hi', ...values }) as SendRequest
  const circle: Record<string, unknown> = {}
  circle['self'] = circle

  const refused: readonly (readonly [object, string])[] = [
    [{ at: new Date('nonsense') }, 'at: a valid Date is expected'],
    [{ at: '2026-01-01' }, 'at: a valid Date is expected'],
    [{ expires: 5 }, 'expires: a valid Date is expected'],
    [{ at: new Date(4e12), expires: new Date(4e12 - 1) }, 'expires: a time after "at" is expected'],
    [{ expires: new Date(1_000) }, 'expires: a time that is still to come is expected, not 1970-01-01T00:00:01.000Z'],
    [{ at: new Date(4e12), expires: new Date(4e12) }, 'expires: a time after "at" is expected'],
    [{ tag: 'x'.repeat(101) }, 'tag: at most 100 characters are allowed, not 101'],
    [{ tag: '' }, 'tag: a text is expected'],
    [{ tag: 7 }, 'tag: a text is expected'],
    [{ relatedTo: 'x'.repeat(256) }, 'relatedTo: at most 255 characters are allowed, not 256'],
    [{ from: 'x'.repeat(256) }, 'from: at most 255 characters are allowed, not 256'],
    [{ to: 'x'.repeat(256) }, 'to: at most 255 characters are allowed, not 256'],
    [{ to: null }, 'to: a number, a connection, a contact or a group is expected'],
    [{ to: undefined }, 'to: a number, a connection, a contact or a group is expected'],
    [{ to: 254 }, 'to: a number, a connection, a contact or a group is expected'],
    [{ to: {} }, 'to: a number, a connection, a contact or a group is expected'],
    [{ to: { backend: 'fake', identity: 5 } }, 'to: a number or identity is expected, not an empty text'],
    [{ text: undefined }, 'text: a text is expected, or one for each language'],
    [{ text: { en: 5 } }, 'text: a text is expected, or one for each language'],
    [{ class: 'express' }, 'class: one of urgent, reply, normal, bulk is expected, not "express"'],
    [{ extra: 'x' }, 'extra: an object of plain JSON is expected'],
    [{ extra: [1] }, 'extra: an object of plain JSON is expected'],
    [{ extra: { a: () => 1 } }, 'extra.a: plain JSON is expected, not function'],
    [{ extra: { a: { b: [1n] } } }, 'extra.a.b.0: plain JSON is expected, not bigint'],
    [{ extra: { when: new Date(0) } }, 'extra.when: plain JSON is expected, not Date'],
    [{ extra: { a: Number.NaN } }, 'extra.a: NaN is no number of JSON'],
    [{ extra: { a: [undefined] } }, 'extra.a.0: plain JSON is expected, not undefined'],
    [
      { extra: circle },
      'extra.self.self.self.self.self.self.self.self: objects and lists are too deep within each other',
    ],
    [{ params: nested(9) }, 'params.a.a.a.a.a.a.a.a: objects and lists are too deep within each other'],
    [{ params: { a: 'x'.repeat(16_384) } }, 'params: at most 16384 characters as JSON are allowed, not 16392'],
    [{ fields: new Map() }, 'fields: an object of plain JSON is expected'],
    [{ options: 'x' }, 'options: an object is expected'],
    [{ options: { validity: 0 } }, 'options.validity: whole minutes from 1 to 525600 are expected'],
    [{ options: { validity: 1.5 } }, 'options.validity: whole minutes from 1 to 525600 are expected'],
    [{ options: { validity: '5' } }, 'options.validity: whole minutes from 1 to 525600 are expected'],
    [{ options: { senderId: '' } }, 'options.senderId: a text of at most 50 characters is expected'],
    [{ options: { escalate: 'yes' } }, 'options.escalate: true or false is expected'],
    [
      { options: { urgent: true } },
      'options.urgent: there is no such option; there are senderId, validity, escalate, allowReply, statusReport, end, despiteOptOut, despiteQuietHours',
    ],
  ]
  for (const [values, text] of refused) {
    it(`is refused: ${text.slice(0, 100)}`, async () => {
      const error = await rejection(t.router.send(request(values)))
      expect(error).to.have.property('message', text)
      expect(error).to.have.property('code', 'INVALID_INPUT')
      expect((await t.store.log.counts()).outgoing).to.equal(0)
    })
  }

  const taken: readonly object[] = [
    { at: new Date(0), expires: new Date(8_640_000_000_000_000) },
    { tag: 'x'.repeat(100), relatedTo: 'x'.repeat(255) },
    { extra: nested(8), params: { a: [1, 'x', null, true, { b: undefined }] } },
    { extra: { a: 'x'.repeat(16_384 - 8) } },
    { extra: Object.assign(Object.create(null), { a: 1 }) },
    { extra: JSON.parse('{"__proto__": {"a": 1}}') },
    { options: { validity: 525_600, senderId: 'ACME', escalate: false, allowReply: true, statusReport: true } },
    { options: { validity: undefined } },
  ]
  for (const values of taken) {
    it(`is taken: ${JSON.stringify(values).slice(0, 100)}`, async () => {
      const made = await testSwitchboard({ apps: [] })
      try {
        expect(await made.router.send(request(values))).to.have.length(1)
      } finally {
        await made.stop()
      }
    })
  }
})
