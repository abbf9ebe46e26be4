import { z } from 'zod'
import { messageClasses } from '../messages/lane.ts'
import { isRegion } from '../messages/numbers.ts'
import type { RoutingFunction } from '../router/routing.ts'

const backend = z.string().min(1)
const values = z.array(z.string().min(1)).min(1)
const prefixes = z
  .array(
    z
      .string()
      .regex(/^\+?[1-9]\d{0,14}$/, 'the first digits of numbers are expected, country code included, such as 2547')
      .transform((prefix) => prefix.replace('+', '')),
  )
  .min(1)
const networks = z
  .array(z.string().regex(/^\d{5,6}$/, 'the code of a country and a network is expected, such as 63902'))
  .min(1)
const countries = z.array(z.string().refine(isRegion, 'a country of ISO 3166-1 is expected, such as KE')).min(1)

/** What a message has to be for a rule to hold. */
const condition = z.strictObject({
  prefix: prefixes.optional().describe('What its number begins with'),
  country: countries.optional().describe('The country of its number, such as KE'),
  operator: values.optional().describe('The operator of its number, by a name of `operators`'),
  class: z.array(z.enum(messageClasses)).min(1).optional().describe('Its class'),
  module: values.optional().describe('The first value of `route`, as the sender gave it'),
  type: values.optional().describe('The second value of `route`'),
})

const options = z.strictObject({
  senderId: z.string().min(1).exactOptional().describe('Shown in place of our number'),
  validity: z.int().min(1).exactOptional().describe('Minutes the service may keep trying'),
  escalate: z.boolean().exactOptional().describe('Faster and dearer'),
  allowReply: z.boolean().exactOptional().describe('Whether people can answer'),
  statusReport: z.boolean().exactOptional().describe('Whether a delivery report is asked for'),
})

/** One rule of the table of routes. */
export const ruleSettings = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('What logs and lists call it; its place in the table by default'),
    when: condition
      .prefault({})
      .describe('Of a list one has to fit, of several lists each; a rule without holds for all that is left'),
    to: backend.optional().describe('The backend; either this or `share` is needed'),
    share: z
      .record(z.string(), z.number().positive())
      .optional()
      .describe('Backends that share the load, with their weights; a person stays with the same one'),
    failover: z
      .array(backend)
      .min(1)
      .optional()
      .describe('Where else to turn when those cannot take it, the best first'),
    from: z
      .union([z.string().min(1), z.record(z.string(), z.string().min(1))])
      .optional()
      .describe('Our address, or one for each backend, where the sender names none'),
    options: options.optional().describe('For the service; what the sender asks for goes before it'),
  })
  .refine(({ to, share }) => (to === undefined) !== (share === undefined), 'either `to` or `share` is expected')
  .refine(({ share }) => share === undefined || Object.keys(share).length > 0, {
    path: ['share'],
    message: 'at least one backend is expected',
  })

/** The routing beside the function `choose`. */
export const routingSettings = z.strictObject({
  rules: z.array(ruleSettings).default([]).describe('The table of routes; the first rule that holds is taken'),
  operators: z
    .record(
      z.string(),
      z.strictObject({
        networks: networks.optional().describe('The codes of its networks, as services tell them'),
        prefixes: prefixes.optional().describe('What its numbers begin with'),
      }),
    )
    .default({})
    .describe('Operators by names of yours: the codes of their networks, and their prefixes for numbers of none known'),
  default: backend
    .optional()
    .describe('The backend for numbers where nothing else chooses one; the first that can send by default'),
  attempts: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('Tries at one backend before a message goes on to the next, after errors that may pass'),
})

export type RoutingValues = z.output<typeof routingSettings>

type RuleInput<Names extends string> = Omit<z.input<typeof ruleSettings>, 'to' | 'share' | 'failover' | 'from'> & {
  readonly to?: Names | undefined
  readonly share?: Readonly<Partial<Record<Names, number>>> | undefined
  readonly failover?: readonly Names[] | undefined
  readonly from?: string | Readonly<Partial<Record<Names, string>>> | undefined
}

/** How backends are chosen for what is sent to numbers: by a function, by a table, or by both, the function first. */
export type RoutingInput<Names extends string = string> =
  | RoutingFunction<Names>
  | (Omit<z.input<typeof routingSettings>, 'rules' | 'default'> & {
      readonly choose?: RoutingFunction<Names> | undefined
      readonly rules?: readonly RuleInput<Names>[] | undefined
      readonly default?: Names | undefined
    })
