import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkout, type Exit, type RunningServer, serving, startProcess } from './process.ts'
import { type TempFolder, tempFolder } from './temp-folder.ts'

/** A project of a test's own: a settings file and a database in a temporary folder, served by a process of its own. */
export interface Site {
  readonly folder: string
  /** The SQLite file. */
  readonly database: string
  /** Starts the server and waits until it serves. */
  start(env?: Readonly<Record<string, string>>): Promise<RunningServer>
  /** Runs another sub-command on the same settings to its end. */
  run(...args: readonly string[]): Promise<Exit>
  remove(): void
}

export interface SiteOptions {
  /** The settings file, JavaScript. */
  readonly settings: string
  /** Where the database lies, if not in the site's own folder. */
  readonly databaseFolder?: string
}

/** Makes a project; nothing runs yet. */
export function createSite({ settings, databaseFolder }: SiteOptions): Site {
  const temporary = tempFolder()
  const folder = temporary.path
  const file = join(folder, 'settings.js')
  writeFileSync(file, settings)
  const database = join(databaseFolder ?? folder, 'switchboard.db')
  const env = { PORT: '0', DATABASE_URL: `sqlite:${database}`, LOG_LEVEL: 'error' }
  const begin = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    startProcess(process.execPath, [builtCommand(), ...args, '--settings', file], {
      cwd: folder,
      env: { ...env, ...more },
    })
  return {
    folder,
    database,
    start: (more) => serving(begin(['start'], more)),
    run: (...args) => begin(args).exited,
    remove: temporary.remove,
  }
}

const builds: TempFolder[] = []

/** Built once for all tests of this process: it starts in a fraction of the time that the source takes. */
export function builtCommand(): string {
  const folder = builds[0] ?? build()
  return join(folder.path, 'dist', 'cli', 'main.js')
}

function build(): TempFolder {
  const folder = tempFolder()
  process.once('exit', folder.remove)
  cpSync(join(checkout, 'package.json'), join(folder.path, 'package.json'))
  symlinkSync(join(checkout, 'node_modules'), join(folder.path, 'node_modules'))
  const compiler = join(checkout, 'node_modules', '.bin', 'tsc')
  const outDir = join(folder.path, 'dist')
  const { stdout, stderr } = spawnSync(compiler, ['-p', 'tsconfig.build.json', '--outDir', outDir], {
    cwd: checkout,
    encoding: 'utf8',
  })
  if (!existsSync(join(outDir, 'cli', 'main.js'))) throw new Error(`the server could not be built:\n${stdout}${stderr}`)
  builds.push(folder)
  return folder
}
