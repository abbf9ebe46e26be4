import { isRegion, type Region } from '../../messages/numbers.ts'
import type { CountryDatabase } from './country-database.ts'
import { countriesOf } from './languages.ts'
import type { ProxySettings } from './settings.ts'

/** What a request tells of the country its number is from. */
export interface Hints {
  /** As the request names it; empty when it does not. */
  readonly country: string
  readonly ip: string
  readonly languages: readonly string[]
}

/** Which countries a number without its country code may be from. */
export class CountryGuess {
  readonly #settings: ProxySettings['country']
  readonly #usual: Region | undefined

  /** @param usual when nothing else tells */
  constructor(settings: ProxySettings['country'], usual: Region | undefined) {
    this.#settings = settings
    this.#usual = usual
  }

  /**
   * The countries in the order they are tried: of the address, of the languages, the usual one. One that the request names
   * is the only one; when there is no such country there is none.
   */
  countriesFor({ country, ip, languages }: Hints, database: CountryDatabase | undefined): readonly Region[] {
    const { parameter, language } = this.#settings
    if (parameter && country !== '') {
      const named = country.toUpperCase()
      return isRegion(named) ? [named] : []
    }
    const found = [database?.countryOf(ip), ...(language ? countriesOf(languages) : []), this.#usual]
    return [...new Set(found.flatMap((region) => region ?? []))]
  }
}
