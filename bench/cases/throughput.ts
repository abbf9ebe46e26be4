import type { Observer } from '../counts.ts'
import type { LoadResult } from '../load-order.ts'
import { median } from '../percentiles.ts'
import type { Server } from '../server.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'
import { wrkPerSecond } from '../wrk.ts'

const CONNECTIONS = 64
const PEOPLE = 4_000

/** One of those that are measured in turn. */
interface Contestant {
  readonly name: ContestantName
  readonly server: Server
  readonly path: string
  readonly observer?: Observer
  /** Whether somebody works what is taken. */
  readonly isWorked: boolean
  /** Whether a message counts when its reply is sent, or when its request is answered. */
  readonly counts: 'answers' | 'replies'
}

export type ContestantName = 'a' | 'b' | 'c' | 'c worked' | 'd' | 'd quiet'

interface Round {
  readonly perSecond: number
  readonly cpuMicroseconds: number
  readonly generatorShare: number
  readonly unfinished: number
  readonly load: LoadResult
}

export interface ThroughputRow {
  readonly name: ContestantName
  readonly perSecond: number
  readonly slowest: number
  readonly fastest: number
  /** Processor time of the server for each message, in microseconds, with all that is done behind the answer. */
  readonly cpuMicroseconds: number
  /** How busy the generator was, of one core; near 1 it is the generator that was measured. */
  readonly generatorShare: number
  /** To the baseline b of the same round, median over the rounds. */
  readonly ratio: number | undefined
  /** Messages to a second of processor time, to those of the baseline b. */
  readonly cpuRatio: number | undefined
  readonly p50: number
  readonly p99: number
  /** Messages still unprocessed when the load ended, in the worst round. */
  readonly unfinished: number
  readonly refused: number
  readonly byWrk: WrkComparison | undefined
}

/** Answers a second. */
interface WrkComparison {
  readonly generator: number
  readonly wrk: number
}

/**
 * Measures the contestants in turn, round by round, so that whatever else the machine does meets all of them alike.
 * @throws Error when the database does not hold exactly what was answered
 */
export async function measureThroughput(
  bench: Workbench,
  names: readonly ContestantName[],
  wrk: boolean,
): Promise<readonly ThroughputRow[]> {
  const contestants: Contestant[] = []
  for (const name of names) contestants.push(await contestant(bench, name))
  const rounds = new Map<ContestantName, Round[]>(names.map((name) => [name, []]))
  const accepted = new Map<ContestantName, number>()
  const { scale } = bench
  for (let number = 0; number <= scale.rounds; number++) {
    for (const each of contestants) {
      const round = await measure(bench, each, number === 0 ? scale.warmUpSeconds : scale.roundSeconds)
      if (number > 0) rounds.get(each.name)?.push(round)
      accepted.set(each.name, (accepted.get(each.name) ?? 0) + round.load.accepted)
    }
  }
  for (const each of contestants) verify(each, accepted.get(each.name) ?? 0)
  const byWrk = new Map<ContestantName, WrkComparison>()
  for (const each of contestants) {
    if (wrk) byWrk.set(each.name, await compareWithWrk(bench, each))
    each.observer?.close()
    await bench.stop(each.server)
  }
  const baseline = rounds.get('b')
  return names.map((name) => toRow(name, rounds.get(name) ?? [], name === 'b' ? undefined : baseline, byWrk.get(name)))
}

async function contestant(bench: Workbench, name: ContestantName): Promise<Contestant> {
  if (name === 'a' || name === 'b') {
    const server = await bench.startBaseline(name === 'a' ? 'http' : 'koa')
    return { name, server, path: '/', counts: 'answers', isWorked: false }
  }
  const isEcho = name.startsWith('d')
  const isWorked = name !== 'c'
  const settings = isEcho ? 'echo' : 'accept'
  const env: Record<string, string> = name.endsWith('quiet') ? { LOG_LEVEL: 'warn' } : {}
  const { server, database } = await (isWorked ? bench.startProduct({ settings, env }) : bench.startAcceptor())
  const counts = isEcho ? 'replies' : 'answers'
  return { name, server, path: MESSAGES_PATH, observer: bench.observe(database), counts, isWorked }
}

async function measure(bench: Workbench, each: Contestant, seconds: number): Promise<Round> {
  const { server, path, observer, counts, isWorked } = each
  const cpu = server.cpuSeconds
  const began = performance.now()
  const load = await bench.generator.run({
    kind: 'closed',
    port: server.port,
    path,
    connections: CONNECTIONS,
    seconds,
    people: PEOPLE,
  })
  const unfinished = isWorked ? (observer?.openIncoming() ?? 0) : 0
  if (isWorked) await observer?.finished()
  const wholeSeconds = (performance.now() - began) / 1000
  return {
    perSecond: load.accepted / (counts === 'replies' ? wholeSeconds : load.seconds),
    cpuMicroseconds: ((server.cpuSeconds - cpu) / load.accepted) * 1e6,
    generatorShare: load.cpuSeconds / load.seconds,
    unfinished,
    load,
  }
}

function verify({ name, observer, counts: kind, isWorked }: Contestant, accepted: number): void {
  if (observer === undefined) return
  const counts = observer.counts()
  const replies = kind === 'replies' ? accepted : 0
  const isWhole =
    counts.incoming === accepted &&
    counts.processed === (isWorked ? accepted : 0) &&
    counts.outgoing === replies &&
    counts.sent === replies &&
    counts.attempts === replies
  if (!isWhole)
    throw new Error(`${name}: ${accepted} messages were accepted; the store holds ${JSON.stringify(counts)}`)
}

/** The same load by our generator and by wrk, one right after the other. */
async function compareWithWrk(bench: Workbench, each: Contestant): Promise<WrkComparison> {
  const { load } = await measure(bench, each, bench.scale.roundSeconds)
  const wrk = wrkPerSecond(bench.folder, {
    port: each.server.port,
    path: each.path,
    connections: CONNECTIONS,
    people: PEOPLE,
    seconds: bench.scale.roundSeconds,
  })
  if (each.isWorked) await each.observer?.finished()
  return { generator: load.accepted / load.seconds, wrk }
}

function toRow(
  name: ContestantName,
  rounds: readonly Round[],
  baseline: readonly Round[] | undefined,
  byWrk: WrkComparison | undefined,
): ThroughputRow {
  const rates = rounds.map((round) => round.perSecond)
  const ratios = baseline?.map((base, index) => (rates[index] ?? Number.NaN) / base.perSecond)
  const cpuRatios = baseline?.map(
    (base, index) => base.cpuMicroseconds / (rounds[index]?.cpuMicroseconds ?? Number.NaN),
  )
  const refused = rounds.flatMap((round) => Object.values(round.load.refused))
  return {
    name,
    perSecond: median(rates),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    cpuMicroseconds: median(rounds.map((round) => round.cpuMicroseconds)),
    generatorShare: median(rounds.map((round) => round.generatorShare)),
    ratio: ratios === undefined ? undefined : median(ratios),
    cpuRatio: cpuRatios === undefined ? undefined : median(cpuRatios),
    p50: median(rounds.map((round) => round.load.latency.p50)),
    p99: median(rounds.map((round) => round.load.latency.p99)),
    unfinished: Math.max(...rounds.map((round) => round.unfinished)),
    refused: refused.reduce((sum, count) => sum + count, 0),
    byWrk,
  }
}
