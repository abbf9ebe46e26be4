import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { BackendDefinition } from '../src/backends/define.ts'
import * as exported from '../src/backends/index.ts'
import { commonBackendSettings } from '../src/settings/backend-settings.ts'
import { variableOf } from '../src/settings/env.ts'
import { routingSettings, ruleSettings } from '../src/settings/routing-settings.ts'
import { generalSettings } from '../src/settings/schema.ts'

/** Where the reference is kept. */
export const referenceFile = fileURLToPath(new URL('../docs/settings.md', import.meta.url))

/** The parts of a JSON schema that the reference tells. */
interface Described {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, Described>>
  readonly required?: readonly string[]
  readonly items?: Described
  readonly additionalProperties?: Described | boolean
  readonly anyOf?: readonly Described[]
  readonly oneOf?: readonly Described[]
  readonly secret?: boolean
}

/** The reference of all settings, printed from their schemas. */
export function settingsReference(): string {
  const parts = [
    INTRODUCTION,
    '## General',
    table(rowsOf(described(generalSettings), ''), variableOf),
    GENERAL_NOTES,
    '## Routing',
    ROUTING,
    table([...rowsOf(described(routingSettings), 'routing.'), ...rowsOf(described(ruleSettings), 'routing.rules.N.')]),
    '## Every backend',
    'Beside the settings of its kind, every backend takes these. They stand under its name: `backends.<name>.path`.',
    table(rowsOf(described(commonBackendSettings), '')),
    '## Backends',
    ...definitions().flatMap(([factory, { kind, settings }]) => {
      const rows = rowsOf(described(settings), '')
      const heading = `### \`${factory}\`${factory === kind ? '' : ` (kind \`${kind}\`)`}`
      return [heading, rows.length === 0 ? 'No settings of its own.' : table(rows)]
    }),
  ]
  return `${parts.join('\n\n')}\n`
}

const INTRODUCTION = `# Settings

Printed from the schemas by \`npm run docs\`; a test fails when this page is out of date.

A settings file is a TypeScript (or JavaScript) file whose default export is \`defineSettings({ … })\`. Without
\`--settings FILE\` it is the \`settings.ts\`, \`settings.js\` or \`settings.mjs\` of the working folder. It is loaded as it
is, from any folder, without a build and without a \`node_modules\`: \`sms-switchboard\`, its parts and \`zod\` are those of
the running command; files beside it are imported by their relative paths (\`./apps/hello.ts\`).

- All faults of the whole file are reported together, each with its path. Names that are not known are refused.
- An environment variable of the tables stands over the setting. An empty one counts as not set.
- A file \`.env\` beside the settings file is read first, if there is one; what the environment says already wins. It is
  also the place for passwords: \`process.env.KANNEL_PASSWORD\` can be used in the settings file.
- Times are milliseconds unless the description says otherwise.
- A setting marked *secret* is never printed, and is taken out of whatever is logged; so are passwords in URLs.
- A file in \`databaseUrl\` is relative to the working folder, wherever the settings file lies: the variable
  \`DATABASE_URL\` has to mean the same for every command of one shell.
- Once loaded, settings are frozen.`

const ROUTING = `\`routing\` is a function, or an object of these with the function as \`choose\`; [Routing](routing.md) tells what they do.`

const GENERAL_NOTES = `Two more belong to every settings file: \`backends\`, the connections to the outside by their names (letters, digits,
\`-\` and \`_\`), and \`apps\`, the chain in its order: objects, or classes that are made without arguments.

[Templates](templates.md) tells of \`templates\`, texts by their names, and of \`templateRules\`, who may get them.

[Texts and numbers](texts-and-numbers.md) tells what \`text\` and \`numbers\` do.`

/**
 * The factories are found, not listed: whoever adds a backend has its settings here without another line. A factory
 * never throws, and what it makes tells its kind; whatever else is exported fails the one or the other.
 */
function definitions(): readonly (readonly [string, BackendDefinition<z.ZodType>])[] {
  return Object.entries(exported)
    .flatMap(([name, value]) => {
      const definition = definitionOf(value)
      return definition === undefined ? [] : [[name, definition] as const]
    })
    .sort(([a], [b]) => a.localeCompare(b))
}

function definitionOf(factory: unknown): BackendDefinition<z.ZodType> | undefined {
  if (typeof factory !== 'function') return undefined
  try {
    const made = factory() as { readonly definition?: BackendDefinition<z.ZodType> }
    return typeof made.definition?.kind === 'string' ? made.definition : undefined
  } catch {
    return undefined
  }
}

function described(schema: z.ZodType): Described {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', override: markExpressions }) as Described
}

/** JSON has neither regular expressions nor functions; a setting that takes one says so. */
function markExpressions({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void {
  const { def, bag } = zodSchema._zod
  if (def.type !== 'custom') return
  Object.assign(jsonSchema, { type: 'Class' in bag && bag.Class === RegExp ? 'RegExp' : 'function' })
}

interface Row {
  readonly path: string
  readonly type: string
  readonly fallback: string
  readonly description: string
}

function rowsOf({ properties = {}, required = [] }: Described, prefix: string): readonly Row[] {
  return Object.entries(properties).flatMap(([name, setting]) => {
    const path = `${prefix}${name}`
    const nested = setting.properties === undefined ? undefined : rowsOf(setting, `${path}.`)
    const isOptionalGroup = !required.includes(name) && setting.default === undefined
    if (nested !== undefined && !isOptionalGroup) return nested
    const row = {
      path,
      type: typeOf(setting),
      fallback: fallbackOf(setting, required.includes(name)),
      description: textOf(setting),
    }
    return nested === undefined ? [row] : [{ ...row, type: 'object' }, ...nested]
  })
}

function typeOf(setting: Described): string {
  const { type, enum: values, anyOf, oneOf, items, additionalProperties, properties } = setting
  if (setting.const !== undefined) return code(setting.const)
  if (values !== undefined) return values.map(code).join(', ')
  const options = anyOf ?? oneOf
  if (options !== undefined) return options.map(typeOf).join(' or ')
  if (type === 'array') return `list of ${items === undefined ? 'values' : typeOf(items)}`
  if (properties !== undefined) return `\`{ ${Object.entries(properties).map(propertyOf).join(', ')} }\``
  if (type === 'object') {
    const value = typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'value'
    return `object of ${value}`
  }
  return `${simpleType(setting)}${boundsOf(setting)}`
}

function propertyOf([name, setting]: readonly [string, Described]): string {
  return setting.const === undefined ? name : `${name}: ${JSON.stringify(setting.const)}`
}

function simpleType({ type, format }: Described): string {
  if (type === 'string') return format === 'uri' ? 'URL' : 'text'
  if (type === 'integer') return 'whole number'
  return typeof type === 'string' ? type : 'value'
}

function boundsOf({ type, minimum, maximum }: Described): string {
  if (type !== 'integer' && type !== 'number') return ''
  const hasLeast = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER
  const hasLimit = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
  if (hasLeast && hasLimit) return `, ${minimum} to ${maximum}`
  return !hasLeast ? '' : `, at least ${minimum}`
}

function fallbackOf({ default: fallback }: Described, isRequired: boolean): string {
  if (isRequired) return '*required*'
  return fallback === undefined ? '' : code(fallback)
}

function textOf({ description = '', secret }: Described): string {
  return secret === true ? `${description} *(secret)*`.trim() : description
}

/** @param variableFor the variable that stands over a setting; a backend's own settings have none */
function table(rows: readonly Row[], variableFor: (path: string) => string | undefined = () => undefined): string {
  const hasVariables = rows.some(({ path }) => variableFor(path) !== undefined)
  const head = ['Setting', 'Type', 'Default', ...(hasVariables ? ['Variable'] : []), 'Description']
  const lines = rows.map(({ path, type, fallback, description }) => {
    const variable = variableFor(path)
    const cells = hasVariables ? [variable === undefined ? '' : `\`${variable}\``] : []
    return [`\`${path}\``, type, fallback, ...cells, description]
  })
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(referenceFile, settingsReference())
