import { countryOf } from '../messages/country.ts'
import type { TrafficRow, TrafficStore } from '../store/traffic-store.ts'
import type { Group } from './traffic-groups.ts'

/** What was spent in one currency. */
export interface Spent {
  cost: number
  /** What of it is by the project's own prices. */
  estimated: number
}

/** The messages of one month that have the same values. */
export interface TrafficLine {
  /** `2026-11` */
  readonly month: string
  /** In the order of the groups asked for; empty where a message has none. */
  readonly values: readonly string[]
  messages: number
  parts: number
  delivered: number
  failed: number
  /** By currency. */
  readonly spent: Map<string, Spent>
}

export interface TrafficReportOptions {
  readonly by: readonly Group[]
  /** Milliseconds since 1970, inclusive. */
  readonly from: number
  /** Exclusive. */
  readonly to: number
  /** The month of a moment. */
  readonly monthOf: (at: number) => string
}

const PAGE = 2_000
/** More lines help nobody; what comes after them is one line more for each month. */
const MOST_LINES = 100_000
export const OTHERS = '(others)'
/** Costs are sums of many: without the noise of binary fractions. */
const PRECISION = 1e6

/**
 * Counts what was given to services, by the time it was recorded: finished messages, without those that were cancelled or
 * not sent for `debug`. Reads page by page and keeps only the sums.
 */
export async function trafficReport(
  store: TrafficStore,
  { by, from, to, monthOf }: TrafficReportOptions,
): Promise<readonly TrafficLine[]> {
  const lines = new Map<string, TrafficLine>()
  let after: string | undefined
  for (;;) {
    const page = await store.page({ from, to, limit: PAGE, ...(after === undefined ? {} : { after }) })
    for (const row of page) if (row.state !== 'CANCELLED' && row.state !== 'DEBUG') count(lines, row, by, monthOf)
    after = page.at(-1)?.id
    if (page.length < PAGE) break
    // Whoever else works in this process comes first.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return [...lines.values()].sort(compare)
}

function count(
  lines: Map<string, TrafficLine>,
  row: TrafficRow,
  by: readonly Group[],
  monthOf: (at: number) => string,
): void {
  const line = lineOf(
    lines,
    monthOf(row.createdAt),
    by.map((group) => groupOf(row, group)),
  )
  line.messages++
  line.parts += row.parts
  if (row.state === 'DELIVERED') line.delivered++
  if (row.state === 'ERROR') line.failed++
  for (const { cost, currency, estimated } of row.attempts) {
    if (cost === null) continue
    const name = currency ?? ''
    const spent = line.spent.get(name) ?? { cost: 0, estimated: 0 }
    line.spent.set(name, spent)
    spent.cost = rounded(spent.cost + cost)
    if (estimated) spent.estimated = rounded(spent.estimated + cost)
  }
}

function lineOf(lines: Map<string, TrafficLine>, month: string, given: readonly string[]): TrafficLine {
  const isFull = lines.size >= MOST_LINES && !lines.has(JSON.stringify([month, ...given]))
  const values = isFull ? given.map(() => OTHERS) : given
  const key = JSON.stringify([month, ...values])
  const known = lines.get(key)
  if (known !== undefined) return known
  const line = { month, values, messages: 0, parts: 0, delivered: 0, failed: 0, spent: new Map<string, Spent>() }
  lines.set(key, line)
  return line
}

function groupOf({ backend, identity, tag, attempts }: TrafficRow, group: Group): string {
  if (group === 'backend') return backend
  if (group === 'tag') return tag ?? ''
  if (group === 'country') return countryOf(identity) ?? ''
  return attempts.findLast(({ network }) => network !== null)?.network ?? ''
}

function rounded(amount: number): number {
  return Math.round(amount * PRECISION) / PRECISION
}

function compare(a: TrafficLine, b: TrafficLine): number {
  const [one, other] = [JSON.stringify([a.month, ...a.values]), JSON.stringify([b.month, ...b.values])]
  return one < other ? -1 : one > other ? 1 : 0
}
