/** The parts of a cell that holds several, between semicolons or lines; `\;` is a semicolon within one. */
export function splitCell(cell: string): readonly string[] {
  const parts = ['']
  for (const [token] of cell.matchAll(/\\[\\;]|[;\r\n]|[^\\;\r\n]+|\\/g)) {
    if (/^[;\r\n]$/.test(token)) parts.push('')
    else parts.push((parts.pop() ?? '') + (/^\\[\\;]$/.test(token) ? token.slice(1) : token))
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

/** One cell of several parts, which `splitCell` takes apart again. */
export function joinedCell(parts: readonly string[]): string {
  return parts.map((part) => part.replace(/[\\;]/g, (char) => `\\${char}`)).join('; ')
}
