import { laneKey } from '../../messages/lane.ts'
import type { AttemptResult, ClaimedOutgoing } from '../outgoing-records.ts'
import type { RouteStore } from '../store.ts'
import type { GroupCommit } from './group-commit.ts'
import type { LaneCache } from './lane-cache.ts'
import type { OpenOutgoing, OutgoingRows } from './outgoing.ts'

export interface SqliteRoutesParts {
  readonly commit: GroupCommit
  readonly outgoing: OutgoingRows
  readonly outgoingCache: LaneCache<OpenOutgoing>
}

export class SqliteRoutes implements RouteStore {
  readonly #parts: SqliteRoutesParts

  constructor(parts: SqliteRoutesParts) {
    this.#parts = parts
  }

  async waiting(backend: string, after: number, limit: number): Promise<readonly ClaimedOutgoing[]> {
    const open = this.#parts.outgoing.routed(backend, after, limit)
    return open.map((message) => ({ ...message, optedOut: false, timeZone: null }))
  }

  async move(results: readonly AttemptResult[]): Promise<readonly string[]> {
    const { commit, outgoing, outgoingCache } = this.#parts
    const moved = await commit.write(
      () =>
        results.flatMap((result) => {
          const lane = outgoing.moveWaiting(result)
          return lane === undefined ? [] : [{ result, lane }]
        }),
      (all) => {
        for (const { result, lane } of all) {
          outgoingCache.remove(result.fence.lane, result.message.seq)
          outgoingCache.forget(laneKey(lane))
        }
      },
    )
    return moved.map(({ result }) => result.message.id)
  }
}
