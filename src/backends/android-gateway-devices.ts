import { z } from 'zod'
import type { SendTools, ViewTools } from '../router/backend.ts'
import { plainText } from './form.ts'

/** A number, which a query has as a text. */
export const numeric = z.union([
  z.number(),
  z
    .string()
    .regex(/^\d{1,9}(\.\d{1,9})?$/, 'a number is expected')
    .transform(Number),
])

const word = plainText.max(100).optional().catch(undefined)

/** What a phone says of itself when it asks for messages. What makes no sense is left out, never refused. */
export const deviceState = z.object({
  /** Percent. */
  battery: numeric.pipe(z.number().min(0).max(100)).optional().catch(undefined),
  charging: z.union([z.boolean(), z.stringbool()]).optional().catch(undefined),
  /** Bars, 0 to 4. */
  signal: numeric.pipe(z.int().min(0).max(4)).optional().catch(undefined),
  network: word,
  version: word,
})
export type DeviceState = z.output<typeof deviceState>

const seenDevice = deviceState.extend({ seenAt: z.number() })

/** A phone as it was last seen; `seenAt` is null for one that never was. */
export interface SeenDevice extends DeviceState {
  readonly device: string
  readonly seenAt: Date | null
}

/** A phone asks every few seconds; once in this time is enough to write down. */
const NOTE_EVERY_MS = 30_000

const keyOf = (device: string) => `device:${device}`

/** Writes down that a phone was seen, and what it said of itself. */
export async function noteDevice(
  device: string,
  state: DeviceState,
  { memory, clock }: Pick<ViewTools<unknown>, 'memory' | 'clock'>,
): Promise<void> {
  const now = clock.now()
  const before = seenDevice.safeParse(await memory.get(keyOf(device)))
  if (before.success && now - before.data.seenAt < NOTE_EVERY_MS) return
  await memory.put(keyOf(device), { ...state, seenAt: now })
}

/** All phones of the settings, as they were last seen. */
export async function devicesOf(
  devices: readonly string[],
  { memory }: Pick<SendTools<unknown>, 'memory'>,
): Promise<readonly SeenDevice[]> {
  return Promise.all(
    devices.map(async (device) => {
      const seen = seenDevice.safeParse(await memory.get(keyOf(device)))
      if (!seen.success) return { device, seenAt: null }
      return { ...seen.data, device, seenAt: new Date(seen.data.seenAt) }
    }),
  )
}
