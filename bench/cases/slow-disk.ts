import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { LoadResult } from '../load-order.ts'
import { median } from '../percentiles.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'

const CONNECTIONS = 64
const PEOPLE = 4_000
const DELAY_MS = 10

export interface SlowDisk {
  readonly delayMs: number
  readonly connections: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

/**
 * Case i: case c with each sync of the disk slowed down.
 * @returns why it could not be measured, where it could not
 */
export async function measureSlowDisk(bench: Workbench): Promise<SlowDisk | string> {
  const library = compile(bench)
  if (typeof library !== 'object') return library
  const { server, database } = await bench.startProduct({
    settings: 'accept',
    env: { LD_PRELOAD: library.file, BENCH_SYNC_DELAY_MS: String(DELAY_MS) },
  })
  const observer = bench.observe(database)
  const { quick, warmUpSeconds, roundSeconds } = bench.scale
  const rounds: LoadResult[] = []
  for (let round = 0; round <= (quick ? 1 : 3); round++) {
    const order = { port: server.port, path: MESSAGES_PATH, connections: CONNECTIONS, people: PEOPLE }
    const seconds = round === 0 ? warmUpSeconds : roundSeconds
    const load = await bench.generator.run({ ...order, kind: 'closed', seconds })
    if (round > 0) rounds.push(load)
    await observer.finished()
  }
  observer.close()
  await bench.stop(server)
  return {
    delayMs: DELAY_MS,
    connections: CONNECTIONS,
    perSecond: median(rounds.map((round) => round.accepted / round.seconds)),
    p50: median(rounds.map((round) => round.latency.p50)),
    p99: median(rounds.map((round) => round.latency.p99)),
  }
}

function compile(bench: Workbench): { file: string } | string {
  if (process.platform !== 'linux') return 'syncs are slowed by LD_PRELOAD, which only Linux has'
  const file = join(bench.folder, 'slow-sync.so')
  const source = bench.sourceFile('slow-sync.c')
  const { error, status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', file, source, '-ldl'])
  if (error !== undefined) return 'there is no C compiler (cc)'
  return status === 0 ? { file } : `cc failed: ${stderr.toString().trim()}`
}
