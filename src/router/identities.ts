import { InvalidInputError } from '../messages/errors.ts'
import type { Connection } from '../messages/incoming.ts'
import { isSpreadsheetNumber, Numbers, type Region } from '../messages/numbers.ts'
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
   * @throws InvalidInputError naming a number whose last digits a spreadsheet has lost
   */
  recipient(connection: Connection): Connection {
    const { backend, identity } = connection
    const isNumber = (this.#backends.get(backend)?.common.numbers ?? false) !== false
    if (isNumber && isSpreadsheetNumber(identity)) {
      throw new InvalidInputError(
        `to: "${identity}" is a number as a spreadsheet shows it, whose digits are lost; format the column as text`,
      )
    }
    return this.canonical(connection)
  }

  #of(region: Region | undefined): Numbers {
    const known = this.#numbers.get(region) ?? new Numbers(region)
    this.#numbers.set(region, known)
    return known
  }
}
