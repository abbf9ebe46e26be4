import { expect } from 'chai'
import { defineBackend, IdempotencyMismatchError, InvalidInputError } from 'sms-switchboard'
import { type FakeBackend, fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { echo } from '../../src/apps/echo.ts'
import type { BroadcastProgress, BroadcastTo } from '../../src/router/broadcast-request.ts'
import type { BroadcastState } from '../../src/store/broadcast-store.ts'
import { rejection } from '../support/rejection.ts'
import { until } from '../support/until.ts'

const people = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `2547${String(from + index).padStart(8, '0')}`)

const PATIENCE_MS = 30_000

describe('a broadcast', function () {
  this.timeout(2 * PATIENCE_MS)
  let t: TestSwitchboard
  let fake: FakeBackend

  const begin = async (settings = {}) => {
    fake = fakeBackend({ sending: { concurrency: 50, firstDelay: 1_000 } })
    t = await testSwitchboard({ apps: [echo()], backends: { fake }, settings })
  }
  beforeEach(() => begin())
  afterEach(() => t.stop())

  const soon = <T>(what: string, ask: () => T | undefined | false | Promise<T | undefined | false>) =>
    until(what, ask, PATIENCE_MS)
  const progress = async (id: string): Promise<BroadcastProgress> => {
    const found = await t.router.broadcasts.find(id)
    if (found === undefined) throw new Error('the broadcast is not there')
    return found
  }
  /** The clock moves on, since whoever runs broadcasts looks again after a while. */
  const reached = (id: string, state: BroadcastState) =>
    soon(`the broadcast ${state}`, async () => {
      await t.advance('100ms')
      const now = await progress(id)
      return now.state === state ? now : undefined
    })
  const texts = () => fake.sent.map(({ identity, text }) => [identity, text])

  it('sends everybody the text, once, in the order given', async () => {
    const { id, state, recipients } = await t.router.broadcast(people(3), { text: 'hello', name: 'greeting' })
    expect({ state, recipients }).to.deep.equal({ state: 'RUNNING', recipients: 3 })
    const done = await reached(id, 'DONE')
    expect(done).to.deep.include({ sent: 3, waiting: 0, expanded: 3, messages: 3, faults: 0, name: 'greeting' })
    expect(texts()).to.deep.equal(people(3).map((identity) => [identity, 'hello']))
    expect(fake.sent[0]?.class).to.equal('bulk')
  })

  it('counts what is reported later', async () => {
    const { id } = await t.router.broadcast(people(2), { text: 'hello' })
    await reached(id, 'DONE')
    await fake.report('DELIVERED')
    expect(await progress(id)).to.deep.include({ sent: 1, delivered: 1 })
  })

  it('keeps a bounded number of its messages open, however many its recipients are', async () => {
    fake.hang()
    const { id } = await t.router.broadcast(people(1_500), { text: 'hello' })
    await soon('a full window', async () => (await progress(id)).messages === 1_000)
    await t.clock.advance(500)
    expect(await progress(id)).to.deep.include({ messages: 1_000, expanded: 1_000, recipients: 1_500 })
    fake.recover()
    expect(await reached(id, 'DONE')).to.deep.include({ messages: 1_500, sent: 1_500 })
    expect(new Set(fake.sent.map(({ identity }) => identity)).size).to.equal(1_500)
  })

  it('lets a reply go first', async () => {
    fake.hang()
    const { id } = await t.router.broadcast(people(200), { text: 'hello' })
    await soon('all slots taken', () => fake.hanging === 50)
    await t.router.receive('fake', { identity: '254799999999', text: 'echo ping' })
    await soon('the reply waits', async () => {
      const lanes = await t.store.openLanes('outgoing', undefined, 1_000)
      return lanes.some(({ lane }) => lane.kind === 'outgoing' && lane.class === 'reply')
    })
    fake.recover()
    await reached(id, 'DONE')
    const place = fake.sent.findIndex(({ class: name }) => name === 'reply')
    expect(place).to.be.within(50, 51)
  })

  describe('and its recipients', () => {
    const sentTo = async (recipients: Parameters<TestSwitchboard['router']['broadcast']>[0], text = 'hello') => {
      const { id } = await t.router.broadcast(recipients, { text })
      return reached(id, 'DONE')
    }

    it('are read from anything that can be iterated over', async () => {
      async function* numbers() {
        yield* people(2)
        yield { backend: 'fake', identity: '254711111111' }
      }
      await sentTo(numbers())
      expect(texts().map(([identity]) => identity)).to.deep.equal([...people(2), '254711111111'])
    })

    it('are each taken in once, by the form in which a number is recorded', async () => {
      const done = await sentTo(['+254 700 000 001', '+254700000001', '+254-(700)-000001', '254700000002'])
      expect(done).to.deep.include({ recipients: 2, duplicates: 2, messages: 2 })
    })

    it('bring values of their own for the text', async () => {
      await sentTo(
        [
          { to: '254700000001', params: { name: 'Ann' } },
          { to: '254700000002', params: { name: 'Bo' } },
        ],
        'Hi {{ name }}',
      )
      expect(texts()).to.deep.equal([
        ['254700000001', 'Hi Ann'],
        ['254700000002', 'Hi Bo'],
      ])
    })

    it('bring values of their own for the template, over those of the request', async () => {
      await t.router.templates.save({ slug: 'hi', body: 'Hi {{ name }}, {{ when }}' })
      const template = { slug: 'hi', context: { name: 'you', when: 'soon' } }
      const recipients = [{ to: '254700000001', params: { name: 'Ann' } }, '254700000002']
      const { id } = await t.router.broadcast(recipients, { template })
      await reached(id, 'DONE')
      expect(texts()).to.deep.equal([
        ['254700000001', 'Hi Ann, soon'],
        ['254700000002', 'Hi you, soon'],
      ])
    })

    it('get a text as it is where they bring none', async () => {
      await sentTo(['254700000001'], 'Use {{ name }}')
      expect(texts()).to.deep.equal([['254700000001', 'Use {{ name }}']])
    })

    it('are told apart from faults, which are kept with their place and stop nobody else', async () => {
      const given = [
        '254700000001',
        '',
        'nobody',
        '2.547E+11',
        { to: '254700000002', position: 40 },
        { to: '254700000003', params: { other: 1 } },
        { contact: 'unknown' },
        { backend: 'else', identity: '1' },
        7,
        null,
      ]
      const done = await sentTo(given as BroadcastTo[], 'Hi')
      expect(done).to.deep.include({ recipients: 3, faults: 7, messages: 3 })
      const faults = await t.router.broadcasts.faults(done.id)
      expect(faults.map(({ position }) => position)).to.deep.equal([2, 3, 4, 42, 43, 44, 45])
      expect(faults[1]?.error).to.contain('no digit')
    })

    it('for whom no message can be made are faults as well', async () => {
      const done = await sentTo(
        [
          { to: '254700000001', params: { name: 'Ann' } },
          { to: '254700000002', params: {} },
        ],
        'Hi {{ name }}',
      )
      expect(done).to.deep.include({ recipients: 2, expanded: 2, faults: 1, messages: 1, sent: 1 })
      expect((await t.router.broadcasts.faults(done.id))[0]).to.deep.include({ position: 2 })
    })

    it('can be a group, or the contacts that a query finds', async () => {
      const [one = '', two = ''] = people(2)
      for (const [number, language] of [
        [one, 'en'],
        [two, 'sw'],
      ] as const) {
        await t.router.contacts.create({
          name: number,
          language,
          connections: [{ backend: 'fake', identity: number }],
          groups: ['all'],
        })
      }
      await t.router.contacts.create({ name: 'nowhere', groups: ['all'] })
      expect(await sentTo({ group: 'all' })).to.deep.include({ recipients: 2, faults: 1 })
      expect(await sentTo({ contacts: { language: 'sw' } })).to.deep.include({ recipients: 1, faults: 0 })
      expect(await sentTo([{ group: 'all' }, one])).to.deep.include({ recipients: 2, duplicates: 1 })
      expect(fake.sent.length).to.equal(5)
    })
  })

  describe('that nobody can get', () => {
    it('fails when none of its recipients is good', async () => {
      const failed = await t.router.broadcast(['', 'x'], { text: 'hello' })
      expect(failed).to.deep.include({ state: 'FAILED', reason: 'none of its recipients is good', faults: 2 })
      expect(await t.router.broadcast([], { text: 'hello' })).to.deep.include({ state: 'FAILED' })
    })

    it('fails when it is strict and a single one is bad', async () => {
      const failed = await t.router.broadcast(['254700000001', ''], { text: 'hello', strict: true })
      expect(failed.state).to.equal('FAILED')
      await t.advance('5s')
      expect(fake.sent).to.deep.equal([])
    })

    it('fails when it is strict and the text lacks a value for a single one', async () => {
      const lacking = [
        { to: '254700000001', params: { name: 'Ann' } },
        { to: '254700000002', params: { other: 'x' } },
      ]
      const failed = await t.router.broadcast(lacking, { text: 'Hello {{ name }}', strict: true })
      expect(failed).to.deep.include({ state: 'FAILED', recipients: 1, faults: 1 })
      await t.advance('5s')
      expect(fake.sent).to.deep.equal([])
    })

    it('takes no number that a spreadsheet has broken, or that there cannot be', async () => {
      await t.stop()
      await begin({ numbers: { region: 'KE' } })
      const bad = ['07228000', '254722800019.0', '+25472280001199999', '2.54E+11']
      const { recipients, faults } = await t.router.broadcast(['0722800011', ...bad, '20880'], { text: 'hello' })
      expect({ recipients, faults }).to.deep.equal({ recipients: 2, faults: bad.length })
    })

    it('fails with what its source throws, and sends nothing to those before', async () => {
      function* broken() {
        yield* people(600)
        throw new Error('the file ended in the middle')
      }
      const thrown = await rejection(t.router.broadcast(broken(), { text: 'hello' }))
      expect(String(thrown)).to.contain('in the middle')
      const [failed] = await t.router.broadcasts.list()
      expect(failed).to.deep.include({ state: 'FAILED', recipients: 500 })
      expect(failed?.reason).to.contain('in the middle')
      await t.advance('5s')
      expect(fake.sent).to.deep.equal([])
    })

    it('is failed by whoever runs broadcasts when its taking-in was heard of no more', async () => {
      const now = t.clock.now()
      const row = { id: 'b', name: null, tag: null, key: 'k', request: {}, startAt: 0, createdAt: now, holder: 'gone' }
      await t.store.broadcasts.create({ ...row, heldUntil: now + 30_000 })
      await t.advance('29s')
      expect((await progress('b')).state).to.equal('TAKING')
      await t.advance('62s')
      const failed = await reached('b', 'FAILED')
      expect(failed.reason).to.contain('broke off')
    })

    for (const [what, request] of Object.entries({
      'no text': {},
      'an unknown class': { text: 'x', class: 'slow' },
      'an unknown backend': { text: 'x', backend: 'nope' },
      'a rate of nothing': { text: 'x', rate: 0 },
      'a rate that is no number': { text: 'x', rate: 'fast' },
      'a cap of nothing': { text: 'x', cap: {} },
      'half a message as a cap': { text: 'x', cap: { messages: 0.5 } },
      'a template that is not there': { template: { slug: 'nope' } },
      'a long name': { text: 'x', name: 'n'.repeat(201) },
    })) {
      it(`is refused with ${what}, and not kept`, async () => {
        const thrown = await rejection(t.router.broadcast(people(1), request as { text: string }))
        expect(thrown).to.be.instanceOf(InvalidInputError)
        expect(await t.router.broadcasts.list()).to.deep.equal([])
      })
    }

    it('is refused with a text in place of its recipients', async () => {
      for (const given of ['254700000001', null, 7, {}]) {
        const thrown = await rejection(t.router.broadcast(given as unknown as string[], { text: 'x' }))
        expect(thrown).to.be.instanceOf(InvalidInputError)
      }
    })
  })

  describe('with an idempotency key', () => {
    it('is begun once, and its recipients are read once', async () => {
      const request = { text: 'hello', idempotencyKey: 'k' }
      const first = await t.router.broadcast(people(2), request)
      const again = await t.router.broadcast(people(9), request)
      expect(again.id).to.equal(first.id)
      await reached(first.id, 'DONE')
      expect(fake.sent.length).to.equal(2)
      const other = await rejection(t.router.broadcast(people(2), { ...request, text: 'else' }))
      expect(other).to.be.instanceOf(IdempotencyMismatchError)
    })

    it('is begun anew after one that failed', async () => {
      const request = { text: 'hello', idempotencyKey: 'k' }
      expect((await t.router.broadcast([''], request)).state).to.equal('FAILED')
      const { id } = await t.router.broadcast(people(1), request)
      await reached(id, 'DONE')
      expect(fake.sent.length).to.equal(1)
    })
  })

  describe('under way', () => {
    const WINDOW = 1_000
    let id: string
    /** As many as may be open, of which 50 hang in the service. */
    beforeEach(async () => {
      fake.hang()
      id = (await t.router.broadcast(people(1_200), { text: 'hello' })).id
      await soon('a full window', async () => (await progress(id)).messages === WINDOW && fake.hanging === 50)
    })
    const held = () => soon('it is held', async () => (await t.store.broadcasts.find(id))?.held)

    it('is paused: what no service was given waits, and goes on when it is resumed', async () => {
      await t.router.broadcasts.pause(id)
      await held()
      fake.recover()
      await t.advance('10s')
      expect(fake.sent.length).to.equal(50)
      expect(await progress(id)).to.deep.include({ state: 'PAUSED', waiting: WINDOW - 50, sent: 50 })
      await t.router.broadcasts.resume(id)
      expect(await reached(id, 'DONE')).to.deep.include({ sent: 1_200, messages: 1_200 })
    })

    it('lets others through while it is paused', async () => {
      await t.router.broadcasts.pause(id)
      await held()
      fake.recover()
      await t.router.send({ to: people(1, 60), text: 'mine', class: 'bulk' })
      await t.idle()
      expect(texts()).to.deep.include([people(1, 60)[0], 'mine'])
    })

    it('is cancelled: what no service was given is CANCELLED, and nobody else gets anything', async () => {
      await t.router.broadcasts.cancel(id)
      await soon('all but those in hand are cancelled', async () => (await progress(id)).cancelled === WINDOW - 50)
      expect((await progress(id)).state).to.equal('CANCELLING')
      fake.recover()
      const cancelled = await reached(id, 'CANCELLED')
      expect(cancelled).to.deep.include({ sent: 50, cancelled: WINDOW - 50, messages: WINDOW, recipients: 1_200 })
      expect(fake.sent.length).to.equal(50)
      expect(await rejection(t.router.broadcasts.resume(id))).to.be.instanceOf(InvalidInputError)
      expect(await rejection(t.router.broadcasts.cancel(id))).to.be.instanceOf(InvalidInputError)
    })

    it('cancels what would be tried again', async () => {
      await t.router.broadcasts.cancel(id)
      fake.recover()
      await reached(id, 'CANCELLED')
      fake.failAlways()
      const other = await t.router.broadcast(people(3), { text: 'again' })
      await soon('all have failed once', () => fake.attempts.length === 53)
      await t.router.broadcasts.cancel(other.id)
      expect(await reached(other.id, 'CANCELLED')).to.deep.include({ cancelled: 3, sending: 0 })
    })
  })

  it('cannot be paused, resumed or cancelled when there is none', async () => {
    for (const act of ['pause', 'resume', 'cancel'] as const)
      expect(await rejection(t.router.broadcasts[act]('nope'))).to.be.instanceOf(InvalidInputError)
    expect(await t.router.broadcasts.find('nope')).to.equal(undefined)
  })

  it('cancelled while its recipients are taken in sends nothing', async () => {
    const [first = '', second = ''] = people(2)
    async function* numbers() {
      yield first
      const [taking] = await t.router.broadcasts.list()
      await t.router.broadcasts.cancel(taking?.id ?? '')
      yield second
    }
    const thrown = await rejection(t.router.broadcast(numbers(), { text: 'hello' }))
    expect(thrown).to.have.property('code', 'STALE_RESULT')
    await t.advance('1s')
    expect((await t.router.broadcasts.list())[0]?.state).to.equal('CANCELLED')
    expect(fake.sent).to.deep.equal([])
  })

  it('begins at its time', async () => {
    const at = new Date(t.clock.now() + 3_600_000)
    const { id } = await t.router.broadcast(people(2), { text: 'hello', at })
    await t.advance('59m')
    expect(await progress(id)).to.deep.include({ messages: 0, expanded: 0, at })
    await t.advance('62s')
    expect(fake.sent.length).to.equal(2)
  })

  it('keeps to its rate, in message parts', async () => {
    const { id } = await t.router.broadcast(people(60), { text: 'a'.repeat(200), rate: 10 })
    await t.advance('5s')
    expect(fake.sent.length).to.be.within(20, 30)
    await t.advance('8s')
    expect((await progress(id)).sent).to.equal(60)
  })

  describe('with a cap', () => {
    it('stops after so many messages, and says so', async () => {
      const { id } = await t.router.broadcast(people(500), { text: 'hello', cap: { messages: 250 } })
      const capped = await reached(id, 'CAPPED')
      expect(capped).to.deep.include({ messages: 250, reason: 'its cap was reached: 250 messages' })
      await t.advance('1s')
      expect(fake.sent.length).to.equal(250)
    })

    it('stops before it costs more, by what the service tells', async () => {
      await t.stop()
      const priced = defineBackend({
        kind: 'priced',
        settings: z.strictObject({}),
        send: async ({ id: externalId }) => ({ externalIds: [externalId], cost: 0.5 }),
      })
      t = await testSwitchboard({ apps: [], backends: { priced: priced({ sending: { concurrency: 5 } }) } })
      const { id } = await t.router.broadcast(people(500), { text: 'hello', cap: { cost: 30 } })
      const capped = await reached(id, 'CAPPED')
      expect(capped.reason).to.contain('a cost of 30')
      await t.advance('1s')
      expect((await progress(id)).sent).to.equal(60)
    })

    it('ends as DONE when it has exactly as many', async () => {
      const { id } = await t.router.broadcast(people(5), { text: 'hello', cap: { messages: 5 } })
      expect((await reached(id, 'DONE')).messages).to.equal(5)
    })
  })

  it('is not sent to who has opted out, and too late to nobody', async () => {
    const [first = ''] = people(1)
    const contact = await t.router.contacts.create({
      name: 'Out',
      connections: [{ backend: 'fake', identity: first }],
    })
    await t.router.contacts.change(contact.id, { optedOut: true })
    const { id } = await t.router.broadcast(people(2), { text: 'hello' })
    expect(await reached(id, 'DONE')).to.deep.include({ sent: 1, cancelled: 1 })
    const times = { at: new Date(t.clock.now() + 60_000), expires: new Date(t.clock.now() + 60_001) }
    const late = await t.router.broadcast(people(2), { text: 'late', ...times })
    await t.router.broadcasts.pause(late.id)
    await t.advance('2m')
    await t.router.broadcasts.resume(late.id)
    expect(await reached(late.id, 'DONE')).to.deep.include({ sent: 0, cancelled: 2 })
  })

  it('is refused when it is over already, but not when it is repeated under its key', async () => {
    const request = { text: 'hello', expires: new Date(t.clock.now() + 60_000), idempotencyKey: 'k' }
    const { id } = await t.router.broadcast(people(2), request)
    await t.advance('2m')
    expect((await t.router.broadcast(people(2), request)).id).to.equal(id)
    const error = await rejection(t.router.broadcast(people(2), { ...request, idempotencyKey: 'other' }))
    expect(String(error)).to.match(/^InvalidInputError: expires: a time that is still to come is expected/)
    const [refused] = await t.router.broadcasts.list()
    expect(refused).to.deep.include({ state: 'FAILED', recipients: 0, messages: 0 })
  })

  it('is listed, the newest first, page by page', async () => {
    const ids: string[] = []
    for (const name of ['a', 'b', 'c']) ids.unshift((await t.router.broadcast(people(1), { text: 'x', name })).id)
    expect((await t.router.broadcasts.list()).map(({ id }) => id)).to.deep.equal(ids)
    const page = await t.router.broadcasts.list({ limit: 2, ...(ids[0] === undefined ? {} : { before: ids[0] }) })
    expect(page.map(({ name }) => name)).to.deep.equal(['b', 'a'])
  })
})
