import { z } from 'zod'

/** Marks a setting as secret: it is never printed. */
export function secret<Schema extends z.ZodType>(schema: Schema): Schema {
  return schema.meta({ secret: true })
}

const HIDDEN = '[secret]'

/** A copy of a value with whatever its schema marks as secret hidden. */
export function withoutSecrets(schema: z.core.$ZodType, value: unknown): unknown {
  if (value === undefined || value === null) return value
  if (isSecret(schema)) return HIDDEN
  const { def } = schema._zod as unknown as { def: SchemaDef }
  if (def.shape !== undefined && isRecord(value)) {
    const { shape } = def
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        shape[key] === undefined ? item : withoutSecrets(shape[key], item),
      ]),
    )
  }
  if (def.options !== undefined) {
    const option = def.options.find((candidate) => z.safeParse(candidate, value).success) ?? def.options[0]
    return option === undefined ? HIDDEN : withoutSecrets(option, value)
  }
  if (def.valueType !== undefined && isRecord(value)) {
    const { valueType } = def
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(valueType, item)]))
  }
  if (def.element !== undefined && Array.isArray(value)) {
    const { element } = def
    return value.map((item) => withoutSecrets(element, item))
  }
  return def.innerType === undefined ? value : withoutSecrets(def.innerType, value)
}

/** The parts of zod's definitions that say what lies inside a schema. */
interface SchemaDef {
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly options?: readonly z.core.$ZodType[]
  readonly valueType?: z.core.$ZodType
  readonly element?: z.core.$ZodType
  readonly innerType?: z.core.$ZodType
}

function isSecret(schema: z.core.$ZodType): boolean {
  return z.globalRegistry.get(schema)?.['secret'] === true
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
