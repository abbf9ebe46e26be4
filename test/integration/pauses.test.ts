import { expect } from 'chai'
import { httpBackend } from '../../src/backends/http.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { PausedError } from '../../src/router/errors.ts'
import { pauseNudge } from '../../src/router/pauses.ts'
import { createSwitchboard, type Switchboard } from '../../src/settings/switchboard.ts'
import { whyNoPostgres } from '../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../support/postgres-store.ts'
import { whyNoRedis } from '../support/redis.ts'
import { rejection } from '../support/rejection.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'
import { RedisServer } from './cluster/redis-server.ts'
import { type Recorder, recorderParams, startRecorder } from './recorder.ts'

const LIMIT_MS = 60_000
const WAIT_MS = 20_000
const CONCURRENCY = 5
const PROBE_MS = 2_000

/** Two servers in one process, which share nothing but PostgreSQL and Redis. */
describe('pauses and caps of many processes', function () {
  this.timeout(LIMIT_MS)
  let redis: RedisServer
  let database: PostgresTestDatabase
  let recorder: Recorder
  let servers: readonly [Switchboard, Switchboard]

  before(async function () {
    const why = whyNoPostgres() ?? whyNoRedis()
    if (why !== undefined) skip(this, why)
    redis = await RedisServer.start()
  })

  after(() => redis?.remove())

  const begin = async (sending: object = {}) => {
    database = await postgresDatabase()
    recorder = await startRecorder()
    const make = () => {
      const far = httpBackend({
        send: { url: recorder.url, params: recorderParams },
        numbers: false,
        sending: { concurrency: CONCURRENCY, pause: { firstProbe: PROBE_MS, longestProbe: PROBE_MS }, ...sending },
      })
      const settings = {
        databaseUrl: database.url,
        redisUrl: redis.url,
        redisPrefix: new URL(database.url).pathname.slice(1),
      }
      return createSwitchboard({ ...settings, backends: { far }, apps: [] }, { logger: silentLogger })
    }
    servers = [make(), make()]
    await Promise.all(servers.map((server) => server.start()))
  }

  afterEach(async () => {
    await Promise.all((servers ?? []).map((server) => server.stop()))
    await recorder?.close()
    await database?.remove()
  })

  const paused = () => servers.map(({ router }) => router.holds.paused.length)
  const people = Array.from({ length: 20 }, (_, n) => `person ${n}`)
  const texts = ['1', '2', '3']
  const sendAll = async () => {
    for (const text of texts) {
      await Promise.all(people.map((to, n) => servers[n % 2 === 0 ? 0 : 1].router.send({ to, text })))
    }
  }
  const states = async () => {
    const rows = await database.run<{ state: string; count: string }>(
      `SELECT state, count(*) FROM (SELECT state FROM outgoing UNION ALL SELECT state FROM outgoing_open) a GROUP BY state`,
    )
    return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]))
  }
  const underWay = async () => {
    const rows = await database.run('SELECT 1 FROM outgoing_open WHERE attempt_at IS NOT NULL')
    return rows.length
  }
  const byHand = async (act: 'pause' | 'resume') => {
    const store = await database.open({ role: 'command' })
    const pause = {
      backend: 'far',
      cause: 'HAND',
      reason: 'moving',
      since: Date.now(),
      probes: 0,
      probeAt: null,
    } as const
    if (act === 'pause') await store.pauses.begin(pause)
    else await store.pauses.end('far', 'hand')
    await store.nudge([pauseNudge('far')])
  }

  it('keep all messages while a password is wrong, and send them in order once it is right', async () => {
    await begin()
    recorder.behave(() => 401)
    await sendAll()
    await until('both have heard of it', () => paused().join() === '1,1', WAIT_MS)
    await until('none is in hand', async () => (await underWay()) === 0, WAIT_MS)
    const inHand = recorder.received.length
    expect(inHand).to.be.at.most(2 * CONCURRENCY + 1)
    const pausedAt = performance.now()
    await until('it was tried twice', () => recorder.received.length >= inHand + 2, WAIT_MS)
    expect(performance.now() - pausedAt, 'one try in each interval, by one of both').to.be.at.least(PROBE_MS)
    expect(recorder.received.length).to.equal(inHand + 2)
    const before = recorder.received.length
    recorder.behave(() => 200)
    await until('all have arrived', async () => (await states())['SENT'] === 60, WAIT_MS)
    expect(await states()).to.deep.equal({ SENT: 60 })
    const arrived = recorder.received.slice(before)
    for (const person of people) {
      expect(arrived.filter(({ identity }) => identity === person).map(({ text }) => text)).to.deep.equal(texts)
    }
    expect(paused()).to.deep.equal([0, 0])
  })

  it('end and begin by hand in all of them', async () => {
    await begin()
    await byHand('pause')
    await until('both have heard of it', () => paused().join() === '1,1', WAIT_MS)
    await sendAll()
    expect(await rejection(servers[1].router.sendNow({ to: '1', text: 'now' }))).to.be.instanceOf(PausedError)
    expect(recorder.received).to.deep.equal([])
    await byHand('resume')
    await until('all have arrived', () => recorder.received.length === 60, WAIT_MS)
    expect(paused()).to.deep.equal([0, 0])
  })

  it('hold both of them to one cap', async () => {
    await begin({ dailyCap: { messages: 25 } })
    await sendAll()
    await until('the cap is reached', async () => (await states())['SENT'] === 25, WAIT_MS)
    const [one, other] = servers
    await until('both hold', () => [one, other].every(({ router }) => router.holds.held.length === 1), WAIT_MS)
    await one.router.send({ to: 'me', text: 'reply', class: 'reply' })
    await until('a reply goes on', async () => (await states())['SENT'] === 26, WAIT_MS)
    expect(recorder.received).to.have.lengthOf(26)
    expect(await states()).to.deep.equal({ SENT: 26, WAITING: 35 })
  })
})
