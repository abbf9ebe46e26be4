import { errorText } from '../messages/errors.ts'
import { type App, incomingPhases } from '../router/app.ts'
import type { SettingsFault } from './errors.ts'

const functions = [...incomingPhases, 'outgoing', 'start', 'stop'] as const

/**
 * Makes the chain of apps; classes are made into objects.
 * @param backends the names that an app's `only` may name
 */
export function parseApps(input: unknown, backends: readonly string[], faults: SettingsFault[]): readonly App[] {
  if (!Array.isArray(input)) {
    faults.push({ path: 'apps', message: 'a list of apps is expected, in the order in which they are asked' })
    return []
  }
  const apps: App[] = []
  for (const [index, given] of (input as readonly unknown[]).entries()) {
    const path = `apps.${index}`
    const app = toApp(given, path, faults)
    if (app === undefined) continue
    if (apps.some((other) => other.name === app.name)) {
      faults.push({ path, message: `another app has the name "${app.name}" already; give one of them another name` })
    }
    faults.push(...unknownBackends(app, path, backends))
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
      faults.push({ path, message: `could not be made: ${errorText(error)} (${hint})` })
      return undefined
    }
  }
  if (!isApp(app)) {
    const hint = typeof given === 'function' ? '; a function that makes one has to be called' : ''
    faults.push({ path, message: `an app is expected: an object with a name and phases, or a class of one${hint}` })
    return undefined
  }
  for (const phase of functions) {
    if (app[phase] !== undefined && typeof app[phase] !== 'function') {
      faults.push({ path: `${path}.${phase}`, message: 'a function is expected' })
    }
  }
  return app
}

function isApp(value: unknown): value is App {
  if (typeof value !== 'object' || value === null || !('name' in value)) return false
  return typeof value.name === 'string' && value.name !== ''
}

function unknownBackends({ only }: App, path: string, known: readonly string[]): SettingsFault[] {
  const named: unknown = only?.backends ?? []
  if (!Array.isArray(named)) return [{ path: `${path}.only.backends`, message: 'a list of names is expected' }]
  return (named as readonly unknown[])
    .filter((name) => !known.some((other) => other === name))
    .map((name) => ({ path: `${path}.only.backends`, message: `there is no backend "${String(name)}"` }))
}
