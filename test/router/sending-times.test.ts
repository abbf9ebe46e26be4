import { expect } from 'chai'
import { type AppContext, LimitsError, type MessageClass, ProviderError, type SendRequest } from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { whyNoPostgres } from '../support/postgres.ts'
import { postgresDatabase } from '../support/postgres-store.ts'
import { rejection } from '../support/rejection.ts'
import { skip } from '../support/skip.ts'
import { sqliteFile } from '../support/sqlite-store.ts'
import { until } from '../support/until.ts'

const HOUR_MS = 3_600_000
const NIGHT = { from: '21:00', to: '07:00', timeZone: 'Africa/Nairobi' }
/** 22:00 in Nairobi. */
const AT_NIGHT = new Date('2026-01-05T19:00:00Z')
const MORNING = Date.parse('2026-01-06T04:00:00Z')

describe('quiet hours of the settings', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const begin = async (quietHours: object = NIGHT, now = AT_NIGHT, sending: object = {}) => {
    t = await testSwitchboard({
      apps: [
        {
          name: 'app',
          async handle(message, context: AppContext) {
            const [, name, timeZone] = /^in (\w+) (\S+)$/.exec(message.text) ?? []
            if (name !== undefined && timeZone !== undefined) await context.contacts.create({ name, timeZone })
            else message.respond(`re ${message.text}`)
          },
        },
      ],
      backends: { fake: fakeBackend({ sending }) },
      settings: { quietHours: { ...NIGHT, ...quietHours } },
      now,
    })
  }
  const left = () => t.sent.map(({ text }) => text)
  const send = async (request: Partial<Extract<SendRequest, { text: unknown }>> = {}) => {
    const [message] = await t.send({ to: '1', text: 'hi', ...request } as SendRequest)
    return message?.id ?? ''
  }
  const state = async (id: string) => {
    const found = await t.store.log.find(id)
    return [found?.state, found?.error]
  }
  const WAITS = ['WAITING', 'put off by quiet hours until 2026-01-06T04:00:00.000Z (Africa/Nairobi)']

  it('hold a message until they end, and say why', async () => {
    await begin()
    const id = await send()
    expect(await state(id)).to.deep.equal(WAITS)
    await t.advance(9 * HOUR_MS - 1)
    expect(left()).to.deep.equal([])
    await t.advance(1)
    expect(await state(id)).to.deep.equal(['SENT', null])
    expect(t.clock.now()).to.equal(MORNING)
  })

  const classes: readonly (readonly [MessageClass, boolean])[] = [
    ['urgent', true],
    ['reply', true],
    ['normal', false],
    ['bulk', false],
  ]
  for (const [messageClass, goes] of classes) {
    it(`let ${messageClass} ${goes ? 'pass' : 'wait'}`, async () => {
      await begin()
      await send({ class: messageClass })
      expect(left()).to.deep.equal(goes ? ['hi'] : [])
    })
  }

  it('let pass what goes all the same, what answers, and what is sent now, also behind what waits', async () => {
    await begin()
    await send({ to: '8005551212', text: 'waits' })
    await t.receive('hello')
    await send({ to: '8005551212', text: 'despite', options: { despiteQuietHours: true } })
    await t.router.sendNow({ to: '8005551212', text: 'now' })
    await t.receive({ text: '*1#', fields: { session: { id: 's', event: 'new' } } })
    expect(left()).to.deep.equal(['re hello', 'despite', 'now', 're *1#'])
    await t.advance(9 * HOUR_MS)
    expect(left().slice(4)).to.deep.equal(['waits'])
  })

  it('keep the order of a person when they end', async () => {
    await begin()
    for (const text of ['1', '2', '3']) await send({ text })
    await t.advance(9 * HOUR_MS)
    expect(left()).to.deep.equal(['1', '2', '3'])
  })

  it('are the person’s, by the contact’s time zone', async () => {
    await begin()
    await t.receive({ identity: '7', text: 'in tokyo Asia/Tokyo' })
    await t.receive({ identity: '8', text: 'in lagos Africa/Lagos' })
    await t.receive({ identity: '9', text: 'in nowhere Nairobi' })
    // 22:00 in Nairobi, 04:00 in Tokyo, 20:00 in Lagos.
    await t.send({ to: ['7', '8', '9'], text: 'hi' })
    expect(t.sent.map(({ identity }) => identity)).to.deep.equal(['8'])
    await t.advance(3 * HOUR_MS)
    expect(t.sent.map(({ identity }) => identity)).to.deep.equal(['8', '7'])
    await t.advance(6 * HOUR_MS)
    expect(t.sent.map(({ identity }) => identity)).to.deep.equal(['8', '7', '9'])
  })

  it('are by the project’s time zone where neither the contact nor they have one', async () => {
    // 19:00 in UTC, 04:00 in Tokyo.
    for (const [timeZone, expected] of [
      ['UTC', ['hi']],
      ['Asia/Tokyo', []],
    ] as const) {
      const quietHours = { from: '21:00', to: '07:00' }
      t = await testSwitchboard({ apps: [], settings: { quietHours, timeZone }, now: AT_NIGHT })
      await send()
      expect(left()).to.deep.equal(expected)
      await t.stop()
    }
  })

  it('hold what is scheduled into them, and leave alone what is scheduled behind them', async () => {
    await begin({}, new Date('2026-01-05T09:00:00Z'))
    const into = await send({ text: 'into', at: AT_NIGHT })
    await send({ text: 'behind', at: new Date(MORNING + 1) })
    await send({ text: 'before', at: new Date('2026-01-05T17:59:59Z') })
    expect(await state(into)).to.deep.equal(WAITS)
    await t.advance('9h')
    expect(left()).to.deep.equal(['before'])
    await t.advance(MORNING - t.clock.now())
    expect(left()).to.deep.equal(['before', 'into'])
    await t.advance(1)
    expect(left()).to.deep.equal(['before', 'into', 'behind'])
  })

  it('hold a retry that would fall into them, and what is behind it', async () => {
    await begin({}, new Date('2026-01-05T17:59:00Z'))
    t.fake.failNext(1, new LimitsError('slowly', { retryAfter: 120_000 }))
    const id = await send({ text: 'first' })
    await send({ text: 'second' })
    await t.advance('5m')
    expect(await state(id)).to.deep.equal(['SENDING', WAITS[1]])
    expect(t.fake.attempts).to.have.length(1)
    expect(t.logs.filter(({ message }) => message === 'put off').map(({ fields }) => fields['reason'])).to.deep.equal([
      WAITS[1],
    ])
    await t.advance('12h')
    expect(left()).to.deep.equal(['first', 'second'])
    expect((await t.store.log.attempts(id)).map(({ outcome }) => outcome)).to.deep.equal(['RETRY', 'SENT'])
  })

  it('let other people’s messages go on, and give tokens of the rate back', async () => {
    await begin({}, new Date('2026-01-05T17:59:59Z'), { partsPerSecond: 1 })
    await t.receive({ identity: '8', text: 'in lagos Africa/Lagos' })
    // Recorded before they begin, tried when they have begun.
    await t.send({ to: ['1', '2', '3', '8'], text: 'hi' })
    await t.advance('5s')
    expect(t.sent.map(({ identity }) => identity)).to.deep.equal(['1', '8'])
    await t.advance('11h')
    expect(t.sent.map(({ identity }) => identity)).to.deep.equal(['1', '8', '2', '3'])
  })

  it('do not keep what expires in them', async () => {
    await begin()
    const id = await send({ expires: new Date(AT_NIGHT.getTime() + HOUR_MS) })
    await t.advance(HOUR_MS - 1)
    expect((await state(id))[0]).to.equal('WAITING')
    await t.advance(1)
    expect(await state(id)).to.deep.equal(['CANCELLED', 'expired before it was sent'])
    await t.advance('12h')
    expect(left()).to.deep.equal([])
  })

  it('do not count against what has no expiry of its own', async () => {
    t = await testSwitchboard({
      apps: [],
      settings: { quietHours: NIGHT, expiry: { bulk: HOUR_MS } },
      now: AT_NIGHT,
    })
    await t.send({ to: '1', text: 'hi', class: 'bulk' })
    await t.advance('10h')
    expect(left()).to.deep.equal(['hi'])
  })

  it('hold what an outgoing phase takes into them, which runs again when they are over', async () => {
    let runs = 0
    t = await testSwitchboard({
      apps: [
        {
          name: 'slow',
          async outgoing() {
            runs++
            if (runs === 1) await new Promise<void>((resolve) => t.clock.schedule(t.clock.now() + 20_000, resolve))
          },
        },
      ],
      settings: { quietHours: NIGHT },
      now: new Date('2026-01-05T17:59:50Z'),
      patience: 100,
    })
    const sending = t.router.send({ to: '1', text: 'hi' })
    await sending
    await t.advance('1m')
    expect({ runs, left: left() }).to.deep.equal({ runs: 1, left: [] })
    await t.advance('12h')
    expect({ runs, left: left() }).to.deep.equal({ runs: 2, left: ['hi'] })
  })

  it('are looked at again when a replayed message is due', async () => {
    await begin({}, new Date('2026-01-05T12:00:00Z'), { attempts: 1 })
    t.fake.failNext(1)
    const id = await send()
    expect((await state(id))[0]).to.equal('ERROR')
    await t.advance('7h')
    await t.router.replay([id])
    await t.idle()
    expect((await state(id))[0]).to.equal('WAITING')
    await t.advance('9h')
    expect((await state(id))[0]).to.equal('SENT')
  })
})

for (const [name, make] of [
  [
    'SQLite',
    async () => {
      const file = sqliteFile()
      return { url: `sqlite:${file.file}`, remove: () => file.remove() }
    },
  ],
  ['PostgreSQL', postgresDatabase],
] as const) {
  describe(`times of messages, over restarts on ${name}`, () => {
    const START = Date.parse('2026-01-05T09:00:00Z')
    let database: { readonly url: string; remove(): Promise<void> }
    let t: TestSwitchboard

    before(function () {
      const why = name === 'PostgreSQL' ? whyNoPostgres() : undefined
      if (why !== undefined) skip(this, why)
    })
    beforeEach(async () => {
      database = await make()
    })
    afterEach(async () => {
      await t.stop()
      await database.remove()
    })

    const startAt = async (now: number, settings: object = {}) => {
      t = await testSwitchboard({ apps: [], settings: { databaseUrl: database.url, ...settings }, now: new Date(now) })
      await t.idle()
    }
    const restartAt = async (now: number, settings: object = {}) => {
      await t.stop()
      await startAt(now, settings)
    }
    const becomes = (id: string | undefined, state: string) =>
      until(state, async () => (await t.store.log.find(id ?? ''))?.state === state)
    /** Until what was due has been worked: another message goes behind it. */
    const waits = async (id: string | undefined, state = 'WAITING') => {
      await t.router.sendNow({ to: 'somebody', text: 'else' })
      expect((await t.store.log.find(id ?? ''))?.state).to.equal(state)
    }
    const send = async (values: Partial<Extract<SendRequest, { text: unknown }>>) =>
      (await t.send({ to: '1', text: 'x', ...values } as SendRequest))[0]?.id

    it('a message for later is sent at its time, not before, and once', async () => {
      await startAt(START)
      const id = await send({ at: new Date(START + HOUR_MS) })
      await restartAt(START + HOUR_MS - 1)
      await waits(id)
      await t.advance(1)
      await becomes(id, 'SENT')
      await restartAt(START + 2 * HOUR_MS)
      await waits(id, 'SENT')
      expect(t.sent.filter(({ text }) => text === 'x')).to.deep.equal([])
    })

    it('one whose time came while nothing ran is sent at the start', async () => {
      await startAt(START)
      const id = await send({ at: new Date(START + HOUR_MS) })
      await restartAt(START + 5 * HOUR_MS)
      await becomes(id, 'SENT')
    })

    it('a clock that was put back makes it wait for its time again', async () => {
      await startAt(START)
      const id = await send({ at: new Date(START + HOUR_MS) })
      await restartAt(START - 24 * HOUR_MS)
      await t.advance(24 * HOUR_MS)
      await waits(id)
      await t.advance(HOUR_MS)
      await becomes(id, 'SENT')
    })

    it('what has expired meanwhile is cancelled; what has not, is sent', async () => {
      await startAt(START)
      t.fake.failAlways(new LimitsError('slowly', { retryAfter: HOUR_MS }))
      const over = await send({ expires: new Date(START + 2 * HOUR_MS) })
      const good = await send({ to: '2', expires: new Date(START + 2 * HOUR_MS + 1) })
      await restartAt(START + 2 * HOUR_MS)
      await becomes(over, 'CANCELLED')
      await becomes(good, 'SENT')
    })

    it('a clock that jumps to and fro expires nothing before its time', async () => {
      await startAt(START)
      const id = await send({ at: new Date(START + 2 * HOUR_MS), expires: new Date(START + 3 * HOUR_MS) })
      await restartAt(START - 48 * HOUR_MS)
      await waits(id)
      await restartAt(START + HOUR_MS)
      await waits(id)
      await restartAt(START + 3 * HOUR_MS)
      await becomes(id, 'CANCELLED')
    })

    it('an idempotency key is known, with what came of it', async () => {
      await startAt(START)
      const request = { to: ['1', '2'], text: 'x', idempotencyKey: 'k' }
      const first = await t.router.submit(request)
      const now = await t.router.sendNow({ to: '3', text: 'now', idempotencyKey: 'now' })
      t.fake.hang()
      const cutOff = t.router.sendNow({ to: '4', text: 'now', idempotencyKey: 'cut off' }).catch(() => undefined)
      await until('the attempt', () => t.fake.hanging > 0)
      await restartAt(START + HOUR_MS)
      await cutOff
      expect(await t.router.submit(request)).to.deep.equal({ ...first, isRepeat: true })
      expect(await t.router.sendNow({ to: '3', text: 'now', idempotencyKey: 'now' })).to.deep.equal(now)
      const error = await rejection(t.router.sendNow({ to: '4', text: 'now', idempotencyKey: 'cut off' }))
      // Whether its end was still recorded by the process that stopped, or not.
      expect(error).to.be.instanceOf(ProviderError)
      expect(t.fake.attempts.filter(({ text }) => text === 'now')).to.deep.equal([])
      await restartAt(START + 25 * HOUR_MS)
      expect(await t.router.submit(request)).to.include({ isRepeat: false })
    })

    it('what quiet hours put off waits on after a restart, and is looked at anew when it is due', async () => {
      const quietHours = { from: '08:00', to: '12:00', timeZone: 'UTC' }
      await startAt(START, { quietHours })
      const id = await send({})
      await restartAt(START + HOUR_MS, { quietHours })
      await waits(id)
      await restartAt(START + 3 * HOUR_MS, { quietHours: { ...quietHours, to: '13:00' } })
      await waits(id)
      await t.advance(HOUR_MS)
      await becomes(id, 'SENT')
    })
  })
}
