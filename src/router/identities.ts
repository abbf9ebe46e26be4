import { InvalidInputError } from '../messages/errors.ts'
import type { Connection } from '../messages/incoming.ts'
import { hasSpreadsheetDecimals, isSpreadsheetNumber, Numbers, type Region } from '../messages/numbers.ts'
import type { Backend } from './backend.ts'

/** Writes the identities of each backend in the one form in which they are recorded. */
export class Identities {
  readonly #backends: ReadonlyMap<string, Backend>
  readonly #numbers = new Map<Region | undefined, Numbers>()

  constructor(backends: ReadonlyMap<string, Backend>) {
    this.#backends = backends
  }

  canonical({ backend, identity }: Connection): Connection {
    const rules = this.#backends.get(backend)?.common.numbers ?? false
    return { backend, identity: rules === false ? identity : this.#of(rules.region).canonical(identity) }
  }

  /**
   * The same for whom somebody wants to write to.
   * @param field named in the error
   * @throws InvalidInputError naming a number that a spreadsheet has broken
   */
  recipient(connection: Connection, field = 'to'): Connection {
    const { backend, identity } = connection
    const isNumber = (this.#backends.get(backend)?.common.numbers ?? false) !== false
    if (isNumber && isSpreadsheetNumber(identity)) {
      throw new InvalidInputError(
        `${field}: "${identity}" is a number as a spreadsheet shows it, whose digits are lost; format the column as text`,
      )
    }
    if (isNumber && hasSpreadsheetDecimals(identity)) {
      throw new InvalidInputError(
        `${field}: "${identity}" is a number that a spreadsheet has written with decimals; format the column as text`,
      )
    }
    return this.canonical(connection)
  }

  /** Whether identities of the backend are phone numbers, and this one is none that is known. */
  isUnknownNumber({ backend, identity }: Connection): boolean {
    const rules = this.#backends.get(backend)?.common.numbers ?? false
    return rules !== false && this.#of(rules.region).known(identity) === undefined
  }

  /** Whose national forms of numbers are understood; undefined where none are. */
  regionOf(backend: string): Region | undefined {
    const rules = this.#backends.get(backend)?.common.numbers ?? false
    return rules === false ? undefined : rules.region
  }

  #of(region: Region | undefined): Numbers {
    const known = this.#numbers.get(region) ?? new Numbers(region)
    this.#numbers.set(region, known)
    return known
  }
}
