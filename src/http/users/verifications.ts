import { fitsPassword } from './password-hash.ts'

/** Checks of passwords at one time: each takes a processor and tens of megabytes for some tenths of a second. */
const MOST_AT_ONCE = 1
const MOST_WAITING = 32
/** So that one client cannot fill the queue for all others. */
const MOST_OF_ONE = 4

/** What came of a check; `busy` when there was no room for it. */
export type Verdict = 'fits' | 'wrong' | 'busy'

/** Checks passwords, a few at a time, and equal ones that come together once. */
export class Verifications {
  readonly #underWay = new Map<string, Promise<Verdict>>()
  readonly #perClient = new Map<string, number>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  /**
   * @param id stands for this password and this hash, and tells nothing of them
   * @param client who asks
   */
  async check(id: string, client: string, password: string, hash: string): Promise<Verdict> {
    const same = this.#underWay.get(id)
    if (same !== undefined) return same
    const ofClient = this.#perClient.get(client) ?? 0
    if (ofClient >= MOST_OF_ONE || this.#waiting.length >= MOST_WAITING) return 'busy'
    this.#perClient.set(client, ofClient + 1)
    const checking = this.#run(password, hash).finally(() => {
      this.#underWay.delete(id)
      const left = (this.#perClient.get(client) ?? 1) - 1
      if (left === 0) this.#perClient.delete(client)
      else this.#perClient.set(client, left)
    })
    this.#underWay.set(id, checking)
    return checking
  }

  async #run(password: string, hash: string): Promise<Verdict> {
    if (this.#running >= MOST_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return (await fitsPassword(password, hash)) ? 'fits' : 'wrong'
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
