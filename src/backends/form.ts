import { z } from 'zod'

const LONGEST_IDENTITY = 255
const LONGEST_EXTERNAL_ID = 1024
const NO_NUL = 'NUL characters are not allowed'
const NO_HALVES = 'half of a UTF-16 pair is not allowed'

/**
 * A text from outside: NUL is refused, as no phone can type it and some databases cannot keep it; so are halves of
 * characters, which no database keeps as they are.
 */
export const plainText = z
  .string('a text is expected')
  .refine((text) => !text.includes('\0'), NO_NUL)
  .refine((text) => text.isWellFormed(), NO_HALVES)

/** JSON senders write numbers where forms have digits; those that JSON cannot keep exactly are refused. */
const textOrNumber = z.union(
  [
    z.string(),
    z
      .number()
      .refine(Number.isSafeInteger, 'a number with a fraction, or of more than 15 digits, has to be written as a text')
      .transform(String),
  ],
  'a text is expected',
)

const trimmed = textOrNumber.transform((value) => value.trim())

/** Absent, null and blank are the same: many services send all names, with nothing in some. */
function optional(longest: number) {
  const text = plainText.max(longest, `may not be longer than ${longest} characters`)
  return z
    .union([z.null().transform(() => ''), trimmed], 'a text is expected')
    .pipe(text)
    .transform((value) => (value === '' ? undefined : value))
    .optional()
}

/** Who wrote. Any name or number is taken, as it comes, blanks around it removed. */
export const identityField = trimmed.pipe(
  plainText.min(1, 'may not be empty').max(LONGEST_IDENTITY, `may not be longer than ${LONGEST_IDENTITY} characters`),
)

/** What was written, blanks around it removed. */
export const textField = trimmed.pipe(plainText.min(1, 'may not be empty'))

/**
 * The form of an incoming message. Extend it for a service that sends more; what it yields beyond the names below
 * travels in `message.fields`.
 */
export const incomingForm = z.object({
  identity: identityField,
  text: textField,
  /** Our address that was written to. */
  address: optional(LONGEST_IDENTITY),
  /** The service's id of the message. */
  externalId: optional(LONGEST_EXTERNAL_ID),
})

/** The names by which a service calls our values: `{ identity: 'phone', text: 'message' }`. */
export type Params = Readonly<Record<string, string>>

/** Gives the values our names. A name that a parameter stands for is not taken under its own name any more. */
export function renamed(values: Readonly<Record<string, unknown>>, params: Params): Readonly<Record<string, unknown>> {
  const names = Object.entries(params)
  if (names.length === 0) return values
  const ours = Object.assign(Object.create(null) as Record<string, unknown>, values)
  for (const [own, theirs] of names) if (own !== theirs) delete ours[own]
  for (const [own, theirs] of names) {
    if (Object.hasOwn(values, theirs)) ours[own] = values[theirs]
    if (own !== theirs && !Object.hasOwn(params, theirs)) delete ours[theirs]
  }
  return ours
}

/** The errors of a form, each under the name the sender used. */
export function errorsByField(
  error: z.ZodError,
  params: Params,
  values: Readonly<Record<string, unknown>>,
): Readonly<Record<string, readonly string[]>> {
  const errors = new Map<string, string[]>()
  for (const issue of error.issues) {
    const [own = '', ...inner] = issue.path.map(String)
    const field = [Object.hasOwn(params, own) ? params[own] : own, ...inner].join('.')
    const isMissing = inner.length === 0 && own !== '' && (values[own] ?? null) === null && TYPE_ISSUES.has(issue.code)
    errors.set(field, [...(errors.get(field) ?? []), isMissing ? 'is required' : issue.message])
  }
  return Object.fromEntries(errors)
}

const TYPE_ISSUES: ReadonlySet<string | undefined> = new Set(['invalid_type', 'invalid_union'])

/**
 * What of a form's values cannot be kept, whatever the form let through: NUL, halves of characters, and what is not
 * plain JSON. Errors are under the names the sender used.
 */
export function unkeepable(
  values: Readonly<Record<string, unknown>>,
  params: Params,
): Readonly<Record<string, readonly string[]>> | undefined {
  let errors: Record<string, readonly string[]> | undefined
  for (const own of Object.keys(values)) {
    const fault = faultOf(values[own], DEEPEST)
    if (fault === undefined) continue
    const field = (Object.hasOwn(params, own) ? params[own] : own) ?? own
    errors = { ...errors, [field]: [fault] }
  }
  return errors
}

const DEEPEST = 40

function faultOf(value: unknown, levels: number): string | undefined {
  if (typeof value === 'string') {
    if (value.includes('\0')) return NO_NUL
    return value.isWellFormed() ? undefined : NO_HALVES
  }
  if (typeof value === 'bigint') return 'a number that large has to be written as a text'
  if (typeof value !== 'object' || value === null) return undefined
  if (levels === 0) return 'is nested too deep'
  for (const [name, inner] of Object.entries(value)) {
    const fault = faultOf(name, 1) ?? faultOf(inner, levels - 1)
    if (fault !== undefined) return fault
  }
  return undefined
}
