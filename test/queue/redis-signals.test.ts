import { expect } from 'chai'
import { silentLogger } from '../../src/messages/logger.ts'
import { QueueUnavailableError } from '../../src/queue/errors.ts'
import { RedisConnection } from '../../src/queue/redis/connection.ts'
import { RedisBench, whyNoRedis } from '../support/redis-bench.ts'
import { rejection } from '../support/rejection.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'

describe('RedisSignals', function () {
  this.timeout(20_000)
  const bench = new RedisBench()

  before(async function () {
    const why = whyNoRedis()
    if (why !== undefined) skip(this, why)
    await bench.start()
  })

  afterEach(() => bench.clear())

  after(() => bench.remove())

  it('tell other processes, and this one at once and once', async () => {
    const [a, b] = [bench.signals(), bench.signals()]
    const heard: unknown[] = []
    a.subscribe('news', (payload) => heard.push(['a', payload]))
    b.subscribe('news', (payload) => heard.push(['b', payload]))
    b.subscribe('other', () => heard.push('never'))
    await Promise.all([a.ping(), b.ping()])
    void a.publish('news', { text: 'a\nb', n: null })
    expect(heard).to.deep.equal([['a', { text: 'a\nb', n: null }]])
    await until('the other is told', () => heard.length > 1)
    await a.publish('news', 'last')
    await until('the other is told', () => heard.length > 3)
    expect(heard.slice(1)).to.deep.equal([
      ['b', { text: 'a\nb', n: null }],
      ['a', 'last'],
      ['b', 'last'],
    ])
  })

  it('miss nothing from the moment that listening was asked for', async () => {
    const [a, b] = [bench.signals(), bench.signals()]
    b.subscribe('wait for it', () => {})
    await b.ping()
    let heard = 0
    for (let round = 0; round < 200; round++) {
      const answered = new Promise<void>((resolve) => {
        const end = b.subscribe(`answered:${round}`, () => {
          heard++
          end()
          resolve()
        })
      })
      await a.publish(`answered:${round}`, { round })
      await answered
    }
    expect(heard).to.equal(200)
  })

  it('go on without Redis within this process, and between processes when it is back', async () => {
    const [a, b] = [bench.signals(300), bench.signals(300)]
    const heard: unknown[] = []
    for (const [name, signals] of [
      ['a', a],
      ['b', b],
    ] as const) {
      signals.subscribe('news', (payload) => heard.push([name, payload]))
    }
    await Promise.all([a.ping(), b.ping()])
    await bench.redis.stop()
    await a.publish('news', 1)
    await a.spendTokens('bucket', 3, { perSecond: 1 })
    expect(await rejection(a.takeToken('bucket', { perSecond: 1 }))).to.be.instanceOf(QueueUnavailableError)
    expect(heard).to.deep.equal([['a', 1]])
    await bench.redis.start()
    await until('they hear each other again', async () => {
      await a.publish('news', 2)
      return heard.some((each) => JSON.stringify(each) === '["b",2]')
    })
  })

  it('of one project are none of another', async () => {
    const mine = bench.signals()
    const heard: unknown[] = []
    mine.subscribe('news', (payload) => heard.push(payload))
    await mine.ping()
    bench.prefix = `other-${bench.prefix}`
    const others = bench.signals()
    await others.publish('news', 'theirs')
    await others.takeToken('bucket', { perSecond: 0.001 })
    await others.ping()
    expect(await mine.takeToken('bucket', { perSecond: 0.001 })).to.equal(0)
    await mine.ping()
    expect(heard).to.deep.equal([])
  })

  it('heed nothing that is not theirs', async () => {
    const signals = bench.signals()
    const heard: unknown[] = []
    signals.subscribe('news', (payload) => heard.push(payload))
    await signals.ping()
    const channel = `{${bench.prefix.slice(0, -1)}}:signals`
    for (const message of [
      '',
      'x',
      'x\n',
      'x\n"news"',
      'x\n"news"\n{',
      'x\nnews\n1',
      'x\n5\n1',
      'x\n"news"\n1\n"news"',
    ]) {
      await bench.redis.call('PUBLISH', channel, message)
    }
    await signals.ping()
    expect(heard).to.deep.equal([1])
  })
})

describe('RedisConnection', () => {
  it('tells no secret of its address', async () => {
    const lines: string[] = []
    const note = (fields: object, message: string) => {
      const { err } = fields as { err?: Error }
      lines.push(message, String(err?.stack), JSON.stringify(err))
    }
    const logger = { ...silentLogger, error: note }
    const connection = new RedisConnection({ url: 'redis://me:hidden@127.0.0.1:1/0', logger, limit: 200 })
    const error = await rejection(connection.ping())
    connection.close()
    expect(error).to.be.instanceOf(QueueUnavailableError)
    expect([...lines, String(error)].join('\n'))
      .to.include('ECONNREFUSED')
      .and.not.include('hidden')
  })
})
