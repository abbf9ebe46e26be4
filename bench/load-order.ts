import type { TimesSummary } from './percentiles.ts'

interface CommonOrder {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly seconds: number
  /** From how many people the messages come. */
  readonly people: number
}

/** Each connection sends its next request as soon as it has the answer to the last. */
export interface ClosedOrder extends CommonOrder {
  readonly kind: 'closed'
  /** Takes every so many-th person only, of a store with more people than requests are kept ready. */
  readonly spread?: number
}

/** Requests leave at a fixed rate, whether the answers come or not. */
export interface OpenOrder extends CommonOrder {
  readonly kind: 'open'
  readonly perSecond: number
  /** A database in which to look for the replies, so that whole round trips are measured. */
  readonly database?: string
}

export type LoadOrder = ClosedOrder | OpenOrder

export interface LoadResult {
  /** Answers of 200. */
  readonly accepted: number
  /** Other answers by status; 0 stands for broken connections. */
  readonly refused: Readonly<Record<number, number>>
  readonly seconds: number
  readonly latency: TimesSummary
  /** From when a request was due until its reply was in the database as sent. */
  readonly roundTrip?: TimesSummary
  /** Replies that had not come when the run ended. */
  readonly missing?: number
  /** Processor time of the generator. */
  readonly cpuSeconds: number
}

/** What the loops yield; the processor time is added by the process. */
export type LoopResult = Omit<LoadResult, 'cpuSeconds'>
