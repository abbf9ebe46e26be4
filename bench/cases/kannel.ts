import { Kannel } from '../kannel.ts'
import { median } from '../percentiles.ts'
import type { Workbench } from '../workbench.ts'

const MESSAGES = 5_000
const QUICK_MESSAGES = 1_500

/** Each is the keyword of the messages that take this way, too. */
const ways = ['static', 'body', 'sendsms'] as const
type Way = (typeof ways)[number]

export interface KannelRow {
  readonly way: Way
  readonly perSecond: number
  readonly slowest: number
  readonly fastest: number
  /** To the static handler in the same round, median over the rounds. */
  readonly ratio: number
  /** Processor time of what Kannel calls, for each message, in microseconds. */
  readonly cpuMicroseconds: number
}

interface Round {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

/**
 * Case k: echo by Kannel, Switchboard and Kannel, beside Kannel with a handler that answers the text and keeps nothing.
 * @returns why it could not be measured, where it could not
 * @throws Error when the store does not hold exactly what phones wrote
 */
export async function measureKannel(bench: Workbench): Promise<readonly KannelRow[] | string> {
  const why = Kannel.whyNot()
  if (why !== undefined) return why
  const kannel = await Kannel.prepare(bench.folder)
  try {
    return await measure(bench, kannel)
  } finally {
    await kannel.stop()
  }
}

async function measure(bench: Workbench, kannel: Kannel): Promise<readonly KannelRow[]> {
  const baseline = await bench.start({ args: [new URL('../baselines/kannel.js', import.meta.url).pathname] })
  const { server, database } = await bench.startProduct({
    settings: 'kannel',
    env: { BENCH_SENDSMS_URL: kannel.sendsmsUrl },
  })
  const product = `http://127.0.0.1:${server.port}/backends`
  await kannel.start({
    static: `http://127.0.0.1:${baseline.port}/`,
    body: `${product}/body/`,
    sendsms: `${product}/sendsms/`,
  })
  const observer = bench.observe(database)
  const { quick, rounds: count } = bench.scale
  const messages = quick ? QUICK_MESSAGES : MESSAGES
  const rounds: Record<Way, Round[]> = { static: [], body: [], sendsms: [] }
  for (let round = 0; round <= count; round++) {
    for (const way of ways) {
      const called = way === 'static' ? baseline : server
      const cpu = called.cpuSeconds
      const perSecond = messages / (await kannel.exchange(`${way} hello`, messages))
      await observer.finished()
      // The first one runs uncompiled code.
      if (round > 0) rounds[way].push({ perSecond, cpuMicroseconds: ((called.cpuSeconds - cpu) / messages) * 1e6 })
    }
  }
  const { incoming, processed, outgoing } = observer.counts()
  observer.close()
  const written = messages * (count + 1) * (ways.length - 1)
  if (incoming !== written || processed !== written || outgoing !== written) {
    throw new Error(`k: of ${written} messages ${incoming} were recorded, ${processed} processed, ${outgoing} answered`)
  }
  await bench.stop(server)
  await bench.stop(baseline)
  return ways.map((way) => toRow(way, rounds[way], rounds.static))
}

function toRow(way: Way, rounds: readonly Round[], baseline: readonly Round[]): KannelRow {
  const rates = rounds.map((round) => round.perSecond)
  return {
    way,
    perSecond: median(rates),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    ratio: median(rates.map((rate, index) => rate / (baseline[index]?.perSecond ?? Number.NaN))),
    cpuMicroseconds: median(rounds.map((round) => round.cpuMicroseconds)),
  }
}
