import { join } from 'node:path'
import { ownModules } from '../../src/cli/own-modules.ts'
import { loadSettings } from '../../src/settings/load.ts'
import { checkout, type RunningServer, serving, startProcess } from './process.ts'
import { serveWeb, type Web } from './web.ts'

/** Serves the settings file of an example, its store in memory. */
export async function serveExample(name: string): Promise<Web> {
  const settings = await loadSettings(join(checkout, 'examples', name, 'settings.ts'), await ownModules())
  return serveWeb({ ...settings, databaseUrl: 'sqlite::memory:' })
}

/** Runs the program of an example on a free port, its store in memory. */
export function runExample(name: string): Promise<RunningServer> {
  const program = join(checkout, 'examples', name, 'server.ts')
  const env = { PORT: '0', DATABASE_URL: 'sqlite::memory:', LOG_LEVEL: 'error' }
  return serving(startProcess(process.execPath, ['--import', 'tsx', program], { env }))
}

/** Posts values as a form. */
export async function postForm(url: string, values: Record<string, string>): Promise<readonly [number, string]> {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(values) })
  return [answer.status, await answer.text()]
}
