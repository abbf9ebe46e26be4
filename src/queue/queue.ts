import type { Lane, MessageClass } from '../messages/lane.ts'

/** What a worker says of a lane when it gives it back. */
export type LaneResult =
  /** Nothing is left to do in it. */
  | { readonly next: 'idle' }
  /** There is more; other lanes go first. */
  | { readonly next: 'more' }
  /** Its first message may not be worked before `at` (milliseconds since 1970). */
  | { readonly next: 'later'; readonly at: number }

/** The right to work one lane now. */
export interface Slot {
  /**
   * Gives the slot to another lane while this one goes on waiting for something slow. The lane stays taken
   * until its handler returns.
   */
  release(): void
  /**
   * Takes a slot again after a release, before lanes that have none yet; at once while it is still held. Works on while
   * the queue stops.
   */
  again(): Promise<void>
}

export type LaneHandler = (lane: Lane, slot: Slot) => Promise<LaneResult>

/** How many lanes are worked side by side, and how fast. Each backend's sending is a pool of its own. */
export interface PoolSettings {
  readonly name: string
  /** Lanes worked at a time. */
  readonly concurrency: number
  readonly rate?: Rate
}

/** A speed in message parts. */
export interface Rate {
  readonly perSecond: number
}

/**
 * Carries lanes, not messages: who has work, who works it. It may forget everything; what is unfinished in the
 * store is rung again.
 */
export interface Queue {
  /**
   * Says that the lane has work, from `notBefore` on. A lane that is known already is not handed out twice;
   * one that is being worked is handed out again afterwards.
   */
  ring(lane: Lane, notBefore?: number): Promise<void>
  /**
   * Hands out no lanes of these classes of a pool in this process, however often they are rung, until it is called
   * again: with none, all are handed out. What is in hand goes on; what is held back costs nothing.
   */
  hold(pool: string, classes: readonly MessageClass[]): void
  /**
   * Hands out one lane of a pool, of one of these classes, in spite of the hold: now, or as soon as there is one. The
   * next `hold` takes that back.
   */
  letOne(pool: string, classes: readonly MessageClass[]): void
  /** Begins to hand lanes to the handler. */
  work(handler: LaneHandler): void
  /**
   * Hands out no more lanes and waits for those being worked.
   * @param limit milliseconds to wait at the most
   * @returns how many lanes were still being worked when the time was up
   */
  stop(limit: number): Promise<number>
  /** Lanes that are known: waiting, delayed or being worked. */
  size(): number
  /** @throws when the queue cannot take or hand out lanes now */
  ping(): Promise<void>
  /**
   * Calls the listener when lanes may have been forgotten, so that what is unfinished has to be rung again: Redis was
   * emptied, restarted without its data, or away while somebody rang; or a process has died, perhaps between recording
   * and ringing. Of all the processes that work lanes, one is told.
   */
  onForgotten(listener: () => void): void
}
