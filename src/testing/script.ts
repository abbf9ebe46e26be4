import { InvalidInputError } from '../messages/errors.ts'
import type { Connection } from '../messages/incoming.ts'

/** One message of a script: what a person sends, or what that person is to get. */
export interface ScriptLine extends Connection {
  /** Of the script, from 1. */
  readonly number: number
  readonly direction: 'in' | 'out'
  /** Who, as the script writes it. */
  readonly who: string
  readonly text: string
}

const MESSAGE = /^([^\s<>]+)\s*([<>])(.*)$/

/**
 * Reads a script.
 * @param backends the known names; the first is meant where a line names none
 * @throws InvalidInputError naming the line that cannot be read
 */
export function parseScript(script: string, backends: readonly string[]): readonly ScriptLine[] {
  const lines: ScriptLine[] = []
  for (const [index, raw] of script.split(/\r?\n/).entries()) {
    const number = index + 1
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('|')) {
      const last = lines.pop()
      if (last === undefined) throw fault(number, line, 'a line beginning with | continues a text, and there is none')
      lines.push({ ...last, text: `${last.text}\n${line.slice(line.startsWith('| ') ? 2 : 1)}` })
      continue
    }
    const [, who, arrow, text] = MESSAGE.exec(line) ?? []
    if (who === undefined || text === undefined) {
      throw fault(number, line, 'expected is <identity> > <text>, <identity> < <text>, | <more text> or # <comment>')
    }
    const direction = arrow === '>' ? 'in' : 'out'
    lines.push({ number, direction, who, ...connectionOf(who, backends), text: textOf(text.trim(), number, line) })
  }
  return lines
}

function connectionOf(who: string, backends: readonly string[]): Connection {
  const colon = who.indexOf(':')
  const named = colon < 0 ? undefined : who.slice(0, colon)
  if (named !== undefined && backends.includes(named)) return { backend: named, identity: who.slice(colon + 1) }
  return { backend: backends[0] ?? '', identity: who }
}

function textOf(text: string, number: number, line: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text
  try {
    return JSON.parse(text) as string
  } catch {
    throw fault(number, line, 'a text in quotes is read as JSON, and this one is not')
  }
}

function fault(number: number, line: string, reason: string): InvalidInputError {
  return new InvalidInputError(`Line ${number} of the script cannot be read: ${reason}.\n  ${line}`)
}
