import { z } from 'zod'

/** A value that may be absent or empty; numbers, which the JSON of polling has, become texts. */
export const optionalWord = z
  .union([z.string(), z.number().transform(String)])
  .nullish()
  .transform((word) => word?.trim() || undefined)

/** What an incoming message has beside its form. `linkId` ties a response to a premium message. */
export const incomingWords = { linkId: optionalWord, networkCode: optionalWord, date: optionalWord }
