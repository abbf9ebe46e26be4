import { InvalidInputError } from '../messages/errors.ts'
import type { BroadcastTo } from '../router/broadcast-request.ts'
import { type CsvEncoding, type CsvRecord, csvRecords } from '../router/csv-records.ts'
import { TemplateEngine } from '../router/template-engine.ts'

export interface BroadcastFileOptions {
  readonly encoding?: CsvEncoding | undefined
  /** The column of the numbers; by default the one that is named so, or the first. */
  readonly column?: string | undefined
  /** Checked against the file: what has places to fill in needs columns. */
  readonly text?: string | undefined
}

const NUMBER_COLUMNS = ['number', 'phone', 'msisdn', 'mobile', 'identity', 'recipient', 'to']
const NUMBER = /^[+(]?[\p{Nd}\s().\-/]{3,}$/u
const PLACES = /\{[{%]/

/**
 * Reads whom a broadcast goes to: a number in each line; or CSV with a header, whose columns are the values of the text.
 * @throws InvalidInputError when it is neither
 */
export async function* broadcastLines(
  bytes: AsyncIterable<Uint8Array>,
  { encoding, column, text = '' }: BroadcastFileOptions,
): AsyncGenerator<BroadcastTo> {
  let read: ((record: CsvRecord) => BroadcastTo) | undefined
  for await (const record of csvRecords(bytes, encoding)) {
    if (read !== undefined) {
      yield read(record)
    } else if (column === undefined && NUMBER.test((record.cells[0] ?? '').trim())) {
      if (PLACES.test(text))
        throw new InvalidInputError('the text has places to fill in, and the file names no columns')
      read = plainNumber
      yield read(record)
    } else {
      const fault = PLACES.test(text) ? new TemplateEngine().fault(text) : undefined
      if (fault !== undefined) throw new InvalidInputError(`text: ${fault}`)
      read = readerOf(record, column)
    }
  }
}

function plainNumber({ line, cells }: CsvRecord): BroadcastTo {
  const [first = '', ...others] = cells
  const isAlone = others.every((cell) => cell.trim() === '')
  return isAlone
    ? { to: first, position: line }
    : { fault: 'one number in a line is expected, or a header that names the columns', position: line }
}

function readerOf(header: CsvRecord, column: string | undefined): (record: CsvRecord) => BroadcastTo {
  const names = header.cells.map((cell) => cell.trim())
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new InvalidInputError(`line ${header.line}: the column "${twice.slice(0, 50)}" is there twice`)
  const place = placeOf(names, column)
  return ({ line, cells }) => {
    if (cells.length > names.length) {
      return { fault: `there are ${cells.length} cells, and ${names.length} columns in the header`, position: line }
    }
    const named = names.flatMap((name, index) => (name === '' ? [] : [[name, (cells[index] ?? '').trim()] as const]))
    // What is empty has no value: a text that needs it is not sent with a hole.
    const params = Object.fromEntries(named.filter(([, value]) => value !== ''))
    return { to: cells[place] ?? '', params, position: line }
  }
}

function placeOf(names: readonly string[], column: string | undefined): number {
  if (column === undefined) {
    const lower = names.map((name) => name.toLowerCase())
    return Math.max(0, lower.indexOf(NUMBER_COLUMNS.find((name) => lower.includes(name)) ?? ''))
  }
  const place = names.indexOf(column)
  if (place >= 0) return place
  throw new InvalidInputError(`the file has no column "${column}"; it has ${names.join(', ').slice(0, 200)}`)
}
