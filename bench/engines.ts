import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type PostgresServer, startPostgres, whyNoPostgres } from '../test/support/postgres.ts'
import { whyNoRedis } from '../test/support/redis.ts'
import { PostgresObserver } from './postgres-observer.ts'
import { cpuSecondsOfFamily } from './process-usage.ts'
import { RedisServer } from './redis-server.ts'
import type { Server } from './server.ts'
import type { Workbench } from './workbench.ts'

/** Everything is synced to disk before it counts, as by default; nothing but sizes differs from what initdb sets. */
const POSTGRES_SETTINGS = ['-c', 'max_connections=200', '-c', 'shared_buffers=512MB', '-c', 'max_wal_size=4GB']
/** Its first line is the number of the process. */
const POSTMASTER_FILE = `SELECT pg_read_file('postmaster.pid') AS file`
const COUNTING = ['-c', 'shared_preload_libraries=pg_stat_statements']

export interface DeploymentOptions {
  /** A file of bench/settings, without its ending. */
  readonly settings: string
  readonly workers: number
}

/** Our own server, as several processes on one database and one Redis. */
export interface Deployment {
  readonly web: Server
  readonly workers: readonly Server[]
  readonly databaseUrl: string
  readonly observer: PostgresObserver
}

/** A PostgreSQL and a Redis of the benchmark's own. */
export class Engines {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly #bench: Workbench
  readonly #postgresPid: number
  #deployments = 0

  private constructor(bench: Workbench, postgres: PostgresServer, postgresPid: number, redis: RedisServer) {
    this.#postgresPid = postgresPid
    this.#bench = bench
    this.postgres = postgres
    this.redis = redis
  }

  /** Why they cannot run here; undefined where they can. */
  static whyNot(): string | undefined {
    return whyNoPostgres() ?? whyNoRedis()
  }

  static async start(bench: Workbench): Promise<Engines> {
    // Beside the folder of this run, which nobody but its owner may enter: PostgreSQL never runs as root.
    const parent = dirname(bench.folder)
    const folder = join(bench.folder, 'redis')
    mkdirSync(folder)
    const redis = await RedisServer.start(folder)
    const postgres = await startPostgresIn(parent)
    const [row] = await postgres.run<{ file: string }>(postgres.urlOf('postgres'), POSTMASTER_FILE)
    return new Engines(bench, postgres, Number.parseInt(row?.file ?? '', 10), redis)
  }

  /** Seconds of processor time that PostgreSQL has used so far, in all its processes that still run. */
  get postgresCpuSeconds(): number {
    return cpuSecondsOfFamily(this.#postgresPid) ?? Number.NaN
  }

  async deploy({ settings, workers }: DeploymentOptions): Promise<Deployment> {
    const databaseUrl = await this.postgres.create()
    const env = {
      DATABASE_URL: databaseUrl,
      REDIS_URL: this.redis.url,
      BENCH_REDIS_PREFIX: `bench${++this.#deployments}:`,
    }
    const start = (role: 'web' | 'worker') => {
      const args = [this.#bench.command, 'start', '--settings', this.#bench.settingsFile(settings), '--role', role]
      return this.#bench.start({ args, env, readyPath: '/readyz' })
    }
    const web = await start('web')
    const started: Server[] = []
    while (started.length < workers) started.push(await start('worker'))
    const observer = await PostgresObserver.connect(databaseUrl)
    return { web, workers: started, databaseUrl, observer }
  }

  async end({ web, workers, observer }: Deployment): Promise<void> {
    await observer.close()
    await Promise.all([web, ...workers].map((server) => this.#bench.stop(server)))
  }

  async stop(): Promise<void> {
    await Promise.all([this.redis.stop(), this.postgres.remove()])
  }
}

/** With the counting of statements, where that is installed. */
async function startPostgresIn(parent: string): Promise<PostgresServer> {
  try {
    return await startPostgres([...POSTGRES_SETTINGS, ...COUNTING], parent)
  } catch {
    return startPostgres(POSTGRES_SETTINGS, parent)
  }
}
