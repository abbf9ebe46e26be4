import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../messages/clock.ts'

/** How long a link waits to be opened, in milliseconds. */
export const KEY_LIFE_MS = 60 * 60_000
/** How long one is in: a working day, in milliseconds. */
export const SESSION_LIFE_MS = 10 * 60 * 60_000

const MOST_KEYS = 20
const BYTES = 24

/**
 * Who may see the console: a key opens it once and within a bounded time, and is exchanged for a session. Both are
 * random and kept in memory as digests only, so that looking one up tells nothing of the others.
 */
export class Access {
  readonly #clock: Clock
  /** When each ends, by its digest. */
  readonly #keys = new Map<string, number>()
  readonly #sessions = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Makes a key. Of too many that nobody used, the oldest ends. */
  newKey(): string {
    this.#prune(this.#keys)
    const [oldest] = this.#keys.keys()
    if (this.#keys.size >= MOST_KEYS && oldest !== undefined) this.#keys.delete(oldest)
    return this.#add(this.#keys, KEY_LIFE_MS)
  }

  /** Exchanges a key for a session; undefined when the key was used, is too old, or never was one. */
  enter(key: string): string | undefined {
    const known = this.#isAlive(this.#keys, key)
    this.#keys.delete(digest(key))
    if (!known) return undefined
    this.#prune(this.#sessions)
    return this.#add(this.#sessions, SESSION_LIFE_MS)
  }

  isIn(session: string | undefined): boolean {
    return session !== undefined && this.#isAlive(this.#sessions, session)
  }

  #add(entries: Map<string, number>, life: number): string {
    const secret = randomBytes(BYTES).toString('base64url')
    entries.set(digest(secret), this.#clock.now() + life)
    return secret
  }

  #isAlive(entries: ReadonlyMap<string, number>, secret: string): boolean {
    return (entries.get(digest(secret)) ?? 0) > this.#clock.now()
  }

  #prune(entries: Map<string, number>): void {
    const now = this.#clock.now()
    for (const [key, end] of entries) if (end <= now) entries.delete(key)
  }
}

function digest(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('base64url')
}
