import { pipeline, Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import iconv from 'iconv-lite'
import { InvalidInputError } from '../messages/errors.ts'

/** The encodings that are read; without one, UTF-8, or what the file's first bytes say. */
export const csvEncodings = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'] as const
export type CsvEncoding = (typeof csvEncodings)[number]

export interface CsvRecord {
  /** The line it begins at; the first is 1. */
  readonly line: number
  readonly cells: readonly string[]
}

const DELIMITERS = [',', ';', '\t'] as const
/** Code units: a quote that nobody closes would else take the whole file. */
const LONGEST_RECORD = 64 * 1024

/**
 * Reads CSV record by record, whatever its length; blank lines are left out.
 * @throws InvalidInputError when the bytes are not in the encoding, or a quote is not closed
 */
export async function* csvRecords(
  bytes: AsyncIterable<Uint8Array>,
  encoding: CsvEncoding | undefined,
): AsyncGenerator<CsvRecord> {
  const texts = decoded(bytes, encoding)[Symbol.asyncIterator]()
  const first = await firstRecord(texts)
  if (first.trim() === '')
    throw new InvalidInputError('the file is empty; a line with the names of the columns is expected')
  const parser = parse({
    delimiter: delimiterOf(first),
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    relax_quotes: true,
    max_record_size: LONGEST_RECORD,
    info: true,
  })
  pipeline(Readable.from(rejoined(first, texts)), parser, () => {})
  let line = 1
  try {
    for await (const { info, record } of parser as AsyncIterable<ParsedRecord>) {
      if (record.some((cell) => cell.trim() !== '')) yield { line, cells: record }
      line = info.lines + 1
    }
  } catch (error) {
    throw error instanceof CsvError ? faultOf(error) : error
  } finally {
    parser.destroy()
  }
}

interface ParsedRecord {
  readonly info: { readonly lines: number }
  readonly record: readonly string[]
}

function faultOf({ code, message }: CsvError): InvalidInputError {
  const line = /at line (\d+)/.exec(message)?.[1] ?? '?'
  if (code === 'CSV_QUOTE_NOT_CLOSED' || code === 'CSV_MAX_RECORD_SIZE') {
    return new InvalidInputError(`line ${line}: a quote is opened and not closed, or the line is too long`)
  }
  return new InvalidInputError(`line ${line}: no CSV is found there (${code})`)
}

/** What stands there most often in the first line, outside quotes. */
function delimiterOf(text: string): string {
  const header =
    text
      .replace(/"[^"]*"/g, '')
      .trimStart()
      .split(/[\r\n]/, 1)[0] ?? ''
  const countOf = (delimiter: string) => header.split(delimiter).length
  return DELIMITERS.reduce<string>((best, each) => (countOf(each) > countOf(best) ? each : best), ',')
}

async function firstRecord(texts: AsyncIterator<string>): Promise<string> {
  let text = ''
  while (text.length < LONGEST_RECORD && !/[^\s][\r\n]/.test(text)) {
    const { value, done } = await texts.next()
    if (done === true) break
    text += value
  }
  return text
}

async function* rejoined(first: string, rest: AsyncIterator<string>): AsyncGenerator<string> {
  yield first
  for (;;) {
    const { value, done } = await rest.next()
    if (done === true) return
    yield value
  }
}

/** The texts of the bytes, without a byte order mark. */
async function* decoded(bytes: AsyncIterable<Uint8Array>, encoding: CsvEncoding | undefined): AsyncGenerator<string> {
  let decode: ((chunk?: Uint8Array) => string) | undefined
  let head = Buffer.alloc(0)
  for await (const chunk of bytes) {
    if (decode === undefined) {
      head = Buffer.concat([head, chunk])
      if (head.length < 4) continue
      decode = decoderOf(encoding ?? encodingOf(head))
      yield decode(head)
    } else yield decode(chunk)
  }
  if (decode === undefined) {
    decode = decoderOf(encoding ?? encodingOf(head))
    yield decode(head)
  }
  yield decode()
}

function encodingOf(head: Uint8Array): CsvEncoding {
  const [first, second, third, fourth] = head
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  // Without a mark: no name of a column begins with U+0000.
  if (second === 0 && fourth === 0) return 'utf-16le'
  if (first === 0 && third === 0) return 'utf-16be'
  return 'utf-8'
}

function decoderOf(encoding: CsvEncoding): (chunk?: Uint8Array) => string {
  if (encoding === 'windows-1252') {
    const decoder = iconv.getDecoder('win1252')
    return (chunk) => (chunk === undefined ? (decoder.end() ?? '') : decoder.write(Buffer.from(chunk)))
  }
  const decoder = new TextDecoder(encoding, { fatal: true })
  return (chunk) => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch {
      throw new InvalidInputError(
        `encoding: the file is not ${encoding.toUpperCase()}; save it as UTF-8, or say --encoding windows-1252 if it is that`,
      )
    }
  }
}
