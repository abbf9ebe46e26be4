import type { Usage, UsageLimits, UsageStore } from '../store/usage-store.ts'

/** What may be sent under one name, counted by all processes together and over restarts. */
export interface Cap {
  /** Names what is counted, and nothing else: `day:kannel:2026-11-21`. */
  readonly name: string
  readonly limits: UsageLimits
  /** Milliseconds since 1970; the count may be removed after it. */
  readonly expiresAt: number
}

/**
 * What a message costs is known after it was sent: until then it counts so little that a limit of cost is reached when
 * the cost is, and no sooner. What is in hand at that moment goes over it.
 */
const LEAST_COST = 1e-9

/**
 * Caps on what is sent: each message is counted before it is given to its service, and given back where it was not. A
 * crash between the two leaves it counted. One statement of the store for each, which decides and counts at once.
 */
export class Caps {
  readonly #store: { readonly usage: UsageStore }

  constructor(store: { readonly usage: UsageStore }) {
    this.#store = store
  }

  /** Counts a message of so many parts. @returns false when it would go beyond the cap; it is not counted then */
  take(cap: Cap, parts: number): Promise<boolean> {
    return this.#store.usage.take(cap.name, counted(parts), cap.limits, cap.expiresAt)
  }

  /** Counts a message that may be sent whatever the cap. */
  async count(cap: Cap, parts: number): Promise<void> {
    await this.#store.usage.take(cap.name, counted(parts), {}, cap.expiresAt)
  }

  /** The message was not sent. */
  async giveBack(cap: Cap, parts: number): Promise<void> {
    await this.#store.usage.correct(cap.name, { messages: -1, parts: -parts, cost: -LEAST_COST })
  }

  /** The message was sent: with so many parts more than were counted, and at this cost. */
  async sent(cap: Cap, moreParts: number, cost: number): Promise<void> {
    if (moreParts === 0 && cost === 0) return
    await this.#store.usage.correct(cap.name, { messages: 0, parts: moreParts, cost })
  }

  used(cap: Pick<Cap, 'name'>): Promise<Usage> {
    return this.#store.usage.get(cap.name)
  }
}

function counted(parts: number): Usage {
  return { messages: 1, parts, cost: LEAST_COST }
}
