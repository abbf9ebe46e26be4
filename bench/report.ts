/** A table as it is printed and written. */
export interface Section {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Sentences below the table. */
  readonly notes?: readonly string[]
}

/** Whether a figure reaches what is asked of it, as it stands in a table. */
export function judged(target: string, met: boolean): string {
  return `${target}: ${met ? 'met' : 'missed'}`
}

export function toMarkdown({ title, columns, rows, notes = [] }: Section): string {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, index) => (cells[index] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  const table = [line(columns), rule, ...rows.map(line)].join('\n')
  return [`## ${title}`, table, ...notes].join('\n\n')
}

/** A count or rate without decimals, its thousands apart. */
export function whole(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '–'
}

export function decimals(value: number | undefined, digits: number): string {
  return value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits)
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %` : '–'
}
