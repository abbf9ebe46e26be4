import { prefillBacklog } from '../prefill.ts'
import type { Workbench } from '../workbench.ts'

/** A machine that is too slow for it tells how far it came. */
const MOST_MS = 180_000

export interface Recovery {
  readonly messages: number
  /** Seconds from the start of the process until it answers requests. */
  readonly servedAfter: number
  /** Messages that had a sent reply when the measurement ended; all of them unless the time was up. */
  readonly done: number
  /** Seconds from the start of the process until every reply was sent, or the time was up. */
  readonly seconds: number
  readonly cpuMicroseconds: number
  readonly memoryMiB: number
}

/**
 * Case g: starts a server that finds a backlog.
 * @throws Error when the store does not hold one sent reply for each message afterwards
 */
export async function measureRecovery(bench: Workbench, messages: number): Promise<Recovery> {
  const database = prefillBacklog(bench, messages)
  const began = performance.now()
  const { server } = await bench.startProduct({ settings: 'echo', database })
  const observer = bench.observe(database)
  const unfinished = await observer.unfinishedAfter(MOST_MS)
  const seconds = (performance.now() - began) / 1000
  const { cpuSeconds, memory, readyAfter } = server
  const { processed, sent, outgoing } = observer.counts()
  if (unfinished === 0 && (processed !== messages || sent !== messages || outgoing !== messages)) {
    throw new Error(`g: of ${messages} messages ${processed} were processed, ${sent} of ${outgoing} replies sent`)
  }
  observer.close()
  await bench.stop(server)
  return {
    messages,
    servedAfter: readyAfter / 1000,
    done: sent,
    seconds,
    cpuMicroseconds: (cpuSeconds / sent) * 1e6,
    memoryMiB: memory,
  }
}
