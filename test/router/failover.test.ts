import { expect } from 'chai'
import {
  type App,
  type AppContext,
  AuthError,
  type BatchOutcome,
  ConnectionError,
  CreditError,
  defineBackend,
  LimitsError,
  MessageSendError,
  type OutgoingMessage,
  RequestError,
  ServerError,
  type TextRequest,
  UnsupportedError,
} from 'sms-switchboard'
import { optOut } from 'sms-switchboard/apps'
import { type ErrorTable, errorOfCode } from 'sms-switchboard/backends'
import {
  type FakeBackend,
  fakeBackend,
  type TestOptions,
  type TestSwitchboard,
  testSwitchboard,
} from 'sms-switchboard/testing'
import { z } from 'zod'
import { mayHelpElsewhere } from '../../src/router/failover.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { rejection } from '../support/rejection.ts'
import { head, outgoingLane, sent as sentResult } from '../support/store-rows.ts'
import { tempFolder } from '../support/temp-folder.ts'

type FakeInput = Parameters<typeof fakeBackend>[0]

const NUMBER = '254712345678'

describe('failover', () => {
  let t: TestSwitchboard
  let a: FakeBackend
  let b: FakeBackend
  let c: FakeBackend
  afterEach(() => t?.stop())

  interface Options extends Partial<TestOptions> {
    readonly of?: FakeInput
    readonly ofB?: FakeInput
    readonly attempts?: number
    readonly failover?: readonly string[]
  }

  const begin = async ({ of = {}, ofB = {}, attempts, failover = ['b', 'c'], ...options }: Options = {}) => {
    a = fakeBackend({ sending: { firstDelay: 1_000 }, ...of })
    b = fakeBackend(ofB)
    c = fakeBackend()
    t = await testSwitchboard({
      apps: [],
      backends: { a, b, c },
      settings: {
        routing: { rules: [{ name: 'all', to: 'a', failover }], ...(attempts === undefined ? {} : { attempts }) },
      },
      ...options,
    })
  }
  const send = async (request: Partial<TextRequest> = {}) => {
    const [message] = await t.send({ to: NUMBER, text: 'hi', ...request })
    return message?.id ?? ''
  }
  const logged = (id: string) => t.store.log.find(id)
  const left = () => t.sent.map(({ backend, text }) => `${backend} ${text}`)
  const tried = async (id: string) =>
    (await t.store.log.attempts(id)).map(({ backend, outcome, code }) => [backend, outcome, code].join(' ').trim())

  const rows: readonly (readonly [string, Error, readonly string[]])[] = [
    ['an AuthError', new AuthError('no'), ['a MOVED AUTH', 'b SENT']],
    ['a CreditError', new CreditError('no'), ['a MOVED CREDIT', 'b SENT']],
    ['an UnsupportedError', new UnsupportedError('no'), ['a MOVED UNSUPPORTED', 'b SENT']],
    ['a RequestError', new RequestError('no'), ['a ERROR REQUEST']],
    ['a MessageSendError', new MessageSendError('no'), ['a ERROR MESSAGE_SEND']],
    [
      'a MessageSendError that its table has go elsewhere',
      new MessageSendError('no', { elsewhere: true }),
      ['a MOVED MESSAGE_SEND', 'b SENT'],
    ],
    [
      'an UnsupportedError that its table keeps',
      new UnsupportedError('no', { elsewhere: false }),
      ['a ERROR UNSUPPORTED'],
    ],
    ['an error of who has opted out', new UnsupportedError('no', { optedOut: true }), ['a ERROR UNSUPPORTED']],
    ['an outcome that is not known', new ConnectionError('no', { outcomeUnknown: true }), ['a UNKNOWN CONNECTION']],
    ['a ServerError', new ServerError('no'), ['a RETRY SERVER', 'a RETRY SERVER', 'a MOVED SERVER', 'b SENT']],
    [
      'a ConnectionError',
      new ConnectionError('no'),
      ['a RETRY CONNECTION', 'a RETRY CONNECTION', 'a MOVED CONNECTION', 'b SENT'],
    ],
    ['a LimitsError', new LimitsError('no'), ['a RETRY LIMITS', 'a RETRY LIMITS', 'a MOVED LIMITS', 'b SENT']],
  ]
  for (const [what, error, expected] of rows) {
    it(`after ${what}: ${expected.join(', ')}`, async () => {
      await begin()
      a.failAlways(error)
      const id = await send()
      await t.advance('1h')
      expect((await tried(id)).map((line) => line.replace('OUTCOME_UNKNOWN', 'CONNECTION'))).to.deep.equal(expected)
    })
  }

  it('goes by what a table of codes says', () => {
    const table = { 7: [MessageSendError, 'no route', { elsewhere: true }] } as const satisfies ErrorTable
    expect(mayHelpElsewhere(errorOfCode(table, '7', { what: 'The service' }))).to.equal(true)
    expect(mayHelpElsewhere(errorOfCode(table, '8', { what: 'The service' }))).to.equal(false)
  })

  it('says why, in the list of attempts and in the log', async () => {
    await begin()
    a.failNext(1, new AuthError('wrong password'))
    const id = await send()
    const attempts = await t.store.log.attempts(id)
    expect(attempts.map(({ reason, error }) => [reason, error])).to.deep.equal([
      ['to b: AUTH', 'wrong password'],
      ['moved from a: AUTH', null],
    ])
    expect(await logged(id)).to.include({ id, state: 'SENT', backend: 'b', error: null })
    const line = t.logs.find(({ message }) => message === 'moved to another backend')
    expect(line?.fields).to.include({ id, backend: 'a', to: 'b', reason: 'to b: AUTH', code: 'AUTH' })
    expect(t.logs.find(({ message }) => message === 'to be sent')?.fields).to.include({ route: 'rule "all"' })
  })

  it('goes to each backend once; when none is left, the last error stands', async () => {
    await begin()
    for (const each of [a, b]) each.failAlways(new CreditError('no credit'))
    c.failAlways(new UnsupportedError('no such number'))
    const id = await send()
    await t.advance('1h')
    expect(await tried(id)).to.deep.equal(['a MOVED CREDIT', 'b MOVED CREDIT', 'c ERROR UNSUPPORTED'])
    expect(await logged(id)).to.include({ state: 'ERROR', backend: 'c', error: 'no such number' })
  })

  it('counts tries at each backend for itself', async () => {
    await begin({ ofB: { sending: { attempts: 2, firstDelay: 1_000 } }, failover: ['b'] })
    for (const each of [a, b]) each.failAlways()
    const id = await send()
    await t.advance('1h')
    expect(await tried(id)).to.deep.equal([
      'a RETRY SERVER',
      'a RETRY SERVER',
      'a MOVED SERVER',
      'b RETRY SERVER',
      'b ERROR SERVER',
    ])
    expect(b.attempts.map(({ tries }) => tries)).to.deep.equal([0, 1])
  })

  it('takes as many tries as are set, and no more than the backend has', async () => {
    await begin({ attempts: 1 })
    a.failAlways()
    expect(await tried(await send())).to.deep.equal(['a MOVED SERVER', 'b SENT'])
    await t.stop()
    await begin({ attempts: 9, of: { sending: { attempts: 2, firstDelay: 1_000 } } })
    a.failAlways()
    const id = await send()
    await t.advance('1m')
    expect(await tried(id)).to.deep.equal(['a RETRY SERVER', 'a MOVED SERVER', 'b SENT'])
  })

  it('lets a message of unknown outcome go elsewhere where settings allow a duplicate', async () => {
    await begin({ of: { sending: { unknownOutcome: { urgent: 'retry' }, firstDelay: 1_000 } }, attempts: 1 })
    a.failAlways(new ConnectionError('no', { outcomeUnknown: true }))
    expect(await tried(await send({ class: 'urgent' }))).to.deep.equal(['a MOVED CONNECTION', 'b SENT'])
    expect(await logged(await send())).to.include({ state: 'UNKNOWN', backend: 'a' })
  })

  it('keeps what may have been taken from every other backend, whatever comes after', async () => {
    const settings = z.strictObject({})
    const errors: Error[] = [new ConnectionError('cut', { outcomeUnknown: true }), new UnsupportedError('no')]
    const careful = defineBackend({
      kind: 'careful',
      settings,
      removesDuplicates: true,
      send: async () => {
        throw errors.shift() ?? new Error('once too often')
      },
    })
    t = await testSwitchboard({
      apps: [],
      backends: { a: careful(), b: fakeBackend() },
      settings: { routing: { rules: [{ to: 'a', failover: ['b'] }] } },
    })
    const id = await send()
    await t.advance('1m')
    expect(await tried(id)).to.deep.equal(['a RETRY CONNECTION', 'a ERROR UNSUPPORTED'])
    expect(t.sent).to.deep.equal([])
  })

  it('does not take sendNow further: it is one attempt', async () => {
    await begin()
    a.failAlways(new AuthError('no'))
    expect(await rejection(t.router.sendNow({ to: NUMBER, text: 'hi' }))).to.be.instanceOf(AuthError)
    expect(b.attempts).to.have.length(0)
  })

  it('does not touch what was sent over a backend by name, or in response', async () => {
    await begin({ apps: [{ name: 'echo', handle: (message) => message.respond('re') }] })
    a.failAlways(new UnsupportedError('no'))
    const id = await send({ backend: 'a' })
    await t.receive({ backend: 'a', identity: NUMBER, text: 'hello' })
    expect(await logged(id)).to.include({ state: 'ERROR', backend: 'a' })
    expect(t.sent).to.deep.equal([])
  })

  it('routes what apps send, and takes that further too', async () => {
    const app = {
      name: 'app',
      async handle(_: unknown, context: AppContext) {
        await context.send({ to: NUMBER, text: 'told' })
        return true
      },
    }
    await begin({ apps: [app] })
    a.failAlways(new AuthError('no'))
    await t.receive({ backend: 'c', identity: '1', text: 'hello' })
    expect(left()).to.deep.equal(['b told'])
  })

  it('runs the outgoing phase once', async () => {
    let runs = 0
    const sign: App = {
      name: 'sign',
      outgoing(message) {
        runs++
        message.text += ` ${runs}`
      },
    }
    await begin({ apps: [sign] })
    a.failAlways(new AuthError('no'))
    await send()
    expect(left()).to.deep.equal(['b hi 1'])
  })

  it('writes the text by the rules of the backend it goes to', async () => {
    await begin({
      of: { text: { accents: 'keep' } },
      ofB: { text: { accents: 'strip', maxParts: 1, tooLong: 'split' } },
      failover: ['b'],
    })
    a.failAlways(new AuthError('no'))
    const id = await send({ text: `${'ž'.repeat(100)} ${'a'.repeat(100)}` })
    expect(left()).to.deep.equal([`b ${'z'.repeat(100)} (1/2)`, `b ${'a'.repeat(100)} (2/2)`])
    expect(await logged(id)).to.include({ text: `${'z'.repeat(100)} (1/2)` })
  })

  it('passes over a backend whose rules refuse the text', async () => {
    await begin({ ofB: { text: { maxParts: 1 } } })
    a.failAlways(new AuthError('no'))
    await send({ text: 'a'.repeat(200) })
    expect(t.sent.map(({ backend }) => backend)).to.deep.equal(['c'])
  })

  it('keeps the order of one person, as she is written to over the next backend', async () => {
    await begin({ attempts: 2 })
    a.failAlways()
    for (const text of ['1', '2', '3']) await send({ text })
    await t.advance('1m')
    expect(left()).to.deep.equal(['b 1', 'b 2', 'b 3'])
  })

  it('does not write to who has opted out over another backend of the route', async () => {
    await begin({ apps: [optOut()] })
    await t.receive({ backend: 'b', identity: NUMBER, text: 'STOP' })
    const before = t.sent.length
    const id = await send()
    expect(await logged(id)).to.include({ state: 'CANCELLED', backend: 'a' })
    expect(t.sent.length).to.equal(before)
  })

  it('takes reports of the backend it was with for those of the message', async () => {
    await begin()
    a.failNext(1, new AuthError('no'))
    const id = await send()
    await b.report('DELIVERED')
    expect(await logged(id)).to.include({ state: 'DELIVERED' })
  })

  it('leaves a backend that has gone from the settings', async () => {
    const folder = tempFolder()
    const settings = { databaseUrl: `sqlite:${folder.path}/switchboard.db` }
    try {
      await begin({ settings: { ...settings, routing: { rules: [{ to: 'a', failover: ['b'] }] } } })
      const id = await send({ at: new Date(t.clock.now() + 60_000) })
      const now = new Date(t.clock.now())
      await t.stop()
      t = await testSwitchboard({ apps: [], backends: { b: fakeBackend() }, settings, now })
      await t.advance('2m')
      expect(left()).to.deep.equal(['b hi'])
      expect(await tried(id)).to.deep.equal(['a MOVED', 'b SENT'])
      await t.stop()
    } finally {
      folder.remove()
    }
  })

  it('goes on after a crash between the move and the ring of the other lane', async () => {
    const folder = tempFolder()
    const file = `${folder.path}/switchboard.db`
    const settings = { databaseUrl: `sqlite:${file}` }
    try {
      await begin({ settings: { ...settings, routing: { rules: [{ to: 'a', failover: ['b'] }] } } })
      const id = await send({ at: new Date(t.clock.now() + 1) })
      const now = t.clock.now() + 60_000
      await t.stop()
      const store = new SqliteStore({ file, role: 'server' })
      await store.open()
      const claim = head(await store.claimOutgoing(outgoingLane(NUMBER, 'a'), 1, now))
      const to = { backend: 'b', identity: NUMBER, address: null }
      const outcome = { kind: 'moved', to, text: 'hi', parts: 1, at: now } as const
      await store.startAttempts([{ ...claim, at: now }])
      await store.finishAttempts([
        sentResult(claim.fence, claim.message, { startedAt: now, at: now, outcome, code: 'AUTH' }),
      ])
      await store.close()
      t = await testSwitchboard({
        apps: [],
        backends: { a: fakeBackend(), b: fakeBackend() },
        settings,
        now: new Date(now),
      })
      await t.idle()
      expect(left()).to.deep.equal(['b hi'])
      expect(await tried(id)).to.deep.equal(['a MOVED AUTH', 'b SENT'])
      await t.stop()
    } finally {
      folder.remove()
    }
  })

  it('takes those alone that failed, of a batch, and gives them together to the next', async () => {
    const batches: string[][] = []
    const answer = (messages: readonly OutgoingMessage[], name: string): BatchOutcome[] => {
      batches.push([name, ...messages.map(({ identity }) => identity)])
      return messages.map(({ identity }) =>
        name === 'a' && identity.endsWith('1')
          ? { error: new CreditError('no') }
          : { result: { externalIds: [identity] } },
      )
    }
    const bulk = (name: string) =>
      defineBackend({
        kind: 'bulk',
        settings: z.strictObject({}),
        sendBatch: async (messages) => answer(messages, name),
      })
    t = await testSwitchboard({
      apps: [],
      backends: { a: bulk('a')(), b: bulk('b')() },
      settings: { routing: () => ({ backend: 'a', failover: ['b'] }) },
    })
    const people = ['2547001', '2547002', '2547011', '2547012']
    const sent = await t.send({ to: people, text: 'hi' })
    const states = await Promise.all(
      sent.map(async ({ id }) => [(await logged(id))?.backend, (await logged(id))?.state].join(' ')),
    )
    expect(states).to.deep.equal(['b SENT', 'a SENT', 'b SENT', 'a SENT'])
    expect(batches.filter(([name]) => name === 'b').flatMap(([, ...identities]) => identities)).to.have.members([
      '2547001',
      '2547011',
    ])
  })
})
