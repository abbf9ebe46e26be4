import { systemClock } from '../../src/messages/clock.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { RedisConnection } from '../../src/queue/redis/connection.ts'
import { RedisQueue } from '../../src/queue/redis/redis-queue.ts'

/** A process that works lanes: prints `took` and `done` with each identity. Arguments: url, prefix, concurrency, ms. */
const [url = '', prefix = '', concurrency = '1', milliseconds = '0'] = process.argv.slice(2)
const connection = new RedisConnection({ url, prefix, logger: silentLogger })
const pool = { name: 'pool', concurrency: Number(concurrency) }
const queue = new RedisQueue({ connection, clock: systemClock, poolOf: () => pool })
queue.work(async ({ identity }) => {
  process.stdout.write(`took ${identity} ${Date.now()}\n`)
  await new Promise((resolve) => setTimeout(resolve, Number(milliseconds)))
  process.stdout.write(`done ${identity} ${Date.now()}\n`)
  return { next: 'idle' }
})
