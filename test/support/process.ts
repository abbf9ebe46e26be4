import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { builtCommand } from './built.ts'

/** How a process ended, and all that it printed. */
export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A process that a test has started. It is killed when the test's own process ends. */
export interface Running {
  readonly pid: number
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  stdout(): string
  stderr(): string
  /** Sends the signal and waits for the end; after `limit` milliseconds the process is killed. */
  stop(signal?: NodeJS.Signals, limit?: number): Promise<Exit>
}

export interface ProcessOptions {
  /** The working folder; this checkout by default. */
  readonly cwd?: string
  /** Put over the tests' own environment, which is cleaned of what the command reads; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Written to standard input, which is closed after it. */
  readonly input?: string
  /** A process group of its own, so that a signal can be sent to all of it. */
  readonly detached?: boolean
}

export interface CommandOptions extends ProcessOptions {
  /** Arguments of node, before the script. */
  readonly nodeArgs?: readonly string[]
}

/** A server that answers at `url`. */
export interface RunningServer extends Running {
  /** Without a slash at the end: `http://127.0.0.1:40123`. */
  readonly url: string
}

/** The folder of this checkout. */
export const checkout = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

const READ_BY_THE_COMMAND = ['PORT', 'HOST', 'PUBLIC_URL', 'DATABASE_URL', 'REDIS_URL', 'LOG_LEVEL']
const START_LIMIT_MS = 30_000
const STOP_LIMIT_MS = 15_000
const ADDRESS = /serves on (http:\/\/\S+?)\/?\s/

/** Starts any program. */
export function startProcess(program: string, args: readonly string[], options: ProcessOptions = {}): Running {
  const { cwd = checkout, env = {}, input, detached = false } = options
  const child = spawn(program, args, { cwd, env: commandEnvironment(env), stdio: 'pipe', detached })
  const printed = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.stderr += text
  })
  // A process that ends without reading its input is no fault of the test's.
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      process.removeListener('exit', kill)
      resolve({ code, signal, ...printed })
    })
  })
  // Whoever waits for it hears of it; until then it is no unhandled rejection.
  exited.catch(() => {})
  return {
    pid: child.pid ?? -1,
    child,
    exited,
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    stop: (signal = 'SIGTERM', limit = STOP_LIMIT_MS) => stop(child, exited, signal, limit),
  }
}

/** Starts the command `switchboard` with these arguments. */
export function startCommand(args: readonly string[], options: CommandOptions = {}): Running {
  const { nodeArgs = [], ...rest } = options
  return startProcess(process.execPath, [...nodeArgs, builtCommand(), ...args], rest)
}

/** Runs the command `switchboard` to its end. */
export function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<Exit> {
  return startCommand(args, options).exited
}

/**
 * Starts `switchboard start` on a free port and waits until it serves.
 * @throws Error with what it printed, when it ends before that or takes too long
 */
export function startServer(args: readonly string[] = [], options: CommandOptions = {}): Promise<RunningServer> {
  const env = { PORT: '0', ...options.env }
  return serving(startCommand(['start', ...args], { ...options, env }))
}

/** Waits until a started process has printed the address it serves on. */
export async function serving(running: Running, limit = START_LIMIT_MS): Promise<RunningServer> {
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new Error(`${why}\n${running.stdout()}${running.stderr()}`))
    }
    const timer = setTimeout(() => {
      running.child.kill('SIGKILL')
      fail(`the server did not serve within ${limit} ms`)
    }, limit)
    const look = () => {
      const address = ADDRESS.exec(running.stdout())?.[1]
      if (address === undefined) return
      clearTimeout(timer)
      running.child.stdout?.removeListener('data', look)
      resolve(address)
    }
    running.child.stdout?.on('data', look)
    running.exited.then(
      ({ code, signal }) => fail(`the server ended before it served (${signal ?? code})`),
      (error: unknown) => fail(String(error)),
    )
    look()
  })
  return { ...running, url }
}

async function stop(child: ChildProcess, exited: Promise<Exit>, signal: NodeJS.Signals, limit: number): Promise<Exit> {
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), limit)
  try {
    return await exited
  } finally {
    clearTimeout(timer)
  }
}

/** The tests' own environment, cleaned of what the command reads, with these over it. */
export function commandEnvironment(over: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const name of READ_BY_THE_COMMAND) delete env[name]
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) delete env[name]
    else env[name] = value
  }
  return env
}
