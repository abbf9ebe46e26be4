import { parsePhoneNumberFromString } from 'libphonenumber-js/max'
import type { Region } from './numbers.ts'

/** What the digits of a number written in full begin with, plus or not. */
const FULL_NUMBER = /^\+?[1-9]\d{6,14}$/

/** The country of a number that is written in full, with its plus or without; undefined where it has none. */
export function countryOf(identity: string): Region | undefined {
  if (!FULL_NUMBER.test(identity)) return undefined
  return parsePhoneNumberFromString(`+${digitsOf(identity)}`)?.country
}

/** A number without its plus: what prefixes are compared with, and what is the same over all backends. */
export function digitsOf(identity: string): string {
  return identity.startsWith('+') ? identity.slice(1) : identity
}
