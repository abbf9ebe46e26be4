import { countryOf, digitsOf } from '../messages/country.ts'

/** What one part of a message costs, where its service does not tell. */
export interface Price {
  /** Over these backends; over any when left out. */
  readonly backends?: readonly string[] | undefined
  /** Countries of the recipients, by ISO 3166-1: `KE`. */
  readonly countries?: readonly string[] | undefined
  /** Networks, as the service tells them. */
  readonly networks?: readonly string[] | undefined
  /** What the recipients' numbers begin with, in digits with the country's code. */
  readonly prefix?: string | undefined
  readonly perPart: number
  /** ISO 4217: `KES`. */
  readonly currency: string
}

/** A message as it is priced. */
export interface PricedMessage {
  readonly backend: string
  readonly identity: string
  /** Where the service has told it. */
  readonly network: string | null
  readonly parts: number
}

/** An estimate, by the project's own prices. */
export interface Estimate {
  readonly cost: number
  readonly currency: string
}

/** As many digits as currencies and prices of parts of a cent need, without the noise of binary fractions. */
const PRECISION = 1e6

/** The project's price table: of all prices that fit a message, the one that says most of it. */
export class Prices {
  readonly #prices: readonly Price[]

  /** @param prices in any order; of equals, the first one counts */
  constructor(prices: readonly Price[]) {
    this.#prices = [...prices].sort((a, b) => weightOf(b) - weightOf(a))
  }

  /** @returns undefined where no price fits */
  estimate(message: PricedMessage): Estimate | undefined {
    if (this.#prices.length === 0) return undefined
    const { backend, identity, network, parts } = message
    const digits = digitsOf(identity) ?? ''
    let country: string | null | undefined
    const price = this.#prices.find(({ backends, countries, networks, prefix }) => {
      if (backends !== undefined && !backends.includes(backend)) return false
      if (prefix !== undefined && !digits.startsWith(prefix)) return false
      if (networks !== undefined && (network === null || !networks.includes(network))) return false
      if (countries === undefined) return true
      country ??= countryOf(identity) ?? null
      return country !== null && countries.includes(country)
    })
    if (price === undefined) return undefined
    return { cost: Math.round(price.perPart * parts * PRECISION) / PRECISION, currency: price.currency }
  }
}

/** A longer prefix says more than a network, a network more than a country, a country more than a backend. */
function weightOf({ backends, countries, networks, prefix = '' }: Price): number {
  const has = (list: readonly string[] | undefined, weight: number) => (list === undefined ? 0 : weight)
  return prefix.length * 8 + has(networks, 4) + has(countries, 2) + has(backends, 1)
}
