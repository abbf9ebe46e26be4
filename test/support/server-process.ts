import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtCommand } from './built.ts'
import { runQuickly } from './command.ts'
import { type Exit, type RunningServer, serving, startProcess } from './process.ts'
import { tempFolder } from './temp-folder.ts'

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
    run: (...args) => runQuickly([...args, '--settings', file], { cwd: folder, env }),
    remove: temporary.remove,
  }
}
