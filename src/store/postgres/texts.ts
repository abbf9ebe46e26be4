const ESCAPE = '\u001a'
const UNFIT = /[\0\u001a]/
const ALL_UNFIT = /[\0\u001a]/g
const ESCAPED = /\u001a[01]/g

/**
 * PostgreSQL cannot hold U+0000 in a text. It is written as U+001A and "0", and U+001A itself as U+001A and "1", so that
 * every text comes back as it was and different texts stay different. Halves of surrogate pairs become U+FFFD, as the
 * encodings of the outside make of them.
 */
export function toDatabase(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed()
  return UNFIT.test(whole) ? whole.replace(ALL_UNFIT, (char) => (char === '\0' ? `${ESCAPE}0` : `${ESCAPE}1`)) : whole
}

/** The text that was given to `toDatabase`. */
export function fromDatabase(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored
  return stored.replace(ESCAPED, (pair) => (pair.endsWith('0') ? '\0' : ESCAPE))
}

/** Rows as the JSON that `json_to_recordset` reads, their texts fit for the database. */
export function recordset(rows: readonly object[]): string {
  const json = JSON.stringify(rows)
  const isFit = !json.includes('\\u0000') && !json.includes('\\u001a') && !json.includes('\\ud')
  return isFit ? json : JSON.stringify(rows, (_, value) => (typeof value === 'string' ? toDatabase(value) : value))
}
