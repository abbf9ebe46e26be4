import type { Broadcast } from './cases/broadcast.ts'
import type { GrowthRow } from './cases/growth.ts'
import type { KannelRow } from './cases/kannel.ts'
import type { Latency } from './cases/latency.ts'
import type { Recovery } from './cases/recovery.ts'
import type { SlowDisk } from './cases/slow-disk.ts'
import type { TimesSummary } from './percentiles.ts'
import { decimals, judged, type Section, whole } from './report.ts'

const MOST_P99_MS = 25
const MOST_GROWTH = 1.2
const MOST_REPLY_P95_MS = 5_000
const LEAST_ON_SLOW_DISK = 300
const LEAST_BEHIND_KANNEL = 0.9

export function latencySection({ perSecond, load }: Latency): Section {
  const row = (name: string, times: TimesSummary) => [
    name,
    whole(perSecond),
    decimals(times.p50, 1),
    decimals(times.p99, 1),
    decimals(times.max, 1),
    judged(`p99 ≤ ${MOST_P99_MS}`, times.p99 <= MOST_P99_MS),
  ]
  const refused = Object.values(load.refused).reduce((sum, count) => sum + count, 0)
  const lost = refused + (load.missing ?? 0)
  return {
    title: 'e: latency at half of the load of d',
    columns: ['what', 'messages/s', 'p50 ms', 'p99 ms', 'longest ms', 'target'],
    rows: [
      row('answer to the request, message on disk', load.latency),
      ...(load.roundTrip === undefined ? [] : [row('reply sent, its state on disk', load.roundTrip)]),
    ],
    notes: lost === 0 ? [] : [`${whole(lost)} messages were refused or had no reply in time.`],
  }
}

export function growthSection(rows: readonly GrowthRow[]): Section {
  const largest = rows.at(-1)?.messages ?? 0
  return {
    title: 'f: stored messages',
    columns: [
      'stored',
      'added',
      'database MiB',
      'server MiB',
      'µs per message',
      'to the first',
      'server CPU µs',
      'CPU to the first',
      'target',
    ],
    rows: rows.map((row, index) => [
      whole(row.messages),
      whole(row.added * 2),
      whole(row.databaseMiB),
      whole(row.memoryMiB),
      whole(row.microseconds),
      decimals(row.ratio, 2),
      whole(row.cpuMicroseconds),
      decimals(row.cpuRatio, 2),
      index > 0 && (row.messages === 1_000_000 || largest < 1_000_000)
        ? judged(`≤ ${MOST_GROWTH}`, row.ratio <= MOST_GROWTH)
        : '',
    ]),
  }
}

export function recoverySection(recovery: Recovery): Section {
  return {
    title: 'g: a backlog found at the start',
    columns: ['messages', 'served after s', 'replies sent', 'after s', 'messages/s', 'server CPU µs', 'server MiB'],
    rows: [
      [
        whole(recovery.messages),
        decimals(recovery.servedAfter, 2),
        whole(recovery.done),
        decimals(recovery.seconds, 1),
        whole(recovery.done / recovery.seconds),
        whole(recovery.cpuMicroseconds),
        whole(recovery.memoryMiB),
      ],
    ],
  }
}

export function broadcastSection(broadcast: Broadcast): Section {
  const { queued, partsPerSecond, incomingPerSecond, windows, windowSeconds, missing } = broadcast
  const notes = [
    `Served ${decimals(broadcast.servedAfter, 2)} s after the start; ${decimals(broadcast.bulkPerSecond, 1)} messages ` +
      `of the broadcast were sent each second meanwhile; the server held ${whole(broadcast.memoryMiB)} MiB.`,
  ]
  if (missing > 0) notes.push(`${whole(missing)} replies had not been sent 10 s after the end of their window.`)
  return {
    title: `h: replies beside ${whole(queued)} bulk messages, ${partsPerSecond} parts/s, ${incomingPerSecond} coming in each second`,
    columns: ['seconds', 'replies', 'p50 ms', 'p95 ms', 'longest ms', 'target'],
    rows: windows.map((times, index) => [
      `${index * windowSeconds} to ${(index + 1) * windowSeconds}`,
      whole(times.count),
      whole(times.p50),
      whole(times.p95),
      whole(times.max),
      judged(`p95 ≤ ${whole(MOST_REPLY_P95_MS)}`, times.p95 <= MOST_REPLY_P95_MS && missing === 0),
    ]),
    notes,
  }
}

export function slowDiskSection(result: SlowDisk | string): Section {
  const title = 'i: case c on a slow disk'
  if (typeof result === 'string') return { title, columns: ['skipped'], rows: [[result]] }
  return {
    title,
    columns: ['each sync longer by ms', 'connections', 'messages/s', 'p50/p99 ms', 'target'],
    rows: [
      [
        String(result.delayMs),
        String(result.connections),
        whole(result.perSecond),
        `${decimals(result.p50, 1)} / ${decimals(result.p99, 1)}`,
        judged(`≥ ${LEAST_ON_SLOW_DISK}`, result.perSecond >= LEAST_ON_SLOW_DISK),
      ],
    ],
  }
}

export function kannelSection(result: readonly KannelRow[] | string): Section {
  const title = 'k: echo behind Kannel'
  if (typeof result === 'string') return { title, columns: ['skipped'], rows: [[result]] }
  const names = {
    static: 'a handler that answers the text and keeps nothing',
    body: 'Switchboard, answering in the body',
    sendsms: 'Switchboard, answering by sendsms',
  }
  return {
    title,
    columns: ['Kannel with', 'messages/s', 'slowest to fastest', 'to the handler', 'target', 'its CPU µs'],
    rows: result.map(({ way, perSecond, slowest, fastest, ratio, cpuMicroseconds }) => [
      names[way],
      whole(perSecond),
      `${whole(slowest)} to ${whole(fastest)}`,
      decimals(ratio, 2),
      way === 'body' ? judged(`≥ ${LEAST_BEHIND_KANNEL}`, ratio >= LEAST_BEHIND_KANNEL) : '',
      whole(cpuMicroseconds),
    ]),
  }
}
