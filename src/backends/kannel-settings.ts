import { z } from 'zod'
import { isKnownCharset } from './charset.ts'
import { secret } from './secret.ts'

const webUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'user and password belong into settings')

/** What the kind `kannel` takes beside what every backend does. */
export const kannelSettings = z.strictObject({
  sendsmsUrl: webUrl
    .default('http://127.0.0.1:13013/cgi-bin/sendsms')
    .describe("Where the smsbox takes messages: sendsms-port and sendsms-url of Kannel's configuration"),
  username: z.string().min(1).optional().describe('Of a group sendsms-user'),
  password: secret(z.string().min(1).optional().describe('Its password')),
  from: z.string().min(1).optional().describe('The sender, where a message names none'),
  smsc: z.string().min(1).optional().describe('The SMSC to send by; a response goes back the way it came by default'),
  sendsmsParams: secret(
    z.record(z.string(), z.string()).default({}).describe('Values sent along, such as account, binfo or mclass'),
  ),
  headers: secret(z.record(z.string(), z.string()).default({}).describe('Headers sent along')),
  charset: z
    .string()
    .refine(isKnownCharset, 'a charset is expected, such as UTF-8')
    .default('UTF-8')
    .describe('How texts are given to Kannel, which has to know it too'),
  coding: z
    .union([z.literal('auto'), z.literal(0), z.literal(1), z.literal(2)])
    .default('auto')
    .describe('GSM-7 (0), data (1) or UCS-2 (2) for all texts; by default 0 where the text allows it, else 2'),
  encodeErrors: z
    .enum(['refuse', 'replace', 'ignore'])
    .default('refuse')
    .describe('Characters that charset and coding cannot carry: refuse the message, send ?, or leave them out'),
  dlrMask: z.int().min(0).max(63).default(31).describe('The reports to ask for: the sum of their values; 0 for none'),
  statusUrl: webUrl
    .optional()
    .describe(
      'Where Kannel reaches the view "status"; below http.publicUrl by default, without which none is asked for',
    ),
  recipients: z
    .int()
    .min(1)
    .max(100)
    .default(20)
    .describe('How many people one request may name, where text and options are the same and reports are asked for'),
  reply: z
    .enum(['sendsms', 'body'])
    .default('sendsms')
    .describe('Responses leave by sendsms, or in the answer to the incoming message'),
  replyTime: z.int().min(1).default(10_000).describe('Milliseconds to wait for the responses where reply is body'),
})

export type KannelSettings = z.output<typeof kannelSettings>
