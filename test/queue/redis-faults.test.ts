import { expect } from 'chai'
import { QueueUnavailableError } from '../../src/queue/errors.ts'
import type { LaneResult } from '../../src/queue/queue.ts'
import { RedisBench, whyNoRedis } from '../support/redis-bench.ts'
import { rejection } from '../support/rejection.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'
import { incoming, outgoing } from './conformance.ts'

const LIMIT_MS = 300

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Handlers that end when a test says so. */
class Hands {
  readonly ends = new Map<string, (result?: LaneResult) => void>()
  readonly worked: string[] = []

  readonly handler = ({ identity }: { readonly identity: string }) =>
    new Promise<LaneResult>((resolve) => {
      if (this.ends.has(identity)) throw new Error(`${identity} is worked twice at once`)
      this.worked.push(identity)
      this.ends.set(identity, (result = { next: 'idle' }) => {
        this.ends.delete(identity)
        resolve(result)
      })
    })
}

describe('Redis that fails', function () {
  this.timeout(30_000)
  const bench = new RedisBench()

  before(async function () {
    const why = whyNoRedis()
    if (why !== undefined) skip(this, why)
    await bench.start()
  })

  afterEach(() => bench.clear())

  after(() => bench.remove())

  const isWorked = (hands: Hands, identity: string) =>
    until(`${identity} is worked`, () => hands.worked.includes(identity))

  it('emptied: lanes in hand end as ever, are held on to, and those rung again are worked', async () => {
    const hands = new Hands()
    const queue = bench.queue()
    queue.work(hands.handler)
    const other = new Hands()
    await Promise.all([incoming('idle'), incoming('more')].map((lane) => queue.ring(lane)))
    await until('both are in hand', () => hands.ends.size === 2)
    await bench.redis.call('FLUSHALL')
    await bench.redis.call('SCRIPT', 'FLUSH')
    await until('they are entered again', async () => (await bench.known()) === 2)
    bench.queue().work(other.handler)
    await queue.ring(incoming('new'))
    await until('the new one is worked', () => hands.ends.has('new') || other.ends.has('new'))
    hands.ends.get('idle')?.()
    hands.ends.get('more')?.({ next: 'more' })
    await until(
      'more is worked again',
      () => [...hands.worked, ...other.worked].filter((id) => id === 'more').length > 1,
    )
    for (const end of [...hands.ends.values(), ...other.ends.values()]) end()
    await until('nothing is left', async () => (await bench.known()) === 0)
    expect(other.worked).to.not.include('idle')
  })

  it('emptied: a lane that has more to do is not lost, whenever it was given back', async () => {
    const hands = new Hands()
    const queue = bench.queue()
    queue.work(hands.handler)
    await queue.ring(incoming('1'))
    await until('it is in hand', () => hands.ends.size === 1)
    await bench.redis.call('FLUSHALL')
    hands.ends.get('1')?.({ next: 'more' })
    await until('it is worked again', () => hands.worked.length === 2)
  })

  it('emptied or started anew: one of those that work is told, once', async () => {
    const told: number[] = []
    for (let process = 0; process < 3; process++) {
      const queue = bench.queue()
      queue.onForgotten(() => told.push(process))
      queue.work(async () => ({ next: 'idle' }))
    }
    await until('the first has looked', () => told.length === 1)
    await pause(1_200)
    expect(told).to.have.length(1)
    await bench.redis.call('FLUSHALL')
    await until('one is told', () => told.length === 2)
    await bench.redis.stop()
    await bench.redis.start()
    await until('one is told', () => told.length === 3)
    await pause(1_200)
    expect(told).to.have.length(3)
  })

  it('stopped and started again: everything goes on by itself, and what was rung meanwhile is worked', async () => {
    const hands = new Hands()
    const queue = bench.queue({}, LIMIT_MS)
    queue.work(hands.handler)
    await queue.ring(incoming('held'))
    await isWorked(hands, 'held')
    await bench.redis.stop()
    const error = await rejection(queue.ring(incoming('meanwhile')))
    expect(error).to.be.instanceOf(QueueUnavailableError)
    expect(await rejection(queue.ping())).to.be.instanceOf(QueueUnavailableError)
    const began = performance.now()
    await rejection(queue.ring(incoming('meanwhile')))
    expect(performance.now() - began, 'known to be away').to.be.below(LIMIT_MS / 2)
    hands.ends.get('held')?.()
    await bench.redis.start()
    await isWorked(hands, 'meanwhile')
    await queue.ping()
    const ringer = bench.queue()
    await ringer.ring(incoming('after'))
    await isWorked(hands, 'after')
    expect(hands.worked.filter((identity) => identity === 'held')).to.have.length(1)
    const lines = bench.log.map(({ message }) => message)
    expect(lines).to.deep.equal(['Redis is away; trying again until it is back', 'Redis is back'])
  })

  it('frozen: a ring ends with an error in time, and what was in hand or rung is worked after it', async () => {
    const hands = new Hands()
    const queue = bench.queue({}, LIMIT_MS)
    queue.work(hands.handler)
    await queue.ring(incoming('held'))
    await isWorked(hands, 'held')
    bench.redis.freeze()
    try {
      const began = performance.now()
      expect(await rejection(queue.ring(incoming('new')))).to.be.instanceOf(QueueUnavailableError)
      expect(performance.now() - began).to.be.within(LIMIT_MS * 0.9, LIMIT_MS * 2)
      expect(await rejection(queue.ping())).to.be.instanceOf(QueueUnavailableError)
      hands.ends.get('held')?.()
    } finally {
      bench.redis.thaw()
    }
    await isWorked(hands, 'new')
    hands.ends.get('new')?.()
    await until('nothing is left', async () => (await bench.known()) === 0)
  })

  it('not there from the start: it is found when it comes', async () => {
    const hands = new Hands()
    await bench.redis.stop()
    const queue = bench.queue({}, LIMIT_MS)
    queue.work(hands.handler)
    await rejection(queue.ring(incoming('1')))
    await bench.redis.start()
    await isWorked(hands, '1')
  })

  it('away at a stop: the stop ends all the same', async () => {
    const hands = new Hands()
    const queue = bench.queue({}, LIMIT_MS)
    queue.work(hands.handler)
    await queue.ring(incoming('1'))
    await isWorked(hands, '1')
    await bench.redis.stop()
    const stopped = queue.stop(5_000)
    hands.ends.get('1')?.()
    expect(await stopped).to.equal(0)
    await bench.redis.start()
  })

  it('made to forget a part: a ring sets the lane right', async () => {
    const queue = bench.queue()
    await queue.ring(incoming('ready'))
    await queue.ring(incoming('delayed'), Date.now() + 60_000)
    const keys = await bench.redis.call('KEYS', '*:pool:*')
    for (const key of Array.isArray(keys) ? keys : []) await bench.redis.call('DEL', String(key))
    const hands = new Hands()
    queue.work(hands.handler)
    await queue.ring(incoming('ready'))
    await queue.ring(incoming('delayed'))
    await until('both are worked', () => hands.ends.size === 2)
  })

  it('full of what is not ours: a lane that nobody can read stops no other', async () => {
    const queue = bench.queue()
    await queue.ring(incoming('good'))
    const tag = `{${bench.prefix.slice(0, -1)}}:`
    await bench.redis.call('HSET', `${tag}lanes`, 'nonsense', '2')
    await bench.redis.call('LPUSH', `${tag}pool:pool:ready:normal`, 'nonsense')
    const hands = new Hands()
    queue.work(hands.handler)
    await isWorked(hands, 'good')
    hands.ends.get('good')?.()
    await until('nothing is left', async () => (await bench.known()) === 0)
  })

  it('takes any time and any identity', async () => {
    const hands = new Hands()
    const queue = bench.queue()
    queue.work(hands.handler)
    const odd = ['', '\n', 'a\nb', '\u0000', '%s', 'é😀', '\ud83d', "'); redis.call('FLUSHALL')--"]
    await Promise.all(odd.map((identity) => queue.ring(incoming(identity))))
    for (const at of [Number.NaN, -1, 1.5]) await queue.ring(outgoing(String(at)), at)
    for (const at of [Number.POSITIVE_INFINITY, 1e300]) await queue.ring(outgoing(String(at)), at)
    await until('all but those of the far future are worked', () => hands.worked.length === odd.length + 3)
    expect(hands.worked.slice(0, odd.length)).to.deep.equal(odd.map((identity) => identity.toWellFormed()))
  })
})
