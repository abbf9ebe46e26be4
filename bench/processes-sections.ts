import type { AnsweredRow } from './cases/answered.ts'
import type { ProcessesName, ProcessesRow } from './cases/processes.ts'
import type { QueueFigures, Queues } from './cases/queues.ts'
import type { AcceptName, AcceptRow } from './cases/web-accept.ts'
import { decimals, judged, type Section, whole } from './report.ts'

const LEAST_TO_BULLMQ = 0.8

const acceptNames: Readonly<Record<AcceptName, string>> = {
  insert: 'the same rows inserted by pg, 64 at a time, 2 in flight',
  koa: 'bare Koa, koa-body, zod; keeps nothing',
  web: 'role web: on disk before the answer',
}

export function webAcceptSection(rows: readonly AcceptRow[]): Section {
  return {
    title: 'l: accepted by a process of the role web, in PostgreSQL',
    columns: ['what', 'messages/s', 'slowest to fastest', 'to inserts', 'to Koa', 'process CPU µs', 'p50/p99 ms'],
    rows: rows.map((row) => [
      acceptNames[row.name],
      whole(row.perSecond),
      `${whole(row.slowest)} to ${whole(row.fastest)}`,
      decimals(row.toInserts, 2),
      decimals(row.toKoa, 2),
      whole(row.cpuMicroseconds),
      `${decimals(row.p50, 1)} / ${decimals(row.p99, 1)}`,
    ]),
  }
}

const processesNames: Readonly<Record<ProcessesName, string>> = {
  bullmq: 'BullMQ: added, taken by a worker that does nothing',
  'one worker': 'echo, 1 web and 1 worker',
  'two workers': 'echo, 1 web and 2 workers',
}

export function processesSection(rows: readonly ProcessesRow[]): Section {
  return {
    title: 'm: echo by several processes on PostgreSQL and Redis',
    columns: [
      'what',
      'messages/s',
      'slowest to fastest',
      'to BullMQ',
      'target',
      'web CPU µs',
      'workers CPU µs',
      'PostgreSQL CPU µs',
      'Redis CPU µs',
      'SQL transactions',
      'SQL statements',
      'Redis scripts',
      'Redis commands',
    ],
    rows: rows.map(({ name, asked, ...row }) => [
      processesNames[name],
      whole(row.perSecond),
      `${whole(row.slowest)} to ${whole(row.fastest)}`,
      name === 'bullmq' ? '–' : decimals(row.ratio, 2),
      name === 'bullmq' ? '' : judged(`≥ ${LEAST_TO_BULLMQ}`, row.ratio >= LEAST_TO_BULLMQ),
      whole(row.webMicroseconds),
      whole(row.workerMicroseconds),
      whole(row.postgresMicroseconds),
      whole(row.redisMicroseconds),
      ...[asked?.transactions, asked?.statements, asked?.scripts, asked?.commands].map((each) => decimals(each, 2)),
    ]),
    notes: ['CPU, SQL and Redis are those of one message: recorded, processed, its reply recorded, sent and settled.'],
  }
}

export function answeredSection(rows: readonly AnsweredRow[]): Section {
  return {
    title: 'n: answered in the same request',
    columns: ['by', 'in flight', 'requests/s', 'p50 ms', 'p99 ms', 'longest ms'],
    rows: rows.map(({ where, inFlight, load }) => [
      where,
      whole(inFlight),
      whole(load.accepted / load.seconds),
      decimals(load.latency.p50, 1),
      decimals(load.latency.p99, 1),
      decimals(load.latency.max, 1),
    ]),
  }
}

export function queuesSection({ own, bullmq, waiting }: Queues): Section {
  const row = (title: string, figure: keyof QueueFigures) => [
    title,
    whole(own[figure]),
    whole(bullmq[figure]),
    decimals(own[figure] / bullmq[figure], 2),
  ]
  return {
    title: 'o: the queue on Redis by itself',
    columns: ['of lanes', 'own engine', 'BullMQ', 'ratio'],
    rows: [
      row('rings a second', 'ringPerSecond'),
      row('taken and given back a second', 'workPerSecond'),
      row('rung, taken and given back a second', 'bothPerSecond'),
      row(`bytes of one of ${whole(waiting)} waiting`, 'bytesPerLane'),
    ],
  }
}
