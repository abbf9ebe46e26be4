import { setTimeout as delay } from 'node:timers/promises'
import { Queue } from 'bullmq'
import type { Deployment, Engines } from '../engines.ts'
import { median } from '../percentiles.ts'
import type { RedisServer } from '../redis-server.ts'
import { identityOf, textNumber } from '../requests.ts'
import type { Server } from '../server.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'

const CONNECTIONS = 64
const PEOPLE = 4_000
const JOBS = 'jobs'
const POLL_MS = 10

export type ProcessesName = 'bullmq' | 'one worker' | 'two workers'

interface Round {
  readonly perSecond: number
  readonly webMicroseconds: number
  readonly workerMicroseconds: number
  readonly postgresMicroseconds: number
  readonly redisMicroseconds: number
}

/** What one message asked of the servers behind the processes. */
export interface Asked {
  readonly transactions: number
  readonly statements: number | undefined
  readonly scripts: number
  readonly commands: number
}

export interface ProcessesRow extends Round {
  readonly name: ProcessesName
  readonly slowest: number
  readonly fastest: number
  /** To BullMQ in the same round, median over the rounds. */
  readonly ratio: number
  readonly asked: Asked | undefined
}

/** One of those that are measured in turn. */
interface Contestant {
  readonly name: Exclude<ProcessesName, 'bullmq'>
  readonly deployment: Deployment
  readonly rounds: Round[]
  accepted: number
  asked?: Asked
}

/**
 * Case m: echo, from the request to the sent reply, by one process that takes requests and one or two that work; beside
 * it BullMQ adding as many jobs to a queue, and a worker that does nothing with them.
 * @throws Error when the database does not hold exactly one sent reply for each message
 */
export async function measureProcesses(bench: Workbench, engines: Engines): Promise<readonly ProcessesRow[]> {
  const contestants: Contestant[] = []
  for (const [name, workers] of [['one worker', 1] as const, ['two workers', 2] as const]) {
    contestants.push({ name, deployment: await engines.deploy({ settings: 'echo', workers }), rounds: [], accepted: 0 })
  }
  const bullmq = await Bullmq.start(bench, engines)
  const theirs: Round[] = []
  const { rounds, roundSeconds, warmUpSeconds } = bench.scale
  for (let round = 0; round <= rounds; round++) {
    let accepted = 0
    for (const each of contestants) {
      accepted = await measure(bench, engines, each, {
        seconds: round === 0 ? warmUpSeconds : roundSeconds,
        counts: round > 0,
      })
    }
    const theirRound = await bullmq.run(accepted)
    if (round > 0) theirs.push(theirRound)
  }
  for (const each of contestants) {
    await count(bench, engines, each)
    await verify(each)
    await engines.end(each.deployment)
  }
  await bullmq.stop()
  const row = (name: ProcessesName, own: readonly Round[], asked?: Asked) => toRow({ name, own, theirs, asked })
  return [row('bullmq', theirs), ...contestants.map(({ name, rounds: own, asked }) => row(name, own, asked))]
}

/** @returns how many messages were taken */
async function measure(
  bench: Workbench,
  engines: Engines,
  each: Contestant,
  { seconds, counts }: { readonly seconds: number; readonly counts: boolean },
): Promise<number> {
  const { web, workers, observer } = each.deployment
  const used = () => [web.cpuSeconds, sumOf(workers), engines.postgresCpuSeconds, engines.redis.cpuSeconds] as const
  const before = used()
  const began = performance.now()
  const order = { port: web.port, path: MESSAGES_PATH, connections: CONNECTIONS, seconds, people: PEOPLE }
  const { accepted } = await bench.generator.run({ ...order, kind: 'closed' })
  await observer.finished()
  const whole = (performance.now() - began) / 1_000
  each.accepted += accepted
  if (counts) {
    const after = used()
    const microseconds = (place: 0 | 1 | 2 | 3) => ((after[place] - before[place]) / accepted) * 1e6
    each.rounds.push({
      perSecond: accepted / whole,
      webMicroseconds: microseconds(0),
      workerMicroseconds: microseconds(1),
      postgresMicroseconds: microseconds(2),
      redisMicroseconds: microseconds(3),
    })
  }
  return accepted
}

/** Once more, apart from what is timed: PostgreSQL's figures come late. */
async function count(bench: Workbench, engines: Engines, each: Contestant): Promise<void> {
  const { observer } = each.deployment
  const before = { ...(await observer.asked()), ...(await engines.redis.counts()) }
  const accepted = await measure(bench, engines, each, { seconds: bench.scale.roundSeconds, counts: false })
  const redis = await engines.redis.counts()
  const after = { ...(await observer.asked()), ...redis }
  const statements = after.statements === undefined ? undefined : after.statements - (before.statements ?? 0)
  each.asked = {
    transactions: (after.transactions - before.transactions) / accepted,
    statements: statements === undefined ? undefined : statements / accepted,
    scripts: (after.scripts - before.scripts) / accepted,
    commands: (after.commands - before.commands) / accepted,
  }
}

async function verify({ name, deployment, accepted }: Contestant): Promise<void> {
  const counts = await deployment.observer.counts()
  if (Object.values(counts).every((value) => value === accepted)) return
  throw new Error(`m, ${name}: ${accepted} messages were accepted; the store holds ${JSON.stringify(counts)}`)
}

/** A queue of BullMQ, and a worker in a process of its own. */
class Bullmq {
  readonly #queue: Queue
  readonly #worker: Server
  readonly #bench: Workbench
  readonly #redis: RedisServer

  private constructor(bench: Workbench, redis: RedisServer, queue: Queue, worker: Server) {
    this.#bench = bench
    this.#redis = redis
    this.#queue = queue
    this.#worker = worker
  }

  static async start(bench: Workbench, { redis }: Engines): Promise<Bullmq> {
    const queue = new Queue(JOBS, { connection: { host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null } })
    await queue.waitUntilReady()
    const script = new URL('../baselines/bullmq.js', import.meta.url).pathname
    const args = [script, JOBS, String(CONNECTIONS)]
    return new Bullmq(bench, redis, queue, await bench.start({ args, env: { REDIS_URL: redis.url } }))
  }

  /** As many in flight as requests are for us. */
  async run(jobs: number): Promise<Round> {
    const cpu = this.#worker.cpuSeconds
    const redisCpu = this.#redis.cpuSeconds
    const ownCpu = process.cpuUsage()
    const began = performance.now()
    let next = 0
    const addOn = async () => {
      while (next < jobs) {
        const number = next++
        const data = { identity: identityOf(number % PEOPLE), text: `echo ${textNumber(number)}` }
        await this.#queue.add('message', data, { removeOnComplete: true, removeOnFail: true })
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, addOn))
    const { user, system } = process.cpuUsage(ownCpu)
    while ((await this.#queue.getJobCountByTypes('wait', 'active')) > 0) await delay(POLL_MS)
    return {
      perSecond: jobs / ((performance.now() - began) / 1_000),
      webMicroseconds: (user + system) / jobs,
      workerMicroseconds: ((this.#worker.cpuSeconds - cpu) / jobs) * 1e6,
      postgresMicroseconds: 0,
      redisMicroseconds: ((this.#redis.cpuSeconds - redisCpu) / jobs) * 1e6,
    }
  }

  async stop(): Promise<void> {
    await this.#queue.close()
    await this.#bench.stop(this.#worker)
  }
}

function sumOf(servers: readonly Server[]): number {
  return servers.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
}

function toRow({
  name,
  own,
  theirs,
  asked,
}: {
  name: ProcessesName
  own: readonly Round[]
  theirs: readonly Round[]
  asked: Asked | undefined
}): ProcessesRow {
  const rates = own.map(({ perSecond }) => perSecond)
  return {
    name,
    perSecond: median(rates),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    webMicroseconds: median(own.map(({ webMicroseconds }) => webMicroseconds)),
    workerMicroseconds: median(own.map(({ workerMicroseconds }) => workerMicroseconds)),
    postgresMicroseconds: median(own.map(({ postgresMicroseconds }) => postgresMicroseconds)),
    redisMicroseconds: median(own.map(({ redisMicroseconds }) => redisMicroseconds)),
    ratio: median(rates.map((rate, round) => rate / (theirs[round]?.perSecond ?? Number.NaN))),
    asked,
  }
}
