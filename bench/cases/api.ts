import { createHash, randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { median } from '../percentiles.ts'
import { identityOf } from '../requests.ts'
import type { Server } from '../server.ts'
import type { Workbench } from '../workbench.ts'

const MANY = 1_000

const contestants = ['koa', 'one', 'many'] as const
export type ApiName = (typeof contestants)[number]

interface Load {
  readonly path: string
  readonly body: string
  readonly connections: number
  /** Messages of one request. */
  readonly messages: number
}

interface Round {
  readonly perSecond: number
  /** Of the server, for one message. */
  readonly cpuMicroseconds: number
  readonly recorded: number
}

export interface ApiRow extends Omit<Round, 'recorded'> {
  readonly name: ApiName
  /** Messages of one request. */
  readonly messages: number
  readonly slowest: number
  readonly fastest: number
  /** To bare Koa in the same round, which takes one message with each request and keeps nothing. */
  readonly toKoa: number
}

const loads: Readonly<Record<ApiName, Load>> = {
  koa: { path: '/', body: `identity=${identityOf(1)}&text=hello+world`, connections: 64, messages: 1 },
  one: { path: '/api/v1/sms/bench/send.json', body: bodyOf(1), connections: 64, messages: 1 },
  many: { path: '/api/v1/sms/bench/send.json', body: bodyOf(MANY), connections: 4, messages: MANY },
}

/**
 * Case q: a program sends by the API, one message with each request and a thousand, beside bare Koa. Each answer has all
 * messages, read back from the disk; they are sent meanwhile.
 * @throws Error when the database does not hold exactly what was answered
 */
export async function measureApi(bench: Workbench): Promise<readonly ApiRow[]> {
  const key = `swb_${randomUUID()}`
  const hash = `$sha256$${createHash('sha256').update(key).digest('base64url')}`
  const koa = await bench.startBaseline('koa')
  const { server, database } = await bench.startProduct({ settings: 'api', env: { BENCH_KEY_HASH: hash } })
  const { rounds: count, roundSeconds, warmUpSeconds } = bench.scale
  const rounds: Readonly<Record<ApiName, Round>>[] = []
  let answered = 0
  for (let round = 0; round <= count; round++) {
    const seconds = round === 0 ? warmUpSeconds : roundSeconds
    const measured = {
      koa: await run(koa, key, loads.koa, seconds),
      one: await run(server, key, loads.one, seconds),
      many: await run(server, key, loads.many, seconds),
    }
    answered += measured.one.recorded + measured.many.recorded
    if (round > 0) rounds.push(measured)
  }
  await bench.stop(koa)
  await bench.stop(server)
  const { outgoing } = await bench.observe(database).counts()
  if (outgoing !== answered) throw new Error(`q: ${answered} messages were answered, ${outgoing} are recorded`)
  return contestants.map((name) => toRow(name, rounds))
}

function bodyOf(recipients: number): string {
  const numbers = Array.from({ length: recipients }, (_, index) => `to_msisdn=${identityOf(index)}`)
  return [...numbers, 'message=hello+world'].join('&')
}

async function run(server: Server, key: string, load: Load, seconds: number): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.connections })
  const cpu = server.cpuSeconds
  const began = performance.now()
  const end = began + seconds * 1_000
  let answers = 0
  const keepBusy = async () => {
    while (performance.now() < end) {
      await ask(agent, server.port, key, load)
      answers++
    }
  }
  await Promise.all(Array.from({ length: load.connections }, keepBusy))
  const took = (performance.now() - began) / 1_000
  agent.destroy()
  const recorded = answers * load.messages
  return { recorded, perSecond: recorded / took, cpuMicroseconds: ((server.cpuSeconds - cpu) / recorded) * 1e6 }
}

function ask(agent: Agent, port: number, key: string, { path, body }: Load): Promise<void> {
  const headers = {
    Authorization: `Bearer ${key}`,
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': body.length,
  }
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (answer) => {
      answer.resume()
      answer.once('error', reject)
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve()
        else reject(new Error(`q: ${path} was answered ${answer.statusCode}`))
      })
    })
    asking.once('error', reject)
    asking.end(body)
  })
}

function toRow(name: ApiName, rounds: readonly Readonly<Record<ApiName, Round>>[]): ApiRow {
  const own = rounds.map((round) => round[name])
  const rates = own.map(({ perSecond }) => perSecond)
  return {
    name,
    messages: loads[name].messages,
    perSecond: median(rates),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    cpuMicroseconds: median(own.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    toKoa: median(rounds.map((round) => round[name].perSecond / round.koa.perSecond)),
  }
}
