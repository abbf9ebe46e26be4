import { z } from 'zod'
import { keyOfCertificate, snsRegionOf } from './aws-sns-signature.ts'
import { secret } from './secret.ts'

const topic = z.string().refine((arn) => snsRegionOf(arn) !== undefined, 'the ARN of a topic is expected')
const certificate = z.string().refine((pem) => keyOfCertificate(pem) !== undefined, 'a certificate in PEM is expected')

const credentials = z.strictObject({
  accessKeyId: z.string().min(1).describe('The access key'),
  secretAccessKey: secret(z.string().min(1)).describe('Its secret'),
  sessionToken: secret(z.string().min(1)).optional().describe('Of temporary credentials'),
})

export const awsSnsSettings = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z0-9-]{3,30}$/, 'a region is expected, such as eu-west-1')
    .describe('Of the account that sends'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where the API answers; https://sns.<region>.amazonaws.com by default'),
  credentials: credentials
    .optional()
    .describe("Who sends; without them, what AWS's SDK finds: environment, profile, role of the machine"),
  from: z
    .string()
    .min(1)
    .optional()
    .describe('The sender where a message names none: a number of the account, or 3 to 11 letters and digits'),
  smsType: z
    .enum(['Promotional', 'Transactional'])
    .optional()
    .describe("The account's own by default; Transactional where a message is escalated"),
  maxPrice: z.number().positive().optional().describe('The most a message may cost, in USD'),
  entityId: z.string().min(1).optional().describe('For India: the registered id of the sender'),
  templateId: z.string().min(1).optional().describe('For India: the registered id of the template'),
  topics: z.array(topic).default([]).describe('The topics that notifications are taken from; all others are refused'),
  certificates: z
    .record(z.string(), certificate)
    .optional()
    .describe("SNS's certificates (PEM) by their URLs, in place of fetching them"),
})
export type AwsSnsSettings = z.output<typeof awsSnsSettings>
