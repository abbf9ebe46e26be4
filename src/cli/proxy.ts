import { join } from 'node:path'
import { readDotEnv } from '../settings/load.ts'
import type { Output } from './output.ts'
import { givenValues } from './proxy-options.ts'
import { proxyProject } from './proxy-settings.ts'
import { serveSettings } from './start.ts'
import { StopSignal } from './stop-signal.ts'

/** Serves the public proxy without a settings file, until SIGTERM or SIGINT. */
export async function proxy(flags: Readonly<Record<string, unknown>>, output: Output): Promise<number> {
  const stopSignal = new StopSignal()
  // The `.env` of the working folder is the place for secrets.
  readDotEnv(join(process.cwd(), 'settings.ts'))
  const { settings, env, notes } = proxyProject(givenValues(flags, process.env), process.env)
  for (const note of notes) output.err(`switchboard: ${note}`)
  return serveSettings({ input: settings, env, role: 'all', stopSignal }, output)
}
