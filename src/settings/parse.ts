import type { App } from '../router/app.ts'
import type { Backend } from '../router/backend.ts'
import { type Environment, nameOrigins, withEnvironment } from './env.ts'
import { SettingsError, type SettingsFault } from './errors.ts'
import { expectation, faultsOf, wrongOrder } from './faults.ts'
import { deepFreeze, frozenMap } from './freeze.ts'
import { parseApps } from './parse-apps.ts'
import { parseBackends } from './parse-backends.ts'
import { isRecord } from './record.ts'
import { type GeneralSettings, generalSettings } from './schema.ts'
import { secretsIn, withoutSecrets } from './secret.ts'

/** Settings that have been checked: complete, frozen. */
export interface Settings extends GeneralSettings {
  readonly backends: ReadonlyMap<string, Backend>
  readonly apps: readonly App[]
  /** All of it as it may be printed. */
  readonly printable: Readonly<Record<string, unknown>>
  /** What may never be printed. */
  readonly secrets: ReadonlySet<string>
}

/**
 * Checks the settings, the environment's over the file's.
 * @throws SettingsError with every fault of all of it, each with its path
 */
export function parseSettings(input: unknown, env: Environment = {}): Settings {
  if (!isRecord(input)) {
    throw new SettingsError([
      { path: '', message: 'the default export of a settings file has to be defineSettings({ … })' },
    ])
  }
  const { settings, origins } = withEnvironment(input, env)
  const { backends, apps, ...general } = settings
  const faults: SettingsFault[] = []
  const parsed = generalSettings.safeParse(general, { error: expectation })
  if (!parsed.success) {
    faults.push(...nameOrigins(faultsOf(parsed.error, '', generalSettings, ['backends', 'apps']), origins))
  }
  faults.push(
    ...wrongOrder(settings['retry'], 'retry', 'firstDelay', 'longestDelay'),
    ...wrongOrder(settings['appCalls'], 'appCalls', 'share', 'mostWaiting'),
  )
  const parsedBackends = parseBackends(backends, faults, parsed.success ? parsed.data : generalSettings.parse({}))
  const names = isRecord(backends) ? Object.keys(backends) : []
  const parsedApps = parseApps(apps, names, faults)
  if (!parsed.success || faults.length > 0) throw new SettingsError(faults)
  const printable = {
    ...(withoutSecrets(generalSettings, parsed.data) as Readonly<Record<string, unknown>>),
    backends: Object.fromEntries(parsedBackends.map(({ backend, printable }) => [backend.name, printable])),
    apps: parsedApps.map(({ name }) => name),
  }
  const own = secretsIn(generalSettings, parsed.data)
  return Object.freeze({
    ...deepFreeze(parsed.data),
    printable: deepFreeze(printable),
    secrets: new Set([...own, ...parsedBackends.flatMap(({ secrets }) => [...secrets])]),
    backends: frozenMap(parsedBackends.map(({ backend }) => [backend.name, backend] as const)),
    apps: Object.freeze(parsedApps),
  })
}
