import type { z } from 'zod'
import type { SettingsFault } from './errors.ts'

type Issue = z.core.$ZodIssue

/**
 * What zod found, as faults with their paths.
 * @param prefix the path of what was parsed
 * @param schema of what was parsed, to tell the known names beside a wrong one
 * @param moreKeys names that are known at the top beside the schema's own
 */
export function faultsOf(
  error: z.ZodError,
  prefix: string,
  schema: z.core.$ZodType,
  moreKeys: readonly string[] = [],
): SettingsFault[] {
  return issuesOf(error.issues).flatMap(({ issue, path }) => {
    const place = joined(prefix, ...path)
    if (issue.code !== 'unrecognized_keys') return [{ path: place, message: issue.message }]
    const known = [...keysAt(schema, path), ...(path.length === 0 ? moreKeys : [])]
    return issue.keys.map((key) => unknownKey(joined(place, key), key, known))
  })
}

/** A name that is no setting, with the one that was probably meant. */
export function unknownKey(path: string, key: string, known: readonly string[]): SettingsFault {
  const meant = nearest(key, known)
  return { path, message: `there is no such setting${meant === undefined ? '' : `; did you mean "${meant}"?`}` }
}

/** Two limits that were both given, and the wrong way round. What only one of them is given for goes by it alone. */
export function wrongOrder(given: unknown, path: string, lower: string, upper: string): SettingsFault[] {
  if (typeof given !== 'object' || given === null) return []
  const { [lower]: low, [upper]: high } = given as Readonly<Record<string, unknown>>
  if (typeof low !== 'number' || typeof high !== 'number' || low <= high) return []
  return [{ path: joined(path, lower), message: `may not be more than ${upper}` }]
}

/** The names a schema knows; undefined when it is not one of an object. */
export function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined {
  const { def } = schema._zod as unknown as { def: { shape?: Readonly<Record<string, z.core.$ZodType>> } }
  return def.shape
}

/** Says what is expected in the words of the rest of the project; never what was given, which may be a secret. */
export const expectation: z.core.$ZodErrorMap = (issue) => {
  if ('input' in issue && issue.input === undefined && issue.code !== 'custom') return 'is required'
  switch (issue.code) {
    case 'invalid_type':
      return `${typeNames[issue.expected] ?? issue.expected} is expected`
    case 'invalid_value':
      return oneOf(issue.values)
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options) ? oneOf(issue.options) : undefined
    case 'too_small':
      return bound('at least', issue.minimum, issue.inclusive, issue.origin)
    case 'too_big':
      return bound('at most', issue.maximum, issue.inclusive, issue.origin)
    case 'invalid_format':
      return issue.format === 'url' ? 'a URL is expected, such as https://example.org/' : undefined
    default:
      return undefined
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
}

function oneOf(values: readonly unknown[]): string {
  return `${values.length > 1 ? 'one of ' : ''}${values.map((value) => JSON.stringify(value)).join(', ')} is expected`
}

function bound(words: string, limit: number | bigint, inclusive: boolean | undefined, origin: string): string {
  const amount =
    inclusive === false ? `${words === 'at least' ? 'more than' : 'less than'} ${limit}` : `${words} ${limit}`
  if (origin === 'string') return limit === 1 ? 'may not be empty' : `${amount} characters are expected`
  if (origin === 'array') return `${amount} ${limit === 1 ? 'is' : 'are'} expected`
  return `${amount} is expected`
}

interface Placed {
  readonly issue: Issue
  readonly path: readonly string[]
}

/** Of a union, what is wrong with the option that was meant: one that takes the kind of value that was given. */
function issuesOf(issues: readonly Issue[], base: readonly string[] = []): Placed[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...issue.path.map(String)]
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ issue, path }]
    const meant = issue.errors.filter((option) => !option.some(isOfAnotherKind))
    const [only] = meant.length === 0 ? [] : meant.toSorted((a, b) => a.length - b.length)
    if (only !== undefined) return issuesOf(only, path)
    const messages = [...new Set(issue.errors.flat().map(({ message }) => message.replace(/ is expected$/, '')))]
    return [{ issue: { ...issue, message: `${messages.join(', or ')} is expected` }, path }]
  })
}

function isOfAnotherKind({ code, path }: Issue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')
}

function keysAt(schema: z.core.$ZodType, path: readonly string[]): readonly string[] {
  const { def } = schema._zod as unknown as { def: SchemaDef }
  if (def.innerType !== undefined) return keysAt(def.innerType, path)
  if (def.options !== undefined) return def.options.flatMap((option) => keysAt(option, path))
  const [first, ...rest] = path
  if (first === undefined) return Object.keys(def.shape ?? {})
  const inner = def.shape?.[first] ?? def.valueType ?? def.element
  return inner === undefined ? [] : keysAt(inner, rest)
}

interface SchemaDef {
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly options?: readonly z.core.$ZodType[]
  readonly valueType?: z.core.$ZodType
  readonly element?: z.core.$ZodType
  readonly innerType?: z.core.$ZodType
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('.')
}

/** The known name that a slip of a finger or two away from `key`. */
function nearest(key: string, known: readonly string[]): string | undefined {
  const most = key.length < 3 ? 0 : key.length < 7 ? 1 : 2
  const ranked = known
    .map((name) => ({ name, distance: distance(key.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  const [first] = ranked
  return first !== undefined && first.distance <= most ? first.name : undefined
}

/** How many letters have to be changed, added, taken away or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const ways = [(last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1)]
      if (swapped) ways.push((before[j - 2] ?? 0) + 1)
      row.push(Math.min(...ways))
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}
