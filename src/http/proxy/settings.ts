import { z } from 'zod'
import { secret } from '../../backends/secret.ts'
import type { Text } from '../../messages/incoming.ts'
import { isRegion } from '../../messages/numbers.ts'

/** What a function that checks a request for a message is told. */
export interface ChallengeRequest {
  /** The handler that was asked for. */
  readonly handler: string
  /** The address of the client, as `http.trustedProxies` has it. */
  readonly ip: string
  /** All that the request brought, by name: the answer of a CAPTCHA stands here. */
  readonly values: Readonly<Record<string, unknown>>
  /** Aborted when the check takes too long. */
  readonly signal: AbortSignal
}

/** Tells whether a request comes from a person. Whatever is not exactly `true` refuses it. */
export type Challenge = (request: ChallengeRequest) => boolean | Promise<boolean>

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const LONGEST_MS = 366 * DAY_MS

function limit(amount: number, per: number) {
  return z.strictObject({
    amount: z.int().min(0).max(1_000_000_000).default(amount).describe('How many; 0 for no limit'),
    per: z.int().min(1_000).max(LONGEST_MS).default(per).describe('From the first one on'),
  })
}

const path = z
  .string()
  .max(200)
  .regex(/^\/[\w.~/-]*$/, 'a path that begins with / is expected, such as /message/')
const region = z.string().refine(isRegion, 'a country of ISO 3166-1 is expected, such as DE')
const text: z.ZodType<Text> = z.union([
  z.string().min(1, 'may not be empty'),
  z
    .record(z.string(), z.string().min(1, 'may not be empty'))
    .refine((texts) => Object.keys(texts).length > 0, 'a text is expected, or one for each language'),
])
const sender = z.string().min(1).max(20)
const handlerName = z.string().regex(/^[a-z0-9][\w-]{0,49}$/i, 'a name of up to 50 letters, digits, - or _ is expected')

const OWN_PARAMETERS: readonly string[] = ['receiver', 'number', 'country', 'callback']

const handler = z.strictObject({
  text: text.describe('What is sent: one text, or one for each language'),
  from: sender.optional().describe('The sender; by default the backend’s'),
  northAmericaFrom: sender
    .optional()
    .describe('The sender to countries with the code +1, where it has to be a number; by default the same'),
  backend: z.string().min(1).optional().describe('The backend; by default as for every message to a number'),
  path: path.optional().describe('By default the name: /<name>/'),
  limit: limit(10, HOUR_MS).optional().describe('Requests of one client; by default limits.perClient'),
})

const origin = z
  .string()
  .refine(
    (given) => given === '*' || (URL.canParse(given) && new URL(given).origin === given),
    'an origin is expected, such as https://www.example.org, or *',
  )

/** The public proxy: web pages send a text of the settings' to a number that somebody types. */
export const proxySettings = z.strictObject({
  handlers: z.record(handlerName, handler).default({}).describe('What can be sent, by the names of the paths'),
  validation: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether numbers can be checked without sending'),
      path: path.default('/validate_number/').describe('Where'),
      limit: limit(10, HOUR_MS).optional().describe('Requests of one client; by default limits.perClient'),
    })
    .prefault({})
    .describe('The check of numbers'),
  compat: z
    .boolean()
    .default(true)
    .describe(
      'Answers of the Nexmo messaging proxy: all 200, its names of errors; false for HTTP codes and better names',
    ),
  limits: z
    .strictObject({
      perClient: limit(10, HOUR_MS)
        .prefault({})
        .describe('Requests of one client to each handler; IPv6 addresses count by /64'),
      perNumber: limit(5, DAY_MS).prefault({}).describe('Messages to one number, by all handlers together'),
      total: limit(1_000, HOUR_MS).prefault({}).describe('Messages to all numbers, by all handlers together'),
      redisUrl: secret(z.url({ protocol: /^rediss?$/, error: 'a URL is expected, such as redis://cache:6379/0' }))
        .optional()
        .describe('Redis that counts; by default redisUrl, and without either the memory of this process'),
    })
    .prefault({})
    .describe('What keeps costs and people’s patience in bounds'),
  country: z
    .strictObject({
      parameter: z.boolean().default(true).describe('Whether the request may name the country, in “country”'),
      address: z
        .union([z.boolean(), z.string().min(1)])
        .default(true)
        .describe('Whether the client’s address tells it; a text is the path of a database of one’s own (.mmdb)'),
      language: z.boolean().default(true).describe('Whether Accept-Language tells it'),
      default: region.optional().describe('When nothing else does; numbers.region unless given'),
    })
    .prefault({})
    .describe('Whose national numbers are understood'),
  allowedCountries: z.array(region).min(1).optional().describe('Countries whose numbers are sent to; all by default'),
  numbers: z
    .enum(['valid', 'possible'])
    .default('valid')
    .describe('Numbers of ranges in use, or whatever has the right number of digits'),
  origins: z
    .array(origin)
    .default([])
    .describe('Other sites whose pages may ask (CORS); * for all. Pages of the same host always may'),
  jsonp: z.boolean().default(false).describe('Whether “callback” has the answer as a script, for pages of other sites'),
  honeypot: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'a name is expected, such as website')
    .refine(
      (name) => !OWN_PARAMETERS.includes(name),
      'people fill this field; another name is expected, such as website',
    )
    .optional()
    .describe('A field that people leave empty; who fills it is told that all is well, and nothing is sent'),
  challenge: z
    .custom<Challenge>((given) => typeof given === 'function', 'a function is expected')
    .optional()
    .describe(
      'A function that says whether a request for a message comes from a person, such as one that asks a CAPTCHA',
    ),
  answerLimit: z
    .int()
    .min(0)
    .max(60_000)
    .default(15_000)
    .describe('How long an answer waits for the service; then the message goes on by itself'),
})

export type ProxySettings = z.output<typeof proxySettings>
export type HandlerSettings = ProxySettings['handlers'][string]

/** Where a handler is reached. */
export function handlerPath(name: string, { path }: Pick<HandlerSettings, 'path'>): string {
  return path ?? `/${name}/`
}
