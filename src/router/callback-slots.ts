/** Whose request it is, and where it goes. */
export interface Turn {
  /** Null for nobody's. */
  readonly user: string | null
  readonly target: string
}

/** A request's turn; it is given back once. */
export interface Slot {
  release(): void
}

interface Waiting extends Turn {
  readonly go: (slot: Slot) => void
}

/**
 * How many requests may go on at the same time. Nobody has more of them than are free: one owner alone has half of them
 * at the most, the next one half of what is left, and whoever comes after finds one, however slow those are. What is
 * given back goes to the owner with the fewest, of that one's to the URL with the fewest, and then to who came first.
 */
export class CallbackSlots {
  #free: number
  readonly #ofUsers = new Map<string | null, number>()
  readonly #ofTargets = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()

  constructor(count: number) {
    this.#free = count
  }

  take({ user, target }: Turn): Promise<Slot> {
    return new Promise((go) => {
      this.#waiting.add({ user, target, go })
      this.#grant()
    })
  }

  #grant(): void {
    while (this.#free > 0) {
      const next = this.#next()
      if (next === undefined || this.#running(next)[0] >= this.#free) return
      this.#waiting.delete(next)
      this.#count(next, 1)
      next.go(this.#slotOf(next))
    }
  }

  #slotOf(turn: Turn): Slot {
    let isHeld = true
    return {
      release: () => {
        if (!isHeld) return
        isHeld = false
        this.#count(turn, -1)
        this.#grant()
      },
    }
  }

  #next(): Waiting | undefined {
    let best: Waiting | undefined
    let fewest: readonly [number, number] = [Number.POSITIVE_INFINITY, 0]
    for (const each of this.#waiting) {
      const running = this.#running(each)
      if (running[0] > fewest[0] || (running[0] === fewest[0] && running[1] >= fewest[1])) continue
      best = each
      fewest = running
    }
    return best
  }

  /** Requests of the owner, and those to the URL. */
  #running({ user, target }: Turn): readonly [number, number] {
    return [this.#ofUsers.get(user) ?? 0, this.#ofTargets.get(target) ?? 0]
  }

  #count(turn: Turn, more: 1 | -1): void {
    const [ofUser, ofTarget] = this.#running(turn)
    this.#free -= more
    setCount(this.#ofUsers, turn.user, ofUser + more)
    setCount(this.#ofTargets, turn.target, ofTarget + more)
  }
}

function setCount<Key>(counts: Map<Key, number>, key: Key, count: number): void {
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
