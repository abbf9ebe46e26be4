import type { Rate } from './queue.ts'

/** What other parts, and other processes, are told at once. Nothing durable stands on it. */
export interface Signals {
  publish(channel: string, payload: unknown): Promise<void>
  /** @returns takes the listener away again */
  subscribe(channel: string, listener: (payload: unknown) => void): () => void
  /**
   * Takes one token of a bucket that fills at `rate`.
   * @returns 0 when it was there, else the milliseconds until one will be; nothing was taken then
   */
  takeToken(bucket: string, rate: Rate): Promise<number>
  /** Takes tokens whether they are there or not; a negative count gives back. */
  spendTokens(bucket: string, count: number, rate: Rate): Promise<void>
}
