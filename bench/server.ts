import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuSecondsOf, memoryOf } from './process-usage.ts'

export interface ServerOptions {
  /** The script and its arguments, after those of node itself. */
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A path that is answered by 200 once the server is ready. */
  readonly readyPath?: string
  readonly readyWithinMs?: number
}

const READY_WITHIN_MS = 60_000
const KILL_AFTER_MS = 20_000

/** A server in a process of its own, with its standard output thrown away. */
export class Server {
  readonly port: number
  /** Milliseconds from the start of the process until it answered. */
  readonly readyAfter: number
  readonly #process: ChildProcess

  private constructor(child: ChildProcess, port: number, readyAfter: number) {
    this.#process = child
    this.port = port
    this.readyAfter = readyAfter
  }

  static async start(options: ServerOptions): Promise<Server> {
    const { args, env = {}, readyPath = '/', readyWithinMs = READY_WITHIN_MS } = options
    const port = await freePort()
    const began = performance.now()
    const child = spawn(process.execPath, args, {
      env: { ...cleanEnvironment(), NODE_ENV: 'production', PORT: String(port), ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    while (!(await isReady(`http://127.0.0.1:${port}${readyPath}`))) {
      if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended with ${child.exitCode}`)
      if (performance.now() - began > readyWithinMs) throw new Error(`${args.join(' ')} did not answer in time`)
      await delay(5)
    }
    return new Server(child, port, performance.now() - began)
  }

  /** Seconds of processor time used so far. */
  get cpuSeconds(): number {
    return cpuSecondsOf(this.#process.pid ?? 0) ?? Number.NaN
  }

  /** MiB of memory held. */
  get memory(): number {
    return memoryOf(this.#process.pid ?? 0) ?? Number.NaN
  }

  async stop(): Promise<void> {
    const child = this.#process
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
    await ended
    clearTimeout(timer)
  }
}

/** Settings of whoever runs the benchmark stay out of it. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { LOG_LEVEL, DATABASE_URL, REDIS_URL, PUBLIC_URL, HOST, NODE_OPTIONS, ...rest } = process.env
  return rest
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

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(1_000) })
    await response.arrayBuffer()
    return response.status < 500
  } catch {
    return false
  }
}
