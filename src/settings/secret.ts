import { z } from 'zod'

const HIDDEN = '[secret]'

/** A copy of a value with whatever its schema marks as secret hidden, and passwords in URLs. */
export function withoutSecrets(schema: z.core.$ZodType, value: unknown): unknown {
  return mapped(schema, value, (secret) => (secret === undefined || secret === null ? secret : HIDDEN))
}

/** The texts that may not turn up in a log: what a schema marks as secret, and passwords in URLs. */
export function secretsIn(schema: z.core.$ZodType, value: unknown): ReadonlySet<string> {
  const found = new Set<string>()
  mapped(schema, value, (secret) => {
    collect(secret, LEAST_ALONE, found)
    return HIDDEN
  })
  for (const text of textsIn(value)) for (const password of passwordsIn(text)) add(password, LEAST_ALONE, found)
  return found
}

// A shorter one would be found inside ordinary words. Of several values marked together most are none.
const LEAST_ALONE = 4
const LEAST_AMONG_OTHERS = 8

function collect(secret: unknown, least: number, found: Set<string>): void {
  if (typeof secret === 'string') add(secret, least, found)
  else for (const text of textsIn(secret)) add(text, LEAST_AMONG_OTHERS, found)
}

function add(secret: string, least: number, found: Set<string>): void {
  const bare = secret.replace(/^(basic|bearer|token) /i, '')
  for (const text of [secret, bare, encodeURIComponent(bare.toWellFormed())]) if (text.length >= least) found.add(text)
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value
  if (typeof value !== 'object' || value === null) return
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return
  for (const inner of Object.values(value)) yield* textsIn(inner)
}

function mapped(schema: z.core.$ZodType, value: unknown, hide: (secret: unknown) => unknown): unknown {
  if (isSecret(schema)) return hide(value)
  if (typeof value === 'string') return withoutPasswords(value)
  if (typeof value !== 'object' || value === null) return value
  const { def } = schema._zod as unknown as { def: SchemaDef }
  if (Array.isArray(value)) {
    const { element } = def
    if (element !== undefined) return value.map((item) => mapped(element, item, hide))
  } else if (def.shape !== undefined || def.valueType !== undefined) {
    const entries = Object.entries(value).map(([key, item]) => {
      const inner = def.shape?.[key] ?? def.valueType ?? def.catchall
      return [key, inner === undefined ? item : mapped(inner, item, hide)] as const
    })
    return Object.fromEntries(entries)
  }
  if (def.options !== undefined) {
    const fitting = def.options.find((candidate) => z.safeParse(candidate, value).success) ?? def.options[0]
    return fitting === undefined ? hide(value) : mapped(fitting, value, hide)
  }
  const inner = def.innerType ?? def.in
  return inner === undefined ? value : mapped(inner, value, hide)
}

/** The parts of zod's definitions that say what lies inside a schema. */
interface SchemaDef {
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly catchall?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly valueType?: z.core.$ZodType
  readonly element?: z.core.$ZodType
  readonly innerType?: z.core.$ZodType
  readonly in?: z.core.$ZodType
}

function isSecret(schema: z.core.$ZodType): boolean {
  const wrapped = z.globalRegistry.get(schema)?.['secret'] === true
  if (wrapped) return true
  const { def } = schema._zod as unknown as { def: SchemaDef }
  return def.innerType !== undefined && isSecret(def.innerType)
}

const SECRET_PARAMETER = /^(.*(pass|pwd|secret|token|signature)|.*(api|auth|access|private)[_-]?key|key|sig|auth)/i

function passwordsIn(text: string): readonly string[] {
  if (!text.includes('://') || !URL.canParse(text)) return []
  const { password, searchParams } = new URL(text)
  const parameters = [...searchParams].filter(([name]) => SECRET_PARAMETER.test(name)).map(([, value]) => value)
  return [decoded(password), password, ...parameters].filter((found) => found !== '')
}

function withoutPasswords(text: string): string {
  let shown = text
  for (const password of passwordsIn(text)) {
    for (const spelling of [password, encodeURIComponent(password)]) {
      shown = shown.replaceAll(`:${spelling}@`, `:${HIDDEN}@`).replaceAll(`=${spelling}`, `=${HIDDEN}`)
    }
  }
  return shown
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
