import { z } from 'zod'
import { secret } from '../backends/secret.ts'
import { messageClasses } from '../messages/lane.ts'
import { backendNumberSettings, textSettings } from './text-settings.ts'

const path = z.string().regex(/^\/[^?#\s]*$/, 'a path that begins with / is expected, such as /24fb0d6963f/')

const unknownOutcome = z.enum(['settle', 'retry'])

const probes = {
  firstProbe: z.int().min(1_000).describe('Before one message is tried; doubled by each that fails'),
  longestProbe: z.int().min(1_000).describe('The longest time between two'),
}

const pauseSettings = z.strictObject({
  firstProbe: probes.firstProbe.default(60_000),
  longestProbe: probes.longestProbe.default(900_000),
})

const circuitSettings = z.strictObject({
  failures: z
    .int()
    .min(1)
    .default(10)
    .describe('Attempts in a row that could not reach the service, or met its failure'),
  silence: z.int().min(0).default(30_000).describe('For how long none may have succeeded'),
  firstProbe: probes.firstProbe.default(5_000),
  longestProbe: probes.longestProbe.default(60_000),
})

const dailyCapSettings = z
  .strictObject({
    messages: z.int().min(1).optional().describe('Messages'),
    parts: z.int().min(1).optional().describe('Message parts'),
    cost: z.number().positive().optional().describe('Cost, in the currency that the service or `prices` tells'),
    goOn: z
      .array(z.enum(messageClasses))
      .default(['urgent', 'reply'])
      .describe('Classes of messages that are sent all the same'),
  })
  .refine(
    ({ messages, parts, cost }) => (messages ?? parts ?? cost) !== undefined,
    'messages, parts or cost is expected',
  )

/** How messages are handed to the service. Times are milliseconds. */
export const sendingSettings = z.strictObject({
  concurrency: z
    .int()
    .min(1)
    .max(1_000)
    .optional()
    .describe('Messages given to the service at the same time; 10 by default, 256 where nothing leaves this process'),
  partsPerSecond: z.number().positive().optional().describe('The rate limit, in message parts; none by default'),
  timeLimit: z.int().min(1).default(30_000).describe('For one attempt'),
  attempts: z.int().min(1).max(100).default(8).describe('How often a message is tried before it is in ERROR'),
  firstDelay: z.int().min(1).default(1_000).describe('Before the first retry; doubled by each, with jitter'),
  longestDelay: z.int().min(1).default(600_000).describe('The longest delay between retries'),
  maxAge: z.int().min(1).default(86_400_000).describe('After its first attempt, when a message is given up'),
  unknownOutcome: z
    .union([unknownOutcome, z.partialRecord(z.enum(messageClasses), unknownOutcome)])
    .default('settle')
    .describe(
      'When the answer never came: settle the message as UNKNOWN, or retry it, since a duplicate is better than a loss; one for all, or one per class',
    ),
  pause: pauseSettings
    .prefault({})
    .describe('While the backend is paused, since its service refuses our password or the account has no credit'),
  circuit: z
    .union([circuitSettings, z.literal(false)])
    .prefault({})
    .describe('When messages wait, since the service fails time after time; false for never'),
  dailyCap: dailyCapSettings
    .optional()
    .describe('What is sent in a day at the most, by the clock of `timeZone`; the rest waits for the next day'),
})

/** What every backend takes beside the settings of its kind. */
export const commonBackendSettings = z.strictObject({
  path: path.optional().describe('Where its views hang; /backends/<name>/ by default'),
  paths: z.record(z.string(), path).default({}).describe('Paths of single views, by the name of the view'),
  secret: z
    .discriminatedUnion('in', [
      z.strictObject({
        in: z.literal('path'),
        value: secret(z.string().regex(/^[\w.~-]{8,}$/, '8 or more letters, digits or - . _ ~ are expected')),
      }),
      z.strictObject({
        in: z.literal('header'),
        name: z.string().min(1),
        value: secret(z.string().min(8, '8 or more characters are expected')),
      }),
      z.strictObject({
        in: z.literal('basic'),
        user: z
          .string()
          .min(1)
          .refine((user) => !user.includes(':'), 'a user has no colon'),
        password: secret(z.string().min(8, '8 or more characters are expected')),
      }),
    ])
    .optional()
    .describe('What a request to its views has to show'),
  debug: z.boolean().default(false).describe('Nothing leaves; every message stands in the state DEBUG'),
  window: z
    .number()
    .min(0)
    .default(0)
    .describe('Seconds in which an equal text from the same identity is a repeat, for services without message ids'),
  joinTimeLimit: z
    .int()
    .min(1_000)
    .default(300_000)
    .describe('Milliseconds to wait for missing parts of a long message, which is then handed on without them'),
  reportWindow: z
    .int()
    .min(1_000)
    .default(86_400_000)
    .describe('Milliseconds back in which a delivery report by number alone, without an id, looks for its message'),
  pollInterval: z
    .int()
    .min(100)
    .optional()
    .describe('Milliseconds from one poll for incoming messages to the next; without it the service is not polled'),
  text: textSettings.prefault({}).describe('How the texts of outgoing messages are written, and how long they may be'),
  numbers: backendNumberSettings
    .optional()
    .describe('How phone numbers are understood; false where identities are no phone numbers'),
  sending: sendingSettings.prefault({}).describe('How messages are handed to the service'),
})

export type CommonBackendValues = z.output<typeof commonBackendSettings>
