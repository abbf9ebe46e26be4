import { lookup } from 'node:dns/promises'
import { type Resolve, type ResolvedAddress, sharedLooks } from './shared-looks.ts'

/** Each holds a thread of the few that the process has. */
const MOST_AT_ONCE = 2
const LONGEST_WAIT_MS = 4_000

/**
 * Looks up names that the settings trust, as the system does it: with the hosts file, the domains that are added to short
 * names, and whatever else it is set up to ask. A few at a time, and equal ones that come together once.
 */
export class TrustedNames {
  readonly #lookup: Resolve
  readonly #waiting = new Set<() => void>()
  #running = 0
  /** @throws as `lookup` of `node:dns`; an error with the code `ETIMEOUT` when it did not get its turn */
  readonly addressesOf = sharedLooks((host) => this.#inTurn(host))

  /** @param find the look itself */
  constructor(find: Resolve = (host) => lookup(host, { all: true })) {
    this.#lookup = find
  }

  async #inTurn(host: string): Promise<readonly ResolvedAddress[]> {
    if (this.#running >= MOST_AT_ONCE) await this.#turn(host)
    else this.#running++
    try {
      return await this.#lookup(host)
    } finally {
      const [next] = this.#waiting
      if (next === undefined) this.#running--
      else next()
    }
  }

  #turn(host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        clearTimeout(timer)
        this.#waiting.delete(go)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(go)
        reject(Object.assign(new Error(`no turn to look up ${host}`), { code: 'ETIMEOUT' }))
      }, LONGEST_WAIT_MS)
      this.#waiting.add(go)
    })
  }
}
