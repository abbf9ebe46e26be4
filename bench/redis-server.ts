import { once } from 'node:events'
import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { type Running, startProcess } from '../test/support/process.ts'
import { cpuSecondsOf } from './process-usage.ts'

/** What Redis has been asked, told apart by what ran within scripts. */
export interface RedisCounts {
  /** Scripts, each a round trip. */
  readonly scripts: number
  /** All commands, those that scripts run included. */
  readonly commands: number
}

/** A Redis of the benchmark's own, which writes down what it holds as in production: `appendfsync everysec`. */
export class RedisServer {
  readonly port: number
  readonly #running: Running
  readonly #client: Redis

  private constructor(port: number, running: Running) {
    this.port = port
    this.#running = running
    this.#client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null })
    this.#client.on('error', () => {})
  }

  static async start(folder: string): Promise<RedisServer> {
    const port = await freePort()
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
    const keep = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '']
    const server = new RedisServer(port, startProcess('redis-server', [...place, ...keep]))
    await server.#client.ping()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Seconds of processor time used so far. */
  get cpuSeconds(): number {
    return cpuSecondsOf(this.#running.pid) ?? Number.NaN
  }

  async empty(): Promise<void> {
    await this.#client.flushall()
  }

  /** Bytes that it holds. */
  async usedMemory(): Promise<number> {
    return Number(/^used_memory:(\d+)/m.exec(await this.#client.info('memory'))?.[1])
  }

  async counts(): Promise<RedisCounts> {
    const counts = { scripts: 0, commands: 0 }
    for (const [, name, calls] of (await this.#client.info('commandstats')).matchAll(
      /^cmdstat_([^:]+):calls=(\d+)/gm,
    )) {
      counts.commands += Number(calls)
      if (name === 'evalsha' || name === 'eval') counts.scripts += Number(calls)
    }
    return counts
  }

  async stop(): Promise<void> {
    this.#client.disconnect()
    await this.#running.stop('SIGTERM')
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return address.port
}
