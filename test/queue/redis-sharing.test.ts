import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { type Lane, laneKey } from '../../src/messages/lane.ts'
import { type Running, startProcess } from '../support/process.ts'
import { RedisBench, whyNoRedis } from '../support/redis-bench.ts'
import { skip } from '../support/skip.ts'
import { testProgram } from '../support/test-program.ts'
import { until } from '../support/until.ts'
import { incoming, outgoing } from './conformance.ts'

const WORKER = fileURLToPath(new URL('../support/redis-worker.ts', import.meta.url))
const TAKEN_OVER_WITHIN_MS = 5_000
const LONG_MS = '600000'

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const printed = (running: Running, word: string) =>
  [...running.stdout().matchAll(new RegExp(`^${word} (\\S+) \\d+$`, 'gm'))].map(([, identity]) => identity)

describe('several processes on one Redis', function () {
  this.timeout(60_000)
  const bench = new RedisBench()
  const children: Running[] = []

  let program: string

  before(async function () {
    const why = whyNoRedis()
    if (why !== undefined) skip(this, why)
    program = testProgram(WORKER)
    await bench.start()
  })

  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.stop('SIGKILL')))
    await bench.clear()
  })

  after(() => bench.remove())

  const startWorker = (concurrency: number, milliseconds: string) => {
    const args = [program, bench.url, bench.prefix, String(concurrency), milliseconds]
    const child = startProcess(process.execPath, args)
    children.push(child)
    return child
  }
  const ringAll = (lanes: readonly Lane[]) => {
    const queue = bench.queue()
    return Promise.all(lanes.map((lane) => queue.ring(lane)))
  }
  const identities = (count: number) => Array.from({ length: count }, (_, index) => String(index))

  for (const count of [2, 4]) {
    it(`${count} share the work, each gets a fair part, and no lane is in two hands`, async () => {
      const inHand = new Set<string>()
      const parts = Array.from({ length: count }, () => new Set<string>())
      let twice = 0
      for (const part of parts) {
        bench.queue({ concurrency: 8 }).work(async (lane) => {
          const key = laneKey(lane)
          if (inHand.has(key)) twice++
          inHand.add(key)
          await pause(2)
          inHand.delete(key)
          part.add(lane.identity)
          return { next: 'idle' }
        })
      }
      const ringer = bench.queue()
      for (let round = 0; round < 3; round++) {
        await Promise.all(identities(1_000).map((identity) => ringer.ring(incoming(identity))))
      }
      await until('all is worked', async () => (await bench.known()) === 0, 20_000)
      expect(twice).to.equal(0)
      expect(new Set(parts.flatMap((part) => [...part])).size).to.equal(1_000)
      for (const part of parts) expect(part.size, 'lanes of one').to.be.greaterThan(1_000 / count / 3)
    })
  }

  it('leave nothing of finished lanes behind', async () => {
    bench.queue().work(async () => ({ next: 'idle' }))
    await ringAll(identities(1_000).flatMap((identity) => [incoming(identity), outgoing(identity, 'bulk')]))
    await until('all is worked', async () => (await bench.known()) === 0)
    const left = await bench.redis.call('KEYS', '*')
    expect(
      Array.isArray(left) &&
        left
          .map(String)
          .map((key) => key.replace(/^.*:/, ''))
          .sort(),
    ).to.deep.equal(['mark', 'pools'])
  })

  it('learn of pools that only others have rung', async () => {
    const worked: string[] = []
    bench.queue().work(async ({ identity }) => {
      worked.push(identity)
      return { next: 'idle' }
    })
    await ringAll([incoming('1')])
    await until('the lane is worked', () => worked.length === 1, 1_000)
  })

  it('are woken at once, and for a delayed lane when it is due', async () => {
    const worked = new Map<string, number>()
    bench.queue().work(async ({ identity }) => {
      worked.set(identity, Date.now())
      return { next: 'idle' }
    })
    await ringAll([incoming('first')])
    await until('the first is worked', () => worked.has('first'))
    const ringer = bench.queue()
    const began = Date.now()
    await ringer.ring(incoming('late'), began + 400)
    await ringer.ring(incoming('now'))
    await until('both are worked', () => worked.has('late'))
    expect((worked.get('now') ?? 0) - began).to.be.below(150)
    expect((worked.get('late') ?? 0) - began).to.be.within(399, 550)
  })

  it('tell one of those that work when one of them has died, which may not have rung what it recorded', async () => {
    const told: number[] = []
    const doomed = startWorker(1, LONG_MS)
    await ringAll([incoming('1')])
    await until('it is in hand', () => printed(doomed, 'took').length === 1)
    for (let process = 0; process < 2; process++) {
      const queue = bench.queue()
      queue.onForgotten(() => told.push(process))
      queue.work(async () => ({ next: 'idle' }))
    }
    await pause(1_200)
    expect(told, 'while it lives').to.deep.equal([])
    await doomed.stop('SIGKILL')
    await until('one is told', () => told.length > 0, TAKEN_OVER_WITHIN_MS)
    await pause(1_200)
    expect(told).to.have.length(1)
  })

  it('take over what a killed one held', async () => {
    const doomed = startWorker(8, LONG_MS)
    await ringAll(identities(8).map(incoming))
    await until('all are in hand', () => printed(doomed, 'took').length === 8, 20_000)
    const taken = new Set<string>()
    bench.queue().work(async ({ identity }) => {
      taken.add(identity)
      return { next: 'idle' }
    })
    // Longer than a lease lasts.
    await pause(3_500)
    expect([...taken], 'while it lives').to.deep.equal([])
    await doomed.stop('SIGKILL')
    const died = Date.now()
    await until('all are taken over', () => taken.size === 8, TAKEN_OVER_WITHIN_MS)
    expect(Date.now() - died).to.be.below(TAKEN_OVER_WITHIN_MS)
  })

  it('take over from one that is frozen; what it gives back later changes nothing', async () => {
    const frozen = startWorker(2, '1500')
    await ringAll([incoming('1'), incoming('2')])
    await until('both are in hand', () => printed(frozen, 'took').length === 2, 20_000)
    frozen.child.kill('SIGSTOP')
    const ends = new Map<string, () => void>()
    bench.queue({ concurrency: 2 }).work(
      ({ identity }) =>
        new Promise((resolve) => {
          if (ends.has(identity)) throw new Error(`${identity} is worked twice`)
          ends.set(identity, () => resolve({ next: 'idle' }))
        }),
    )
    await until('both are taken over', () => ends.size === 2, TAKEN_OVER_WITHIN_MS)
    frozen.child.kill('SIGCONT')
    await until('the late one has finished', () => printed(frozen, 'done').length === 2)
    await pause(500)
    expect(await bench.known(), 'still held by the new one').to.equal(2)
    expect(printed(frozen, 'took')).to.have.length(2)
    for (const end of ends.values()) end()
    await until('nothing is left', async () => (await bench.known()) === 0)
  })

  it('give back at a stop what they have not begun, and wait for the rest', async () => {
    const first = bench.queue({ concurrency: 1 })
    const ends: (() => void)[] = []
    first.work(() => new Promise((resolve) => ends.push(() => resolve({ next: 'more' }))))
    await ringAll([incoming('1'), incoming('2')])
    await until('one is in hand', () => ends.length === 1)
    const stopped = first.stop(5_000)
    ends[0]?.()
    expect(await stopped).to.equal(0)
    const worked: string[] = []
    bench.queue().work(async ({ identity }) => {
      worked.push(identity)
      return { next: 'idle' }
    })
    await until('another works both', () => worked.length === 2, 500)
    expect(worked.sort()).to.deep.equal(['1', '2'])
  })

  it('count the tokens of a rate together, also those of the signals', async () => {
    const started: number[] = []
    const signals = bench.signals()
    const rate = { perSecond: 40 }
    for (let process = 0; process < 2; process++) {
      bench.queue({ rate }).work(async () => {
        started.push(Date.now())
        return { next: 'idle' }
      })
    }
    await ringAll(identities(200).map((identity) => outgoing(identity)))
    await until('a second has passed', () => started.length > 0 && Date.now() - (started[0] ?? 0) > 1_000)
    const within = started.filter((at) => at - (started[0] ?? 0) <= 1_000).length
    expect(within).to.be.within(30, 43)
    await signals.spendTokens('pool', 40, rate)
    await pause(50)
    const before = started.length
    await pause(500)
    expect(started.length - before, 'while a second of tokens is owed').to.be.at.most(1)
  })

  it('choose a lane only when the token is there, wherever it was rung', async () => {
    const started: string[] = []
    for (let process = 0; process < 2; process++) {
      bench.queue({ rate: { perSecond: 2 } }).work(async ({ identity }) => {
        started.push(identity)
        return { next: 'idle' }
      })
    }
    await ringAll(['b1', 'b2', 'b3'].map((identity) => outgoing(identity, 'bulk')))
    await until('the first has gone', () => started.length === 1)
    await ringAll([outgoing('r', 'reply')])
    await until('the next has gone', () => started.length === 2)
    expect(started).to.deep.equal(['b1', 'r'])
  })
})
