import { z } from 'zod'
import { WallTimes } from '../messages/wall-time.ts'
import { type QuietHoursSettings, weekdays } from '../router/quiet-hours.ts'

const time = (latest: RegExp) => z.string().regex(latest, 'a time is expected, such as 21:00')

/** Milliseconds for which a key is known. */
export const idempotencySettings = z.strictObject({
  keptFor: z
    .int()
    .min(60_000)
    .max(31_536_000_000)
    .default(86_400_000)
    .describe('How long an idempotency key is known after its first use'),
})

export const quietHoursSettings = z
  .strictObject({
    from: time(/^([01]\d|2[0-3]):[0-5]\d$/).describe('When they begin, on the clocks of the person’s time zone'),
    to: time(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/).describe(
      'When they end; on the next day where that is before `from`',
    ),
    timeZone: z
      .string()
      .refine((zone) => new WallTimes().isZone(zone), 'a time zone is expected, such as Africa/Nairobi')
      .optional()
      .describe('For people whose own time zone is not known; that of the project by default'),
    days: z.array(z.enum(weekdays)).min(1).optional().describe('The days on which they begin; every day by default'),
    classes: z
      .array(z.enum(['normal', 'bulk']))
      .min(1)
      .default(['normal', 'bulk'])
      .describe('The classes of messages that wait for their end'),
  })
  .refine(({ from, to }) => from !== to, { path: ['to'], error: 'another time than `from` is expected' })
  .refine(({ from, to, days = weekdays }) => !(from === '00:00' && to === '24:00' && new Set(days).size === 7), {
    path: ['days'],
    error: 'fewer than seven days are expected, since quiet hours of whole days would never end',
  })

/** Whose time zone is not known has the project's. */
export function withTimeZone(
  quietHours: z.output<typeof quietHoursSettings> | undefined,
  timeZone: string,
): QuietHoursSettings | undefined {
  return quietHours === undefined ? undefined : { ...quietHours, timeZone: quietHours.timeZone ?? timeZone }
}
