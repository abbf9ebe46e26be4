import { expect } from 'chai'
import { MessageSendError } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { dummy, loopback, nullBackend } from 'sms-switchboard/backends'
import { fakeBackend, type TestOptions, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

const running: TestSwitchboard[] = []
const start = async (options: TestOptions) => {
  const t = await testSwitchboard(options)
  running.push(t)
  return t
}
const texts = (messages: readonly { readonly text: string }[]) => messages.map(({ text }) => text)
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as Error,
  )

describe('testSwitchboard', () => {
  afterEach(async () => {
    for (const t of running.splice(0)) await t.stop()
  })

  it('takes a message, and what left is there when it returns', async () => {
    const t = await start({ apps: [echo()] })
    const received = await t.receive('echo hello')
    expect(received.duplicate).to.equal(false)
    expect(t.sent).to.have.length(1)
    expect(t.sent[0]).to.include({ backend: 'fake', identity: '8005551212', text: 'hello', class: 'reply' })
    expect(t.sent[0]?.inResponseTo?.id).to.equal(received.id)
    expect((await t.store.log.find(received.id))?.state).to.equal('PROCESSED')
  })

  it('takes a message with everything a view may hand over', async () => {
    const t = await start({ apps: [echo()], backends: { one: fakeBackend(), two: fakeBackend() } })
    const message = {
      backend: 'two',
      identity: 'ann',
      text: 'echo a',
      address: '1234',
      externalId: 'x',
      fields: { a: 1 },
    }
    await t.receive(message)
    expect((await t.receive(message)).duplicate).to.equal(true)
    expect(t.sent).to.have.length(1)
    expect(t.sent[0]).to.deep.include({ backend: 'two', identity: 'ann', address: '1234', fields: { a: 1 } })
  })

  it('gives the responses to who waits for them', async () => {
    const t = await start({ apps: [echo()] })
    const { responses } = await t.receive({ text: 'echo hello', wait: '5s' })
    expect(responses).to.deep.equal([{ text: 'hello', end: false }])
    await t.advance('1m')
    expect(t.sent).to.deep.equal([])
  })

  it('refuses a backend that there is not', async () => {
    const t = await start({ apps: [] })
    const error = await rejection(t.receive({ backend: 'fax', text: 'hello' }))
    expect(error?.message).to.equal('backend: there is no backend "fax"; there are fake')
  })

  it('sends as a program does', async () => {
    const t = await start({ apps: [] })
    const [message] = await t.send({ to: '1', text: 'hello' })
    expect(texts(t.sent)).to.deep.equal(['hello'])
    expect(t.sent[0]?.id).to.equal(message?.id)
  })

  it('notes what leaves by other backends too, in one order', async () => {
    const t = await start({ apps: [], backends: { a: loopback(), b: nullBackend(), c: dummy() } })
    for (const backend of ['b', 'a', 'b', 'c']) await t.send({ to: '1', backend, text: backend })
    expect(texts(t.sent)).to.deep.equal(['b', 'a', 'b', 'c'])
  })

  it('has the same ids and times in each run', async () => {
    const run = async () => {
      const t = await start({ apps: [echo()] })
      await t.receive('echo a')
      await t.advance('1m')
      await t.receive('echo b')
      return { ids: t.sent.map(({ id }) => id), times: t.sent.map(({ createdAt }) => createdAt.toISOString()) }
    }
    const first = await run()
    expect(await run()).to.deep.equal(first)
    expect(first.times).to.deep.equal(['2026-01-05T09:00:00.000Z', '2026-01-05T09:01:00.000Z'])
    expect(new Set(first.ids).size).to.equal(2)
  })

  it('begins at the time given', async () => {
    const t = await start({ apps: [echo()], now: new Date('2030-02-03T04:05:06Z') })
    await t.receive('echo a')
    expect(t.sent[0]?.createdAt.toISOString()).to.equal('2030-02-03T04:05:06.000Z')
  })

  it('keeps the log', async () => {
    const t = await start({ apps: [echo()] })
    await t.receive('echo a')
    expect(t.logs.map(({ message }) => message)).to.deep.equal(['received', 'processed', 'settled'])
  })

  it('lets time pass in steps, so that what waits for it happens in order', async () => {
    const t = await start({ apps: [] })
    const at = (minutes: number) => new Date(t.clock.now() + minutes * 60_000)
    await t.send({ to: '2', text: 'second', at: at(20) })
    await t.send({ to: '1', text: 'first', at: at(10) })
    await t.advance('9m')
    expect(t.sent).to.deep.equal([])
    await t.advance('1m')
    expect(texts(t.sent)).to.deep.equal(['first'])
    await t.advance('1d')
    expect(texts(t.sent)).to.deep.equal(['first', 'second'])
  })

  it('is idle while messages wait for a token of their rate', async () => {
    const t = await start({ apps: [], backends: { slow: fakeBackend({ sending: { partsPerSecond: 1 } }) } })
    await t.send({ to: ['1', '2', '3'], text: 'hello' })
    await t.idle()
    expect(t.sent).to.have.length(1)
    await t.advance('1s')
    expect(t.sent).to.have.length(2)
    await t.advance('1s')
    expect(t.sent).to.have.length(3)
  })

  it('names the lanes that are not idle when its patience is over', async () => {
    const t = await start({ apps: [], patience: 30 })
    t.fake.hang()
    await t.send({ to: '15550001', text: 'hello' })
    const error = await rejection(t.idle())
    expect(error).to.have.property('name', 'AssertionError')
    expect(error?.message).to.equal('Still being worked after 30 ms:\n  outgoing fake:15550001')
  })

  it('waits for an app that is busy outside', async () => {
    const busy = { name: 'busy', handle: () => new Promise<void>((resolve) => setTimeout(resolve, 25)) }
    const t = await start({ apps: [busy, echo()] })
    await t.receive('echo late')
    expect(texts(t.sent)).to.deep.equal(['late'])
  })

  it('lets time pass for an app that never returns, until its time limit ends it', async () => {
    let calls = 0
    const hangs = {
      name: 'hangs',
      handle: () => {
        calls++
        return new Promise<void>(() => {})
      },
    }
    const t = await start({ apps: [hangs], patience: 20, settings: { retry: { attempts: 1 } } })
    const { id } = await t.receive('hello')
    await t.advance('30s')
    expect(calls).to.equal(1)
    expect((await t.store.log.find(id))?.state).to.equal('FAILED')
  })

  it('names what is still being worked when a script misses an answer', async () => {
    const hangs = { name: 'hangs', handle: () => new Promise<void>(() => {}) }
    const t = await start({ apps: [hangs], patience: 20 })
    const error = await rejection(t.script('1 > hello\n1 < hello'))
    expect(error?.message).to.contain('Still being worked after 20 ms:\n  incoming fake:1')
  })

  it('stops with something hanging', async () => {
    const t = await start({ apps: [] })
    t.fake.hang()
    await t.send({ to: '1', text: 'hello' })
    await t.stop()
    expect(t.fake.hanging).to.equal(0)
    expect(t.logs.some(({ message }) => message.startsWith('stopped waiting'))).to.equal(true)
  })

  it('may be stopped twice', async () => {
    const t = await start({ apps: [] })
    await t.stop()
    await t.stop()
  })

  it('has no fake backend when none of those given is one', async () => {
    const t = await start({ apps: [], backends: { quiet: nullBackend() } })
    expect(() => t.fake).to.throw('None of the backends given is a fakeBackend().')
  })

  it('tells faults of the settings', async () => {
    const error = await rejection(testSwitchboard({ apps: [], settings: { languages: ['x'] } }))
    expect(error).to.have.property('name', 'SettingsError')
  })
})

describe('fakeBackend', () => {
  afterEach(async () => {
    for (const t of running.splice(0)) await t.stop()
  })

  const state = async (t: TestSwitchboard, id: string | undefined) => (await t.store.log.find(id ?? ''))?.state

  it('fails as often as it is told, then takes the message', async () => {
    const t = await start({ apps: [] })
    t.fake.failNext(2)
    const [message] = await t.send({ to: '1', text: 'hello' })
    expect(t.fake.attempts).to.have.length(1)
    expect(t.sent).to.deep.equal([])
    await t.advance('10s')
    expect(t.fake.attempts).to.have.length(3)
    expect(texts(t.fake.sent)).to.deep.equal(['hello'])
    expect(texts(t.sent)).to.deep.equal(['hello'])
    expect(await state(t, message?.id)).to.equal('SENT')
  })

  it('fails with the error given', async () => {
    const t = await start({ apps: [] })
    t.fake.failNext(1, new MessageSendError('no such number', { providerCode: '21' }))
    const [message] = await t.send({ to: '1', text: 'hello' })
    const logged = await t.store.log.find(message?.id ?? '')
    expect(logged).to.include({ state: 'ERROR', error: 'no such number' })
    expect((await t.store.log.attempts(message?.id ?? ''))[0]?.providerCode).to.equal('21')
  })

  it('fails always, until it recovers', async () => {
    const t = await start({ apps: [] })
    t.fake.failAlways()
    await t.send({ to: '1', text: 'hello' })
    await t.advance('1m')
    expect(t.sent).to.deep.equal([])
    expect(t.fake.attempts.length).to.be.greaterThan(3)
    t.fake.recover()
    await t.advance('2m')
    expect(texts(t.sent)).to.deep.equal(['hello'])
  })

  it('hangs, until it recovers', async () => {
    const t = await start({ apps: [] })
    t.fake.hang()
    const [message] = await t.send({ to: '1', text: 'hello' })
    expect(t.fake.hanging).to.equal(1)
    expect(await state(t, message?.id)).to.equal('SENDING')
    t.fake.recover()
    await t.idle()
    expect(t.fake.hanging).to.equal(0)
    expect(texts(t.sent)).to.deep.equal(['hello'])
  })

  it('hangs until the time limit, after which the outcome is unknown', async () => {
    const t = await start({ apps: [] })
    t.fake.hang()
    const [message] = await t.send({ to: '1', text: 'hello' })
    await t.advance('30s')
    expect(t.fake.hanging).to.equal(0)
    expect(await state(t, message?.id)).to.equal('UNKNOWN')
  })

  it('reports a state later, of the last message or of another', async () => {
    const t = await start({ apps: [] })
    const [first] = await t.send({ to: '1', text: 'a' })
    const [second] = await t.send({ to: '1', text: 'b' })
    await t.fake.report('DELIVERED')
    expect(await state(t, second?.id)).to.equal('DELIVERED')
    expect(await state(t, first?.id)).to.equal('SENT')
    await t.fake.report('ERROR', { of: { id: first?.id ?? '' }, code: '5', text: 'switched off' })
    expect(await state(t, first?.id)).to.equal('ERROR')
  })

  it('cannot report what it has not taken', async () => {
    const t = await start({ apps: [] })
    expect(await rejection(t.fake.report('DELIVERED'))).to.have.property('code', 'NOT_RUNNING')
  })
})
