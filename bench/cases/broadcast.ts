import type { TimesSummary } from '../percentiles.ts'
import { prefillBroadcast } from '../prefill.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'

const PARTS_PER_SECOND = 30
const INCOMING_PER_SECOND = 15
const CONNECTIONS = 16
const PEOPLE = 500

export interface Broadcast {
  readonly queued: number
  readonly partsPerSecond: number
  readonly incomingPerSecond: number
  /** Seconds from the start of the process until it answers requests. */
  readonly servedAfter: number
  /** From when a message was due until its reply was sent, window after window. */
  readonly windows: readonly TimesSummary[]
  readonly windowSeconds: number
  /** Replies that did not come within 10 s of the end of their window. */
  readonly missing: number
  /** Messages of the broadcast that were sent meanwhile, each second. */
  readonly bulkPerSecond: number
  readonly memoryMiB: number
}

/** Case h: people write while a broadcast fills all that the service takes. */
export async function measureBroadcast(bench: Workbench, queued: number, windows: number): Promise<Broadcast> {
  const windowSeconds = bench.scale.quick ? 3 : 10
  const database = prefillBroadcast(bench, queued)
  const env = { BENCH_PARTS_PER_SECOND: String(PARTS_PER_SECOND) }
  const { server } = await bench.startProduct({ settings: 'bulk', database, env })
  const observer = bench.observe(database)
  const bulkBefore = observer.bulkSent()
  const began = performance.now()
  const measured: TimesSummary[] = []
  let missing = 0
  for (let window = 0; window < windows; window++) {
    const load = await bench.generator.run({
      kind: 'open',
      port: server.port,
      path: MESSAGES_PATH,
      connections: CONNECTIONS,
      seconds: windowSeconds,
      people: PEOPLE,
      perSecond: INCOMING_PER_SECOND,
      database,
    })
    if (load.roundTrip !== undefined) measured.push(load.roundTrip)
    missing += load.missing ?? 0
  }
  const seconds = (performance.now() - began) / 1000
  const bulkPerSecond = (observer.bulkSent() - bulkBefore) / seconds
  const memoryMiB = server.memory
  observer.close()
  await bench.stop(server)
  return {
    queued,
    partsPerSecond: PARTS_PER_SECOND,
    incomingPerSecond: INCOMING_PER_SECOND,
    servedAfter: server.readyAfter / 1000,
    windows: measured,
    windowSeconds,
    missing,
    bulkPerSecond,
    memoryMiB,
  }
}
