import { z } from 'zod'

/** How messages are dealt with whose last word is not said. Times are milliseconds. */
export const stateCheckSettings = z.strictObject({
  interval: z
    .int()
    .min(1_000)
    .optional()
    .describe(
      'From one check to the next, in one process at a time; without it only `switchboard check-states` checks',
    ),
  maxAge: z
    .int()
    .min(1_000)
    .default(259_200_000)
    .describe('After it was recorded, when a message is not asked about any more'),
  askAfter: z
    .int()
    .min(0)
    .default(60_000)
    .describe('For how long a message must have stood as it is to be asked about'),
  batch: z.int().min(1).max(1_000).default(100).describe('Messages that a backend is asked about at once'),
  perSecond: z.number().positive().default(10).describe('Messages that a backend is asked about in a second'),
  idleAfter: z.int().min(1_000).default(86_400_000).describe('In SENDING, when a message is taken for lost'),
  idleState: z
    .enum(['UNKNOWN', 'ERROR'])
    .default('UNKNOWN')
    .describe('What becomes of it then; a report that it was delivered corrects it'),
})
