import { z } from 'zod'
import { messageClasses } from '../../messages/lane.ts'
import { outgoingStates } from '../../messages/states.ts'

const TEXT = 'a text is expected'

/** A text from outside. A NUL is none that a database keeps. */
export function line(longest: number) {
  return z
    .string({ error: TEXT })
    .min(1, 'may not be empty')
    .max(longest, `at most ${longest} characters are expected`)
    .refine((text) => !text.includes('\0'), 'may not hold a NUL')
}

/** As `line`; an empty one, as forms send it, is as if it were not there. */
export function optionalLine(longest: number) {
  return z.preprocess((given) => (given === '' ? undefined : given), line(longest).optional())
}

/** A number of a form, or of JSON. */
export function wholeNumber(least: number, most: number) {
  return z.preprocess(
    (given) => (typeof given === 'string' && /^-?\d{1,16}$/.test(given) ? Number(given) : given),
    z
      .int(`a whole number from ${least} to ${most} is expected`)
      .min(least, `at least ${least} is expected`)
      .max(most, `at most ${most} is expected`),
  )
}

export function yesOrNo() {
  return z.preprocess(
    (given) => (given === 'true' ? true : given === 'false' ? false : given),
    z.boolean('true or false is expected'),
  )
}

/** One value, or a list of them. */
export function oneOrMore<Item extends z.ZodType>(item: Item, most: number) {
  return z.preprocess(
    (given) => (Array.isArray(given) || given === undefined ? given : [given]),
    z
      .array(item, 'one or more are expected')
      .min(1, 'at least one is expected')
      .max(most, `at most ${most} are expected`),
  )
}

const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/
const DATE_FAULT = 'a date such as 2026-11-21, 2026-11-21 09:30:00 or 2026-11-21T09:30:00Z is expected'

/** A date, in UTC unless it says otherwise; the output is milliseconds since 1970. */
export function date() {
  return z
    .string(DATE_FAULT)
    .transform((given, context) => {
      const [, day, time = '00:00:00', zone = 'Z'] = DATE.exec(given) ?? []
      const at = day === undefined ? Number.NaN : Date.parse(`${day}T${time}${zone}`)
      // JavaScript takes the 31st of February for the 3rd of March.
      const isDay = Number.isFinite(at) && new Date(`${day}T00:00:00Z`).toISOString().startsWith(day ?? '')
      if (isDay) return at
      context.addIssue({ code: 'custom', message: DATE_FAULT })
      return z.NEVER
    })
    .meta({ description: 'A date, with or without a time, in UTC unless it says otherwise' })
}

const msisdn = z.preprocess(
  (given) => (typeof given === 'number' && Number.isSafeInteger(given) ? String(given) : given),
  line(255),
)

export function recipients(most: number) {
  return oneOrMore(msisdn, most).describe('One number, or more')
}

/** What a sender may say beside the text and to whom. */
export const sendingFields = {
  from_msisdn: z
    .preprocess((given) => (given === '' ? undefined : given), msisdn.optional())
    .describe('Our address it leaves from; by default the backend’s'),
  class: z
    .enum(messageClasses, `one of ${messageClasses.join(', ')} is expected`)
    .optional()
    .describe('How urgent it is'),
  tag: optionalLine(100).describe('A word by which reports tell messages apart'),
  related_to: optionalLine(255).describe('What it is about, in words of yours'),
  send_at: date().optional().describe('Not before this time'),
  expires_at: date().optional().describe('Not after this time'),
}

const dateTime = z.string().describe('UTC, as YYYY-MM-DD HH:MM:SS')

/** A message as the sending API shows it. */
export const sms = z.strictObject({
  id: z.string(),
  to_msisdn: z.string(),
  from_msisdn: z.string().describe('Empty where the backend chooses'),
  message: z.string(),
  transport_name: z.string().describe('The backend'),
  transport_status: z.int().min(0).max(7),
  transport_status_display: z.string(),
  state: z.enum(outgoingStates),
  created_at: dateTime,
  updated_at: dateTime,
  delivered_at: dateTime.nullable(),
})
export type Sms = z.output<typeof sms>

/** The shape of every refusal. */
export const refusalBody = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    fields: z.record(z.string(), z.string()).optional(),
  }),
})

export const nothing = z.strictObject({})
