import { z } from 'zod'

const MINUTE_MS = 60_000
const LONGEST_MS = 86_400_000

function limit(amount: number, per: number) {
  return z.strictObject({
    amount: z.int().min(0).max(1_000_000_000).default(amount).describe('How many; 0 for no limit'),
    per: z.int().min(1_000).max(LONGEST_MS).default(per).describe('From the first one on'),
  })
}

/** The sending API, which is on where `http.users` names somebody. */
export const apiSettings = z.strictObject({
  limits: z
    .strictObject({
      send: limit(6_000, MINUTE_MS).prefault({}).describe('Requests of one user to send over one backend'),
      read: limit(600, MINUTE_MS).prefault({}).describe('Requests of one user to look at one kind of thing'),
      change: limit(600, MINUTE_MS).prefault({}).describe('Requests of one user to change people or groups'),
      failures: limit(20, 5 * MINUTE_MS)
        .prefault({})
        .describe('Failed tries of one client to show who it is'),
    })
    .prefault({})
    .describe('How much may be asked; counted in Redis where there is one'),
  mostRecipients: z
    .int()
    .min(1)
    .max(10_000)
    .default(1_000)
    .describe('Recipients of one request; each personalised text counts'),
  bodyLimit: z.int().min(1_024).max(16_777_216).default(1_048_576).describe('The largest body of a request, in bytes'),
})

export type ApiSettings = z.output<typeof apiSettings>
