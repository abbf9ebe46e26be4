import { expect } from 'chai'
import type { SendRequest } from 'sms-switchboard'
import { optOut } from 'sms-switchboard/apps'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { defineBackend } from '../../src/backends/define.ts'

describe('what waits to be fetched', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const phones = defineBackend({
    ...{ kind: 'phones', settings: z.strictObject({}), reports: 'handset', removesDuplicates: true },
    send: (message, { outbox }) => outbox.add(message),
  })
  const begin = async (settings = {}) => {
    const apps = [optOut({ texts: { stop: 'bye' } })]
    t = await testSwitchboard({ apps, backends: { phones: phones({}) }, settings })
  }
  const send = async (to: string, request: Partial<SendRequest> = {}) => {
    const [message] = await t.send({ to, text: `to ${to}`, ...request } as SendRequest)
    return message?.id ?? ''
  }
  const outbox = () => t.router.means.outbox('phones')
  const lease = async (limit = 10, time = 60_000) => (await outbox().lease('one', limit, time)).map(({ text }) => text)
  const found = (id: string) => t.store.log.find(id)
  const inOneMinute = () => ({ expires: new Date(t.clock.now() + 60_000) })
  const expired = { state: 'CANCELLED', error: 'expired before it was sent' }
  const optedOut = { state: 'CANCELLED', error: 'the recipient has opted out' }

  it('is not given out any more when it has expired, and ends as cancelled', async () => {
    await begin()
    const late = await send('1', inOneMinute())
    const good = await send('2')
    await t.clock.advance(60_000)
    expect(await lease(1)).to.deep.equal(['to 2'])
    expect(await found(late)).to.include(expired)
    expect(await found(good)).to.include({ state: 'SENDING' })
    expect(await outbox().confirm(late, 'DELIVERED')).to.equal(true)
    expect(await found(late)).to.include(expired)
  })

  it('ends by itself where no gateway asks, also by the time of its class', async () => {
    await begin({ expiry: { bulk: 600_000 } })
    const own = await send('1', inOneMinute())
    const bulk = await send('2', { class: 'bulk' })
    await t.advance('2m')
    expect(await found(own)).to.include(expired)
    expect(await found(bulk)).to.include({ state: 'SENDING' })
    await t.advance('10m')
    expect(await found(bulk)).to.include(expired)
  })

  it('is unknown where a gateway had it and never confirmed', async () => {
    await begin()
    const id = await send('1', inOneMinute())
    expect(await lease(1, 90_000)).to.deep.equal(['to 1'])
    await t.advance('80s')
    expect(await found(id), 'while it is leased').to.include({ state: 'SENDING' })
    await t.advance('2m')
    expect(await found(id)).to.include({ state: 'UNKNOWN' })
    await outbox().confirm(id, 'DELIVERED')
    expect(await found(id)).to.include({ state: 'DELIVERED' })
  })

  it('is not given out when its recipient has opted out meanwhile, unless it is to go all the same', async () => {
    await begin()
    const out = await send('+15550001')
    const despite = await send('+15550001', { options: { despiteOptOut: true } })
    await send('+15550002')
    await t.receive({ text: 'stop', identity: '+15550001' })
    expect(await lease()).to.deep.equal(['to +15550001', 'to +15550002', 'bye'])
    expect(await found(out)).to.include(optedOut)
    expect(await found(despite)).to.include({ state: 'SENDING' })
  })

  it('is not given out where the opt-out is of this backend alone', async () => {
    await begin({ optOut: { per: 'backend' } })
    const out = await send('1')
    await send('2')
    await t.receive({ text: 'stop', identity: '1' })
    expect(await lease(1)).to.deep.equal(['to 2'])
    expect(await found(out)).to.include(optedOut)
  })

  it('waits while its backend is paused', async () => {
    await begin()
    await send('1')
    const since = t.clock.now()
    await t.store.pauses.begin({ backend: 'phones', cause: 'HAND', reason: '', since, probes: 0, probeAt: null })
    await t.router.holds.heard()
    expect(await lease()).to.deep.equal([])
    await t.store.pauses.end('phones', 'hand')
    await t.router.holds.heard()
    expect(await lease()).to.deep.equal(['to 1'])
  })
})
