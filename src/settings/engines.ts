import type { Clock } from '../messages/clock.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import { MemoryQueue } from '../queue/memory-queue.ts'
import { MemorySignals } from '../queue/memory-signals.ts'
import type { PoolSettings, Queue } from '../queue/queue.ts'
import { RedisConnection } from '../queue/redis/connection.ts'
import { RedisQueue } from '../queue/redis/redis-queue.ts'
import { RedisSignals } from '../queue/redis/redis-signals.ts'
import type { Signals } from '../queue/signals.ts'
import { PostgresStore } from '../store/postgres/postgres-store.ts'
import { IN_MEMORY } from '../store/sqlite/database.ts'
import { SqliteStore } from '../store/sqlite/sqlite-store.ts'
import { ThreadedSqliteStore } from '../store/sqlite/threaded-store.ts'
import type { Store } from '../store/store.ts'
import type { Settings } from './parse.ts'

/** What carries the work, and tells others of it. */
export interface Transport {
  readonly queue: Queue
  readonly signals: Signals
  /** Looks for what it stands on; without it, a server starts all the same. */
  open(): Promise<void>
  close(): void
}

/** A thread can load what is built, not a source: whoever runs from the sources has the same store without it. */
const IS_BUILT = import.meta.url.endsWith('.js')

/** The store that the settings name; nothing is opened yet. */
export function makeStore(settings: Settings, role: 'server' | 'command'): Store {
  const { databaseUrl, databasePool: poolSize, redisUrl } = settings
  if (!databaseUrl.startsWith('sqlite:')) {
    const lock = redisUrl === undefined ? 'exclusive' : 'shared'
    return new PostgresStore({ url: databaseUrl, role, poolSize, lock: role === 'command' ? 'none' : lock })
  }
  const file = databaseUrl.slice('sqlite:'.length)
  const inThread = IS_BUILT && role === 'server' && file !== IN_MEMORY
  return inThread ? new ThreadedSqliteStore(file) : new SqliteStore({ file, role })
}

export interface TransportOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly poolOf: (lane: Lane) => PoolSettings
}

/** Queue and signals on Redis, where the settings name one, else within this process. */
export function makeTransport({ redisUrl, redisPrefix }: Settings, options: TransportOptions): Transport {
  const { clock, logger, poolOf } = options
  if (redisUrl === undefined) {
    const signals = new MemorySignals(clock)
    return { queue: new MemoryQueue({ clock, signals, poolOf }), signals, open: async () => {}, close: () => {} }
  }
  const connection = new RedisConnection({ url: redisUrl, prefix: redisPrefix, logger })
  return {
    queue: new RedisQueue({ connection, clock, poolOf }),
    signals: new RedisSignals({ connection, clock }),
    async open() {
      // This process may follow one that was killed after it recorded, and before it rang.
      const ended = connection.onReady(() => {
        ended()
        connection.forget().catch(() => {})
      })
      await connection.open().catch((error: unknown) => {
        logger.error(
          { err: error },
          'Redis is not reached; messages are taken and recorded, and worked when it is back',
        )
      })
    },
    close: () => connection.close(),
  }
}
