import type { z } from 'zod'

/** Marks a setting as secret: it is printed nowhere, and taken out of whatever is logged. */
export function secret<Schema extends z.ZodType>(schema: Schema): Schema {
  return schema.meta({ ...schema.meta(), secret: true })
}
