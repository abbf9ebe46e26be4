import { type MessageClass, messageClasses } from '../messages/lane.ts'

/** Which classes of one pool are held back in this process, and whether one lane may pass all the same. */
export class PoolHold {
  #held: ReadonlySet<MessageClass> = new Set()
  #spared: readonly MessageClass[] = []

  hold(classes: readonly MessageClass[]): void {
    this.#held = new Set(classes)
    this.#spared = []
  }

  letOne(classes: readonly MessageClass[]): void {
    this.#spared = classes.filter((name) => this.#held.has(name))
  }

  /** Whether a lane of this class may be handed out now. */
  lets(name: MessageClass): boolean {
    return !this.#held.has(name) || this.#spared.includes(name)
  }

  /** A lane of this class was handed out. */
  passed(name: MessageClass): void {
    if (this.#held.has(name)) this.#spared = []
  }

  /** The classes of which lanes may be handed out, and how many of them together. */
  get open(): { readonly classes: readonly MessageClass[]; readonly most: number } {
    if (this.#spared.length > 0) return { classes: this.#spared, most: 1 }
    if (this.#held.size === 0) return { classes: messageClasses, most: Number.POSITIVE_INFINITY }
    return { classes: messageClasses.filter((name) => !this.#held.has(name)), most: Number.POSITIVE_INFINITY }
  }
}

/** The holds of all pools of one queue, by the pools' names. */
export class PoolHolds {
  readonly #holds = new Map<string, PoolHold>()

  of(pool: string): PoolHold {
    const known = this.#holds.get(pool)
    if (known !== undefined) return known
    const made = new PoolHold()
    this.#holds.set(pool, made)
    return made
  }
}
