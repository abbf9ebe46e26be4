import { statSync } from 'node:fs'
import type { Observer } from '../counts.ts'
import { median } from '../percentiles.ts'
import { MESSAGES_PER_PERSON, prefillHistory } from '../prefill.ts'
import type { Server } from '../server.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'

const CONNECTIONS = 64
const MOST_REQUESTS_READY = 100_000

interface Store {
  readonly messages: number
  readonly server: Server
  readonly database: string
  readonly observer: Observer
  readonly times: number[]
  readonly cpu: number[]
}

export interface GrowthRow {
  /** Messages stored before the measurement. */
  readonly messages: number
  /** Incoming messages that the measurement added; as many replies came on top. */
  readonly added: number
  readonly databaseMiB: number
  readonly memoryMiB: number
  /** From the first request to the last reply on disk, over the number of messages. */
  readonly microseconds: number
  readonly cpuMicroseconds: number
  /** Time per message to that with the smallest store in the same round, median over the rounds. */
  readonly ratio: number
  readonly cpuRatio: number
}

/** Case f: the echo with ever more stored messages, in turn, each time from as many people as its store knows. */
export async function measureGrowth(bench: Workbench, sizes: readonly number[]): Promise<readonly GrowthRow[]> {
  const stores: Store[] = []
  for (const messages of sizes) stores.push(await open(bench, messages))
  const { rounds, warmUpSeconds, roundSeconds } = bench.scale
  for (let round = 0; round <= rounds; round++) {
    for (const store of stores) await measure(bench, store, round === 0 ? warmUpSeconds : roundSeconds / 2, round > 0)
  }
  const rows = stores.map((store) => toRow(store, stores[0] ?? store))
  for (const { server, observer } of stores) {
    observer.close()
    await bench.stop(server)
  }
  return rows
}

async function open(bench: Workbench, messages: number): Promise<Store> {
  const database = prefillHistory(bench, messages)
  const { server } = await bench.startProduct({ settings: 'echo', database })
  return { messages, server, database, observer: bench.observe(database), times: [], cpu: [] }
}

async function measure(bench: Workbench, store: Store, seconds: number, counts: boolean): Promise<void> {
  const people = store.messages / MESSAGES_PER_PERSON
  const spread = Math.ceil(people / MOST_REQUESTS_READY)
  const cpu = store.server.cpuSeconds
  const load = await bench.generator.run({
    kind: 'closed',
    port: store.server.port,
    path: MESSAGES_PATH,
    connections: CONNECTIONS,
    seconds,
    people: Math.floor(people / spread),
    spread,
  })
  const answered = performance.now()
  await store.observer.finished()
  if (!counts) return
  // The requests are made ready before the first leaves, which is no time of the server's.
  const whole = load.seconds + (performance.now() - answered) / 1000
  store.times.push((whole / load.accepted) * 1e6)
  store.cpu.push(((store.server.cpuSeconds - cpu) / load.accepted) * 1e6)
}

function toRow(store: Store, smallest: Store): GrowthRow {
  return {
    messages: store.messages,
    added: store.observer.counts().incoming - store.messages / 2,
    databaseMiB: statSync(store.database).size / 2 ** 20,
    memoryMiB: store.server.memory,
    microseconds: median(store.times),
    cpuMicroseconds: median(store.cpu),
    ratio: median(ratios(store.times, smallest.times)),
    cpuRatio: median(ratios(store.cpu, smallest.cpu)),
  }
}

function ratios(values: readonly number[], base: readonly number[]): readonly number[] {
  return values.map((value, index) => value / (base[index] ?? Number.NaN))
}
