import { expect } from 'chai'
import {
  type AppContext,
  IdempotencyMismatchError,
  RequestError,
  type SendRequest,
  type TextRequest,
} from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { rejection } from '../support/rejection.ts'

const HOUR_MS = 3_600_000

describe('an idempotency key', () => {
  let t: TestSwitchboard
  beforeEach(async () => {
    t = await testSwitchboard({ apps: [] })
  })
  afterEach(() => t.stop())

  const request: SendRequest = {
    to: ['1', '2'],
    text: { en: 'hi', sw: 'habari' },
    tag: 'news',
    extra: { a: 1, b: { c: [1], d: null } },
    idempotencyKey: 'k',
  }
  const one: SendRequest = { to: '3', text: 'now', idempotencyKey: 'one' }
  const ids = async (one: SendRequest = request) => (await t.router.send(one)).map(({ id }) => id)
  const count = async () => (await t.store.log.counts()).outgoing

  it('gives the first result again, and sends nothing twice', async () => {
    const first = await t.router.submit(request)
    expect(first).to.include({ isRepeat: false })
    await t.idle()
    expect(await t.router.submit(request)).to.deep.equal({ ...first, isRepeat: true })
    expect(await ids()).to.deep.equal(first.messages.map(({ id }) => id))
    await t.idle()
    expect(t.sent.map(({ identity }) => identity)).to.deep.equal(['1', '2'])
  })

  it('gives it to a hundred at once', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => t.router.submit(request)))
    expect(new Set(all.map(({ messages }) => JSON.stringify(messages))).size).to.equal(1)
    expect(all.filter(({ isRepeat }) => !isRepeat)).to.have.length(1)
    expect(await count()).to.equal(2)
  })

  it('is given again when it has expired meanwhile, which is refused to who comes for the first time', async () => {
    const expires = new Date(t.clock.now() + 60_000)
    const [first, now] = [await ids({ ...request, expires }), await t.router.sendNow({ ...one, expires })]
    await t.advance('2m')
    expect(await ids({ ...request, expires })).to.deep.equal(first)
    expect(await t.router.sendNow({ ...one, expires })).to.deep.equal(now)
    const { idempotencyKey: _, ...plain } = { ...one, expires }
    const again = [() => t.router.send(plain), () => t.router.sendNow(plain), () => t.router.submitAll([plain], 'new')]
    for (const send of again) {
      expect(String(await rejection(send()))).to.match(/^InvalidInputError: expires: a time that is still to come/)
    }
    expect(await count()).to.equal(3)
  })

  it('knows what is made later by what was asked, and makes it for the first alone', async () => {
    let made = 0
    const later = (asked: unknown) => ({ asked, make: async () => [{ to: '1', text: `number ${++made}` }] })
    const first = await t.router.submitAll(later({ a: 1, b: 2 }), 'later')
    expect(await t.router.submitAll(later({ b: 2, a: 1 }), 'later')).to.deep.equal({ ...first, isRepeat: true })
    expect(await rejection(t.router.submitAll(later({ a: 2 }), 'later'))).to.be.instanceOf(IdempotencyMismatchError)
    expect(await rejection(t.router.submitAll(later({}), 'x'.repeat(256)))).to.include({ code: 'INVALID_INPUT' })
    expect([made, await count()]).to.deep.equal([1, 1])
    await t.router.submitAll(later({ a: 1, b: 2 }))
    expect([made, await count()]).to.deep.equal([2, 2])
  })

  it('is not told apart by the order in which things are written', async () => {
    const first = await ids()
    const { idempotencyKey, extra, tag, text, to } = request
    const other = { idempotencyKey, extra: { b: { d: null, c: [1] }, a: extra?.['a'] }, text, tag, to } as SendRequest
    expect(await ids(other)).to.deep.equal(first)
  })

  const others: readonly (readonly [string, Partial<TextRequest>])[] = [
    ['another text', { text: 'other' }],
    ['another recipient', { to: ['1', '3'] }],
    ['the recipients in another order', { to: ['2', '1'] }],
    ['another time', { at: new Date(1_800_000_000_000) }],
    ['an option', { options: { validity: 5 } }],
    ['an expiry', { expires: new Date(1_900_000_000_000) }],
    ['other data', { extra: { a: 2 } }],
  ]
  for (const [name, change] of others) {
    it(`is refused for another request: ${name}`, async () => {
      await ids()
      const error = await rejection(t.router.send({ ...request, ...change }))
      expect(error).to.be.instanceOf(IdempotencyMismatchError)
      expect(error).to.have.property('code', 'IDEMPOTENCY_MISMATCH')
      expect(await count()).to.equal(2)
    })
  }

  it('is free again after a request that was refused', async () => {
    await rejection(t.router.send({ ...request, to: '' }))
    expect(await ids()).to.have.length(2)
  })

  it('is forgotten when its time is over, by the setting', async () => {
    await t.stop()
    t = await testSwitchboard({ apps: [], settings: { idempotency: { keptFor: HOUR_MS } } })
    const first = await ids()
    await t.advance(HOUR_MS - 1)
    expect(await ids()).to.deep.equal(first)
    await t.advance(1)
    expect(await ids()).not.to.deep.equal(first)
  })

  it('remembers who was left out of a group, and sending to nobody', async () => {
    const nobody = { to: { group: 'empty' }, text: 'hi', idempotencyKey: 'n' }
    expect(await t.router.submit(nobody)).to.deep.equal({ messages: [], leftOut: [], isRepeat: false })
    expect(await t.router.submit(nobody)).to.deep.equal({ messages: [], leftOut: [], isRepeat: true })
  })

  for (const [name, idempotencyKey, text] of [
    ['an empty one', '', 'idempotencyKey: a text is expected'],
    ['a long one', 'x'.repeat(256), 'idempotencyKey: at most 255 characters are allowed, not 256'],
  ] as const) {
    it(`is refused: ${name}`, async () => {
      expect(await rejection(t.router.send({ ...request, idempotencyKey }))).to.include({ message: text })
    })
  }

  it('is not for apps, whose messages are recorded with what they work on', async () => {
    await t.stop()
    const errors: unknown[] = []
    const app = {
      name: 'sender',
      async handle(_: unknown, context: AppContext) {
        await context.send({ ...request, to: '9' }).catch((error: unknown) => errors.push(error))
      },
    }
    t = await testSwitchboard({ apps: [app] })
    await t.receive('hi')
    expect(errors[0]).to.have.property('code', 'INVALID_INPUT')
    expect(t.sent).to.deep.equal([])
  })

  describe('with sendNow', () => {
    const now: SendRequest = { to: '1', text: 'hi', idempotencyKey: 'k' }

    it('gives the first outcome', async () => {
      const first = await t.router.sendNow(now)
      expect(await t.router.sendNow(now)).to.deep.equal(first)
      expect(first).to.deep.include({ state: 'SENT', externalIds: ['fake-1'] })
      expect(t.fake.attempts).to.have.length(1)
    })

    it('waits for the outcome of a call under way', async () => {
      t.fake.hang()
      const calls = Array.from({ length: 20 }, () => t.router.sendNow(now))
      await t.advance('1s')
      t.fake.recover()
      const outcomes = await Promise.all(calls)
      expect(new Set(outcomes.map((one) => JSON.stringify(one))).size).to.equal(1)
      expect(t.fake.attempts).to.have.length(1)
    })

    it('waits no longer than it is told to', async () => {
      t.fake.hang()
      const first = t.router.sendNow(now)
      await t.advance('1s')
      const second = t.router.sendNow(now, 1_000)
      await t.advance('2s')
      expect(await second).to.include({ state: 'WAITING' })
      t.fake.recover()
      expect(await first).to.include({ state: 'SENT' })
    })

    it('throws what the first call threw', async () => {
      t.fake.failNext(1, new RequestError('no', { providerCode: '42' }))
      for (let call = 0; call < 3; call++) {
        const error = await rejection(t.router.sendNow(now))
        expect(error).to.be.instanceOf(RequestError)
        expect(error).to.include({ message: 'no', providerCode: '42' })
      }
      expect(t.fake.attempts).to.have.length(1)
    })

    it('throws that it was cancelled, if it was', async () => {
      await t.stop()
      t = await testSwitchboard({ apps: [{ name: 'censor', outgoing: () => false }] })
      for (let call = 0; call < 2; call++) {
        const error = await rejection(t.router.sendNow(now))
        expect(error).to.include({ code: 'CANCELLED', message: 'cancelled by the app "censor"' })
      }
    })

    it('says again that the outcome cannot be known', async () => {
      t.fake.hang()
      const first = rejection(t.router.sendNow(now))
      await t.advance('1m')
      const second = rejection(t.router.sendNow(now))
      for (const error of [await first, await second]) {
        expect(error).to.include({ code: 'CONNECTION', outcomeUnknown: true })
      }
      expect(t.fake.attempts).to.have.length(1)
    })

    it('says what the service was told at first, whatever was reported since', async () => {
      await t.router.sendNow(now)
      await t.fake.report('ERROR')
      expect(await t.router.sendNow(now)).to.include({ state: 'SENT' })
    })

    it('is another request than send', async () => {
      await t.router.send(now)
      expect(await rejection(t.router.sendNow(now))).to.be.instanceOf(IdempotencyMismatchError)
    })
  })

  it('records nothing of a request whose one backend is unknown', async () => {
    await t.stop()
    t = await testSwitchboard({ apps: [], backends: { fake: fakeBackend() } })
    await rejection(t.router.send({ ...request, backend: 'other' }))
    expect(await count()).to.equal(0)
    expect(await t.store.keyed.find('k', 0)).to.equal(undefined)
  })
})
