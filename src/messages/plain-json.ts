/** How large a value may be. */
export interface JsonLimits {
  /** UTF-16 units of its JSON. */
  readonly length: number
  /** Objects and lists within each other, itself included. */
  readonly depth: number
}

/**
 * Why a value is no plain JSON object within the limits, naming the place; undefined when it is one. What is `undefined`
 * in an object counts as left out.
 */
export function faultOfJsonObject(name: string, value: unknown, limits: JsonLimits): string | undefined {
  if (!isPlainObject(value)) return `${name}: an object of plain JSON is expected`
  const fault = faultOf(name, value, limits.depth)
  if (fault !== undefined) return fault
  const { length } = JSON.stringify(value)
  return length > limits.length
    ? `${name}: at most ${limits.length} characters as JSON are allowed, not ${length}`
    : undefined
}

/** The same text for equal values, whatever the order of their properties. Dates are written as their ISO form. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (isPlainObject(inner) ? sorted(inner) : inner)) ?? 'null'
}

function faultOf(name: string, value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${name}: ${value} is no number of JSON`
  if (!Array.isArray(value) && !isPlainObject(value)) return `${name}: plain JSON is expected, not ${kindOf(value)}`
  if (depth === 0) return `${name}: objects and lists are too deep within each other`
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined && !Array.isArray(value)) continue
    const fault = faultOf(`${name}.${key.slice(0, 50)}`, inner, depth - 1)
    if (fault !== undefined) return fault
  }
  return undefined
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value
  return value.constructor?.name || 'an object of a class'
}

function sorted(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = Object.keys(object).sort()
  return Object.fromEntries(names.map((name) => [name, object[name]]))
}
