import { type Lane, laneKey } from '../../messages/lane.ts'
import type { LaneCache } from './lane-cache.ts'
import type { OpenOutgoing, OutgoingRows } from './outgoing.ts'

/** What of a lane may be worked, or holds it back, and when it is due. */
export interface OpenClaim {
  readonly open: readonly OpenOutgoing[]
  readonly dueAt: number | undefined
  /** Nothing else stands in the lane. */
  readonly isAll: boolean
}

/** The first messages of a lane that are due at `now` or wait for a retry, from the cache where it knows the lane. */
export function claimOpen(
  rows: OutgoingRows,
  cache: LaneCache<OpenOutgoing>,
  lane: Lane & { kind: 'outgoing' },
  limit: number,
  now: number,
): OpenClaim {
  const known = cache.all(laneKey(lane))
  if (known !== undefined) return claimOf(known, limit, now)
  const first = rows.open(lane, limit)
  if (first.length < limit) {
    cache.learn(laneKey(lane), first)
    return claimOf(first, limit, now)
  }
  const open = first.every((message) => isWorkable(message, now)) ? first : rows.workable(lane, limit, now)
  const head = open[0]
  const isDue = head !== undefined && head.notBefore <= now
  return { open, dueAt: isDue ? head.notBefore : rows.dueAt(lane), isAll: false }
}

function claimOf(all: readonly OpenOutgoing[], limit: number, now: number): OpenClaim {
  const open: OpenOutgoing[] = []
  for (const message of all) {
    if (open.length === limit) break
    if (isWorkable(message, now)) open.push(message)
  }
  const head = open[0]
  const isDue = head !== undefined && head.notBefore <= now
  return { open, dueAt: isDue ? head.notBefore : dueAtOf(all), isAll: open.length === all.length }
}

function isWorkable({ notBefore, tries }: OpenOutgoing, now: number): boolean {
  return notBefore <= now || tries > 0
}

/** The first retry holds back what is behind it, and nothing before it. */
function dueAtOf(all: readonly OpenOutgoing[]): number | undefined {
  let dueAt: number | undefined
  for (const { notBefore, tries } of all) {
    dueAt = Math.min(dueAt ?? notBefore, notBefore)
    if (tries > 0) break
  }
  return dueAt
}
