import { z } from 'zod'

const LONGEST_IDENTITY = 255

/** A text from outside: NUL is refused, as no phone can type it and some databases cannot keep it. */
export const plainText = z
  .string('a text is expected')
  .refine((text) => !text.includes('\0'), 'NUL characters are not allowed')

/** JSON senders write numbers where forms have digits. */
const textOrNumber = z.union([z.string(), z.number().int().transform(String)], 'a text is expected')

/** Who wrote. Any name or number is taken, as it comes, blanks around it removed. */
export const identityField = textOrNumber
  .transform((value) => value.trim())
  .pipe(
    plainText.min(1, 'may not be empty').max(LONGEST_IDENTITY, `may not be longer than ${LONGEST_IDENTITY} characters`),
  )

/** What was written, blanks around it removed. */
export const textField = textOrNumber.transform((value) => value.trim()).pipe(plainText.min(1, 'may not be empty'))

/**
 * The form of an incoming message. Extend it for a service that sends more; what it yields beyond the names below
 * travels in `message.fields`.
 */
export const incomingForm = z.object({
  identity: identityField,
  text: textField,
  /** Our address that was written to. */
  address: plainText.max(LONGEST_IDENTITY).optional(),
  /** The service's id of the message. */
  externalId: textOrNumber.pipe(plainText.min(1).max(1024)).optional(),
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
    if (own !== theirs && !(theirs in params)) delete ours[theirs]
  }
  return ours
}

/** The errors of a form, each under the name the sender used. */
export function errorsByField(error: z.ZodError, params: Params): Record<string, string[]> {
  const errors: Record<string, string[]> = {}
  for (const issue of error.issues) {
    const own = issue.path.map(String).join('.')
    const field = params[own] ?? own
    const text = isMissing(issue) ? 'is required' : issue.message
    errors[field] = [...(errors[field] ?? []), text]
  }
  return errors
}

function isMissing(issue: z.core.$ZodIssue): boolean {
  return 'input' in issue ? issue.input === undefined : /received undefined/.test(issue.message)
}
