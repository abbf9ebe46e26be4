/** When something has to end: made into an AbortSignal only for those who ask for one, since most never do. */
export class Ending {
  readonly #outer: AbortSignal
  #controller: AbortController | undefined
  #aborted = false

  /** @param outer ends this one too */
  constructor(outer: AbortSignal) {
    this.#outer = outer
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted) this.#controller.abort()
    return AbortSignal.any([this.#outer, this.#controller.signal])
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort()
  }
}
