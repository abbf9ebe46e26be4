import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { dirname, resolve } from 'node:path'
import { apiSection } from './api-section.ts'
import { measureAnswered } from './cases/answered.ts'
import { measureApi } from './cases/api.ts'
import { measureBroadcast } from './cases/broadcast.ts'
import { measureGrowth } from './cases/growth.ts'
import { measureKannel } from './cases/kannel.ts'
import { measureLatency } from './cases/latency.ts'
import { measureMass } from './cases/mass.ts'
import { measureProcesses } from './cases/processes.ts'
import { measureQueues } from './cases/queues.ts'
import { measureRecovery } from './cases/recovery.ts'
import { measureSlowDisk } from './cases/slow-disk.ts'
import { type ContestantName, measureThroughput, type ThroughputRow } from './cases/throughput.ts'
import { measureWebAccept } from './cases/web-accept.ts'
import { Engines } from './engines.ts'
import { machine, syncsPerSecond } from './machine.ts'
import { massSection } from './mass-section.ts'
import { type Options, readOptions, usage } from './options.ts'
import { answeredSection, processesSection, queuesSection, webAcceptSection } from './processes-sections.ts'
import { decimals, type Section, toMarkdown, whole } from './report.ts'
import {
  broadcastSection,
  growthSection,
  kannelSection,
  latencySection,
  recoverySection,
  slowDiskSection,
} from './sections.ts'
import { throughputSection } from './throughput-section.ts'
import { type Scale, Workbench } from './workbench.ts'
import { hasWrk } from './wrk.ts'

const FULL: Scale = { quick: false, rounds: 5, roundSeconds: 3, warmUpSeconds: 8 }
const QUICK: Scale = { quick: true, rounds: 3, roundSeconds: 1, warmUpSeconds: 1.5 }
const RESULTS_HEAD = `# Results of the benchmark

Written by \`npm run bench\`. What each row means, and what it does not: [docs/benchmarks.md](../docs/benchmarks.md).`
const BACKLOG = 200_000
const BROADCAST = 200_000
const BROADCAST_WINDOWS = 6
const MASS = [10_000, 50_000, 100_000]

const WRONG_USAGE = 2

// Four folders up from data/bench/js/bench, where this runs.
const root = resolve(import.meta.dirname, '..', '..', '..', '..')
const options = readOptionsOr(process.argv.slice(2))
if (options === 'help') console.log(usage)
else if (options instanceof Error) {
  console.error(`bench: ${options.message}`)
  process.exitCode = WRONG_USAGE
} else await run(options)

function readOptionsOr(args: readonly string[]): ReturnType<typeof readOptions> | Error {
  try {
    return readOptions(args, resolve(root, 'bench', 'results.md'))
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

async function run(options: Options): Promise<void> {
  const began = performance.now()
  const bench = new Workbench(root, options.quick ? QUICK : FULL)
  const stop = () => void bench.close().finally(() => process.exit(1))
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    const sections: Section[] = []
    const syncSeconds = options.quick ? 0.3 : 1
    const before = syncsPerSecond(bench.folder, syncSeconds)
    console.log(machine())
    for await (const section of measured(bench, options)) {
      sections.push(section)
      console.log(`\n${toMarkdown(section)}`)
    }
    const after = syncsPerSecond(bench.folder, syncSeconds)
    const minutes = (performance.now() - began) / 60_000
    const conditions = conditionsOf({ before, after, minutes })
    console.log(`\n${conditions}`)
    if (options.out === '') return
    mkdirSync(dirname(options.out), { recursive: true })
    writeFileSync(options.out, [RESULTS_HEAD, conditions, ...sections.map(toMarkdown)].join('\n\n').concat('\n'))
  } finally {
    await bench.close()
  }
}

function conditionsOf({ before, after, minutes }: { before: number; after: number; minutes: number }): string {
  return [
    `Machine: ${machine()}.`,
    `Disk: ${whole(before)} syncs/s before the run, ${whole(after)} after it (4 KiB appended, then fdatasync).`,
    `The load average was ${decimals(loadavg()[0], 1)} at the end; the run took ${decimals(minutes, 1)} minutes.`,
    'The servers log as they do by default (level info), to /dev/null. Nothing is pinned to a core.',
  ].join('\n')
}

async function* measured(bench: Workbench, options: Options): AsyncGenerator<Section> {
  const { only, quick } = options
  const throughput = await measureThroughputOf(bench, options)
  if (throughput.length > 0) yield throughputSection(throughput)
  if (only.has('e')) {
    yield latencySection(await measureLatency(bench, throughput.find(({ name }) => name === 'd')?.perSecond))
  }
  if (only.has('f')) yield growthSection(await measureGrowth(bench, storeSizes(options)))
  if (only.has('g')) yield recoverySection(await measureRecovery(bench, quick ? 5_000 : BACKLOG))
  if (only.has('h')) {
    yield broadcastSection(await measureBroadcast(bench, quick ? 5_000 : BROADCAST, quick ? 2 : BROADCAST_WINDOWS))
  }
  if (only.has('i')) yield slowDiskSection(await measureSlowDisk(bench))
  if (only.has('k')) yield kannelSection(await measureKannel(bench))
  if (only.has('p')) yield massSection(await measureMass(bench, quick ? [500, 2_000] : MASS))
  if (only.has('q')) yield apiSection(await measureApi(bench))
  if ((['l', 'm', 'n', 'o'] as const).some((letter) => only.has(letter))) yield* measuredOnEngines(bench, options)
}

/** What needs PostgreSQL and Redis. */
async function* measuredOnEngines(bench: Workbench, { only }: Options): AsyncGenerator<Section> {
  const why = Engines.whyNot()
  if (why !== undefined) {
    yield { title: 'l to o: several processes on PostgreSQL and Redis', columns: ['skipped'], rows: [[why]] }
    return
  }
  const engines = await Engines.start(bench)
  try {
    if (only.has('l')) yield webAcceptSection(await measureWebAccept(bench, engines))
    if (only.has('m')) yield processesSection(await measureProcesses(bench, engines))
    if (only.has('n')) yield answeredSection(await measureAnswered(bench, engines))
    if (only.has('o')) yield queuesSection(await measureQueues(bench, engines.redis))
  } finally {
    await engines.stop()
  }
}

async function measureThroughputOf(bench: Workbench, { only, quick, wrk }: Options): Promise<readonly ThroughputRow[]> {
  const names: ContestantName[] = []
  for (const letter of ['a', 'b', 'c', 'd'] as const) if (only.has(letter)) names.push(letter)
  if (only.has('c') && !quick) names.push('c worked')
  if (only.has('d') && !quick) names.push('d quiet')
  return names.length === 0 ? [] : measureThroughput(bench, names, wrk && hasWrk())
}

function storeSizes({ quick, tenMillion }: Options): readonly number[] {
  if (quick) return [1_000, 20_000]
  return tenMillion ? [10_000, 1_000_000, 10_000_000] : [10_000, 1_000_000]
}
