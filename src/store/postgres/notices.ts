import { type Lane, messageClasses } from '../../messages/lane.ts'
import type { NewIncoming } from '../incoming-records.ts'
import type { NewOutgoing } from '../outgoing-records.ts'
import { incomingLane, outgoingLane } from './columns.ts'
import type { Run, Statement } from './database.ts'
import type { Numbered } from './operations.ts'

/** The channel of PostgreSQL on which processes tell each other of lanes that have work. */
export const CHANNEL = 'switchboard_lanes'

/** PostgreSQL takes less than 8,000 bytes; JSON makes of a character that we cannot foresee at the most six. */
const MOST_BYTES = 7_900

const NOTIFY: Statement = {
  name: 'notify',
  text: `SELECT pg_notify('${CHANNEL}', payload) FROM unnest($1::text[]) AS payload`,
}

/** Tells of lanes once the transaction is committed. A lane whose name is too long is found by the next sweep. */
export async function notifyLanes(run: Run, lanes: readonly Lane[]): Promise<void> {
  const payloads = toPayloads(lanes)
  if (payloads.length > 0) await run(NOTIFY, [payloads])
}

/** Tells of the lanes that these messages have given work. */
export async function tellLanes(
  run: Run,
  incoming: readonly { readonly messages: readonly NewIncoming[] }[],
  outgoing: readonly Numbered<NewOutgoing>[],
): Promise<void> {
  const received = incoming.flatMap(({ messages }) => messages).map(incomingLane)
  await notifyLanes(run, [...received, ...outgoing.map(({ message }) => outgoingLane(message))])
}

export function toPayloads(lanes: readonly Lane[]): string[] {
  const payloads: string[] = []
  let lines: string[] = []
  let bytes = 0
  for (const line of new Set(lanes.map((lane) => JSON.stringify(lane).toWellFormed()))) {
    const length = Buffer.byteLength(line) + 1
    if (length > MOST_BYTES) continue
    if (bytes + length > MOST_BYTES) {
      payloads.push(lines.join('\n'))
      lines = []
      bytes = 0
    }
    lines.push(line)
    bytes += length
  }
  if (lines.length > 0) payloads.push(lines.join('\n'))
  return payloads
}

/** The lanes of a payload; what somebody else has sent on the channel is left out. */
export function fromPayload(payload: string): readonly Lane[] {
  return payload.split('\n').flatMap((line) => {
    try {
      const lane: unknown = JSON.parse(line)
      return isLane(lane) ? [lane] : []
    } catch {
      return []
    }
  })
}

function isLane(value: unknown): value is Lane {
  if (typeof value !== 'object' || value === null) return false
  const { kind, owner, identity, class: messageClass } = value as Record<string, unknown>
  if (typeof owner !== 'string' || typeof identity !== 'string') return false
  return kind === 'incoming' || (kind === 'outgoing' && messageClasses.some((one) => one === messageClass))
}
