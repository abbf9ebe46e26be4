import { expect } from 'chai'
import { type Limit, type Limiter, MemoryLimiter, RedisLimiter } from '../../src/http/limits.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { QueueUnavailableError } from '../../src/queue/errors.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { startRedis, type TestRedis, whyNoRedis } from '../support/redis.ts'
import { rejection } from '../support/rejection.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'

const three: Limit = { name: 'three', amount: 3, per: 60_000 }
const one: Limit = { name: 'one', amount: 1, per: 30_000 }
const none: Limit = { name: 'none', amount: 0, per: 60_000 }

async function times(limiter: Limiter, count: number, claims: Parameters<Limiter['take']>[0]): Promise<number> {
  const all = await Promise.all(Array.from({ length: count }, () => limiter.take(claims)))
  return all.filter(({ taken }) => taken).length
}

function behavesAsLimiter(make: () => Limiter): void {
  it('takes as many as it may, however many come at once', async () => {
    const limiter = make()
    expect(await times(limiter, 50, [{ limit: three, key: 'a' }])).to.equal(3)
    expect(await times(limiter, 2, [{ limit: three, key: 'b' }])).to.equal(2)
  })

  it('says what refused, and for how long', async () => {
    const limiter = make()
    const claims = [
      { limit: three, key: 'a' },
      { limit: one, key: 'a' },
    ]
    expect((await limiter.take(claims)).taken).to.equal(true)
    const refused = await limiter.take(claims)
    if (refused.taken) throw new Error('it was taken')
    expect(refused.limit).to.equal(one)
    expect(refused.retryAfter).to.be.within(20_000, 30_000)
  })

  it('says what is left of each limit', async () => {
    const limiter = make()
    const left = async (...limits: readonly Limit[]) => {
      const taken = await limiter.take(limits.map((limit) => ({ limit, key: 'a' })))
      if (!taken.taken) throw new Error('it was refused')
      return taken.left
    }
    const found = [
      await left(three),
      ...(await left(none, three, one)),
      ...[await left(three), await left(none)],
    ].flat()
    expect(found.map(({ limit, remaining }) => [limit.name, remaining])).to.deep.equal([
      ['three', 2],
      ['three', 1],
      ['one', 0],
      ['three', 0],
    ])
    for (const { limit, resetAfter } of found) expect(resetAfter).to.be.within(limit.per - 10_000, limit.per)
  })

  it('takes all or none', async () => {
    const limiter = make()
    await limiter.take([{ limit: one, key: 'a' }])
    const both = [
      { limit: three, key: 'a' },
      { limit: one, key: 'a' },
    ]
    expect(await times(limiter, 5, both)).to.equal(0)
    expect(await times(limiter, 5, [{ limit: three, key: 'a' }])).to.equal(3)
  })

  it('has no limit where that is 0', async () => {
    expect(await times(make(), 50, [{ limit: none, key: 'a' }])).to.equal(50)
  })
}

describe('limits in memory', () => {
  const clock = new FakeClock()
  behavesAsLimiter(() => new MemoryLimiter(clock))

  it('begin anew when their time is over, which refused ones do not prolong', async () => {
    const limiter = new MemoryLimiter(clock)
    const claims = [{ limit: one, key: 'a' }]
    await limiter.take(claims)
    await clock.advance(29_999)
    expect(await times(limiter, 3, claims)).to.equal(0)
    await clock.advance(1)
    expect(await times(limiter, 3, claims)).to.equal(1)
  })

  it('keep no more counts than they should; those that are over go first', async () => {
    const limiter = new MemoryLimiter(clock, 10)
    await limiter.take([{ limit: { ...one, per: 1_000 }, key: 'short' }])
    for (let key = 0; key < 9; key++) await limiter.take([{ limit: one, key: String(key) }])
    await clock.advance(1_000)
    await limiter.take([{ limit: one, key: 'more' }])
    expect(await times(limiter, 1, [{ limit: one, key: '1' }])).to.equal(0)
    for (let key = 10; key < 30; key++) await limiter.take([{ limit: one, key: String(key) }])
    expect(await times(limiter, 1, [{ limit: one, key: '29' }])).to.equal(0)
    expect(await times(limiter, 1, [{ limit: one, key: '1' }])).to.equal(1)
  })

  it('forget no lasting count for others, however many there are', async () => {
    const limiter = new MemoryLimiter(clock, 10)
    const lasting = [{ limit: { ...one, lasting: true as const }, key: 'all' }]
    expect(await times(limiter, 2, lasting)).to.equal(1)
    for (let key = 0; key < 100; key++) await limiter.take([{ limit: one, key: String(key) }])
    expect(await times(limiter, 1, lasting)).to.equal(0)
  })
})

describe('limits in Redis', function () {
  this.timeout(20_000)
  let redis: TestRedis
  const made: Limiter[] = []
  const make = () => {
    const limiter = new RedisLimiter({ url: redis.url, prefix: 'test:', logger: silentLogger, limit: 300 })
    made.push(limiter)
    return limiter
  }

  before(async function () {
    const why = whyNoRedis()
    if (why !== undefined) skip(this, why)
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const limiter of made.splice(0)) limiter.close()
    await redis.call('FLUSHALL')
  })
  after(() => redis?.remove())

  behavesAsLimiter(make)

  it('are shared by all that use it', async () => {
    const claims = [{ limit: { ...three, amount: 10 }, key: 'a' }]
    const counts = await Promise.all([make(), make(), make()].map((limiter) => times(limiter, 40, claims)))
    expect(counts.reduce((sum, count) => sum + count, 0)).to.equal(10)
  })

  it('begin anew when their time is over, and leave nothing behind', async () => {
    const limiter = make()
    const claims = [{ limit: { ...one, per: 500 }, key: 'a' }]
    expect(await times(limiter, 3, claims)).to.equal(1)
    await until('it begins anew', async () => (await limiter.take(claims)).taken)
    await until('nothing is left', async () => (await redis.call('DBSIZE')) === 0)
  })

  it('are told apart from having room, when Redis is away, and go on when it is back', async () => {
    const limiter = make()
    const claims = [{ limit: one, key: 'a' }]
    await limiter.take(claims)
    redis.freeze()
    expect(await rejection(limiter.take([{ limit: one, key: 'b' }]))).to.be.instanceOf(QueueUnavailableError)
    redis.thaw()
    await until('it answers', async () => !(await limiter.take(claims)).taken)
    await redis.stop()
    expect(await rejection(limiter.take(claims))).to.be.instanceOf(QueueUnavailableError)
    await redis.start()
    await until('it counts again', async () => (await limiter.take(claims)).taken)
    limiter.close()
    expect(await rejection(limiter.take(claims))).to.be.instanceOf(QueueUnavailableError)
    limiter.open()
    expect((await limiter.take(claims)).taken).to.equal(false)
  })

  it('know a Redis that has lost its scripts, or whose keys are of another kind', async () => {
    const limiter = make()
    await limiter.take([{ limit: one, key: 'a' }])
    await redis.call('SCRIPT', 'FLUSH')
    expect(await times(limiter, 3, [{ limit: one, key: 'a' }])).to.equal(0)
    await redis.call('LPUSH', '{test}:limit:one:list', 'x')
    expect(await rejection(limiter.take([{ limit: one, key: 'list' }]))).to.be.instanceOf(QueueUnavailableError)
  })
})
