import { expect } from 'chai'
import { IncomingMessage } from '../../src/messages/incoming.ts'

const message = () =>
  new IncomingMessage({
    id: 'i',
    backend: 'fake',
    identity: '1',
    address: '1234',
    text: 'hello',
    fields: { a: 1 },
    externalId: null,
    receivedAt: 1_000,
    tries: 2,
  })

describe('IncomingMessage', () => {
  it('keeps the text as it came in', () => {
    const incoming = message()
    incoming.text = 'changed'
    expect(incoming.rawText).to.equal('hello')
  })

  it('is not handled, and has no responses, at first', () => {
    expect(message()).to.deep.include({ handled: false, responses: [], tries: 2, receivedAt: new Date(1_000) })
  })

  it('knows its connection', () => {
    expect(message().connection).to.deep.equal({ backend: 'fake', identity: '1' })
  })

  it('gathers responses in their order, and answers true to each', () => {
    const incoming = message()
    expect(incoming.respond('one')).to.equal(true)
    expect(incoming.respond({ en: 'two' }, { end: true, from: '9' })).to.equal(true)
    expect(incoming.responses).to.deep.equal([
      { text: 'one', options: {} },
      { text: { en: 'two' }, options: { end: true, from: '9' } },
    ])
    expect(incoming.handled).to.equal(false)
  })
})
