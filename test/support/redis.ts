import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Redis } from 'ioredis'
import { silentLogger } from '../../src/messages/logger.ts'
import { RedisConnection } from '../../src/queue/redis/connection.ts'
import { type Running, startProcess } from './process.ts'
import { tempFolder } from './temp-folder.ts'
import { until } from './until.ts'

const PROGRAM = 'redis-server'

/** A Redis of a test's own, on a socket in a temporary folder. */
export interface TestRedis {
  /** The path of its socket. */
  readonly url: string
  readonly pid: number
  /** Runs a command, such as `FLUSHALL`. */
  call(command: string, ...args: readonly string[]): Promise<unknown>
  /** Ends it as a power failure does; what it held is gone. */
  stop(): Promise<void>
  start(): Promise<void>
  /** Has it answer nothing, while its connections stay. */
  freeze(): void
  thaw(): void
  /** Ends it and takes its folder away. */
  remove(): Promise<void>
}

/** Why tests with Redis cannot run here; undefined where they can. With CI=true a missing server is a failure. */
export function whyNoRedis(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  if (folders.some((folder) => isProgram(join(folder, PROGRAM)))) return undefined
  const why = `${PROGRAM} is missing; it comes with: apt-get install -y redis-server`
  if (process.env['CI'] === 'true') throw new Error(why)
  return why
}

/** Starts one that keeps nothing on disk. */
export async function startRedis(): Promise<TestRedis> {
  const folder = tempFolder()
  const url = join(folder.path, 'redis.sock')
  let running: Running | undefined
  let control: Redis | undefined

  async function start(): Promise<void> {
    const places = ['--port', '0', '--unixsocket', url, '--dir', folder.path]
    running = startProcess(PROGRAM, [...places, '--save', '', '--appendonly', 'no', '--daemonize', 'no'])
    const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
    client.on('error', () => {})
    control = client
    await until('Redis answers', async () => (await client.ping()) === 'PONG')
  }

  async function stop(): Promise<void> {
    control?.disconnect()
    await running?.stop('SIGKILL')
  }

  await start()
  return {
    url,
    get pid() {
      return running?.pid ?? -1
    },
    call: async (command, ...args) => control?.call(command, ...args),
    stop,
    start,
    freeze: () => void running?.child.kill('SIGSTOP'),
    thaw: () => void running?.child.kill('SIGCONT'),
    async remove() {
      await stop()
      folder.remove()
    },
  }
}

/** A connection that knows when it is quiet. */
export class CountedConnection extends RedisConnection {
  #begun = 0
  #ended = 0

  constructor(url: string, prefix: string) {
    super({ url, prefix, logger: silentLogger })
  }

  override async run(...args: Parameters<RedisConnection['run']>): Promise<unknown> {
    this.#begun++
    try {
      return await super.run(...args)
    } finally {
      this.#ended++
    }
  }

  /** Waits until nothing is asked any more, and all that was published has come. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      const before = this.#begun
      await turnOfLoop()
      await this.ping()
      await this.pingSubscriber()
      await turnOfLoop()
      quiet = this.#begun === before && this.#ended === before ? quiet + 1 : 0
    }
  }
}

function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
