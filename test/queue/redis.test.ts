import { randomUUID } from 'node:crypto'
import { RedisQueue } from '../../src/queue/redis/redis-queue.ts'
import { RedisSignals } from '../../src/queue/redis/redis-signals.ts'
import { CountedConnection, startRedis, type TestRedis, whyNoRedis } from '../support/redis.ts'
import { skip } from '../support/skip.ts'
import { describeQueue } from './conformance.ts'
import { describeSignals } from './signals-conformance.ts'

describe('Redis', function () {
  // Twenty thousand steps one after the other take a while, even on the same machine.
  this.timeout(60_000)
  let redis: TestRedis
  const connections: CountedConnection[] = []

  before(async function () {
    const why = whyNoRedis()
    if (why !== undefined) skip(this, why)
    redis = await startRedis()
  })

  afterEach(() => {
    for (const connection of connections.splice(0)) connection.close()
  })

  after(async () => {
    await redis?.remove()
  })

  const connect = async () => {
    const connection = new CountedConnection(redis.url, `${randomUUID()}:`)
    connections.push(connection)
    await connection.open()
    return connection
  }
  const settleAll = async () => {
    for (const connection of connections) await connection.settle()
  }

  describeQueue(
    'the queue on Redis',
    async ({ clock, poolOf }) => new RedisQueue({ connection: await connect(), clock, poolOf, timeOf: 'clock' }),
    settleAll,
  )
  describeSignals(
    'signals on Redis',
    async (clock) => new RedisSignals({ connection: await connect(), clock, timeOf: 'clock' }),
  )
})
