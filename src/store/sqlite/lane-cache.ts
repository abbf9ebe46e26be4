const MOST_MESSAGES = 50_000

/**
 * Keeps what was just recorded in memory until it is worked, so that a claim seldom has to read it back.
 * The database stays the truth: a lane of which the cache may not know everything is `unsure`, and read from there.
 * Lanes are named by their keys.
 */
export class LaneCache<Message extends { readonly seq: number }> {
  readonly #lanes = new Map<string, Message[]>()
  readonly #unsure = new Set<string>()
  #size = 0

  /** Tells the cache of a message that has just been committed as its lane's last. */
  add(lane: string, message: Message): void {
    if (this.#unsure.has(lane)) return
    if (this.#size >= MOST_MESSAGES) {
      this.forget(lane)
      return
    }
    const known = this.#lanes.get(lane)
    if (known === undefined) this.#lanes.set(lane, [message])
    else known.push(message)
    this.#size++
  }

  /** The lane's first messages, or undefined when only the database knows. */
  first(lane: string, limit: number): readonly Message[] | undefined {
    return this.all(lane)?.slice(0, limit)
  }

  /** All messages of the lane, or undefined when only the database knows. */
  all(lane: string): readonly Message[] | undefined {
    if (this.#unsure.has(lane)) return undefined
    return this.#lanes.get(lane) ?? []
  }

  /** The message stands in its lane as before, but changed. */
  update(lane: string, seq: number, change: (message: Message) => Message): void {
    const known = this.#lanes.get(lane)
    const index = known?.findIndex((message) => message.seq === seq) ?? -1
    const message = known?.[index]
    if (known !== undefined && message !== undefined) known[index] = change(message)
  }

  /** The message is finished: it no longer stands in its lane. */
  remove(lane: string, seq: number): void {
    const known = this.#lanes.get(lane)
    if (known === undefined) return
    const index = known.findIndex((message) => message.seq === seq)
    if (index < 0) return
    known.splice(index, 1)
    this.#size--
    if (known.length === 0) this.#lanes.delete(lane)
  }

  /** The database knows more than the cache from now on. */
  forget(lane: string): void {
    this.#size -= this.#lanes.get(lane)?.length ?? 0
    this.#lanes.delete(lane)
    this.#unsure.add(lane)
  }

  /** The database was read and holds of this lane these messages and no others. */
  learn(lane: string, messages: readonly Message[]): void {
    this.#unsure.delete(lane)
    this.#size += messages.length - (this.#lanes.get(lane)?.length ?? 0)
    if (messages.length === 0) this.#lanes.delete(lane)
    else this.#lanes.set(lane, [...messages])
  }
}
