/** When something has to end: made into an AbortSignal only for those who ask for one, since most never do. */
export class Ending {
  #controller: AbortController | undefined
  #aborted = false

  /** @param outer ends this one too; only for what lasts as long as it does, since it goes on knowing this one */
  constructor(outer?: AbortSignal) {
    if (outer?.aborted) this.abort()
    else outer?.addEventListener('abort', () => this.abort(), { once: true })
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted) this.#controller.abort()
    return this.#controller.signal
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort()
  }
}

/** The endings of what is in hand. A signal that lasts as long as the process knows of them all together, not of each. */
export class Endings {
  readonly #inHand = new Set<Ending>()
  #outer: AbortSignal | undefined

  /** @param outer ends it too, while it is in hand */
  begin(outer: AbortSignal): Ending {
    if (outer !== this.#outer) {
      this.#outer = outer
      outer.addEventListener('abort', () => this.#abortAll(), { once: true })
    }
    const ending = new Ending()
    if (outer.aborted) ending.abort()
    this.#inHand.add(ending)
    return ending
  }

  /** What it would have ended is over. */
  done(ending: Ending): void {
    this.#inHand.delete(ending)
  }

  get size(): number {
    return this.#inHand.size
  }

  #abortAll(): void {
    for (const ending of this.#inHand) ending.abort()
    this.#inHand.clear()
  }
}
