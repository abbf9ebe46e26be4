import { InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Connection } from '../messages/incoming.ts'
import { hasSpreadsheetDecimals, isSpreadsheetNumber } from '../messages/numbers.ts'
import { checkedGroup, checkedLanguage, checkedName, checkedTimeZone, shown } from '../messages/person.ts'
import type { ImportLine } from '../store/directory-store.ts'
import { unguarded } from './cell-guard.ts'
import type { Column } from './contact-columns.ts'
import type { CsvRecord } from './csv-records.ts'
import { checkedConnection, type DirectoryParts } from './directory-parts.ts'
import { splitCell } from './split-cell.ts'

/** What is wrong with a line of an import. */
export interface LineFault {
  readonly line: number
  readonly column: string
  readonly message: string
}

export interface LineOptions {
  /** Over which numbers are reached where a line does not say it. */
  readonly backend: string
  /** Keeps numbers that the phone library does not know as they are. */
  readonly keepUnknown: boolean
  /** Lets `no` take back an opt-out. */
  readonly optIn: boolean
}

const MOST_CONNECTIONS = 20
const MOST_GROUPS = 100
const YES = /^(?:yes|y|true|1|x)$/i
const NO = /^(?:no|n|false|0)$/i

/** Reads one record; all its faults at once, so that nobody has to try again for each. */
export class LineReader {
  readonly #parts: Pick<DirectoryParts, 'backends' | 'identities'>
  readonly #newId: NewId
  readonly #header: readonly (Column | undefined)[]
  readonly #options: LineOptions

  constructor(
    parts: Pick<DirectoryParts, 'backends' | 'identities' | 'newId'>,
    header: readonly (Column | undefined)[],
    options: LineOptions,
  ) {
    this.#parts = parts
    this.#newId = parts.newId
    this.#header = header
    this.#options = options
  }

  read({ line, cells }: CsvRecord): ImportLine | readonly LineFault[] {
    const faults: LineFault[] = []
    const fault = (column: string, message: string) => faults.push({ line, column, message })
    const beyond = cells.findIndex((cell, index) => cell.trim() !== '' && this.#header[index] === undefined)
    if (beyond >= 0) fault(`cell ${beyond + 1}`, `no column is named there; ${shown(cells[beyond])} belongs to none`)
    const cell = (column: Column) => {
      const index = this.#header.indexOf(column)
      return index < 0 ? '' : unguarded((cells[index] ?? '').toWellFormed().trim())
    }
    const checked = <T>(column: Column, read: (text: string) => T): T | null => {
      const text = cell(column)
      try {
        return text === '' ? null : read(text)
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        fault(column, error.message.replace(/^\w+: /, ''))
        return null
      }
    }
    const result: ImportLine = {
      line,
      id: this.#newId(),
      name: checked('name', (text) => checkedName(text)),
      language: checked('language', (text) => checkedLanguage(text)),
      timeZone: checked('time_zone', (text) => checkedTimeZone(text)),
      optedOut: checked('opted_out', (text) => this.#optedOut(text)),
      groups: checked('groups', groupsOf) ?? [],
      connections: this.#connections(cell, fault),
    }
    return faults.length > 0 ? faults : result
  }

  #optedOut(text: string): boolean | null {
    if (YES.test(text)) return true
    // A list may be older than somebody's STOP.
    if (NO.test(text)) return this.#options.optIn ? false : null
    throw new InvalidInputError(`opted_out: yes or no is expected, not ${shown(text)}`)
  }

  #connections(cell: (column: Column) => string, fault: (column: string, message: string) => void): Connection[] {
    const backend = cell('backend') || this.#options.backend
    if (!this.#parts.backends.has(backend)) {
      fault(
        'backend',
        `there is no backend ${shown(backend)}; there are ${[...this.#parts.backends.keys()].join(', ')}`,
      )
      return []
    }
    const found = new Map<string, Connection>()
    let isBad = false
    for (const column of ['number', 'identity'] as const) {
      for (const piece of piecesOf(column, cell(column))) {
        try {
          const connection = this.#connection(column, backend, piece)
          found.set(`${connection.backend}\n${connection.identity}`, connection)
        } catch (error) {
          if (!(error instanceof InvalidInputError)) throw error
          isBad = true
          fault(column, error.message.replace(/^\w+: /, ''))
        }
      }
    }
    if (found.size === 0 && !isBad) fault('number', 'a number is expected, not an empty cell')
    if (found.size > MOST_CONNECTIONS) fault('number', `at most ${MOST_CONNECTIONS} numbers are expected`)
    return [...found.values()]
  }

  /** @throws InvalidInputError saying what to do */
  #connection(column: 'number' | 'identity', home: string, piece: string): Connection {
    const { backends, identities } = this.#parts
    const [, prefix = '', rest = ''] = /^([^:]+):(.*)$/s.exec(piece) ?? []
    const given = backends.has(prefix) ? { backend: prefix, identity: rest } : { backend: home, identity: piece }
    const isNumbers = (backends.get(given.backend)?.common.numbers ?? false) !== false
    const broken = isNumbers ? brokenBySpreadsheet(given.identity.trim()) : undefined
    if (broken !== undefined) throw new InvalidInputError(`${column}: ${broken}`)
    const isKept = column === 'identity' || this.#options.keepUnknown
    if (!isKept && identities.isUnknownNumber(given)) throw new InvalidInputError(`${column}: ${this.#unknown(given)}`)
    return checkedConnection(this.#parts, given)
  }

  #unknown({ backend, identity }: Connection): string {
    const { identities } = this.#parts
    const region = identities.regionOf(backend)
    const isShortened = /^\d+$/.test(identity) && !identities.isUnknownNumber({ backend, identity: `0${identity}` })
    if (isShortened) {
      return `${shown(identity)} has lost its leading zero, as in spreadsheets: format the column as text and type it again`
    }
    const where = region === undefined ? '' : ` in ${region}`
    return `${shown(identity)} is no number that is known${where}; write it with its country, as +254712345678 (--keep-unknown keeps such numbers as they are)`
  }
}

/** What a spreadsheet has made of a number, and what to do there. */
function brokenBySpreadsheet(text: string): string | undefined {
  if (isSpreadsheetNumber(text) || /^[+-]?\d+(?:[.,]\d+)?E\+?\d{1,3}$/i.test(text)) {
    return `${shown(text)} is a number as a spreadsheet shows it, whose digits are lost: format the column as text, type or paste the numbers again, and save`
  }
  if (hasSpreadsheetDecimals(text)) {
    return `${shown(text)} is a number that a spreadsheet has written with decimals: format the column as text, or without decimals, and save`
  }
  return undefined
}

/** Several numbers of a cell; a comma separates only whole numbers, since `2,54E+11` is one that is broken. */
function piecesOf(column: 'number' | 'identity', cell: string): readonly string[] {
  const pieces = splitCell(cell)
  if (column === 'identity') return pieces
  const bare = pieces.flatMap((piece) =>
    /^[+\d\s()./,-]+$/.test(piece) && /\d{6,}\s*,/.test(piece) ? byComma(piece) : [piece],
  )
  return bare.map((piece) => piece.replace(/^'+/, '').trim()).filter((piece) => piece !== '')
}

function byComma(piece: string): readonly string[] {
  return /,0+$/.test(piece) ? [piece] : piece.split(',')
}

function groupsOf(cell: string): readonly string[] {
  const groups = [...new Set(splitCell(cell).map((group) => checkedGroup(group, 'groups')))]
  if (groups.length > MOST_GROUPS) throw new InvalidInputError(`groups: at most ${MOST_GROUPS} are expected`)
  return groups
}
