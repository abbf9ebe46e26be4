import type { z } from 'zod'
import type { BackendDefinition, BackendInput } from '../backends/define.ts'
import { messageClasses } from '../messages/lane.ts'
import { type App, incomingPhases } from '../router/app.ts'
import type { Backend, CommonBackendSettings, UnknownOutcome } from '../router/backend.ts'
import { type CommonBackendValues, commonBackendSettings } from './backend-settings.ts'
import { type Environment, nameOrigins, withEnvironment } from './env.ts'
import { SettingsError, type SettingsFault } from './errors.ts'
import { type GeneralSettings, generalSettings } from './schema.ts'
import { withoutSecrets } from './secret.ts'

/** Settings that have been checked: complete, frozen. */
export interface Settings extends GeneralSettings {
  readonly backends: ReadonlyMap<string, Backend>
  readonly apps: readonly App[]
  /** All of it as it may be printed. */
  readonly printable: Readonly<Record<string, unknown>>
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
  const parsed = generalSettings.safeParse(general)
  if (!parsed.success) faults.push(...nameOrigins(faultsOf(parsed.error, ''), origins))
  const parsedBackends = parseBackends(backends, faults)
  const parsedApps = parseApps(apps, faults)
  if (!parsed.success || faults.length > 0) throw new SettingsError(faults)
  const printable = { ...printed(generalSettings, parsed.data), backends: parsedBackends.printable }
  return Object.freeze({
    ...deepFreeze(parsed.data),
    printable,
    backends: parsedBackends.backends,
    apps: Object.freeze(parsedApps),
  })
}

function parseBackends(input: unknown, faults: SettingsFault[]) {
  const backends = new Map<string, Backend>()
  const printable: Record<string, unknown> = {}
  if (!isRecord(input)) {
    faults.push({ path: 'backends', message: 'an object of backends by their names is expected' })
    return { backends, printable }
  }
  for (const [name, given] of Object.entries(input)) {
    const path = `backends.${name}`
    if (!/^[a-z0-9][a-z0-9_-]{0,49}$/i.test(name)) {
      faults.push({ path, message: 'a name of up to 50 letters, digits, - or _ is expected' })
    } else if (!isBackendInput(given)) {
      faults.push({ path, message: 'a backend is expected, such as httptester()' })
    } else {
      const backend = parseBackend(name, given, faults)
      if (backend === undefined) continue
      backends.set(name, backend)
      printable[name] = {
        kind: backend.kind,
        ...printed(commonBackendSettings, pick(given.input, commonBackendSettings)),
        ...printed(given.definition.settings, backend.settings),
      }
    }
  }
  if (backends.size === 0 && faults.length === 0) {
    faults.push({ path: 'backends', message: 'at least one backend is expected' })
  }
  return { backends, printable }
}

function parseBackend(name: string, { definition, input }: BackendInput, faults: SettingsFault[]): Backend | undefined {
  const path = `backends.${name}`
  if (!isRecord(input)) {
    faults.push({ path, message: 'an object of settings is expected' })
    return undefined
  }
  const common = commonBackendSettings.safeParse(pick(input, commonBackendSettings))
  const own = definition.settings.safeParse(withoutKeys(input, commonBackendSettings))
  if (!common.success) faults.push(...faultsOf(common.error, path))
  if (!own.success) faults.push(...faultsOf(own.error, path))
  if (!common.success || !own.success) return undefined
  for (const view of Object.keys(common.data.paths)) {
    if (definition.views !== undefined && view in definition.views) continue
    const views = Object.keys(definition.views ?? {}).map((known) => `"${known}"`)
    faults.push({
      path: `${path}.paths.${view}`,
      message: `there is no such view; there are ${views.join(', ') || 'none'}`,
    })
  }
  return toBackend(name, definition, own.data, common.data)
}

function toBackend(
  name: string,
  definition: BackendDefinition<z.ZodType>,
  settings: unknown,
  common: CommonBackendValues,
): Backend {
  const { kind, views = {}, reports = 'none', removesDuplicates = false, send, start, stop } = definition
  return {
    kind,
    name,
    settings: deepFreeze(settings),
    common: toCommon(common),
    views: views as Backend['views'],
    reports,
    removesDuplicates,
    ...(send === undefined ? {} : { send: send.bind(definition) }),
    ...(start === undefined ? {} : { start: start.bind(definition) }),
    ...(stop === undefined ? {} : { stop: stop.bind(definition) }),
  }
}

function toCommon({ sending, window, ...common }: CommonBackendValues): CommonBackendSettings {
  const { partsPerSecond, unknownOutcome, ...rest } = sending
  const outcomes = messageClasses.map((name) => {
    const outcome = typeof unknownOutcome === 'string' ? unknownOutcome : unknownOutcome[name]
    return [name, outcome ?? 'settle'] as const
  })
  return {
    ...common,
    window: window * 1000,
    sending: {
      ...rest,
      unknownOutcome: Object.fromEntries(outcomes) as UnknownOutcome,
      ...(partsPerSecond === undefined ? {} : { rate: { perSecond: partsPerSecond } }),
    },
  }
}

const phases = [...incomingPhases, 'outgoing', 'start', 'stop'] as const

function parseApps(input: unknown, faults: SettingsFault[]): readonly App[] {
  if (!Array.isArray(input)) {
    faults.push({ path: 'apps', message: 'an array of apps is expected, in the order in which they are asked' })
    return []
  }
  const apps: App[] = []
  for (const [index, given] of (input as readonly unknown[]).entries()) {
    const path = `apps.${index}`
    const app = toApp(given, path, faults)
    if (app === undefined) continue
    if (apps.some((other) => other.name === app.name)) {
      faults.push({ path, message: `another app has the name "${app.name}" already` })
    }
    apps.push(app)
  }
  return apps
}

function toApp(given: unknown, path: string, faults: SettingsFault[]): App | undefined {
  let app: unknown = given
  if (typeof given === 'function') {
    try {
      app = new (given as new () => unknown)()
    } catch (error) {
      const hint = 'a class of an app is made without arguments; a function that makes one has to be called'
      faults.push({ path, message: `could not be made: ${String(error)} (${hint})` })
      return undefined
    }
  }
  if (typeof app !== 'object' || app === null || typeof (app as App).name !== 'string' || (app as App).name === '') {
    faults.push({ path, message: 'an app is expected: an object with a name and phases, or a class of one' })
    return undefined
  }
  for (const phase of phases) {
    const value = (app as Readonly<Record<string, unknown>>)[phase]
    if (value !== undefined && typeof value !== 'function') {
      faults.push({ path: `${path}.${phase}`, message: 'a function is expected' })
    }
  }
  return app as App
}

function faultsOf(error: z.ZodError, prefix: string): SettingsFault[] {
  return error.issues.flatMap((issue) => {
    const path = [prefix, ...issue.path.map(String)].filter((part) => part !== '').join('.')
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: path === '' ? key : `${path}.${key}`,
        message: 'there is no such setting',
      }))
    }
    if (issue.code === 'invalid_union') {
      const inner = issue.errors.flat()
      return [{ path, message: [...new Set(inner.map((each) => each.message))].join(', or ') || issue.message }]
    }
    return [{ path, message: issue.message }]
  })
}

function pick(input: unknown, { shape }: z.ZodObject): Record<string, unknown> {
  const values = isRecord(input) ? input : {}
  return Object.fromEntries(Object.entries(values).filter(([key]) => key in shape))
}

function withoutKeys(input: Readonly<Record<string, unknown>>, { shape }: z.ZodObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).filter(([key]) => !(key in shape)))
}

function printed(schema: z.ZodType, value: unknown): Readonly<Record<string, unknown>> {
  const hidden = withoutSecrets(schema, value)
  return isRecord(hidden) ? hidden : {}
}

function isBackendInput(given: unknown): given is BackendInput {
  return isRecord(given) && isRecord(given['definition']) && typeof given['definition']['kind'] === 'string'
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Freezes plain objects and arrays; what has a class of its own, such as a RegExp, is left as it is. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
