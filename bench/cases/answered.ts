import type { Engines } from '../engines.ts'
import type { LoadResult } from '../load-order.ts'
import type { Server } from '../server.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'

const PEOPLE = 4_000
const IN_FLIGHT = [1, 10, 50] as const

export interface AnsweredRow {
  readonly where: 'web and worker' | 'one process on SQLite'
  readonly inFlight: number
  readonly load: LoadResult
}

/**
 * Case n: requests that are answered with what the app responds, which another process has worked out.
 * @throws Error when a request was answered with anything else
 */
export async function measureAnswered(bench: Workbench, engines: Engines): Promise<readonly AnsweredRow[]> {
  const deployment = await engines.deploy({ settings: 'answered', workers: 1 })
  const { server: alone } = await bench.startProduct({ settings: 'answered' })
  const rows: AnsweredRow[] = []
  for (const [where, server] of [
    ['web and worker', deployment.web],
    ['one process on SQLite', alone],
  ] as const) {
    await load(bench, server, 50, bench.scale.warmUpSeconds)
    for (const inFlight of IN_FLIGHT) {
      rows.push({ where, inFlight, load: await load(bench, server, inFlight, bench.scale.roundSeconds) })
    }
  }
  await deployment.observer.finished()
  await engines.end(deployment)
  await bench.stop(alone)
  return rows
}

async function load(bench: Workbench, server: Server, connections: number, seconds: number): Promise<LoadResult> {
  const order = { port: server.port, path: MESSAGES_PATH, connections, seconds, people: PEOPLE }
  const result = await bench.generator.run({ ...order, kind: 'closed' })
  const refused = Object.keys(result.refused)
  if (refused.length > 0) throw new Error(`n: requests were answered ${refused.join(', ')} instead of 200`)
  return result
}
