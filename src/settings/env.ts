import type { SettingsFault } from './errors.ts'

/** What the environment may say, and where it stands in the settings. */
const variables = {
  PORT: ['http', 'port'],
  HOST: ['http', 'host'],
  PUBLIC_URL: ['http', 'publicUrl'],
  DATABASE_URL: ['databaseUrl'],
  REDIS_URL: ['redisUrl'],
  LOG_LEVEL: ['log', 'level'],
  SWITCHBOARD_DEBUG: ['debug'],
} as const satisfies Record<string, readonly string[]>

export type Environment = Readonly<Record<string, string | undefined>>

/** Puts what the environment says over the settings. */
export function withEnvironment(
  settings: Readonly<Record<string, unknown>>,
  env: Environment,
): { readonly settings: Readonly<Record<string, unknown>>; readonly origins: ReadonlyMap<string, string> } {
  const origins = new Map<string, string>()
  let merged = settings
  for (const [name, path] of Object.entries(variables)) {
    const given = env[name]
    if (given === undefined || given === '') continue
    merged = put(merged, path, readValue(name, given))
    origins.set(path.join('.'), name)
  }
  return { settings: merged, origins }
}

/** The variable that stands over a setting, by the setting's path. */
export function variableOf(path: string): string | undefined {
  return Object.entries(variables).find(([, place]) => place.join('.') === path)?.[0]
}

/** A fault of a value that came from the environment is told under the variable's name. */
export function nameOrigins(faults: readonly SettingsFault[], origins: ReadonlyMap<string, string>): SettingsFault[] {
  return faults.map((fault) => ({ ...fault, path: origins.get(fault.path) ?? fault.path }))
}

function put(
  settings: Readonly<Record<string, unknown>>,
  [first = '', ...rest]: readonly string[],
  value: unknown,
): Readonly<Record<string, unknown>> {
  if (rest.length === 0) return { ...settings, [first]: value }
  const inner = settings[first]
  const object = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
  return { ...settings, [first]: put(object, rest, value) }
}

function readValue(name: string, given: string): unknown {
  if (name === 'PORT') return toNumber(given)
  return name === 'SWITCHBOARD_DEBUG' ? toBoolean(given) : given
}

/** What is neither is left as it is, and told as a fault. */
function toBoolean(given: string): boolean | string {
  if (/^(1|true|on|yes)$/i.test(given)) return true
  return /^(0|false|off|no)$/i.test(given) ? false : given
}

function toNumber(given: string): number | string {
  return /^\d+$/.test(given) ? Number(given) : given
}
