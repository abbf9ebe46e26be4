/**
 * The row with every half of a surrogate pair in its texts made U+FFFD, as the encodings of the outside do. The driver
 * would write three of them, and a cache none: one and the same text has to look the same everywhere.
 */
export function wellFormed<Row extends object>(row: Row): Row {
  for (const key in row) {
    const value = row[key]
    if (typeof value === 'string' && !value.isWellFormed()) return repaired(row)
  }
  return row
}

function repaired<Row extends object>(row: Row): Row {
  const entries = Object.entries(row).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.toWellFormed() : value,
  ])
  return Object.fromEntries(entries) as Row
}
