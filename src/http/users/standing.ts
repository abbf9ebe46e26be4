import { keep } from '../../messages/bounded-map.ts'
import type { Clock } from '../../messages/clock.ts'

/** Milliseconds for which it counts that somebody has signed in from somewhere. */
const WELCOME_FOR_MS = 86_400_000
const MOST_WELCOME = 10_000
const MOST_FAILED = 50_000
const WELCOME = -10

interface Failures {
  readonly count: number
  readonly until: number
}

/**
 * Who is to be heard first when many want to sign in: whoever has signed in from there lately, then clients that have
 * not failed yet, then the others by how often they have. Who attacks from a thousand addresses has failed with each of
 * them after a thousand tries, and stands behind everybody else from then on.
 */
export class Standing {
  readonly #clock: Clock
  readonly #failuresFor: number
  readonly #welcome = new Map<string, number>()
  readonly #failed = new Map<string, Failures>()

  /** @param failuresFor milliseconds for which a failure counts */
  constructor(clock: Clock, failuresFor: number) {
    this.#clock = clock
    this.#failuresFor = failuresFor
  }

  /** The lowest is to be heard first. */
  rankOf(client: string, name: string): number {
    const now = this.#clock.now()
    if ((this.#welcome.get(pair(client, name)) ?? 0) > now) return WELCOME
    const failures = this.#failed.get(client)
    return failures !== undefined && failures.until > now ? failures.count : 0
  }

  succeeded(client: string, name: string): void {
    keep(this.#welcome, MOST_WELCOME, pair(client, name), this.#clock.now() + WELCOME_FOR_MS)
  }

  failed(client: string): void {
    const now = this.#clock.now()
    const before = this.#failed.get(client)
    const count = before !== undefined && before.until > now ? before.count + 1 : 1
    keep(this.#failed, MOST_FAILED, client, { count, until: now + this.#failuresFor })
  }
}

function pair(client: string, name: string): string {
  return JSON.stringify([client, name])
}
