import { type NumberType, type PhoneNumber, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { bareDigits, type Region } from './numbers.ts'

/** A phone number that somebody typed, understood. */
export interface DialledNumber {
  /** `+4917612345678` */
  readonly e164: string
  /** As people read it: `+49 176 12345678`. */
  readonly shown: string
  /** Undefined for numbers of no country, such as those of satellites. */
  readonly region: Region | undefined
  /** Of the countries with the code +1, where senders have to be numbers. */
  readonly isNorthAmerican: boolean
}

/** `valid` goes by the ranges that are in use, `possible` by the number of digits alone. */
export type NumberCheck = 'valid' | 'possible'

const LONGEST_GIVEN = 64
const NUMBER_LIKE = /^\+?\d{3,19}$/

/** What is never sent to: such a call or message costs its recipient, or pays whoever has us send it. */
const REFUSED: readonly NumberType[] = [
  'PREMIUM_RATE',
  'SHARED_COST',
  'TOLL_FREE',
  'UAN',
  'VOICEMAIL',
  'PAGER',
] satisfies NumberType[]

/**
 * Understands a number as somebody typed it: with `+` or `00` before it as it is, else as the national number of the
 * first country in which it is one. Mere digits without a zero before them have to be a mobile's, since they may as well be
 * an international number without its plus.
 * @param regions where it may be from, the likeliest first
 * @returns undefined when it is no number, or one that messages should not go to
 */
export function readDialledNumber(
  given: string,
  regions: readonly Region[],
  check: NumberCheck = 'valid',
): DialledNumber | undefined {
  if (given.length > LONGEST_GIVEN) return undefined
  const bare = bareDigits(given)
  if (!NUMBER_LIKE.test(bare)) return undefined
  for (const candidate of candidatesOf(bare, regions)) {
    const number = parsePhoneNumberFromString(candidate.digits, {
      extract: false,
      ...(candidate.region === undefined ? {} : { defaultCountry: candidate.region }),
    })
    if (number !== undefined && isMeant(number, candidate, check)) return dialled(number)
  }
  return undefined
}

interface Candidate {
  readonly digits: string
  readonly region?: Region
  readonly isUncertain?: boolean
}

function* candidatesOf(bare: string, regions: readonly Region[]): Generator<Candidate> {
  if (bare.startsWith('+')) {
    yield { digits: bare }
    return
  }
  if (bare.startsWith('00')) yield { digits: `+${bare.slice(2)}` }
  const isUncertain = !bare.startsWith('0')
  for (const region of regions) yield { digits: bare, region, isUncertain }
  if (isUncertain) yield { digits: `+${bare}`, isUncertain }
}

function isMeant(number: PhoneNumber, { isUncertain }: Candidate, check: NumberCheck): boolean {
  if (number.ext !== undefined || !number.isPossible()) return false
  const type = number.getType()
  if (type !== undefined && REFUSED.includes(type)) return false
  if (!number.isValid()) return check === 'possible' && isUncertain !== true
  return isUncertain !== true || type === 'MOBILE' || type === 'FIXED_LINE_OR_MOBILE'
}

function dialled(number: PhoneNumber): DialledNumber {
  return {
    e164: number.number,
    shown: number.formatInternational(),
    region: number.country,
    isNorthAmerican: number.countryCallingCode === '1',
  }
}
