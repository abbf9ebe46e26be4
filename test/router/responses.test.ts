import { expect } from 'chai'
import type { App, IncomingMessage } from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

const handling = (handle: (message: IncomingMessage) => unknown, name = 'app'): App => ({
  name,
  handle: (message) => void handle(message),
})

describe('responses', () => {
  let t: TestSwitchboard
  const begin = async (...apps: App[]) => {
    t = await testSwitchboard({ apps, backends: { fake: fakeBackend(), other: fakeBackend() } })
  }
  afterEach(() => t.stop())

  it('leave in the order they were added, to who wrote, in response to the message', async () => {
    await begin(
      handling((message) => {
        message.respond('one')
        message.respond('two')
        expect(message.responses.map(({ text }) => text)).to.deep.equal(['one', 'two'])
      }),
    )
    const { id } = await t.receive({ text: 'hello', externalId: 'x-7' })
    expect(t.sent.map(({ text }) => text)).to.deep.equal(['one', 'two'])
    for (const message of t.sent) {
      expect(message.connection).to.deep.equal({ backend: 'fake', identity: '8005551212' })
      expect(message.inResponseTo).to.deep.equal({ id, externalId: 'x-7' })
    }
  })

  it('leave from the address that was written to and carry the fields along', async () => {
    await begin(
      handling((message) => {
        message.respond('plain')
        message.respond('changed', { from: '999', fields: { b: 3 }, class: 'bulk', end: true })
      }),
    )
    await t.receive({ text: 'hello', address: '1234', fields: { a: 1, b: 2 } })
    const [changed, plain] = [...t.sent].sort((a, b) => a.text.localeCompare(b.text))
    expect(plain).to.deep.include({ address: '1234', fields: { a: 1, b: 2 }, class: 'reply', options: {} })
    expect(changed).to.deep.include({ address: '999', fields: { a: 1, b: 3 }, class: 'bulk', options: { end: true } })
  })

  it('go elsewhere when told, not from the address of another backend', async () => {
    await begin(handling((message) => message.respond('psst', { to: { backend: 'other', identity: '2' } })))
    await t.receive({ text: 'tell', address: '1234' })
    expect(t.sent[0]).to.include({ backend: 'other', identity: '2', address: null, text: 'psst' })
  })

  it('take nothing along to somebody else of what tells the service which message they answer', async () => {
    await begin(
      handling((message) => {
        message.respond('psst', { to: { backend: 'fake', identity: '2' } })
        message.respond('more', { to: { backend: 'fake', identity: '3' }, fields: { c: 1 } })
      }),
    )
    await t.receive({ text: 'tell', externalId: 'x1', fields: { linkId: 'l1' } })
    expect(t.sent.find(({ identity }) => identity === '2')).to.deep.include({ fields: {} })
    expect(t.sent.find(({ identity }) => identity === '3')).to.deep.include({ fields: { c: 1 } })
    for (const { inResponseTo } of t.sent) expect(inResponseTo?.externalId).to.equal(null)
  })

  it('speak the language of who gets them, and belong to that contact', async () => {
    await begin({
      name: 'app',
      async handle(message, context) {
        if (message.text === 'swahili') return void (await context.contacts.create({ name: 'Asha', language: 'sw' }))
        return message.respond({ en: 'Hello', sw: 'Habari' }, { to: { backend: 'fake', identity: '1' } })
      },
    })
    await t.receive({ identity: '1', text: 'swahili' })
    await t.receive({ identity: '2', text: 'tell' })
    expect(t.sent[0]).to.include({ identity: '1', text: 'Habari' })
  })

  it('are kept as cancelled with the reason when an app vetoes them', async () => {
    await begin(
      handling((message) => message.respond('no')),
      { name: 'censor', outgoing: (message) => message.text !== 'no' },
    )
    await t.receive('hello')
    expect(t.sent).to.deep.equal([])
    expect(await t.store.log.failed({ direction: 'out', limit: 10 })).to.deep.equal([])
    expect((await t.store.log.counts()).outgoing).to.equal(1)
  })

  it('survive any text', async () => {
    const texts = ['\ud800 lone', 'a\u0000b', '😀', '', ' '.repeat(3), 'x'.repeat(5_000)]
    await begin(
      handling((message) => {
        for (const text of texts) message.respond(text)
      }),
    )
    await t.receive('hello')
    expect(t.sent.map(({ text }) => text)).to.deep.equal(texts.map((text) => text.toWellFormed()))
  })
})

describe('an incoming message', () => {
  it('has an id, and its fields, backend, identity, address and time survive', async () => {
    const seen: IncomingMessage[] = []
    const t = await testSwitchboard({ apps: [handling((message) => seen.push(message))] })
    const fields = { a: 1, nested: { list: ['x'] }, nothing: null }
    const { id } = await t.receive({ text: 'hello', identity: 'ann', address: '1234', externalId: 'e', fields })
    await t.stop()
    expect(id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(seen[0]).to.deep.include({
      id,
      backend: 'fake',
      identity: 'ann',
      address: '1234',
      text: 'hello',
      externalId: 'e',
      fields,
      tries: 0,
      receivedAt: new Date(Date.UTC(2026, 0, 5, 9)),
    })
  })
})
