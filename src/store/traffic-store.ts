import type { OutgoingState } from '../messages/states.ts'

/** What one attempt cost. */
export interface AttemptCost {
  readonly cost: number | null
  readonly currency: string | null
  readonly network: string | null
  /** By the project's own prices, since the service does not tell. */
  readonly estimated: boolean
}

/** A finished outgoing message, as reports count it. */
export interface TrafficRow {
  readonly id: string
  readonly backend: string
  readonly identity: string
  readonly tag: string | null
  readonly state: OutgoingState
  readonly parts: number
  readonly createdAt: number
  readonly attempts: readonly AttemptCost[]
}

export interface TrafficQuery {
  /** Milliseconds since 1970, inclusive: by the time in the messages' ids. */
  readonly from: number
  /** Exclusive. */
  readonly to: number
  /** The id of the last row of the page before. */
  readonly after?: string
  readonly limit: number
}

/** What was sent, for reports over long times: page by page, on a connection that only reads. */
export interface TrafficStore {
  page(query: TrafficQuery): Promise<readonly TrafficRow[]>
}
