import { expect } from 'chai'
import { z } from 'zod'
import { defineBackend } from '../../src/backends/define.ts'
import { InvalidInputError, type ReceivedPart, type SendTools, ServerError } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { Polling } from '../../src/router/polling.ts'
import { type TestSwitchboard, testSwitchboard } from '../../src/testing/index.ts'
import { rejection } from '../support/rejection.ts'

const none = z.strictObject({})

/** A switchboard with one backend, the tools that it was started with, and what apps got. */
async function started(definition: Omit<Parameters<typeof defineBackend>[0], 'settings' | 'kind'>, input: object = {}) {
  let tools: SendTools<unknown> | undefined
  const gateway = defineBackend({
    ...definition,
    kind: 'gateway',
    settings: none,
    async start(given) {
      tools = given
    },
  })
  const messages: { text: string; externalId: string | null; fields: object; identity: string }[] = []
  const witness = {
    name: 'witness',
    handle({ text, externalId, fields, identity }: (typeof messages)[number]) {
      messages.push({ text, externalId, fields, identity })
    },
  }
  const t = await testSwitchboard({ apps: [witness], backends: { gateway: gateway(input) } })
  if (tools === undefined) throw new Error('the backend was not started')
  return { t, tools, messages }
}

describe('parts of a long message', () => {
  let t: TestSwitchboard
  let tools: SendTools<unknown>
  let messages: Awaited<ReturnType<typeof started>>['messages']
  beforeEach(async () => {
    ;({ t, tools, messages } = await started({}, { joinTimeLimit: 60_000 }))
  })
  afterEach(() => t.stop())

  const take = async (values: Partial<ReceivedPart>) => {
    const taken = await tools.receivePart({
      identity: 'ann',
      address: '2020',
      reference: '8:1',
      total: 3,
      number: 1,
      content: 'text',
      ...values,
    })
    await t.idle()
    return taken
  }

  it('are joined in their order, whatever the order they come in, and repeats are ignored', async () => {
    expect(await take({ number: 3, content: 'three' })).to.deep.equal({ duplicate: false, id: null })
    expect(await take({ number: 1, content: 'one ', fields: { operator: 'x' } })).to.include({ id: null })
    expect(await take({ number: 1, content: 'one ' })).to.deep.equal({ duplicate: true, id: null })
    expect(messages).to.deep.equal([])
    const { id } = await take({ number: 2, content: 'two ' })
    expect(messages).to.have.length(1)
    expect(messages[0]).to.deep.include({ text: 'one two three', identity: 'ann', fields: { operator: 'x' } })
    expect(await t.store.log.find(id ?? '')).to.include({ address: '2020', text: 'one two three' })
    expect(await take({ number: 3, content: 'three' })).to.deep.equal({ duplicate: true, id })
    await t.advance('10m')
    expect(messages).to.have.length(1)
  })

  it('may cut a character apart', async () => {
    const bytes = Buffer.from('😀', 'utf16le').swap16()
    await take({ total: 2, number: 2, content: { bytes: bytes.subarray(2), coding: 'ucs2' } })
    await take({ total: 2, number: 1, content: { bytes: bytes.subarray(0, 2), coding: 'ucs2' } })
    expect(messages.map(({ text }) => text)).to.deep.equal(['😀'])
  })

  it('are handed on without the missing ones when their time is over, and once', async () => {
    await take({ number: 1, content: 'one ' })
    await take({ number: 3, content: 'three' })
    await t.advance(59_000)
    expect(messages).to.deep.equal([])
    await t.advance(31_000)
    expect(messages.map(({ text, fields }) => ({ text, fields }))).to.deep.equal([
      { text: 'one three', fields: { missingParts: [2] } },
    ])
    await t.advance('1h')
    expect(messages).to.have.length(1)
  })

  it('are handed on although more than can be looked at in one go stand before them and cannot be recorded', async () => {
    const values = { address: null, reference: '8:1', total: 2, number: 1, text: 'x', hex: null, coding: null }
    const rest = { digest: 'x', fields: {}, externalId: null, receivedAt: 0, dueAt: 0 }
    for (let index = 0; index < 250; index++) {
      const [groupId, identity] = [`group-${index}`, `person-${index}`]
      await t.store.parts.add({ ...values, ...rest, groupId, identity, backend: 'no longer in the settings' })
    }
    await take({ number: 1, content: 'here' })
    await t.advance(120_000)
    expect(messages.map(({ text }) => text)).to.deep.equal(['here'])
  })

  it('that are complete on disk and were not recorded, as by a crash, are recorded once', async () => {
    await take({ total: 2, number: 1, content: 'a' })
    const [group] = await t.store.parts.due(Number.MAX_SAFE_INTEGER, 1)
    const { id } = await t.router.receive('gateway', { identity: 'ann', text: 'ab', externalId: `joined-${group?.id}` })
    await take({ total: 2, number: 2, content: 'b' })
    expect(await take({ total: 2, number: 2, content: 'b' })).to.deep.equal({ duplicate: true, id })
    expect(messages).to.have.length(1)
  })

  it('of one, of none and of very many are messages by themselves', async () => {
    for (const [total, number] of [
      [1, 1],
      [0, 0],
      [3, 4],
      [300, 1],
      [2.5, 1],
      [Number.NaN, 1],
    ] as const) {
      await take({ total, number, content: `${total}`, externalId: `${total}` })
    }
    expect(messages).to.have.length(6)
  })
})

describe('an outbox', () => {
  const outboxed = () =>
    started({ removesDuplicates: true, reports: 'handset', send: (message, { outbox }) => outbox.add(message) })

  it('leases messages until they are confirmed, and what is confirmed is reported', async () => {
    const { t, tools } = await outboxed()
    try {
      const [first] = await t.send({ to: 'ann', text: 'one' })
      const [second] = await t.send({ to: 'ann', text: 'two' })
      const ids = [first?.id, second?.id]
      const state = async (index: number) => (await t.store.log.find(ids[index] ?? ''))?.state
      expect(await state(0)).to.equal('SENDING')
      const leased = await tools.outbox.lease('phone', 10, 60_000)
      expect(leased.map(({ id, text, tries }) => ({ id, text, tries }))).to.deep.equal([
        { id: ids[0], text: 'one', tries: 1 },
        { id: ids[1], text: 'two', tries: 1 },
      ])
      expect(await tools.outbox.confirm(ids[0] ?? '', 'SENT')).to.equal(true)
      expect(await state(0)).to.equal('SENT')
      await t.advance('60s')
      expect((await tools.outbox.lease('other', 10, 60_000)).map(({ id }) => id)).to.deep.equal([ids[1]])
      // The first device is late: its word counts all the same, and again.
      for (let times = 0; times < 2; times++) {
        expect(await tools.outbox.confirm(ids[1] ?? '', 'ERROR', { code: '5', text: 'no signal' })).to.equal(true)
      }
      expect(await state(1)).to.equal('ERROR')
      expect(await tools.outbox.confirm(ids[0] ?? '', 'DELIVERED')).to.equal(true)
      expect(await state(0)).to.equal('DELIVERED')
      await t.advance('1h')
      expect(await tools.outbox.lease('phone', 10, 60_000)).to.deep.equal([])
    } finally {
      await t.stop()
    }
  })

  it('knows no messages of others', async () => {
    const { t, tools } = await outboxed()
    try {
      const { id } = await t.receive('hello')
      for (const other of [id, 'nobody', '', 'x'.repeat(10_000)]) {
        expect(await tools.outbox.confirm(other, 'SENT')).to.equal(false)
      }
      expect(await tools.outbox.lease('phone', -1, 1)).to.deep.equal([])
    } finally {
      await t.stop()
    }
  })
})

describe('polling', () => {
  it('is done each interval, remembers, backs off when it fails and takes no message twice', async () => {
    let polls = 0
    let fails = false
    const { t, tools, messages } = await started(
      {
        async poll({ receive, memory }) {
          polls++
          if (fails) throw new ServerError('down')
          const last = Number((await memory.get('last')) ?? 0)
          // The last one comes again, as after a crash before it was remembered.
          for (const id of [last, last + 1]) await receive({ identity: 'ann', text: `${id}`, externalId: `${id}` })
          await memory.put('last', last + 1)
        },
      },
      { pollInterval: 1_000 },
    )
    try {
      await t.idle()
      await t.advance(2_000)
      expect(polls).to.be.within(2, 3)
      expect(messages.map(({ text }) => text)).to.deep.equal(['0', '1', '2', '3'].slice(0, polls + 1))
      expect(await tools.memory.get('last')).to.equal(polls)
      fails = true
      const before = polls
      await t.advance(20_000)
      expect(polls - before).to.be.within(3, 6)
      expect(t.logs.filter(({ message }) => message.includes('poll failed'))).to.have.length(polls - before)
    } finally {
      await t.stop()
    }
  })

  it('leaves a backend alone that another process polls', async () => {
    let polls = 0
    const { t, tools } = await started(
      {
        async poll() {
          polls++
        },
      },
      { pollInterval: 60_000 },
    )
    const stopping = new AbortController()
    const { backends } = t.switchboard.settings
    const parts = { backends, store: t.store, clock: t.clock, logger: silentLogger, toolsOf: () => tools }
    const another = new Polling({ ...parts, holder: 'another' }).run(stopping.signal)
    try {
      await t.advance('10m')
      expect(polls).to.be.within(9, 12)
    } finally {
      stopping.abort()
      await another
      await t.stop()
    }
  })
})

describe('methods of a backend', () => {
  it('are called by name, with its tools', async () => {
    const methods = {
      balance: async ({ backend }: SendTools<unknown>, ...values: readonly unknown[]) => [backend, values],
    }
    const { t } = await started({ methods })
    try {
      expect(await t.router.call('gateway', 'balance', 1, 'x')).to.deep.equal(['gateway', [1, 'x']])
      for (const [backend, method] of [
        ['gateway', 'toString'],
        ['other', 'balance'],
      ] as const) {
        expect(await rejection(t.router.call(backend, method))).to.be.instanceOf(InvalidInputError)
      }
    } finally {
      await t.stop()
    }
  })
})
