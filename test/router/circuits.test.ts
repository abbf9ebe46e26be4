import { expect } from 'chai'
import { ConnectionError, MessageSendError, ServerError } from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { defineBackend } from '../../src/backends/define.ts'

type FakeInput = Parameters<typeof fakeBackend>[0]

describe('a circuit', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const begin = async (input: FakeInput = {}) => {
    t = await testSwitchboard({ apps: [], backends: { fake: fakeBackend(input) } })
  }
  const sendMany = async (count: number, from = 0) => {
    for (let n = from; n < from + count; n++) await t.router.send({ to: `${n}`, text: `${n}` })
    await t.idle()
  }
  const isOpen = () => !t.router.holds.isAvailable('fake')
  const sending = { attempts: 100 }

  it('opens when a service fails time after time, and has one message tried now and then', async () => {
    await begin({ sending })
    t.fake.failAlways()
    await sendMany(50)
    expect(isOpen(), 'so soon after the first one').to.equal(false)
    await t.advance('1m')
    expect(isOpen()).to.equal(true)
    const before = t.fake.attempts.length
    await t.advance('5m')
    // From the opening on after 5, 15, 35, 75 seconds, then each minute.
    expect(t.fake.attempts.length - before).to.be.within(4, 8)
    const told = t.logs.filter(({ level, message }) => level === 'warn' && message.includes('in a row'))
    expect(told).to.have.length(1)
  })

  it('closes by a success, and all that waits is sent', async () => {
    await begin({ sending })
    t.fake.failAlways()
    await sendMany(50)
    await t.advance('40s')
    expect(isOpen()).to.equal(true)
    t.fake.recover()
    await t.advance('1m')
    expect(isOpen()).to.equal(false)
    await t.advance('10m')
    expect(t.sent).to.have.length(50)
  })

  it('spares messages the time limit that each of them would run into', async () => {
    await begin({ sending: { ...sending, timeLimit: 30_000, concurrency: 5, circuit: { failures: 5 } } })
    t.fake.hang()
    for (let n = 0; n < 40; n++) await t.router.send({ to: `${n}`, text: `${n}` })
    await t.advance('30s')
    expect(isOpen()).to.equal(true)
    const before = t.fake.attempts.length
    await t.advance('4m')
    expect(t.fake.attempts.length - before).to.be.within(1, 5)
  }).timeout(60_000)

  it('stays closed while some get through, or are refused for themselves', async () => {
    await begin({ sending })
    for (let n = 0; n < 20; n++) {
      t.fake.failNext(9)
      await sendMany(9, n * 100)
      t.fake.failNext(1, new MessageSendError('no such number'))
      await sendMany(1, n * 100 + 50)
      await t.advance('4s')
    }
    expect(isOpen()).to.equal(false)
  }).timeout(60_000)

  it('never opens where settings say so', async () => {
    await begin({ sending: { ...sending, circuit: false } })
    t.fake.failAlways(new ConnectionError('away'))
    await sendMany(20)
    await t.advance('5m')
    expect(isOpen()).to.equal(false)
  })

  it('counts a request that carries many messages once', async () => {
    let calls = 0
    const batches = defineBackend({
      ...{ kind: 'batches', settings: z.strictObject({}), batchLimit: 100 },
      sendBatch: async () => {
        calls++
        throw new ServerError('down')
      },
    })
    const circuit = { failures: 3, silence: 0 }
    t = await testSwitchboard({
      ...{ apps: [], backends: { fake: batches({ sending: { ...sending, concurrency: 1, circuit } }) } },
    })
    await t.send({ to: Array.from({ length: 20 }, (_, n) => `${n}`), text: 'hi' })
    expect(calls).to.equal(1)
    expect(isOpen()).to.equal(false)
    await t.advance('20s')
    expect(isOpen()).to.equal(true)
    const before = calls
    await t.advance('1m')
    expect(calls - before).to.be.within(2, 5)
  })

  it('gives up what expires meanwhile', async () => {
    await begin({
      sending: { ...sending, circuit: { failures: 1, silence: 0, firstProbe: 3_600_000, longestProbe: 3_600_000 } },
    })
    t.fake.failAlways()
    await sendMany(1)
    const [message] = await t.send({ to: 'late', text: 'late', expires: new Date(t.clock.now() + 60_000) })
    await t.advance('3m')
    expect(await t.store.log.find(message?.id ?? '')).to.include({ state: 'CANCELLED' })
  })
})
