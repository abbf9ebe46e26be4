import pg from 'pg'
import { systemClock } from '../../src/messages/clock.ts'
import { uuidv7Generator } from '../../src/messages/ids.ts'
import type { Deployment, Engines } from '../engines.ts'
import { median } from '../percentiles.ts'
import { identityOf, textNumber } from '../requests.ts'
import type { Server } from '../server.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'

const CONNECTIONS = 64
const PEOPLE = 4_000
/** As many as wait for an answer at a time; two statements are on their way, as the server has it. */
const ROWS = CONNECTIONS
const IN_FLIGHT = 2

const contestants = ['insert', 'koa', 'web'] as const
export type AcceptName = (typeof contestants)[number]

interface Round {
  readonly perSecond: number
  /** Of the process under load; not known of the inserts, which this process makes. */
  readonly cpuMicroseconds: number
  readonly p50: number
  readonly p99: number
  readonly accepted: number
}

export interface AcceptRow extends Omit<Round, 'accepted'> {
  readonly name: AcceptName
  readonly slowest: number
  readonly fastest: number
  /** To the inserts of the same round, median over the rounds. */
  readonly toInserts: number
  /** To bare Koa in the same round, which keeps nothing. */
  readonly toKoa: number
}

/**
 * Case l: a process of the role web takes messages that nobody works, beside the same rows inserted by `pg` alone, and
 * beside Koa that keeps nothing.
 * @throws Error when the database does not hold exactly what was answered
 */
export async function measureWebAccept(bench: Workbench, engines: Engines): Promise<readonly AcceptRow[]> {
  const deployment = await engines.deploy({ settings: 'echo', workers: 0 })
  const koa = await bench.startBaseline('koa')
  const inserts = await Inserts.open(deployment)
  const { rounds: count, roundSeconds, warmUpSeconds } = bench.scale
  const rounds: Readonly<Record<AcceptName, Round>>[] = []
  let answered = 0
  for (let round = 0; round <= count; round++) {
    const seconds = round === 0 ? warmUpSeconds : roundSeconds
    const measured = {
      insert: await inserts.run(seconds),
      koa: await load(bench, koa, '/', seconds),
      web: await load(bench, deployment.web, MESSAGES_PATH, seconds),
    }
    answered += measured.web.accepted
    if (round > 0) rounds.push(measured)
  }
  const { incoming } = await deployment.observer.counts()
  if (incoming !== answered) throw new Error(`l: ${answered} messages were accepted, ${incoming} are recorded`)
  await inserts.close()
  await bench.stop(koa)
  await engines.end(deployment)
  return contestants.map((name) => toRow(name, rounds))
}

async function load(bench: Workbench, server: Server, path: string, seconds: number): Promise<Round> {
  const cpu = server.cpuSeconds
  const { port } = server
  const order = { kind: 'closed', port, path, connections: CONNECTIONS, seconds, people: PEOPLE } as const
  const { accepted, latency, ...result } = await bench.generator.run(order)
  return {
    accepted,
    perSecond: accepted / result.seconds,
    cpuMicroseconds: ((server.cpuSeconds - cpu) / accepted) * 1e6,
    p50: latency.p50,
    p99: latency.p99,
  }
}

/** The rows of messages, inserted many at a time into a table like that of the server. */
class Inserts {
  readonly #pool: pg.Pool
  readonly #newId = uuidv7Generator(systemClock)
  #seq = 0

  private constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: IN_FLIGHT })
  }

  static async open({ databaseUrl }: Deployment): Promise<Inserts> {
    const inserts = new Inserts(databaseUrl)
    await inserts.#pool.query('CREATE TABLE bench_rows (LIKE incoming_open INCLUDING ALL)')
    return inserts
  }

  async run(seconds: number): Promise<Round> {
    const began = performance.now()
    const end = began + seconds * 1_000
    let accepted = 0
    const insertOn = async () => {
      while (performance.now() < end) {
        await this.#pool.query(this.#statement())
        accepted += ROWS
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, insertOn))
    const perSecond = accepted / ((performance.now() - began) / 1_000)
    return { accepted, perSecond, cpuMicroseconds: Number.NaN, p50: Number.NaN, p99: Number.NaN }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  #statement(): pg.QueryConfig {
    const rows = Array.from({ length: ROWS }, () => this.#row())
    const places = rows.map((row, index) => `(${row.map((_, column) => `$${index * row.length + column + 1}`).join()})`)
    const columns = 'seq, id, backend, identity, text, fields, received_at, state, tries, lane, not_before'
    const text = `INSERT INTO bench_rows (${columns}) VALUES ${places.join()}`
    return { name: 'bench-insert', text, values: rows.flat() }
  }

  #row(): readonly unknown[] {
    const seq = ++this.#seq
    const identity = identityOf(seq % PEOPLE)
    const text = `echo ${textNumber(seq)}`
    return [seq, this.#newId(), 'bench', identity, text, '{}', Date.now(), 'RECEIVED', 0, `in\nbench\n${identity}`, 0]
  }
}

function toRow(name: AcceptName, rounds: readonly Readonly<Record<AcceptName, Round>>[]): AcceptRow {
  const own = rounds.map((round) => round[name])
  const rates = own.map(({ perSecond }) => perSecond)
  const ratioTo = (base: AcceptName) => median(rounds.map((round) => round[name].perSecond / round[base].perSecond))
  return {
    name,
    perSecond: median(rates),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    cpuMicroseconds: median(own.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    p50: median(own.map(({ p50 }) => p50)),
    p99: median(own.map(({ p99 }) => p99)),
    toInserts: ratioTo('insert'),
    toKoa: ratioTo('koa'),
  }
}
