import { z } from 'zod'
import { isRegion } from '../messages/numbers.ts'
import type { TextRules } from '../messages/text-rules.ts'
import type { NumberRules } from '../router/backend.ts'

/** What holds where neither the settings nor the kind of backend say anything. */
const USUAL: TextRules = { accents: 'keep', punctuation: 'plain', maxParts: 3, tooLong: 'refuse' }

const accents = z.enum(['keep', 'strip'])
const punctuation = z.enum(['plain', 'keep'])
const maxParts = z.int().min(1).max(255)
const tooLong = z.enum(['refuse', 'cut', 'split'])
const region = z.string().refine(isRegion, 'a country of ISO 3166-1 is expected, such as KE')

/** For all backends, or for one; what is not said goes by the kind of backend. */
export const textSettings = z.strictObject({
  accents: accents
    .optional()
    .describe(
      '`strip` writes in ASCII what GSM 03.38 lacks, where that makes a UCS-2 text one of GSM-7; `keep` by default',
    ),
  punctuation: punctuation
    .optional()
    .describe('`plain` writes ’ “ – … and the like plainly, where that makes a UCS-2 text one of GSM-7; the default'),
  maxParts: maxParts.optional().describe('Parts of one message at the most; 3 by default, with Kannel 10'),
  tooLong: tooLong.optional().describe('What becomes of longer texts; they are refused by default'),
})

export const numberSettings = z.strictObject({
  region: region
    .optional()
    .describe('The country whose national numbers are understood, such as KE; without it only +… and 00… are joined'),
})

export const backendNumberSettings = z.union([
  z.literal(false),
  z.strictObject({ region: region.optional().describe('As in the general settings, for this backend') }),
])

/** What the general settings say of all backends. */
export interface GeneralRules {
  /** Nothing leaves over any of them. */
  readonly debug: boolean
  readonly text: z.output<typeof textSettings>
  readonly numbers: z.output<typeof numberSettings>
}

/** The backend's own settings go first, then the general ones, then what its kind says. */
export function textRulesOf(
  own: GeneralRules['text'],
  general: GeneralRules['text'],
  kinds: Partial<TextRules> = {},
): TextRules {
  return {
    accents: own.accents ?? general.accents ?? kinds.accents ?? USUAL.accents,
    punctuation: own.punctuation ?? general.punctuation ?? kinds.punctuation ?? USUAL.punctuation,
    maxParts: own.maxParts ?? general.maxParts ?? kinds.maxParts ?? USUAL.maxParts,
    tooLong: own.tooLong ?? general.tooLong ?? kinds.tooLong ?? USUAL.tooLong,
  }
}

export function numberRulesOf(
  own: z.output<typeof backendNumberSettings> | undefined,
  general: GeneralRules['numbers'],
): NumberRules | false {
  return own === false ? false : { region: own?.region ?? general.region }
}
