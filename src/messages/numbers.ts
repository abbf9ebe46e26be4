import {
  type CountryCode,
  isSupportedCountry,
  type PhoneNumber,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max'
import { keep } from './bounded-map.ts'

/** A country or territory as ISO 3166-1 names it: `KE`. */
export type Region = CountryCode

export function isRegion(given: string): given is Region {
  return isSupportedCountry(given)
}

/** What people and programs put between and around digits, marks of the writing direction included. */
const BETWEEN = /[\s().\-/\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069\ufeff]/g
/** E.164 has at most 15 digits; before them may stand an international prefix. */
const NUMBER_LIKE = /^\+?\d{7,19}$/
const LONGEST_GIVEN = 64
const SHORTEST_INTERNATIONAL = 10
const MOST_KNOWN = 10_000

/**
 * Writes phone numbers in one form, E.164 with its plus: `0712 345678`, `254712345678` and `00254712345678` are
 * `+254712345678`. What the phone library does not hold for a valid number (short codes, names, test identities) is left
 * as it was given.
 */
export class Numbers {
  readonly #region: Region | undefined
  readonly #known = new Map<string, string>()

  /** @param region whose national forms are understood; without it only what begins with `+` or `00` is */
  constructor(region?: Region) {
    this.#region = region
  }

  canonical(given: string): string {
    return this.known(given) ?? given
  }

  /** @returns the number as E.164; undefined for what the phone library does not hold for a valid one */
  known(given: string): string | undefined {
    if (given.length > LONGEST_GIVEN) return undefined
    const bare = given.replace(BETWEEN, '')
    if (!NUMBER_LIKE.test(bare)) return undefined
    const number = this.#known.get(bare) ?? this.#parse(bare)
    keep(this.#known, MOST_KNOWN, bare, number)
    return number === '' ? undefined : number
  }

  /** @returns E.164; empty when it is no number that is known */
  #parse(bare: string): string {
    if (bare.startsWith('+')) return valid(bare) ?? ''
    const international = bare.startsWith('00') ? valid(`+${bare.slice(2)}`) : undefined
    if (international !== undefined) return international
    if (this.#region === undefined) return ''
    if (bare.startsWith('0')) return valid(bare, this.#region) ?? ''
    // Mere digits may be anything: only what can be a mobile's is taken for a number, at home first.
    const atHome = valid(bare, this.#region, isMobile)
    if (atHome !== undefined) return atHome
    return bare.length < SHORTEST_INTERNATIONAL ? '' : (valid(`+${bare}`, undefined, isMobile) ?? '')
  }
}

/** Without what people and programs put between digits, and with digits of other scripts as ours. */
export function bareDigits(given: string): string {
  // Arabic, Persian and full-width digits end as ours do.
  return given.replace(BETWEEN, '').replace(/[\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]/g, (digit) => {
    return String(digit.charCodeAt(0) & 0xf)
  })
}

/** A number as spreadsheets show it when a column is too narrow: its last digits are lost. */
export function isSpreadsheetNumber(given: string): boolean {
  return /^[+-]?\d(?:[.,]\d+)?E\+\d{1,3}$/i.test(given.trim())
}

/** A whole number to which a spreadsheet has added decimals: `254712345678.0`. */
export function hasSpreadsheetDecimals(given: string): boolean {
  return /^[+-]?\d{5,}[.,]0+$/.test(given.trim())
}

function valid(
  bare: string,
  region?: Region,
  isMeant: (number: PhoneNumber) => boolean = () => true,
): string | undefined {
  const number = parsePhoneNumberFromString(bare, region)
  return number?.isValid() && isMeant(number) ? number.number : undefined
}

function isMobile(number: PhoneNumber): boolean {
  const type = number.getType()
  return type === 'MOBILE' || type === 'FIXED_LINE_OR_MOBILE'
}
