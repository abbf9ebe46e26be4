import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chownSync, closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { tempFolder } from './temp-folder.ts'
import { until } from './until.ts'

const DEBIAN = '/usr/lib/postgresql'
const UNPRIVILEGED = ['postgres', 'nobody']

const IN_MEMORY = existsSync('/dev/shm') ? '/dev/shm' : undefined

/** What is faster and safe here: no test cuts the power of the machine. */
const UNSAFE = ['-c', 'fsync=off', '-c', 'synchronous_commit=on', '-c', 'full_page_writes=off']

/** A private PostgreSQL. */
export interface PostgresServer {
  /** The address of one of its databases. */
  urlOf(database: string): string
  /** A new empty database, or a copy of another one; returns its address. */
  create(template?: string): Promise<string>
  /** Runs a statement in the database of that address, as somebody from outside. */
  run<Row extends pg.QueryResultRow>(url: string, text: string, values?: unknown[]): Promise<Row[]>
  start(): Promise<void>
  /** In good order: whoever is connected is told. */
  stop(): Promise<void>
  /** Every process of it, as a loss of power does. */
  kill(): Promise<void>
  /** Stops answering without a word, until `thaw`. */
  freeze(): void
  thaw(): void
  /** Stops it and removes its folder. */
  remove(): Promise<void>
}

/** Why tests on PostgreSQL cannot run here; undefined where they can. With CI=true a missing server is a failure. */
export function whyNoPostgres(): string | undefined {
  if (programsFolder() !== undefined) return undefined
  const why = 'PostgreSQL is missing; it comes with: apt-get install -y postgresql'
  if (process.env['CI'] === 'true') throw new Error(why)
  return why
}

function programsFolder(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : []
  versions.sort((a, b) => Number(b) - Number(a))
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ]
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
}

/** PostgreSQL refuses to run as root. */
function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  for (const name of UNPRIVILEGED) {
    const user = users.find(([known]) => known === name)
    if (user !== undefined) return { uid: Number(user[2]), gid: Number(user[3]) }
  }
  throw new Error('there is no user whom PostgreSQL could run as')
}

/**
 * Makes a server of a test's own and starts it.
 * @param parent where its folder is made; in memory, where that can be, unless given
 */
export async function startPostgres(settings: readonly string[] = UNSAFE, parent = IN_MEMORY): Promise<PostgresServer> {
  const programs = programsFolder()
  if (programs === undefined) throw new Error('PostgreSQL is missing')
  const folder = tempFolder(parent)
  const user = owner()
  if (user !== undefined) chownSync(folder.path, user.uid, user.gid)
  const data = join(folder.path, 'data')
  const as = { ...user, cwd: folder.path, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' } }
  const made = spawnSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'switchboard', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-instructions', '-N'],
    { ...as, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stdout}${made.stderr}${made.error ?? ''}`)
  const port = await freePort()
  const args = [
    '-D',
    data,
    '-p',
    `${port}`,
    '-k',
    folder.path,
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'dynamic_shared_memory_type=mmap',
    ...settings,
  ]
  const server = new LocalPostgres(join(programs, 'postgres'), args, as, port, folder.remove, data)
  await server.start()
  return server
}

class LocalPostgres implements PostgresServer {
  readonly #program: string
  readonly #args: readonly string[]
  readonly #as: { uid?: number; gid?: number; cwd: string; env: Record<string, string> }
  readonly #port: number
  readonly #removeFolder: () => void
  readonly #data: string
  #child: ReturnType<typeof spawn> | undefined
  #exited: Promise<void> = Promise.resolve()
  readonly #atExit = () => {
    this.#killAll()
    this.#removeFolder()
  }

  constructor(
    program: string,
    args: readonly string[],
    as: { uid?: number; gid?: number; cwd: string; env: Record<string, string> },
    port: number,
    removeFolder: () => void,
    data: string,
  ) {
    this.#program = program
    this.#args = args
    this.#as = as
    this.#port = port
    this.#removeFolder = removeFolder
    this.#data = data
    process.once('exit', this.#atExit)
  }

  urlOf(database: string): string {
    return `postgres://switchboard@127.0.0.1:${this.#port}/${database}`
  }

  async create(template = 'template0'): Promise<string> {
    const name = `test_${randomUUID().replaceAll('-', '')}`
    await this.run(this.urlOf('postgres'), `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`)
    return this.urlOf(name)
  }

  async run<Row extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query<Row>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  async start(): Promise<void> {
    const log = openSync(`${this.#as.cwd}/log`, 'a')
    const child = spawn(this.#program, this.#args, { ...this.#as, detached: true, stdio: ['ignore', 'ignore', log] })
    closeSync(log)
    // The tests' process ends when the tests are over, and the server with it.
    child.unref()
    this.#child = child
    let isOver = false
    this.#exited = new Promise((resolve) => {
      child.once('close', () => {
        isOver = true
        resolve()
      })
    })
    await until(
      `PostgreSQL to start`,
      async () => {
        if (isOver) return true
        await this.run(this.urlOf('postgres'), 'SELECT 1')
        return true
      },
      20_000,
    )
    if (isOver) throw new Error(`PostgreSQL ended at once: ${readFileSync(`${this.#as.cwd}/log`, 'utf8')}`)
    watchOver(child.pid ?? -1)
  }

  async stop(): Promise<void> {
    // SIGINT is the fast shutdown: connections are ended, nothing is lost.
    this.#child?.kill('SIGINT')
    await this.#exited
  }

  async kill(): Promise<void> {
    this.#killAll()
    await this.#exited
  }

  freeze(): void {
    this.#signalAll('SIGSTOP')
  }

  thaw(): void {
    this.#signalAll('SIGCONT')
  }

  async remove(): Promise<void> {
    this.#killAll()
    await this.#exited
    process.removeListener('exit', this.#atExit)
    this.#removeFolder()
  }

  #killAll(): void {
    this.#signalAll('SIGKILL')
  }

  /** Each backend leads a group of its own, so all of them are looked for by their parent. */
  #signalAll(signal: NodeJS.Signals): void {
    const parent = this.#child?.pid
    if (parent === undefined || this.#child?.exitCode !== null || this.#child.signalCode !== null) return
    if (!existsSync(this.#data)) return
    for (const pid of [parent, ...childrenOf(parent)]) {
      try {
        process.kill(pid, signal)
      } catch {
        // It has ended by itself.
      }
    }
  }
}

function childrenOf(parent: number): number[] {
  try {
    const text = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    const listed = spawnSync('ps', ['-o', 'pid=', '--ppid', `${parent}`], { encoding: 'utf8' })
    return listed.stdout.split('\n').map(Number).filter(Boolean)
  }
}

/** Ends the server also when this process is killed and cannot do it. */
function watchOver(pid: number): void {
  const script = `while kill -0 ${process.pid} 2>/dev/null; do kill -0 ${pid} 2>/dev/null || exit; sleep 2; done; kill -QUIT ${pid}`
  spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' }).unref()
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
