import { digitsOf } from '../messages/country.ts'
import type { Fields } from '../messages/incoming.ts'
import type { Change } from '../store/change.ts'
import type { Store } from '../store/store.ts'

const SCOPE = 'switchboard:network'
const NETWORK = /^\d{5,6}$/

/** Which network a number was last seen in, as services tell it: numbers are taken along from one to another. */
export class Networks {
  readonly #store: Pick<Store, 'documents'>

  constructor(store: Pick<Store, 'documents'>) {
    this.#store = store
  }

  /** @returns the code of country and network; null where no service has told it */
  async of(identity: string): Promise<string | null> {
    return codeOf((await this.#store.documents.get(SCOPE, digitsOf(identity)))?.value)
  }

  /** What has to be recorded when a service says in which network a number is: nothing, where that is known. */
  async changesAfter(identity: string, network: string | null | undefined): Promise<readonly Change[]> {
    const value = codeOf(network)
    if (value === null) return []
    const key = digitsOf(identity)
    const known = await this.#store.documents.get(SCOPE, key)
    return known?.value === value
      ? []
      : [{ kind: 'document-put', scope: SCOPE, key, value, version: known?.version ?? 0 }]
  }
}

/** What the sender says of the recipient's network, in the fields of the message. */
export function networkIn({ network, networkCode }: Fields): string | null {
  return codeOf(network) ?? codeOf(networkCode)
}

function codeOf(given: unknown): string | null {
  return typeof given === 'string' && NETWORK.test(given) ? given : null
}
