import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Observer } from './counts.ts'
import { Generator } from './generator.ts'
import { Server, type ServerOptions } from './server.ts'

/** How long and how often things are measured. */
export interface Scale {
  readonly quick: boolean
  readonly rounds: number
  readonly roundSeconds: number
  readonly warmUpSeconds: number
}

export interface ProductOptions {
  /** A file of bench/settings, without its ending. */
  readonly settings: string
  /** The database; a new one unless given. */
  readonly database?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Our own server, and where it keeps its messages. */
export interface Product {
  readonly server: Server
  readonly database: string
}

/** The path of the one backend that all settings of the benchmark have. */
export const MESSAGES_PATH = '/backends/bench/'

/** What all cases use: folders, the generator, servers; all of it is ended together. */
export class Workbench {
  readonly scale: Scale
  readonly generator = new Generator()
  readonly #root: string
  readonly #folder: string
  readonly #servers = new Set<Server>()
  #databases = 0

  /** @param root the folder of this repository */
  constructor(root: string, scale: Scale) {
    this.#root = root
    this.scale = scale
    const data = join(root, 'data', 'bench')
    mkdirSync(data, { recursive: true })
    // Beside the server's usual database: a folder for temporary files may be kept in memory, where a sync is free.
    this.#folder = mkdtempSync(join(data, 'run-'))
  }

  get folder(): string {
    return this.#folder
  }

  get command(): string {
    return join(this.#root, 'dist', 'cli', 'main.js')
  }

  sourceFile(name: string): string {
    return join(this.#root, 'bench', name)
  }

  settingsFile(name: string): string {
    return this.sourceFile(join('settings', `${name}.ts`))
  }

  observe(database: string): Observer {
    return new Observer(database)
  }

  newDatabase(): string {
    return join(this.#folder, `${++this.#databases}.db`)
  }

  async startBaseline(name: 'http' | 'koa'): Promise<Server> {
    return this.start({ args: [new URL(`./baselines/${name}.js`, import.meta.url).pathname] })
  }

  async startProduct({ settings, database = this.newDatabase(), env = {} }: ProductOptions): Promise<Product> {
    const server = await this.start({
      args: [this.command, 'start', '--settings', this.settingsFile(settings)],
      env: { DATABASE_URL: `sqlite:${database}`, ...env },
      readyPath: '/healthz',
    })
    return { server, database }
  }

  /** Our server with nobody behind it who works what it takes. */
  async startAcceptor(): Promise<Product> {
    const database = this.newDatabase()
    const server = await this.start({
      args: [this.sourceFile('acceptor.mjs')],
      env: { DATABASE_URL: `sqlite:${database}` },
      readyPath: '/healthz',
    })
    return { server, database }
  }

  async start(options: ServerOptions): Promise<Server> {
    const server = await Server.start(options)
    this.#servers.add(server)
    return server
  }

  async stop(server: Server): Promise<void> {
    this.#servers.delete(server)
    await server.stop()
  }

  async close(): Promise<void> {
    this.generator.stop()
    await Promise.all([...this.#servers].map((server) => server.stop()))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
