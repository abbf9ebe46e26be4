import type { z } from 'zod'
import type { BackendDefinition, BackendInput } from '../backends/define.ts'
import { RouteTable, routesOf } from '../http/routes.ts'
import { messageClasses } from '../messages/lane.ts'
import type { Backend, CommonBackendSettings, UnknownOutcome } from '../router/backend.ts'
import { MessageSendError } from '../router/errors.ts'
import { type CommonBackendValues, commonBackendSettings } from './backend-settings.ts'
import type { SettingsFault } from './errors.ts'
import { expectation, faultsOf, shapeOf, unknownKey, wrongOrder } from './faults.ts'
import { deepFreeze } from './freeze.ts'
import { isRecord } from './record.ts'
import { secretsIn, withoutSecrets } from './secret.ts'
import { type GeneralRules, numberRulesOf, textRulesOf } from './text-settings.ts'

type Input = Readonly<Record<string, unknown>>

/** One backend, checked, with what may be printed of its settings. */
export interface ParsedBackend {
  readonly backend: Backend
  readonly printable: Input
  readonly secrets: ReadonlySet<string>
}

const NAME = /^[a-z0-9][a-z0-9_-]{0,49}$/i

/**
 * Checks every backend under its name; whatever is wrong is added to the faults.
 * @param general what holds for texts and numbers where a backend says nothing
 */
export function parseBackends(
  input: unknown,
  faults: SettingsFault[],
  general: GeneralRules,
): readonly ParsedBackend[] {
  if (!isRecord(input)) {
    faults.push({ path: 'backends', message: 'an object of backends by their names is expected' })
    return []
  }
  const names = Object.keys(input)
  if (names.length === 0) faults.push({ path: 'backends', message: 'at least one backend is expected' })
  const parsed = names.flatMap((name) => parseNamed(name, input[name], faults, general) ?? [])
  faults.push(...routeFaults(parsed.map(({ backend }) => backend)))
  return parsed
}

function parseNamed(
  name: string,
  given: unknown,
  faults: SettingsFault[],
  general: GeneralRules,
): ParsedBackend | undefined {
  const path = `backends.${name}`
  if (!NAME.test(name)) {
    faults.push({ path, message: 'a name of up to 50 letters, digits, - or _ is expected' })
  } else if (!isBackendInput(given)) {
    const hint = typeof given === 'function' ? '; the function that makes one has to be called' : ''
    faults.push({ path, message: `a backend is expected, such as httptester()${hint}` })
  } else if (!isRecord(given.input)) {
    faults.push({ path, message: 'an object of settings is expected' })
  } else {
    return parseBackend(name, given.definition, given.input, faults, general)
  }
  return undefined
}

function parseBackend(
  name: string,
  definition: BackendDefinition<z.ZodType>,
  input: Input,
  faults: SettingsFault[],
  general: GeneralRules,
): ParsedBackend | undefined {
  const path = `backends.${name}`
  const [givenCommon, givenOwn] = split(input)
  const common = commonBackendSettings.safeParse(givenCommon, { error: expectation })
  const own = definition.settings.safeParse(givenOwn, { error: expectation })
  const ownKeys = Object.keys(shapeOf(definition.settings) ?? {})
  if (!common.success) faults.push(...faultsOf(common.error, path, commonBackendSettings))
  if (!own.success) faults.push(...faultsOf(own.error, path, definition.settings, commonKeys))
  faults.push(...dropped(givenOwn, definition.settings, path), ...contradictions(path, definition, givenCommon))
  const shadowed = ownKeys.filter((key) => commonKeys.includes(key))
  faults.push(...shadowed.map((key) => shadowedSetting(path, key, definition.kind)))
  if (!common.success || !own.success) return undefined
  const backend = toBackend(name, definition, own.data, toCommon(common.data, definition, general))
  const printable = {
    kind: definition.kind,
    ...printed(commonBackendSettings, givenCommon),
    ...printed(definition.settings, own.data),
  }
  const secrets = [...secretsIn(commonBackendSettings, common.data), ...secretsIn(definition.settings, own.data)]
  return { backend, printable, secrets: new Set(secrets) }
}

const commonKeys = Object.keys(commonBackendSettings.shape)

function split(input: Input): readonly [common: Input, own: Input] {
  const entries = Object.entries(input)
  return [
    Object.fromEntries(entries.filter(([key]) => commonKeys.includes(key))),
    Object.fromEntries(entries.filter(([key]) => !commonKeys.includes(key))),
  ]
}

/** `z.object` drops what it does not know; a slip of the pen has to be told all the same. */
function dropped(input: Input, schema: z.ZodType, path: string): SettingsFault[] {
  const shape = shapeOf(schema)
  const { def } = schema._zod as unknown as { def: { catchall?: unknown } }
  if (shape === undefined || def.catchall !== undefined) return []
  const known = [...Object.keys(shape), ...commonKeys]
  return Object.keys(input)
    .filter((key) => !Object.hasOwn(shape, key))
    .map((key) => unknownKey(`${path}.${key}`, key, known))
}

function shadowedSetting(path: string, key: string, kind: string): SettingsFault {
  return {
    path: `${path}.${key}`,
    message: `the kind "${kind}" has a setting of its own of this name, which every backend has already`,
  }
}

/** Settings that cannot all be meant. */
function contradictions(
  path: string,
  { views = {}, send, sendBatch, poll, kind }: BackendDefinition<z.ZodType>,
  given: Input,
): SettingsFault[] {
  const faults: SettingsFault[] = []
  const { paths, secret, sending } = given
  const known = Object.keys(views).map((view) => `"${view}"`)
  for (const view of isRecord(paths) ? Object.keys(paths) : []) {
    const place = `${path}.paths.${view}`
    if (!Object.hasOwn(views, view)) {
      faults.push({ path: place, message: `there is no such view; there are ${known.join(', ') || 'none'}` })
    } else if (isRecord(secret) && secret['in'] === 'path') {
      faults.push({ path: place, message: 'a path of its own would leave out the secret, which stands in the path' })
    }
  }
  if (known.length === 0) {
    for (const key of ['path', 'secret']) {
      if (given[key] !== undefined) faults.push({ path: `${path}.${key}`, message: `the kind "${kind}" has no views` })
    }
  }
  if (poll === undefined && given['pollInterval'] !== undefined) {
    faults.push({ path: `${path}.pollInterval`, message: `the kind "${kind}" cannot be polled` })
  }
  if (send === undefined && sendBatch === undefined && sending !== undefined) {
    faults.push({ path: `${path}.sending`, message: 'this backend only receives' })
  }
  return [...faults, ...wrongOrder(sending, `${path}.sending`, 'firstDelay', 'longestDelay')]
}

const OWN_PATHS = /^\/(healthz|readyz|metrics|openapi\.json|api\/|console\/|console$)/

/** A path that two views claim, or that the server needs itself. */
function routeFaults(backends: readonly Backend[]): SettingsFault[] {
  const { routes, clashes } = new RouteTable(backends.flatMap((backend) => routesOf(backend)))
  const taken = routes
    .filter(({ path }) => OWN_PATHS.test(path))
    .map(({ path, backend, viewName }) => ({
      path: `backends.${backend.name}`,
      message: `its view "${viewName}" claims the path ${path}, which is the server's own`,
    }))
  const shared = clashes.map(({ path, claimants: [one, other] }) => ({
    path: `backends.${other.backend.name}`,
    message: `its view "${other.viewName}" claims the path ${path}, which is the backend "${one.backend.name}"'s`,
  }))
  return [...taken, ...shared]
}

const USUAL_CONCURRENCY = 10
const USUAL_BATCH = 100

function toBackend(
  name: string,
  definition: BackendDefinition<z.ZodType>,
  settings: unknown,
  common: CommonBackendSettings,
): Backend {
  const { kind, views = {}, reports = 'none', removesDuplicates = false, start, stop } = definition
  const { sendBatch, checkStates, idsOf, poll, copies, batchLimit = USUAL_BATCH, methods = {} } = definition
  const send = definition.send ?? (sendBatch === undefined ? undefined : batchOfOne(definition))
  return Object.freeze({
    kind,
    name,
    settings: deepFreeze(settings),
    common: deepFreeze(common),
    views: views as Backend['views'],
    reports,
    removesDuplicates,
    batchLimit,
    methods: Object.freeze({ ...methods }),
    ...(sendBatch === undefined ? {} : { sendBatch: sendBatch.bind(definition) }),
    ...(checkStates === undefined ? {} : { checkStates: checkStates.bind(definition) }),
    ...(idsOf === undefined ? {} : { idsOf: idsOf.bind(definition) }),
    ...(poll === undefined ? {} : { poll: poll.bind(definition) }),
    ...(copies === undefined ? {} : { copies: copies.bind(definition) }),
    ...(send === undefined ? {} : { send: send.bind(definition) }),
    ...(start === undefined ? {} : { start: start.bind(definition) }),
    ...(stop === undefined ? {} : { stop: stop.bind(definition) }),
  })
}

/** How a kind that knows batches only sends one message. */
function batchOfOne(definition: BackendDefinition<z.ZodType>): NonNullable<BackendDefinition<z.ZodType>['send']> {
  return async (message, tools) => {
    const [outcome] = (await definition.sendBatch?.([message], tools)) ?? []
    if (outcome === undefined) throw new MessageSendError('The service said nothing of this message.')
    if ('error' in outcome) throw outcome.error
    return outcome.result
  }
}

function toCommon(
  { sending, window, text, numbers, debug, ...common }: CommonBackendValues,
  { concurrency: usualConcurrency = USUAL_CONCURRENCY, text: kindsText }: BackendDefinition<z.ZodType>,
  general: GeneralRules,
): CommonBackendSettings {
  const { partsPerSecond, unknownOutcome, concurrency = usualConcurrency, ...rest } = sending
  const outcomes = messageClasses.map((name) => {
    const outcome = typeof unknownOutcome === 'string' ? unknownOutcome : unknownOutcome[name]
    return [name, outcome ?? 'settle'] as const
  })
  return {
    ...common,
    debug: debug || general.debug,
    window: window * 1000,
    text: textRulesOf(text, general.text, kindsText),
    numbers: numberRulesOf(numbers, general.numbers),
    sending: {
      ...rest,
      concurrency,
      unknownOutcome: Object.fromEntries(outcomes) as UnknownOutcome,
      ...(partsPerSecond === undefined ? {} : { rate: { perSecond: partsPerSecond } }),
    },
  }
}

function printed(schema: z.ZodType, value: unknown): Input {
  const hidden = withoutSecrets(schema, value)
  return isRecord(hidden) ? hidden : {}
}

function isBackendInput(given: unknown): given is BackendInput {
  return isRecord(given) && isRecord(given['definition']) && typeof given['definition']['kind'] === 'string'
}
