import type { LoadResult } from '../load-order.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'

const CONNECTIONS = 64
const PEOPLE = 4_000

export interface Latency {
  /** Requests a second, half of what case d reached. */
  readonly perSecond: number
  readonly load: LoadResult
}

/**
 * Case e: sends at half of what the server can do, at a fixed rate, and follows each message to the end.
 * @param perSecond what case d reached; undefined to find it out first
 */
export async function measureLatency(bench: Workbench, perSecond: number | undefined): Promise<Latency> {
  const { scale, generator } = bench
  const { server, database } = await bench.startProduct({ settings: 'echo' })
  const common = { port: server.port, path: MESSAGES_PATH, connections: CONNECTIONS, people: PEOPLE }
  const observer = bench.observe(database)
  const began = performance.now()
  const warmUp = await generator.run({ ...common, kind: 'closed', seconds: scale.warmUpSeconds })
  await observer.finished()
  const reached = warmUp.accepted / ((performance.now() - began) / 1000)
  const rate = (perSecond ?? reached) / 2
  const load = await generator.run({
    ...common,
    kind: 'open',
    seconds: scale.quick ? 3 : 15,
    perSecond: rate,
    database,
  })
  observer.close()
  await bench.stop(server)
  return { perSecond: rate, load }
}
