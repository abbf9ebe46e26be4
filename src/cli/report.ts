import { stringify } from 'csv-stringify/sync'
import { WallTimes } from '../messages/wall-time.ts'
import type { Group } from '../router/traffic-groups.ts'
import { type TrafficLine, trafficReport } from '../router/traffic-report.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'

export interface ReportCommandOptions extends CommonOptions {
  /** `2026-11` */
  readonly month?: string
  readonly by: readonly Group[]
  readonly csv?: boolean
}

const COUNTS = ['messages', 'parts', 'delivered', 'failed'] as const
/** The end of all years of four digits. */
const LATEST_MS = 253_402_300_800_000
/** So many months are remembered by the hour that they begin in: far more than were ever recorded. */
const HOUR_MS = 3_600_000

/** Prints what was sent and what it cost, by month and what else is asked for. */
export async function report(options: ReportCommandOptions, output: Output): Promise<number> {
  return besideServer(options, async ({ settings, parts: { store } }) => {
    const { by, csv = false } = options
    const months = monthsIn(settings.timeZone)
    const time = options.month === undefined ? { from: 0, to: LATEST_MS } : months.span(options.month)
    const lines = await trafficReport(store.traffic, { by, ...time, monthOf: months.of })
    const currencies = [...new Set(lines.flatMap(({ spent }) => [...spent.keys()]))].sort()
    const [head, ...rows] = cells(lines, by, currencies)
    if (head === undefined) return 1
    if (csv) output.out(stringify([head, ...rows], { escape_formulas: true }).trimEnd())
    else if (rows.length === 0) output.out('Nothing was sent.')
    else for (const line of table([head.map((name) => name.toUpperCase()), ...rows])) output.out(printable(line))
    return 0
  })
}

/** Tags are anybody's texts: none may move the cursor of a terminal. */
function printable(line: string): string {
  return line.replace(/\p{C}/gu, ' ')
}

/** A column of cost for each currency, and one beside it where some of it is estimated. */
function cells(lines: readonly TrafficLine[], by: readonly Group[], currencies: readonly string[]): string[][] {
  const estimated = currencies.filter((name) => lines.some(({ spent }) => (spent.get(name)?.estimated ?? 0) > 0))
  const costs = currencies.flatMap((name) => (estimated.includes(name) ? [name, `${name} estimated`] : [name]))
  const head = ['month', ...by, ...COUNTS, ...costs.map((name) => `cost ${name}`.trim())]
  const rows = lines.map(({ month, values, spent, ...line }) => [
    month,
    ...values,
    ...COUNTS.map((name) => String(line[name])),
    ...currencies.flatMap((name) => {
      const { cost = 0, estimated: guessed = 0 } = spent.get(name) ?? {}
      return estimated.includes(name) ? [String(cost), String(guessed)] : [String(cost)]
    }),
  ])
  return [head, ...rows]
}

/** Months by the clocks of one zone. */
function monthsIn(zone: string) {
  const times = new WallTimes()
  const known = new Map<number, string>()
  const monthAt = (at: number) => new Date(times.localOf(at, zone)).toISOString().slice(0, 7)
  const beginOf = (year: number, month: number) => times.momentsOf(Date.UTC(year, month, 1), zone).first
  return {
    /** Months begin on a full quarter of an hour in every zone: asked for once in each hour, which is never two months. */
    of(at: number): string {
      const quarter = Math.floor(at / (HOUR_MS / 4))
      const month = known.get(quarter) ?? monthAt(at)
      known.set(quarter, month)
      return month
    },
    span(name: string): { readonly from: number; readonly to: number } {
      const [year = 1970, month = 1] = name.split('-').map(Number)
      return { from: beginOf(year, month - 1), to: beginOf(year, month) }
    },
  }
}
