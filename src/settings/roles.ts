import type { RouterRole } from '../router/router-parts.ts'
import { SettingsError, type SettingsFault } from './errors.ts'
import type { GeneralSettings } from './schema.ts'

/** What a process of the server does: everything, only taking requests, or only the work behind them. */
export const roles = ['all', 'web', 'worker'] as const
export type Role = (typeof roles)[number]

type Engines = Pick<GeneralSettings, 'databaseUrl' | 'redisUrl'>

/**
 * The router's part in this role.
 * @throws SettingsError where the settings do not fit it, with what to set
 */
export function routerRole(role: Role, settings: Engines): RouterRole {
  const faults = [...faultsOf(role, settings)]
  if (faults.length > 0) throw new SettingsError(faults)
  return role === 'all' && settings.redisUrl === undefined ? 'alone' : role
}

function* faultsOf(role: Role, { databaseUrl, redisUrl }: Engines): Generator<SettingsFault> {
  const isPostgres = !databaseUrl.startsWith('sqlite:')
  const hasRedis = redisUrl !== undefined
  if (role !== 'all' && !hasRedis) {
    const message = `the role ${role} shares its work through Redis: set REDIS_URL=redis://…, or start with the role all`
    yield { path: 'REDIS_URL', message }
  }
  if (isPostgres || (role === 'all' && !hasRedis)) return
  const message =
    role === 'all'
      ? 'with Redis, several processes share one database, which a file of SQLite cannot be: set DATABASE_URL=postgres://…, or leave REDIS_URL out'
      : `the role ${role} shares one database with others, which a file of SQLite cannot be: set DATABASE_URL=postgres://…`
  yield { path: 'DATABASE_URL', message }
}
