import { type Lane, laneKey } from '../messages/lane.ts'
import type { Queue } from '../queue/queue.ts'
import type { NewOutgoing } from '../store/store.ts'

/** Rings the lanes of messages that have just been recorded, each once, at the time its first one may leave. */
export async function ringOutgoing(queue: Queue, messages: readonly NewOutgoing[]): Promise<void> {
  const rung = new Set<string>()
  for (const { backend, class: messageClass, identity, notBefore, state } of messages) {
    if (state !== 'WAITING') continue
    const lane: Lane = { kind: 'outgoing', owner: backend, class: messageClass, identity }
    const key = laneKey(lane)
    if (rung.has(key)) continue
    rung.add(key)
    await queue.ring(lane, notBefore)
  }
}
