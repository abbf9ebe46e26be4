import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { type Running, startProcess } from '../../support/process.ts'
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts'
import { until } from '../../support/until.ts'

/** A private Redis on a port of its own, which keeps nothing on disk. */
export class RedisServer {
  readonly port: number
  readonly #folder: TempFolder
  #running: Running | undefined
  #control: Redis | undefined

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort())
    await server.start()
    return server
  }

  private constructor(port: number) {
    this.port = port
    this.#folder = tempFolder()
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const place = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder.path]
    this.#running = startProcess('redis-server', [...place, '--save', '', '--appendonly', 'no'])
    const control = new Redis(this.port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null })
    control.on('error', () => {})
    this.#control = control
    await until('Redis answers', async () => (await control.ping()) === 'PONG')
  }

  /** In good order; what it held is gone all the same. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#control?.disconnect()
    await this.#running?.stop(signal)
  }

  /** Answers nothing, while its connections stand. */
  freeze(): void {
    this.#running?.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#running?.child.kill('SIGCONT')
  }

  async flush(): Promise<void> {
    await this.#control?.flushall()
  }

  /** How often a command has been run since the start, as `evalsha`. */
  async calls(command: string): Promise<number> {
    const text = (await this.#control?.info('commandstats')) ?? ''
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(text)?.[1] ?? 0)
  }

  /** Lanes that wait, are delayed, or are being worked. */
  async lanes(prefix = 'switchboard'): Promise<number> {
    return (await this.#control?.hlen(`{${prefix}}:lanes`)) ?? 0
  }

  /** Each known lane and where it stands. */
  async standing(prefix = 'switchboard'): Promise<Readonly<Record<string, string>>> {
    return (await this.#control?.hgetall(`{${prefix}}:lanes`)) ?? {}
  }

  async remove(): Promise<void> {
    this.thaw()
    await this.stop('SIGKILL')
    this.#folder.remove()
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
