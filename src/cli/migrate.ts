import { silentLogger } from '../messages/logger.ts'
import { createSwitchboard } from '../settings/switchboard.ts'
import { type CommonOptions, readSettings } from './open.ts'
import type { Output } from './output.ts'

/** Brings the database up to date; `start` does the same by itself. */
export async function migrate(options: CommonOptions, output: Output): Promise<number> {
  const input = await readSettings(options)
  const { parts } = createSwitchboard(input, { env: process.env, logger: silentLogger, role: 'command' })
  const migrated = await parts.store.open()
  await parts.store.close()
  await parts.http.close()
  output.out(migrated.length === 0 ? 'The database is up to date.' : `Migrated: ${migrated.join(', ')}.`)
  return 0
}
