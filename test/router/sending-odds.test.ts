import { expect } from 'chai'
import {
  type App,
  defineBackend,
  LimitsError,
  type MessageClass,
  RequestError,
  ServerError,
  type TextRequest,
} from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { Endings } from '../../src/router/ending.ts'
import type { Change } from '../../src/store/change.ts'
import { rejection } from '../support/rejection.ts'

describe('sending, against odds', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const send = async (request: Partial<TextRequest> = {}) => {
    const [message] = await t.send({ to: '1', text: 'hi', ...request })
    return message?.id ?? ''
  }
  const logged = (id: string) => t.store.log.find(id)
  const texts = () => t.sent.map(({ text }) => text)

  describe('a refusal that cannot be recorded as it is', () => {
    const odd = (details: object) => details as { readonly retryAfter?: number; readonly providerCode?: string }
    for (const retryAfter of [Number.NaN, 1_500.5, Number.NEGATIVE_INFINITY, '60']) {
      it(`asks to wait ${retryAfter}: it is tried again`, async () => {
        t = await testSwitchboard({ apps: [] })
        t.fake.failNext(1, new LimitsError('slowly', odd({ retryAfter })))
        const id = await send()
        await t.advance('5s')
        expect(await logged(id)).to.include({ state: 'SENT', tries: 2 })
      })
    }

    it('has a code that is no text: it is kept as one', async () => {
      t = await testSwitchboard({ apps: [] })
      t.fake.failNext(1, new RequestError('no', odd({ providerCode: { code: 7 } })))
      t.fake.failNext(1, new RequestError('no', odd({ providerCode: 42 })))
      const ids = [await send(), await send()]
      await t.advance('5s')
      const attempts = await Promise.all(ids.map((id) => t.store.log.attempts(id)))
      expect(attempts.flat().map(({ outcome, providerCode }) => [outcome, providerCode])).to.deep.equal([
        ['ERROR', '[object Object]'],
        ['ERROR', '42'],
      ])
    })
  })

  describe('an outgoing phase that leaves what cannot be recorded', () => {
    const links = (answer?: false): App => ({
      name: 'links',
      async outgoing(message, context) {
        if (message.text !== 'bad') return undefined
        await context.contacts.update('nobody', { name: 'Nobody' })
        return answer
      },
    })

    /** A database that has its own reasons against it, which none of ours knows. */
    const refuseLinks = () => {
      const refusing =
        <T extends { readonly changes?: readonly Change[] }>(record: (rows: readonly T[]) => Promise<void>) =>
        async (rows: readonly T[]) => {
          const isRefused = rows.some(({ changes = [] }) =>
            changes.some((each) => 'id' in each && each.id === 'nobody'),
          )
          if (isRefused) throw new Error('CHECK constraint failed')
          return record(rows)
        }
      t.store.startAttempts = refusing(t.store.startAttempts.bind(t.store))
      t.store.finishAttempts = refusing(t.store.finishAttempts.bind(t.store))
    }

    for (const answer of [undefined, false] as const) {
      const name = answer === false ? 'cancels' : 'lets pass'
      it(`with a message that it ${name}: tried again, then ERROR, and the lane goes on`, async () => {
        const sending = { attempts: 3, firstDelay: 1_000 }
        t = await testSwitchboard({ apps: [links(answer)], backends: { fake: fakeBackend({ sending }) } })
        refuseLinks()
        const id = await send({ text: 'bad' })
        await send({ text: 'good' })
        expect(await logged(id)).to.include({ state: 'WAITING', tries: 1 })
        await t.advance('10s')
        expect(await logged(id)).to.include({ state: 'ERROR', tries: 2, error: 'CHECK constraint failed' })
        expect(texts()).to.deep.equal(['good'])
      })
    }

    it('ends a sendNow', async () => {
      t = await testSwitchboard({ apps: [links()] })
      refuseLinks()
      const error = await rejection(t.router.sendNow({ to: '1', text: 'bad' }))
      expect(error).to.have.property('message', 'CHECK constraint failed')
    })

    it('runs again at once when a document has changed meanwhile', async () => {
      const counts: App = {
        name: 'counts',
        async outgoing(_, { documents }) {
          const count = ((await documents.get('counts', 'sent')) as number | undefined) ?? 0
          await documents.put('counts', 'sent', count + 1)
        },
      }
      t = await testSwitchboard({ apps: [counts] })
      await t.send({ to: ['1', '2', '3'], text: 'hi' })
      expect(t.sent.map(({ tries }) => tries)).to.deep.equal([0, 0, 0])
      expect((await t.store.documents.get('counts', 'sent'))?.value).to.equal(3)
      expect(t.logs.filter(({ level }) => level === 'warn')).to.deep.equal([])
    })
  })

  describe('a message for later', () => {
    it('lets others to the same person pass, and is sent at its time', async () => {
      t = await testSwitchboard({ apps: [] })
      const at = (seconds: number) => new Date(t.clock.now() + seconds * 1_000)
      await send({ text: 'third', at: at(60) })
      await send({ text: 'fourth', at: at(60) })
      await send({ text: 'second', at: at(30) })
      await send({ text: 'first' })
      expect(texts()).to.deep.equal(['first'])
      await t.advance('30s')
      expect(texts()).to.deep.equal(['first', 'second'])
      await t.advance('30s')
      expect(texts()).to.deep.equal(['first', 'second', 'third', 'fourth'])
    })

    it('goes at its time although one behind it waits for a later retry', async () => {
      t = await testSwitchboard({ apps: [] })
      await send({ text: 'planned', at: new Date(t.clock.now() + 10_000) })
      t.fake.failNext(1, new LimitsError('slowly', { retryAfter: 60_000 }))
      await send({ text: 'retried' })
      await send({ text: 'held back' })
      await t.advance('10s')
      expect(texts()).to.deep.equal(['planned'])
      await t.advance('50s')
      expect(texts()).to.deep.equal(['planned', 'retried', 'held back'])
    })

    it('is tried again for as long as any other', async () => {
      t = await testSwitchboard({ apps: [], backends: { fake: fakeBackend({ sending: { maxAge: 60_000 } }) } })
      const id = await send({ at: new Date(t.clock.now() + 3_600_000) })
      t.fake.failNext(1)
      await t.advance('1h')
      expect(await logged(id)).to.include({ state: 'SENDING', tries: 1 })
      await t.advance('1m')
      expect(await logged(id)).to.include({ state: 'SENT' })
    })
  })

  it('a replayed message is tried again for as long as at first', async () => {
    t = await testSwitchboard({ apps: [], backends: { fake: fakeBackend({ sending: { maxAge: 60_000 } }) } })
    t.fake.failNext(1, new RequestError('no'))
    const id = await send()
    await t.advance('1h')
    t.fake.failNext(1)
    await t.router.replay([id])
    await t.advance('1m')
    expect(await logged(id)).to.include({ state: 'SENT' })
  })

  it('never has more attempts in flight than the concurrency, however slow the outgoing phase', async () => {
    const slow: App = {
      name: 'slow',
      outgoing: () => new Promise((resolve) => t.clock.schedule(t.clock.now() + 1_000, resolve)),
    }
    t = await testSwitchboard({
      apps: [slow],
      backends: { fake: fakeBackend({ sending: { concurrency: 2 } }) },
      settings: { appCalls: { share: 1 } },
      patience: 10,
    })
    t.fake.hang()
    await t.send({ to: Array.from({ length: 10 }, (_, index) => String(index)), text: 'hi' })
    await t.advance('10s')
    expect(t.fake.hanging).to.equal(2)
    t.fake.recover()
    await t.advance('30s')
    expect(t.sent).to.have.length(10)
  })

  for (const name of ['normaal', 'constructor', 7]) {
    const unknown = name as unknown as MessageClass

    it(`the class ${name}, which there is not, is refused`, async () => {
      t = await testSwitchboard({ apps: [] })
      const error = await rejection(t.send({ to: '1', text: 'hi', class: unknown }))
      expect(error).to.include({
        code: 'INVALID_INPUT',
        message: `class: one of urgent, reply, normal, bulk is expected, not "${name}"`,
      })
      expect((await t.store.log.counts()).outgoing).to.equal(0)
    })

    it(`a response of the class ${name}, which there is not, fails the app`, async () => {
      const app: App = { name: 'app', handle: (message) => message.respond('hi', { class: unknown }) }
      t = await testSwitchboard({ apps: [app] })
      const { id } = await t.receive('hello')
      expect(await logged(id)).to.include({ state: 'RECEIVED', tries: 1 })
      expect((await logged(id))?.error).to.match(/^class: one of urgent/)
    })
  }

  it('an attempt counts for the rate although its result cannot be recorded', async () => {
    t = await testSwitchboard({
      apps: [],
      backends: { fake: fakeBackend({ sending: { partsPerSecond: 1, unknownOutcome: 'retry' } }) },
    })
    const { store } = t
    const spent: number[] = []
    const { signals } = t.switchboard.parts
    const spend = signals.spendTokens.bind(signals)
    signals.spendTokens = async (bucket, count, rate) => {
      spent.push(count)
      await spend(bucket, count, rate)
    }
    const finish = store.finishAttempts.bind(store)
    let failures = 1
    store.finishAttempts = async (results) => {
      if (failures-- > 0) throw new Error('odd')
      await finish(results)
    }
    await send()
    expect(t.sent).to.have.length(1)
    expect(spent).to.deep.equal([])
  })
})

describe('endings', () => {
  it('of what is in hand are ended by the outer signal; what is over is forgotten', () => {
    const endings = new Endings()
    const outer = new AbortController()
    const [first, second] = [endings.begin(outer.signal), endings.begin(outer.signal)]
    const { signal } = first
    endings.done(second)
    expect(endings.size).to.equal(1)
    outer.abort()
    expect([signal.aborted, second.signal.aborted, endings.size]).to.deep.equal([true, false, 0])
    expect(endings.begin(outer.signal).signal.aborted).to.equal(true)
    const restarted = new AbortController()
    expect(endings.begin(restarted.signal).signal.aborted).to.equal(false)
  })

  it('of an attempt are forgotten whatever comes of it', async () => {
    const outers: AbortSignal[] = []
    const asks = defineBackend({
      kind: 'asks',
      settings: z.strictObject({}),
      async send(message, { signal }) {
        outers.push(signal)
        if (message.text === 'bad') throw new ServerError('no')
        return {}
      },
    })
    const t = await testSwitchboard({ apps: [], backends: { asks: asks() } })
    await t.send({ to: '1', text: 'good' })
    await t.send({ to: '2', text: 'bad' })
    await t.stop()
    expect(outers.map(({ aborted }) => aborted)).to.deep.equal([false, false])
  })
})
