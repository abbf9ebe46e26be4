import { expect } from 'chai'
import { MessageSendError, type SendRequest } from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { defineBackend } from '../../src/backends/define.ts'
import { Caps } from '../../src/router/caps.ts'

type Cap = NonNullable<NonNullable<NonNullable<Parameters<typeof fakeBackend>[0]>['sending']>['dailyCap']>

describe('a daily cap', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  /** Tuesday, 6 January 2026, 22:00 in Nairobi. */
  const now = new Date(Date.UTC(2026, 0, 6, 19))
  const begin = async (dailyCap: Cap, sending: { readonly concurrency?: number } = {}) => {
    const backends = { fake: fakeBackend({ sending: { ...sending, dailyCap } }) }
    t = await testSwitchboard({ apps: [], backends, now, settings: { timeZone: 'Africa/Nairobi' } })
  }
  const sendMany = async (count: number, request: Partial<SendRequest> = {}) => {
    for (let n = 0; n < count; n++) await t.router.send({ to: `${n}`, text: `${n}`, ...request } as SendRequest)
    await t.idle()
  }

  it('has the rest wait until midnight of the settings’ time zone, and warns once', async () => {
    await begin({ messages: 5 })
    await sendMany(8)
    expect(t.sent).to.have.length(5)
    await t.advance('119m')
    expect(t.sent).to.have.length(5)
    await t.advance('2m')
    expect(t.sent).to.have.length(8)
    const warned = t.logs.filter(({ level, message }) => level === 'warn' && message.includes('daily cap'))
    expect(warned).to.have.length(1)
    expect(warned[0]?.fields).to.include({ backend: 'fake', until: '2026-01-06T21:00:00.000Z' })
    await sendMany(2)
    expect(t.sent).to.have.length(10)
    await sendMany(1)
    expect(t.sent, 'five of the next day').to.have.length(8 + 2)
  })

  it('lets replies and urgent messages go on, and counts them', async () => {
    await begin({ messages: 3 })
    await sendMany(2, { class: 'reply' })
    await sendMany(3)
    expect(t.sent).to.have.length(3)
    await sendMany(2, { class: 'urgent' })
    await sendMany(2, { class: 'reply' })
    await sendMany(2, { class: 'bulk' })
    expect(t.sent).to.have.length(7)
    expect(t.router.holds.isAvailable('fake'), 'only some wait').to.equal(true)
  })

  it('holds every class where none may go on', async () => {
    await begin({ messages: 1, goOn: [] })
    await sendMany(2, { class: 'urgent' })
    expect(t.sent).to.have.length(1)
  })

  it('counts parts, and gives back what was not sent', async () => {
    await begin({ parts: 4 }, { concurrency: 1 })
    t.fake.failNext(3, new MessageSendError('no such number'))
    await sendMany(3, { text: 'x'.repeat(300) })
    expect(t.sent).to.have.length(0)
    await sendMany(3, { text: 'x'.repeat(300) })
    expect(t.sent).to.have.length(2)
  })

  it('counts what it costs, and ends when that is reached', async () => {
    const dear = defineBackend({
      ...{ kind: 'dear', settings: z.strictObject({}) },
      send: async () => ({ cost: 0.4, currency: 'EUR' }),
    })
    const backends = { fake: dear({ sending: { concurrency: 1, dailyCap: { cost: 1 } } }) }
    t = await testSwitchboard({ apps: [], backends, now, settings: { timeZone: 'Africa/Nairobi' } })
    await sendMany(5)
    expect(t.sent, 'the one that reaches it is over it').to.have.length(3)
  })

  it('is not begun anew by a restart', async () => {
    await begin({ messages: 5 })
    await sendMany(3)
    await t.switchboard.router.stop(0)
    await t.switchboard.router.start()
    await sendMany(4)
    expect(t.sent).to.have.length(5)
  })

  it('is a class that others can count with', async () => {
    await begin({ messages: 5 })
    const caps = new Caps(t.store)
    const cap = { name: 'broadcast:1', limits: { parts: 5 }, expiresAt: t.clock.now() + 1_000 }
    const taken = await Promise.all([1, 2, 3, 4].map(() => caps.take(cap, 2)))
    expect(taken.filter(Boolean)).to.have.length(2)
    await caps.giveBack(cap, 2)
    expect(await caps.take(cap, 3)).to.equal(true)
    expect(await caps.take(cap, 1)).to.equal(false)
    await caps.sent(cap, 0, 1.5)
    expect(await caps.used(cap)).to.deep.include({ messages: 2, parts: 5 })
  })
})
