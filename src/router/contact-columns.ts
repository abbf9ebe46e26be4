import { InvalidInputError } from '../messages/errors.ts'
import { shown } from '../messages/person.ts'

/** The columns of a file of contacts, with the other names they may have. */
const ALIASES = {
  name: ['full name', 'contact', 'contact name', 'person'],
  number: [
    'numbers',
    'phone',
    'phones',
    'phone number',
    'msisdn',
    'mobile',
    'mobile number',
    'telephone',
    'tel',
    'cell',
  ],
  backend: ['channel'],
  identity: ['identities'],
  language: ['lang', 'locale'],
  time_zone: ['timezone', 'tz'],
  groups: ['group'],
  opted_out: ['opt out', 'optout', 'unsubscribed'],
} as const

export type Column = keyof typeof ALIASES

export const columns = Object.keys(ALIASES) as Column[]

const byName = new Map<string, Column>(
  columns.flatMap((column) => [column, ...ALIASES[column]].map((name) => [folded(name), column] as const)),
)

/**
 * Which column stands where; an empty header over empty cells is none.
 * @throws InvalidInputError naming a column that is not known or stands there twice
 */
export function readHeader(cells: readonly string[]): readonly (Column | undefined)[] {
  const seen = new Map<Column, string>()
  const header = cells.map((cell) => {
    if (cell.trim() === '') return undefined
    const column = byName.get(folded(cell))
    if (column === undefined) {
      throw new InvalidInputError(
        `line 1: the column ${shown(cell.trim())} is not known; known are ${columns.join(', ')}`,
      )
    }
    const other = seen.get(column)
    if (other !== undefined) {
      throw new InvalidInputError(`line 1: ${shown(cell.trim())} and ${shown(other)} are the same column, ${column}`)
    }
    seen.set(column, cell.trim())
    return column
  })
  if (seen.has('number') || seen.has('identity')) return header
  throw new InvalidInputError(
    `line 1: a column number, or backend and identity, is expected; known are ${columns.join(', ')}`,
  )
}

function folded(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, '_')
}
