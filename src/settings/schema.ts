import { z } from 'zod'
import type { BackendInput } from '../backends/define.ts'
import { apiSettings } from '../http/api/settings.ts'
import { callbackSettings } from '../http/callbacks/settings.ts'
import { isAddressOrNetwork } from '../http/proxies.ts'
import { proxySettings } from '../http/proxy/settings.ts'
import { usersSettings } from '../http/users/settings.ts'
import type { Text } from '../messages/incoming.ts'
import type { App } from '../router/app.ts'
import type { TemplateRules } from '../router/template-texts.ts'
import { eventSettings } from './event-settings.ts'
import { priceSettings, timeZoneSetting } from './money-settings.ts'
import type { TemplateSettings } from './parse-templates.ts'
import type { RoutingInput } from './routing-settings.ts'
import { idempotencySettings, quietHoursSettings } from './sending-settings.ts'
import { stateCheckSettings } from './state-check-settings.ts'
import { numberSettings, textSettings } from './text-settings.ts'

const text: z.ZodType<Text> = z.union([z.string(), z.record(z.string(), z.string())])

function isDatabase(given: string): boolean {
  if (/^sqlite:(?!\/\/[^/])./.test(given)) return true
  return /^postgres(ql)?:/.test(given) && URL.canParse(given)
}

function isOrigin(given: string): boolean {
  if (!URL.canParse(given)) return true
  const { pathname, search, hash, username, password } = new URL(given)
  return pathname === '/' && search + hash + username + password === ''
}

/** The settings beside backends and apps. Times are milliseconds. */
export const generalSettings = z.strictObject({
  projectName: z.string().min(1).default('Switchboard').describe('How the project calls itself in pages and texts'),
  languages: z
    .array(z.string().min(2))
    .min(1)
    .default(['en'])
    .describe('The languages of texts, the one to fall back on first'),
  timeZone: timeZoneSetting,
  databaseUrl: z
    .string()
    .refine(
      isDatabase,
      'sqlite:<file> or postgres://… is expected, such as sqlite:data/switchboard.db or postgres://sms:password@db/sms',
    )
    .default('sqlite:data/switchboard.db')
    .describe(
      'Where messages are kept: a file, relative to the working folder (`sqlite::memory:` keeps nothing), or PostgreSQL',
    ),
  databasePool: z.int().min(2).max(500).default(10).describe('Connections to PostgreSQL that one process opens'),
  redisUrl: z
    .url({ protocol: /^rediss?$/, error: 'a URL is expected, such as redis://:password@cache:6379/0' })
    .optional()
    .describe('Redis, which shares the work between processes; without it one process does all of it'),
  redisPrefix: z
    .string()
    .regex(/^[^{}\s]+$/, 'a text without blanks and braces is expected')
    .default('switchboard:')
    .describe('What the names of all keys in Redis begin with, so that several projects can share one'),
  http: z
    .strictObject({
      port: z.int().min(0).max(65_535).default(8000).describe('The port to serve on; 0 takes a free one'),
      host: z.string().min(1).default('127.0.0.1').describe('The address to serve on'),
      publicUrl: z
        .url({ protocol: /^https?$/, error: 'a URL is expected, such as https://sms.example.org' })
        .refine(isOrigin, 'a URL without path, query or password is expected, such as https://sms.example.org')
        .optional()
        .describe('How the outside reaches this server'),
      bodyLimit: z.int().min(1_024).default(1_048_576).describe('The largest body of a request, in bytes'),
      trustedProxies: z
        .array(
          z.string().refine(isAddressOrNetwork, 'an address or a network is expected, such as 10.0.0.7 or 10.0.0.0/8'),
        )
        .default([])
        .describe('Addresses of proxies whose X-Forwarded headers are believed'),
      users: usersSettings.default({}).describe('Who may use the sending API, which is off while there is nobody'),
      api: apiSettings.prefault({}).describe('The sending API'),
      callbacks: callbackSettings.prefault({}).describe('How programs are told of what happens'),
    })
    .prefault({})
    .describe('The server'),
  console: z
    .strictObject({ enabled: z.boolean().default(true).describe('Whether there are pages under /console/') })
    .prefault({})
    .describe('The pages for people'),
  proxy: proxySettings.optional().describe('The public proxy, for forms of web pages; off unless given'),
  debug: z
    .boolean()
    .default(false)
    .describe(
      'Nothing leaves over any backend, whatever its own setting says; every message stands in the state DEBUG',
    ),
  events: eventSettings.prefault({}).describe('Functions that are told what happens'),
  appCalls: z
    .strictObject({
      timeLimit: z.int().min(1).default(30_000).describe('For one call of an app'),
      share: z.int().min(1).default(16).describe('Calls of one app that may hold a slot while they wait for something'),
      mostWaiting: z.int().min(1).default(2_000).describe('Calls of one app that may wait at all'),
    })
    .prefault({})
    .describe('How apps are called'),
  retry: z
    .strictObject({
      attempts: z.int().min(1).default(5).describe('How often the phases of a message run before it is kept as failed'),
      firstDelay: z.int().min(1).default(1_000).describe('Before the second time; doubled by each, with jitter'),
      longestDelay: z.int().min(1).default(300_000).describe('The longest delay'),
      errorReply: text.optional().describe('Sent to the person when a message is given up; nothing by default'),
    })
    .prefault({})
    .describe('What happens to incoming messages when an app fails'),
  optOut: z
    .strictObject({
      per: z
        .enum(['person', 'backend'])
        .default('person')
        .describe(
          'Whether an opt-out is a person’s, over all connections, or holds for the backend it came over alone',
        ),
      fromServices: z
        .boolean()
        .default(true)
        .describe('Whether people are marked whom a service refuses because they have told it to stop'),
    })
    .prefault({})
    .describe('People who want no messages'),
  text: textSettings.prefault({}).describe('How the texts of outgoing messages are written, and how long they may be'),
  numbers: numberSettings.prefault({}).describe('How phone numbers are understood'),
  brake: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether answers of the phase default are bounded at all'),
      shortestNumber: z
        .int()
        .min(0)
        .default(7)
        .describe('Senders with fewer digits, or with letters, get no default answer: they are services'),
      perHour: z.int().min(1).default(60).describe('Default answers that one person gets in an hour'),
      equalAnswers: z
        .int()
        .min(1)
        .default(20)
        .describe('Equal default answers to equal texts of one person within ten minutes'),
    })
    .prefault({})
    .describe('What keeps our apps and a machine from answering each other for ever'),
  incoming: z
    .strictObject({
      staleAfter: z
        .int()
        .min(1_000)
        .optional()
        .describe(
          'After which an incoming message that could not be worked is stale, as after an outage; never by default',
        ),
      stale: z
        .enum(['silent', 'drop'])
        .default('silent')
        .describe('What becomes of stale ones: apps work them but nobody is answered, or they are kept as failed'),
    })
    .prefault({})
    .describe('Incoming messages'),
  expiry: z
    .strictObject({
      session: z.int().min(1_000).default(120_000).describe('Answers in a USSD session'),
      urgent: z.int().min(1_000).default(86_400_000).describe('Messages of the class urgent'),
      reply: z.int().min(1_000).default(43_200_000).describe('Replies'),
      normal: z.int().min(1_000).default(604_800_000).describe('Messages of the class normal'),
      bulk: z.int().min(1_000).default(86_400_000).describe('Messages of the class bulk'),
    })
    .prefault({})
    .describe('For how long a message without an expiry of its own may be sent, from when it was due or first tried'),
  stateChecks: stateCheckSettings.prefault({}).describe('How it is found out what became of messages'),
  quietHours: quietHoursSettings.optional().describe('When people are left in peace; never by default'),
  idempotency: idempotencySettings.prefault({}).describe('Keys by which a repeated request to send is known'),
  prices: z.array(priceSettings).default([]).describe('What messages cost where their services do not tell'),
  queue: z
    .strictObject({
      concurrency: z.int().min(1).default(64).describe('People whose messages are processed at the same time'),
      backlog: z.int().min(1).default(100_000).describe('Incoming messages that may wait before new ones get 503'),
      drain: z.int().min(0).default(10_000).describe('How long a stop waits for what is in hand'),
    })
    .prefault({})
    .describe('The work'),
  retention: z
    .strictObject({
      days: z
        .int()
        .min(1)
        .max(36_500)
        .optional()
        .describe('Days after which finished messages are removed; kept for ever by default'),
    })
    .prefault({})
    .describe('How long messages are kept'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('The least that is written'),
      texts: z.boolean().default(false).describe('Whether texts of messages are written'),
      numbers: z.boolean().default(false).describe('Whether numbers are written in full'),
    })
    .prefault({})
    .describe('The log, on standard output'),
})

export type GeneralSettings = z.output<typeof generalSettings>

/** An app, or a class of one that is made without arguments. */
export type AppInput = (App & NoFunction) | (new () => App)

/** A function has a name, which is all that an app needs: without this, one that makes apps could be left uncalled. */
interface NoFunction {
  readonly bind?: never
}

/** What a settings file exports. */
export type SettingsInput<
  Backends extends Readonly<Record<string, BackendInput>> = Readonly<Record<string, BackendInput>>,
> = z.input<typeof generalSettings> & {
  /** The connections to the outside, by their names. */
  readonly backends: Backends
  /** The chain, in its order. */
  readonly apps: readonly AppInput[]
  /** How backends are chosen for what is sent to numbers; all goes to the first that can send unless given. */
  readonly routing?: RoutingInput<NoInfer<keyof Backends & string>>
  /** Texts to send, by their names. They are locked: the store cannot change them. */
  readonly templates?: Readonly<Record<string, TemplateSettings>>
  /** Who may get which template: one function for all, or one for each that has a rule. */
  readonly templateRules?: TemplateRules
}

/**
 * What a settings file exports by default. Nothing is checked here: all faults are reported together when the
 * settings are loaded.
 */
export function defineSettings<const Backends extends Readonly<Record<string, BackendInput>>>(
  settings: SettingsInput<Backends>,
): SettingsInput<Backends> {
  return settings
}
