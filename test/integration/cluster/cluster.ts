import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtCommand } from '../../support/built.ts'
import { runQuickly } from '../../support/command.ts'
import { type PostgresServer, startPostgres, whyNoPostgres } from '../../support/postgres.ts'
import { type Exit, type RunningServer, startProcess } from '../../support/process.ts'
import { whyNoRedis } from '../../support/redis.ts'
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts'
import { until } from '../../support/until.ts'
import { type Client, createClient } from '../client.ts'
import { type Behaviour, type Recorder, recorderParams, startRecorder } from '../recorder.ts'
import { type ClusterRecords, isQuiet, readRecords, sendsInFlight } from './cluster-records.ts'
import { RedisServer } from './redis-server.ts'

export type Role = 'all' | 'web' | 'worker'

/** Why a cluster cannot run here. */
export function whyNoCluster(): string | undefined {
  return whyNoPostgres() ?? whyNoRedis()
}

export interface ClusterOptions {
  readonly behaviour?: Behaviour
  readonly unknownOutcome?: 'retry' | 'settle'
  /** Settings of PostgreSQL; one that syncs nothing by default, which is faster. */
  readonly postgres?: readonly string[]
}

const ADDRESS = /(?:serves on|its health is at) (http:\/\/[^/\s]+)/
const START_LIMIT_MS = 30_000
const LOG_SHOWN = 600

/** Server processes that share one PostgreSQL and one Redis, all private to a test, and the service behind them. */
export class Cluster {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly databaseUrl: string
  readonly recorder: Recorder
  readonly client: Client
  readonly #folder: TempFolder
  readonly #servers = new Set<RunningServer>()

  static async create(options: ClusterOptions = {}): Promise<Cluster> {
    const [postgres, redis] = await Promise.all([startPostgres(options.postgres), RedisServer.start()])
    const recorder = await startRecorder(options.behaviour)
    return new Cluster(postgres, redis, await postgres.create(), recorder, options.unknownOutcome ?? 'retry')
  }

  private constructor(
    postgres: PostgresServer,
    redis: RedisServer,
    databaseUrl: string,
    recorder: Recorder,
    unknownOutcome: string,
  ) {
    this.postgres = postgres
    this.redis = redis
    this.databaseUrl = databaseUrl
    this.recorder = recorder
    this.client = createClient()
    this.#folder = tempFolder()
    writeFileSync(this.#settings, settingsFor(recorder.url, unknownOutcome))
  }

  get #settings(): string {
    return join(this.#folder.path, 'settings.js')
  }

  #optionsWith(env: Readonly<Record<string, string | undefined>>) {
    const common = { PORT: '0', DATABASE_URL: this.databaseUrl, REDIS_URL: this.redis.url, LOG_LEVEL: 'warn' }
    return { cwd: this.#folder.path, env: { ...common, ...env } }
  }

  /** Starts a process of the cluster and waits until it says where it is reached. */
  async start(role: Role, env: Readonly<Record<string, string | undefined>> = {}): Promise<RunningServer> {
    const args = [builtCommand(), 'start', '--role', role, '--settings', this.#settings]
    const running = startProcess(process.execPath, args, this.#optionsWith({ ROLE: role, ...env }))
    let hasEnded = false
    running.exited.then(
      () => {
        hasEnded = true
      },
      () => {},
    )
    const url = await until(
      `the ${role} to start`,
      () => hasEnded || ADDRESS.exec(running.stdout())?.[1],
      START_LIMIT_MS,
    )
    if (typeof url !== 'string') throw new Error(`the ${role} ended: ${running.stdout()}${running.stderr()}`)
    const server = { ...running, url }
    this.#servers.add(server)
    return server
  }

  /** Runs a sub-command on the same settings to its end. */
  run(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Promise<Exit> {
    return runQuickly([...args, '--settings', this.#settings], this.#optionsWith(env))
  }

  /** What apps and backends have noted: `role what`. */
  notes(): readonly string[] {
    const file = join(this.#folder.path, 'notes.log')
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
  }

  records(): Promise<ClusterRecords> {
    return readRecords(this.postgres, this.databaseUrl)
  }

  sendsInFlight(): Promise<ReadonlySet<string>> {
    return sendsInFlight(this.postgres, this.databaseUrl)
  }

  /** Waits until every message is processed and every response settled. */
  async untilQuiet(limit: number): Promise<void> {
    try {
      await until('everything is worked', () => isQuiet(this.postgres, this.databaseUrl), limit)
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${await this.#standing()}`)
    }
  }

  /** What is left to do, and what the processes said last. */
  async #standing(): Promise<string> {
    const { incoming, outgoing } = await this.records()
    const open = [...incoming.filter(({ state }) => state === 'RECEIVED'), ...outgoing.filter((one) => one.is_open)]
    const lanes = JSON.stringify(await this.redis.standing())
    const logs = [...this.#servers].map((server) => `${server.pid}: ${server.stdout().slice(-LOG_SHOWN)}`)
    return [`${open.length} open, such as ${JSON.stringify(open.slice(0, 3))}`, `lanes ${lanes}`, ...logs].join('\n')
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.stop('SIGKILL')))
    await this.client.close()
    await this.recorder.close()
    await this.redis.remove()
    await this.postgres.remove()
    this.#folder.remove()
  }
}

function settingsFor(url: string, unknownOutcome: string): string {
  const send = `{ url: ${JSON.stringify(url)}, params: ${JSON.stringify(recorderParams)} }`
  return `
    import { appendFileSync } from 'node:fs'
    import { setTimeout as pause } from 'node:timers/promises'
    import { defineApp, defineSettings } from 'sms-switchboard'
    import { httpBackend } from 'sms-switchboard/backends'

    const note = (what) => appendFileSync('notes.log', process.env.ROLE + ' ' + what + '\\n')

    const answers = defineApp({
      name: 'answers',
      start: () => note('started the app'),
      stop: () => note('stopped the app'),
      async handle(message) {
        if (message.text.startsWith('fail') && process.env.FAILS === 'yes') throw new Error('told to fail')
        await pause(Math.random() * 5)
        return message.respond('re ' + message.text)
      },
    })

    const far = httpBackend({
      send: ${send},
      sending: { unknownOutcome: '${unknownOutcome}', concurrency: 16, firstDelay: 20 },
    })
    const asks = httpBackend({
      wait: Number(process.env.WAIT ?? 2000),
      reply: ({ responses }) => ({
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: responses === undefined ? 'later' : responses.map(({ text }) => text).join(),
      }),
      send: ${send},
    })
    const starts = httpBackend()
    starts.definition = {
      ...starts.definition,
      start: async () => note('started the backend'),
      stop: async () => note('stopped the backend'),
    }

    export default defineSettings({
      backends: { far, asks, starts },
      apps: [answers],
      retry: { attempts: 1 },
      console: { enabled: process.env.CONSOLE === 'yes' },
      http: {
        callbacks: { allow: ['127.0.0.1'], ports: 'any', concurrency: 2, timeLimit: 500, firstDelay: 100 },
      },
    })
  `
}
