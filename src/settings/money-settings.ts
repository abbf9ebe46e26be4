import { z } from 'zod'
import { WallTimes } from '../messages/wall-time.ts'

export const timeZoneSetting = z
  .string()
  .refine((zone) => new WallTimes().isZone(zone), 'a time zone is expected, such as Africa/Nairobi')
  .default('UTC')
  .describe('The project’s time zone: whose midnight begins a day of `sending.dailyCap`, and a month of a report')

const oneOf = (what: z.ZodType<string>) => z.array(what).min(1).optional()

/** What one part of a message costs. */
export const priceSettings = z.strictObject({
  backends: oneOf(z.string().min(1)).describe('Over these backends; over any by default'),
  countries: oneOf(z.string().regex(/^[A-Z]{2}$/, 'a country is expected, such as KE')).describe(
    'To numbers of these countries',
  ),
  networks: oneOf(z.string().min(1)).describe('To these networks, as the service tells them'),
  prefix: z
    .string()
    .regex(/^\d{1,15}$/, 'digits with the country’s code are expected, such as 25472')
    .optional()
    .describe('To numbers that begin so'),
  perPart: z.number().min(0).describe('What a part costs'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'a currency is expected, such as KES'),
})
