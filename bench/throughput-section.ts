import type { ContestantName, ThroughputRow } from './cases/throughput.ts'
import { decimals, judged, percent, type Section, whole } from './report.ts'

const names: Readonly<Record<ContestantName, string>> = {
  a: 'a  bare node:http',
  b: 'b  bare Koa, koa-body, zod',
  c: 'c  accepted, on disk before the answer',
  'c worked': 'c  and processed behind the answer',
  d: 'd  echo: received, processed, answered, sent',
  'd quiet': 'd  with LOG_LEVEL=warn',
}

const targets: Readonly<Partial<Record<ContestantName, number>>> = { c: 0.8, d: 0.4 }

/** The generator may have been what was measured. */
const BUSY_GENERATOR = 0.9

export function throughputSection(rows: readonly ThroughputRow[]): Section {
  return {
    title: 'Throughput',
    columns: [
      'case',
      'messages/s',
      'slowest to fastest',
      'to b',
      'target',
      'server CPU µs',
      'to b by CPU',
      'p50/p99 ms',
      'generator busy',
      'left at the end',
    ],
    rows: rows.map((row) => [
      names[row.name],
      whole(row.perSecond),
      `${whole(row.slowest)} to ${whole(row.fastest)}`,
      decimals(row.ratio, 2),
      judgement(row),
      whole(row.cpuMicroseconds),
      decimals(row.cpuRatio, 2),
      `${decimals(row.p50, 1)} / ${decimals(row.p99, 1)}`,
      percent(row.generatorShare),
      row.name < 'c worked' ? '' : whole(row.unfinished),
    ]),
    notes: rows.flatMap(remarks),
  }
}

function judgement({ name, ratio }: ThroughputRow): string {
  const target = targets[name]
  return target === undefined || ratio === undefined ? '' : judged(`≥ ${target}`, ratio >= target)
}

function remarks({ name, generatorShare, refused, byWrk }: ThroughputRow): string[] {
  const notes: string[] = []
  if (generatorShare > BUSY_GENERATOR)
    notes.push(`${name}: the generator was busy all the time; the server can do more.`)
  if (refused > 0) notes.push(`${name}: ${whole(refused)} requests were refused.`)
  if (byWrk !== undefined) {
    notes.push(
      `${name}: ${whole(byWrk.generator)} answers/s to the generator, ${whole(byWrk.wrk)} to wrk right after it.`,
    )
  }
  return notes
}
