import type { BroadcastRow, BroadcastState } from './broadcast-store.ts'
import { StaleResultError } from './errors.ts'

/** The columns of a broadcast, alike in both databases but for how they write what is true. */
export interface BroadcastColumns {
  number: number
  id: string
  name: string | null
  tag: string | null
  state: BroadcastState
  reason: string | null
  request: string
  start_at: number
  created_at: number
  changed_at: number
  ended_at: number | null
  held_until: number
  recipients: number
  duplicates: number
  faults: number
  expanded: number
  cursor: number
  messages: number
  held: boolean | number
}

export function broadcastOf(row: BroadcastColumns): BroadcastRow {
  return {
    id: row.id,
    name: row.name,
    tag: row.tag,
    state: row.state,
    reason: row.reason,
    request: JSON.parse(row.request) as BroadcastRow['request'],
    startAt: row.start_at,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    endedAt: row.ended_at,
    heldUntil: row.held_until,
    recipients: row.recipients,
    duplicates: row.duplicates,
    faults: row.faults,
    expanded: row.expanded,
    cursor: row.cursor,
    messages: row.messages,
    held: Boolean(row.held),
  }
}

export function staleBroadcast(id: string): StaleResultError {
  return new StaleResultError(`The broadcast ${id} has ended, was stopped, or is worked by somebody else.`)
}
