import { type Lane, laneKey } from '../../../src/messages/lane.ts'
import type { LaneHandler, LaneResult, Slot } from '../../../src/queue/queue.ts'

/** Handlers that a test lets go on by hand. */
export class HeldHandler {
  readonly started: string[] = []
  readonly active = new Map<string, (result: LaneResult) => void>()
  readonly slots = new Map<string, Slot>()
  readonly #settle: () => Promise<void>
  mostAtOnce = 0

  constructor(settleAll: () => Promise<void>) {
    this.#settle = settleAll
  }

  readonly handler: LaneHandler = (lane, slot) => {
    const key = laneKey(lane)
    this.started.push(lane.identity)
    if (this.active.has(key)) throw new Error(`${key} is worked twice at once`)
    this.slots.set(lane.identity, slot)
    return new Promise((resolve) => {
      this.active.set(key, resolve)
      this.mostAtOnce = Math.max(this.mostAtOnce, this.active.size)
    })
  }

  async finish(lane: Lane, result: LaneResult = { next: 'idle' }): Promise<void> {
    const resolve = this.active.get(laneKey(lane))
    if (resolve === undefined) throw new Error(`${laneKey(lane)} is not being worked`)
    this.active.delete(laneKey(lane))
    resolve(result)
    await this.#settle()
  }
}
