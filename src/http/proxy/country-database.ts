import { createRequire } from 'node:module'
import { type CountryResponse, open, type Reader } from 'maxmind'
import { errorText, InvalidInputError } from '../../messages/errors.ts'
import { isRegion, type Region } from '../../messages/numbers.ts'
import { plainAddress } from '../client-address.ts'

/** Comes with the package: https://github.com/sapics/ip-location-db, in the public domain (CC0). */
const OWN = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb'

/** The record of ours; those of MaxMind (GeoLite2, GeoIP2) have `country.iso_code`. */
interface CountryCode extends CountryResponse {
  readonly country_code?: string
}

/** Tells in which country an address is, without asking anybody. */
export class CountryDatabase {
  readonly #reader: Reader<CountryCode>

  private constructor(reader: Reader<CountryCode>) {
    this.#reader = reader
  }

  /**
   * Reads the whole database into memory (ours: 8 MB).
   * @param file a database of one's own in the format of MaxMind (.mmdb); by default the one that comes with us
   * @throws InvalidInputError when it cannot be read
   */
  static async open(file?: string): Promise<CountryDatabase> {
    try {
      return new CountryDatabase(await open<CountryCode>(file ?? createRequire(import.meta.url).resolve(OWN)))
    } catch (error) {
      const message = `proxy.country.address: the database of countries cannot be read: ${errorText(error)}`
      throw new InvalidInputError(message, { cause: error })
    }
  }

  /** Undefined where nothing is known of the address, as of those of private networks. */
  countryOf(ip: string): Region | undefined {
    const address = plainAddress(ip)
    if (address === undefined) return undefined
    const record = this.#reader.get(address)
    const code = record?.country_code ?? record?.country?.iso_code
    return typeof code === 'string' && isRegion(code) ? code : undefined
  }
}
