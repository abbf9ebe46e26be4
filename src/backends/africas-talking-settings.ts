import { z } from 'zod'
import { secret } from './secret.ts'

const url = z.url({ protocol: /^https?$/ }).optional()

const ussd = z.strictObject({
  wait: z
    .int()
    .min(100)
    .max(180_000)
    .default(10_000)
    .describe('Milliseconds to wait for the response; operators give up after 20,000 to 180,000'),
  fallback: z
    .string()
    .default('Please try again later.')
    .describe('What the person reads, and the session ends with, when no app responded in time, or at all'),
  late: z
    .enum(['refuse', 'sms'])
    .default('refuse')
    .describe('A response that came too late: refuse it, which puts it in ERROR, or send it as an SMS'),
})

/** The settings of `africasTalking`. */
export const africasTalkingSettings = z.strictObject({
  username: z.string().min(1).describe('The name of the application; `sandbox` for the sandbox'),
  apiKey: secret(z.string().min(1)).describe('The key of the application'),
  from: z
    .string()
    .min(1)
    .optional()
    .describe("The sender, where a message names none; the service's own default is AFRICASTKNG"),
  keyword: z.string().min(1).optional().describe('The premium keyword of messages that are sent premium and name none'),
  enqueue: z.boolean().optional().describe('The service answers first and sends later; for many recipients'),
  optOutText: z
    .string()
    .min(1)
    .default('STOP')
    .describe('The text under which a bulk opt-out that the service tells of comes in'),
  pollShortCode: z.string().min(1).optional().describe('Poll only what was sent to this short code'),
  pollKeyword: z.string().min(1).optional().describe('Poll only what was sent to this keyword'),
  baseUrl: url.describe("Where the service answers; by default its own address, or its sandbox's for `sandbox`"),
  premiumUrl: url.describe("Where premium messages go; by default the service's own address for them"),
  ussd: ussd.prefault({}).describe('How USSD sessions are answered'),
})

export type AfricasTalkingSettings = z.output<typeof africasTalkingSettings>

/** Africa's Talking, "Sending": the sandbox has one host for both, and is chosen by the name `sandbox`. */
export function hostsOf({ username, baseUrl, premiumUrl }: AfricasTalkingSettings): {
  readonly bulk: string
  readonly premium: string
} {
  const isSandbox = username === 'sandbox'
  const bulk = baseUrl ?? (isSandbox ? 'https://api.sandbox.africastalking.com' : 'https://api.africastalking.com')
  const premium = premiumUrl ?? baseUrl ?? (isSandbox ? bulk : 'https://content.africastalking.com')
  return { bulk, premium }
}
