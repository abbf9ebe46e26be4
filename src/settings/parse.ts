import type { App } from '../router/app.ts'
import type { Backend } from '../router/backend.ts'
import type { RoutingSettings } from '../router/routing.ts'
import type { TemplateRules } from '../router/template-texts.ts'
import type { FixedTemplate } from '../router/templates.ts'
import { type Environment, nameOrigins, withEnvironment } from './env.ts'
import { SettingsError, type SettingsFault } from './errors.ts'
import { printableEvents } from './event-settings.ts'
import { expectation, faultsOf, wrongOrder } from './faults.ts'
import { deepFreeze, frozenMap } from './freeze.ts'
import { parseApps } from './parse-apps.ts'
import { parseBackends } from './parse-backends.ts'
import { parseRouting, printableRouting } from './parse-routing.ts'
import { parseTemplateRules, parseTemplates, printableTemplates } from './parse-templates.ts'
import { proxyFaults } from './proxy-faults.ts'
import { isRecord } from './record.ts'
import { type GeneralSettings, generalSettings } from './schema.ts'
import { secretsIn, withoutSecrets } from './secret.ts'
import { userFaults } from './user-faults.ts'

/** Settings that have been checked: complete, frozen. */
export interface Settings extends GeneralSettings {
  readonly backends: ReadonlyMap<string, Backend>
  readonly apps: readonly App[]
  readonly routing: RoutingSettings
  /** By their slugs. */
  readonly templates: ReadonlyMap<string, FixedTemplate>
  readonly templateRules: TemplateRules | undefined
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
  const { backends, apps, routing, templates, templateRules, ...general } = settings
  const faults: SettingsFault[] = []
  const parsed = generalSettings.safeParse(general, { error: expectation })
  if (!parsed.success) {
    faults.push(
      ...nameOrigins(
        faultsOf(parsed.error, '', generalSettings, ['backends', 'apps', 'routing', 'templates', 'templateRules']),
        origins,
      ),
    )
  }
  faults.push(
    ...wrongOrder(settings['retry'], 'retry', 'firstDelay', 'longestDelay'),
    ...wrongOrder(settings['events'], 'events', 'firstDelay', 'longestDelay'),
    ...wrongOrder(settings['appCalls'], 'appCalls', 'share', 'mostWaiting'),
  )
  const parsedBackends = parseBackends(backends, faults, parsed.success ? parsed.data : generalSettings.parse({}))
  faults.push(
    ...proxyFaults(
      parsed.data?.proxy,
      parsedBackends.map(({ backend }) => backend),
    ),
  )
  const names = isRecord(backends) ? Object.keys(backends) : []
  faults.push(...userFaults(parsed.data?.http.users, names))
  const parsedApps = parseApps(apps, names, faults)
  const parsedRouting = parseRouting(routing, { names, parsed: parsedBackends.map(({ backend }) => backend) }, faults)
  const parsedTemplates = parseTemplates(templates, faults)
  const parsedRules = parseTemplateRules(templateRules, faults)
  if (!parsed.success || faults.length > 0) throw new SettingsError(faults)
  const printable = {
    ...(withoutSecrets(generalSettings, parsed.data) as Readonly<Record<string, unknown>>),
    backends: Object.fromEntries(parsedBackends.map(({ backend, printable }) => [backend.name, printable])),
    events: printableEvents(parsed.data.events),
    apps: parsedApps.map(({ name }) => name),
    ...(routing === undefined ? {} : { routing: printableRouting(parsedRouting) }),
    ...(templates === undefined ? {} : { templates: printableTemplates(parsedTemplates) }),
  }
  const own = secretsIn(generalSettings, parsed.data)
  return Object.freeze({
    ...deepFreeze(parsed.data),
    printable: deepFreeze(printable),
    secrets: new Set([...own, ...parsedBackends.flatMap(({ secrets }) => [...secrets])]),
    backends: frozenMap(parsedBackends.map(({ backend }) => [backend.name, backend] as const)),
    apps: Object.freeze(parsedApps),
    routing: parsedRouting,
    templates: frozenMap(parsedTemplates),
    templateRules: parsedRules,
  })
}
