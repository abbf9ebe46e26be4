/** Cells that begin so are formulas to spreadsheets, which run them when the file is opened. */
const FORMULA = /^'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/
const GUARDED = /^'+[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/

/** The cell with an apostrophe before what a spreadsheet would run, or take for a number and break. */
export function guarded(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell
}

/** The cell as it is, unless `unguarded` would take an apostrophe of its own from it. */
export function unmistaken(cell: string): string {
  return GUARDED.test(cell) ? `'${cell}` : cell
}

/** The cell that was given to `guarded` or `unmistaken`. */
export function unguarded(cell: string): string {
  return GUARDED.test(cell) ? cell.slice(1) : cell
}
