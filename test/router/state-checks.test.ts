import { expect } from 'chai'
import {
  type CheckedMessage,
  type DeliveryReport,
  defineBackend,
  type OutgoingState,
  ServerError,
} from 'sms-switchboard'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { until } from '../support/until.ts'

const NEVER = new AbortController().signal

describe('the check of states', () => {
  let t: TestSwitchboard
  let asked: (readonly CheckedMessage[])[]
  let answer: (messages: readonly CheckedMessage[], signal: AbortSignal) => Promise<readonly DeliveryReport[]>
  let sentAs: OutgoingState
  afterEach(() => t.stop())

  const begin = async (stateChecks: object = {}) => {
    asked = []
    sentAs = 'SENT'
    answer = async () => []
    const gate = defineBackend({
      kind: 'gate',
      settings: z.strictObject({}),
      reports: 'handset',
      send: async ({ id }) => ({ externalIds: [`ext ${id}`], state: sentAs }),
      checkStates: (messages, { signal }) => {
        asked.push(messages)
        return answer(messages, signal)
      },
    })
    const mute = defineBackend({ kind: 'mute', settings: z.strictObject({}), send: async () => ({ state: 'SENDING' }) })
    t = await testSwitchboard({
      apps: [],
      backends: { gate: gate(), mute: mute() },
      settings: { stateChecks: { perSecond: 1_000_000, ...stateChecks } },
    })
  }
  const send = async (count = 1, backend = 'gate') => {
    const ids: string[] = []
    for (let index = 0; index < count; index++) {
      const [message] = await t.send({ to: `+25471100000${index}`, text: 'hi', backend })
      ids.push(message?.id ?? '')
    }
    return ids
  }
  const stateOf = async (id = '') => (await t.store.log.find(id))?.state
  const check = () => t.router.checkStates(NEVER)
  const tally = (values: object) => ({ backend: 'gate', asked: 0, changed: 0, failed: 0, timedOut: 0, ...values })
  const idsAsked = () => asked.map((batch) => batch.map(({ id }) => id))
  const delivered = (messages: readonly CheckedMessage[]) =>
    messages.flatMap(({ externalIds }) =>
      externalIds.map((externalId) => ({ externalId, state: 'DELIVERED' as const })),
    )

  it('asks in batches, the oldest first, and records what is said', async () => {
    await begin({ batch: 2 })
    const ids = await send(5)
    await t.advance('2m')
    answer = async (messages) => delivered(messages)
    const [first, last] = await Promise.all([check(), t.advance('1s')])
    expect(last).to.equal(undefined)
    expect(first).to.deep.equal([tally({ asked: 5, changed: 5 })])
    expect(idsAsked()).to.deep.equal([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)])
    expect(await Promise.all(ids.map(stateOf))).to.deep.equal(Array(5).fill('DELIVERED'))
    expect(await check()).to.deep.equal([tally({})])
  })

  it('leaves those alone that were given a moment ago', async () => {
    await begin()
    await send()
    await t.advance('59s')
    expect(await check()).to.deep.equal([tally({})])
    await t.advance('2s')
    expect(await check()).to.deep.equal([tally({ asked: 1 })])
  })

  it('asks no more about what is older than the settings say', async () => {
    await begin({ maxAge: 3_600_000 })
    await send()
    await t.advance('61m')
    expect(await check()).to.deep.equal([tally({})])
  })

  it('keeps no answer that says what is known, or that is about something else', async () => {
    await begin()
    const [id = ''] = await send()
    await t.advance('2m')
    answer = async () => [
      { externalId: `ext ${id}`, state: 'SENT' },
      { externalId: `ext ${id}`, code: 'odd' },
      { externalId: 'another', state: 'DELIVERED' },
      { identity: '+254711000000', state: 'DELIVERED' },
    ]
    expect(await check()).to.deep.equal([tally({ asked: 1 })])
    expect(await t.store.log.reports(id)).to.deep.equal([])
    expect(await stateOf(id)).to.equal('SENT')
  })

  it('goes on after a question that failed, and gives up after three in a row', async () => {
    await begin({ batch: 1 })
    const ids = await send(8)
    await t.advance('2m')
    const fails = (place: number) => place === 0 || place > 2
    answer = async (messages) => {
      if (fails(asked.length - 1)) throw new ServerError('away')
      return delivered(messages)
    }
    const [checks] = await Promise.all([check(), t.advance('1s')])
    expect(checks).to.deep.equal([tally({ asked: 6, changed: 2, failed: 4 })])
    expect(await Promise.all(ids.slice(0, 4).map(stateOf))).to.deep.equal(['SENT', 'DELIVERED', 'DELIVERED', 'SENT'])
    expect(t.logs.filter(({ message }) => message === 'a service could not be asked about states')).to.have.length(4)
  })

  it('waits for no service for ever', async () => {
    await begin()
    await send()
    await t.advance('2m')
    let signal: AbortSignal | undefined
    answer = (_, given) => {
      signal = given
      return new Promise(() => {})
    }
    const checking = check()
    await t.advance('3m')
    expect(await checking).to.deep.equal([tally({ asked: 1, failed: 1 })])
    expect(signal?.aborted).to.equal(true)
  })

  it('asks about a message whose outcome is not known, and about one that was given up', async () => {
    await begin({ idleAfter: 60_000, idleState: 'ERROR' })
    sentAs = 'SENDING'
    const [id] = await send()
    await t.advance('2m')
    expect(await check()).to.deep.equal([tally({ asked: 1, timedOut: 1 })])
    expect(await t.store.log.find(id ?? '')).to.include({ state: 'ERROR', error: 'timed out' })
    await t.advance('2m')
    answer = async (messages) => delivered(messages)
    expect(await check()).to.deep.equal([tally({ asked: 1, changed: 1 })])
    expect(await stateOf(id)).to.equal('DELIVERED')
  })

  it('settles what was never confirmed, with one warning for all of it', async () => {
    await begin({ idleAfter: 600_000 })
    sentAs = 'SENDING'
    const [first] = await send(2)
    await send(3, 'mute')
    await t.advance('11m')
    sentAs = 'SENT'
    const [confirmed] = await send()
    const checks = await check()
    expect(checks?.map(({ backend, timedOut }) => [backend, timedOut])).to.deep.equal([
      ['gate', 2],
      ['mute', 3],
    ])
    expect([await stateOf(first), await stateOf(confirmed)]).to.deep.equal(['UNKNOWN', 'SENT'])
    const warnings = t.logs.filter(({ level }) => level === 'warn')
    expect(warnings.map(({ fields }) => fields)).to.deep.equal([
      { state: 'UNKNOWN', idleAfter: 600_000, backends: { gate: 2, mute: 3 } },
    ])
  })

  it('is done by one process at a time', async () => {
    await begin()
    await send()
    await t.advance('2m')
    let release = () => {}
    const released = new Promise<readonly DeliveryReport[]>((resolve) => {
      release = () => resolve([])
    })
    answer = () => released
    const first = check()
    await until('the first question', () => asked.length === 1)
    expect(await check()).to.equal(undefined)
    release()
    expect(await first).to.deep.equal([tally({ asked: 1 })])
    answer = async () => []
    expect(await check()).to.deep.equal([tally({ asked: 1 })])
  })

  it('is done each interval where the settings have one', async () => {
    await begin({ interval: 600_000 })
    const [id] = await send()
    answer = async (messages) => (asked.length < 3 ? [] : delivered(messages))
    for (const count of [1, 1, 2, 3]) {
      await t.advance(count === 1 && asked.length === 0 ? '61s' : '5m')
      await t.advance('5m')
      expect(asked.length, `${count}`).to.be.at.least(count)
    }
    expect(await stateOf(id)).to.equal('DELIVERED')
  })

  it('is never done where they have none', async () => {
    await begin()
    await send()
    await t.advance('30m')
    expect(asked).to.deep.equal([])
  })
})
