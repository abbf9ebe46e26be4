import { Queue, Worker } from 'bullmq'
import { systemClock } from '../../src/messages/clock.ts'
import { type Lane, laneKey } from '../../src/messages/lane.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { RedisConnection } from '../../src/queue/redis/connection.ts'
import { RedisQueue } from '../../src/queue/redis/redis-queue.ts'
import { median } from '../percentiles.ts'
import type { RedisServer } from '../redis-server.ts'
import type { Workbench } from '../workbench.ts'

const LANES = 20_000
const WAITING = 100_000
const QUICK_LANES = 2_000
const QUICK_WAITING = 10_000
const CONCURRENCY = 64

/** One way to carry lanes. */
interface Engine {
  open(redis: RedisServer): Promise<Opened>
}

interface Opened {
  ring(lane: Lane): Promise<unknown>
  /** Resolves when so many lanes were worked. */
  work(count: number): Promise<void>
  close(): Promise<void>
}

export interface QueueFigures {
  readonly ringPerSecond: number
  readonly workPerSecond: number
  readonly bothPerSecond: number
  readonly bytesPerLane: number
}

export interface Queues {
  readonly waiting: number
  readonly own: QueueFigures
  readonly bullmq: QueueFigures
}

const own: Engine = {
  async open({ url }) {
    const connection = new RedisConnection({ url, logger: silentLogger, limit: 60_000 })
    const poolOf = () => ({ name: 'incoming', concurrency: CONCURRENCY })
    const queue = new RedisQueue({ connection, clock: systemClock, poolOf })
    await connection.open()
    return {
      ring: (lane) => queue.ring(lane),
      work: (count) =>
        new Promise((resolve) => {
          let left = count
          queue.work(async () => {
            if (--left === 0) resolve()
            return { next: 'idle' }
          })
        }),
      async close() {
        await queue.stop(5_000)
        connection.close()
      },
    }
  },
}

const bullmq: Engine = {
  async open({ port }) {
    const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
    const queue = new Queue('lanes', { connection })
    const workers: Worker[] = []
    await queue.waitUntilReady()
    // A finished job has to go, or its lane could not be rung again.
    const options = { removeOnComplete: true, removeOnFail: true }
    return {
      ring: (lane) => queue.add('lane', null, { jobId: laneKey(lane).replaceAll(/[\n:]/g, '|'), ...options }),
      work: (count) =>
        new Promise((resolve) => {
          let left = count
          const job = async () => {
            if (--left === 0) resolve()
          }
          workers.push(new Worker('lanes', job, { connection, concurrency: CONCURRENCY }))
        }),
      async close() {
        await Promise.all(workers.map((worker) => worker.close()))
        await queue.close()
      },
    }
  },
}

/** Case o: the queue on Redis, and BullMQ carrying the same lanes, each with nothing behind it. Empties Redis. */
export async function measureQueues(bench: Workbench, redis: RedisServer): Promise<Queues> {
  const { quick } = bench.scale
  const size = quick ? { lanes: QUICK_LANES, waiting: QUICK_WAITING } : { lanes: LANES, waiting: WAITING }
  const rounds: { own: QueueFigures; bullmq: QueueFigures }[] = []
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    rounds.push({ own: await measure(own, redis, size), bullmq: await measure(bullmq, redis, size) })
  }
  const medians = (name: 'own' | 'bullmq'): QueueFigures => {
    const of = (figure: keyof QueueFigures) => median(rounds.map((round) => round[name][figure]))
    return {
      ringPerSecond: of('ringPerSecond'),
      workPerSecond: of('workPerSecond'),
      bothPerSecond: of('bothPerSecond'),
      bytesPerLane: of('bytesPerLane'),
    }
  }
  return { waiting: size.waiting, own: medians('own'), bullmq: medians('bullmq') }
}

async function measure(
  engine: Engine,
  redis: RedisServer,
  { lanes, waiting }: { readonly lanes: number; readonly waiting: number },
): Promise<QueueFigures> {
  await redis.empty()
  const apart = await engine.open(redis)
  const began = performance.now()
  await ringAll(apart, lanes)
  const rung = performance.now()
  await apart.work(lanes)
  const worked = performance.now()
  await apart.close()

  await redis.empty()
  const together = await engine.open(redis)
  const from = performance.now()
  const done = together.work(lanes)
  await ringAll(together, lanes)
  await done
  const both = performance.now() - from
  await together.close()

  await redis.empty()
  const idle = await engine.open(redis)
  const before = await redis.usedMemory()
  await ringAll(idle, waiting)
  const bytes = (await redis.usedMemory()) - before
  await idle.close()
  const perSecond = (milliseconds: number) => (lanes / milliseconds) * 1_000
  return {
    ringPerSecond: perSecond(rung - began),
    workPerSecond: perSecond(worked - rung),
    bothPerSecond: perSecond(both),
    bytesPerLane: bytes / waiting,
  }
}

/** As many at a time as a busy server rings in a turn of the loop. */
async function ringAll(opened: Opened, count: number): Promise<void> {
  for (let at = 0; at < count; at += CONCURRENCY) {
    const lanes = Array.from({ length: Math.min(CONCURRENCY, count - at) }, (_, index) => laneOf(at + index))
    await Promise.all(lanes.map((lane) => opened.ring(lane)))
  }
}

function laneOf(index: number): Lane {
  return { kind: 'incoming', owner: 'gateway', identity: `2547${1e8 + index}` }
}
