import type { Connection } from '../messages/incoming.ts'
import type { ScriptLine } from './script.ts'

/** What really came to a person. */
export interface Arrived extends Connection {
  readonly text: string
}

interface Row {
  readonly mark: ' ' | '-' | '+'
  readonly line: ScriptLine | undefined
  readonly text: string
}

/**
 * Compares what people got with what a part of a script expects; the order counts within each person.
 * @param block lines that people send, then lines that they are to get
 * @returns what differs, as a text for people; undefined when nothing does
 */
export function scriptDifference(block: readonly ScriptLine[], arrived: readonly Arrived[]): string | undefined {
  const people = new Map<string, Connection>()
  for (const each of [...block, ...arrived]) people.set(`${each.backend}\n${each.identity}`, each)
  const parts: string[] = []
  for (const person of people.values()) {
    const lines = block.filter((line) => isSame(line, person))
    const got = arrived.filter((message) => isSame(message, person)).map(({ text }) => text)
    const rows = align(
      lines.filter(({ direction }) => direction === 'out'),
      got,
    )
    if (rows.some(({ mark }) => mark !== ' ')) parts.push(explain(person, lines, rows, block.at(-1)))
  }
  return parts.length === 0 ? undefined : parts.join('\n\n')
}

function isSame(a: Connection, b: Connection): boolean {
  return a.backend === b.backend && a.identity === b.identity
}

/** The shortest way from what was expected to what came, by their longest common subsequence. */
function align(expected: readonly ScriptLine[], got: readonly string[]): Row[] {
  const [line, ...laterLines] = expected
  const [text, ...laterTexts] = got
  if (line === undefined) return got.map((each) => ({ mark: '+', line: undefined, text: each }))
  if (text === undefined) return expected.map((each) => ({ mark: '-', line: each, text: each.text }))
  if (line.text === text) return [{ mark: ' ', line, text }, ...align(laterLines, laterTexts)]
  const isExpectedLater = laterLines.some((later) => later.text === text)
  const comesLater = laterTexts.includes(line.text)
  const missing: Row = { mark: '-', line, text: line.text }
  const extra: Row = { mark: '+', line: undefined, text }
  if (isExpectedLater && !comesLater) return [missing, ...align(laterLines, got)]
  if (comesLater && !isExpectedLater) return [extra, ...align(expected, laterTexts)]
  return [missing, extra, ...align(laterLines, laterTexts)]
}

function explain(
  person: Connection,
  lines: readonly ScriptLine[],
  rows: readonly Row[],
  lastOfBlock: ScriptLine | undefined,
): string {
  const first = rows.findIndex(({ mark }) => mark !== ' ')
  const [row, next] = rows.slice(first)
  const who = lines[0]?.who ?? `${person.backend}:${person.identity}`
  const before = [
    ...lines.filter(({ direction }) => direction === 'in'),
    ...rows.slice(0, first).map(({ line }) => line),
  ]
  const at = row?.line ?? before.at(-1) ?? lastOfBlock
  const where = at === undefined ? 'The script' : `Line ${at.number} of the script`
  const shown = [
    ...lines.filter(({ direction }) => direction === 'in').map((line) => show(' ', line, who, '>', line.text)),
    ...rows.map(({ mark, line, text }) => show(mark, line, who, '<', text)),
  ]
  return `${where}: ${who} ${verdict(row, next)}\n${shown.join('\n')}`
}

function verdict(row: Row | undefined, next: Row | undefined): string {
  if (row?.mark === '+') return 'got something unexpected (+)'
  return next?.mark === '+' ? 'got something else (+) than expected (-)' : 'did not get what was expected (-)'
}

function show(mark: Row['mark'], line: ScriptLine | undefined, who: string, arrow: string, text: string): string {
  const number = line === undefined ? '' : String(line.number)
  return `${mark} ${number.padStart(4)}  ${who} ${arrow} ${readable(text)}`
}

function readable(text: string): string {
  const isPlain = text !== '' && text.trim() === text && !/[\p{Cc}"]/u.test(text)
  return isPlain ? text : JSON.stringify(text)
}
