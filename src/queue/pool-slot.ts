import type { Slot } from './queue.ts'

/** The pool that a slot is one of. */
export interface SlotPool {
  take(): Promise<void>
  free(): void
}

/** One lane's slot, held at first. */
export class PoolSlot implements Slot {
  readonly #pool: SlotPool
  #isHeld = true
  #isEnded = false
  #taking: Promise<void> | undefined

  constructor(pool: SlotPool) {
    this.#pool = pool
  }

  // Handed about without its object.
  readonly release = (): void => {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#pool.free()
  }

  readonly again = async (): Promise<void> => {
    if (this.#isHeld) return
    this.#taking ??= this.#take()
    await this.#taking
  }

  /** The handler has returned: whatever it still waits for, it holds no slot any more. */
  end(): void {
    this.#isEnded = true
    this.release()
  }

  async #take(): Promise<void> {
    await this.#pool.take()
    this.#taking = undefined
    this.#isHeld = true
    if (this.#isEnded) this.release()
  }
}
