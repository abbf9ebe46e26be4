import { expect } from 'chai'
import type { App } from 'sms-switchboard'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

describe('a view that waits for the responses', () => {
  let t: TestSwitchboard
  let release = () => {}
  afterEach(() => t.stop())

  const menu: App = {
    name: 'menu',
    async handle(message) {
      if (message.text.startsWith('slow')) {
        await new Promise<void>((resolve) => {
          release = resolve
        })
      }
      if (message.text === 'fail') throw new Error('boom')
      if (message.text === 'nothing') return false
      message.respond(`1: ${message.text}`)
      return message.respond('2', { end: true })
    },
  }
  const begin = async (...more: App[]) => {
    t = await testSwitchboard({ apps: [...more, menu], patience: 20 })
  }
  const answered = (text: string) => [
    { text: `1: ${text}`, end: false },
    { text: '2', end: true },
  ]
  const texts = () => t.sent.map(({ text }) => text)
  /** Turns of the loop in which a request is taken, and begins to wait. */
  const taken = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  const states = async () => {
    const lines = await t.store.log.conversation({ backend: 'fake', identity: '8005551212', limit: 100 })
    return lines.map(({ direction, state }) => `${direction} ${state}`)
  }

  it('gives them, and nothing is sent besides', async () => {
    await begin()
    const { responses } = await t.receive({ text: 'a', wait: '10s' })
    expect(responses).to.deep.equal(answered('a'))
    expect(await states()).to.deep.equal(['in PROCESSED', 'out SENT', 'out SENT'])
    await t.advance('1h')
    expect(t.sent).to.deep.equal([])
  })

  it('gets none that leave from another address; those are sent at once', async () => {
    await begin({ name: 'tell', parse: (message) => void message.respond('bill', { from: '999' }) })
    const { responses } = await t.receive({ text: 'a', address: '*123#', wait: '10s' })
    expect(responses).to.deep.equal(answered('a'))
    expect(t.sent.map(({ text, address }) => [text, address])).to.deep.equal([['bill', '999']])
  })

  it('gets none when nothing is answered', async () => {
    await begin()
    expect((await t.receive({ text: 'nothing', wait: '10s' })).responses).to.deep.equal([])
  })

  it('gets those alone that are for who asked; others are sent', async () => {
    await begin({
      name: 'tell',
      parse: (message) => void message.respond('psst', { to: { backend: 'fake', identity: '2' } }),
    })
    const { responses } = await t.receive({ text: 'a', wait: '10s' })
    expect(responses).to.deep.equal(answered('a'))
    expect(t.sent.map(({ identity, text }) => `${identity} ${text}`)).to.deep.equal(['2 psst'])
  })

  it('does not get what an app cancelled', async () => {
    await begin({ name: 'censor', outgoing: ({ text }) => text !== '2' })
    expect((await t.receive({ text: 'a', wait: '10s' })).responses).to.deep.equal([{ text: '1: a', end: false }])
  })

  it('goes on without them when its time is over; then the backend sends them', async () => {
    await begin()
    const received = t.router.receive('fake', { identity: '8005551212', text: 'slow' }, { wait: 10_000 })
    await taken()
    await t.advance('10s')
    expect(await received).to.not.have.property('responses')
    expect(texts()).to.deep.equal([])
    release()
    await t.idle()
    expect(texts()).to.deep.equal(['1: slow', '2'])
  })

  it('goes on without them when an app fails; then the backend sends what a later run answers', async () => {
    let fails = true
    await begin({
      name: 'flaky',
      parse() {
        if (fails) throw new Error('boom')
      },
    })
    const received = t.router.receive('fake', { identity: '8005551212', text: 'a' }, { wait: 500 })
    await taken()
    await t.advance(500)
    expect(await received).to.not.have.property('responses')
    fails = false
    await t.advance('5s')
    expect(texts()).to.deep.equal(['1: a', '2'])
  })

  it('that went away after the phases, and before it took them, leaves them to the backend', async () => {
    await begin()
    // Recorded as waited for, while nobody takes the answer: as after a crash.
    const now = t.clock.now()
    await t.store.recordIncoming([
      {
        id: '019b8d62-7a80-7000-8000-00000000ffff',
        backend: 'fake',
        identity: '8005551212',
        address: null,
        text: 'a',
        fields: {},
        externalId: null,
        receivedAt: now,
        answerBy: now + 10_000,
      },
    ])
    await t.advance('9s')
    await t.advance('51s')
    expect(texts()).to.deep.equal(['1: a', '2'])
  })

  describe('and comes again with the same external id', () => {
    const message = { identity: '8005551212', text: 'a', externalId: 'x' }

    it('gets the same answer, with nothing processed again', async () => {
      await begin()
      const first = await t.receive({ ...message, wait: '10s' })
      await t.advance('5s')
      const second = await t.receive({ ...message, wait: '10s' })
      expect(second).to.deep.equal({ id: first.id, duplicate: true, responses: answered('a') })
      await t.advance('1h')
      expect(t.sent).to.deep.equal([])
    })

    it('waits with the first one while the phases still run', async () => {
      await begin()
      const first = t.router.receive('fake', { ...message, text: 'slow' }, { wait: 10_000 })
      await taken()
      const second = t.router.receive('fake', { ...message, text: 'slow' }, { wait: 10_000 })
      await taken()
      release()
      expect((await first).responses).to.deep.equal(answered('slow'))
      expect((await second).responses).to.deep.equal(answered('slow'))
    })

    it('gets nothing that the backend has sent meanwhile', async () => {
      await begin()
      const first = t.router.receive('fake', { ...message, text: 'slow' }, { wait: 1_000 })
      await taken()
      await t.advance('1s')
      await first
      release()
      await t.idle()
      expect(texts()).to.deep.equal(['1: slow', '2'])
      const second = await t.receive({ ...message, text: 'slow', wait: '1s' })
      expect(second).to.deep.include({ duplicate: true, responses: [] })
    })

    it('gives up like the first one when its time is over', async () => {
      await begin()
      const first = t.router.receive('fake', { ...message, text: 'slow' }, { wait: 1_000 })
      const second = t.router.receive('fake', { ...message, text: 'slow' }, { wait: 1_000 })
      await taken()
      await t.advance('1s')
      expect(await first).to.not.have.property('responses')
      expect(await second).to.not.have.property('responses')
      release()
    })
  })

  it('does not hold up what is answered to the same person without waiting', async () => {
    await begin()
    await t.receive({ text: 'a', wait: '10s' })
    await t.receive('b')
    expect(texts()).to.deep.equal(['1: b', '2'])
  })
})
