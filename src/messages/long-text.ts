import { measureText } from './gsm.ts'

/** How long a text may be, and how it is written before it is measured. */
export interface TextLimit {
  readonly maxParts: number
  readonly write: (text: string) => string
}

/** The beginning of a text; `leftOut` counts the UTF-16 units that are missing. */
export interface CutText {
  readonly text: string
  readonly leftOut: number
}

/** Stands at the end of a text that was cut. */
const CUT_MARK = '...'
/** What one text is split into at the most: more would be a mistake, and dear. */
export const MOST_MESSAGES = 20
/** A part carries no more characters than that, whatever they are. */
const MOST_CHARS_OF_A_PART = 160

const WINDOW = 256

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })

/**
 * The beginning of a text that fits, with `...` at its end. A character as people see it (a surrogate pair, a letter with
 * its combining marks, a flag) is never cut apart.
 * @returns undefined when not even one character fits
 */
export function cutText(text: string, limit: TextLimit): CutText | undefined {
  const end = fittingBorders(text, CUT_MARK, limit).at(-1)
  if (end === undefined) return undefined
  return { text: limit.write(text.slice(0, end) + CUT_MARK), leftOut: text.length - end }
}

/**
 * Splits a text into several that fit, numbered ` (1/3)` at their ends, at blanks where there are any near. Blanks at a
 * border are left out.
 * @returns undefined when a character does not fit, or more than `MOST_MESSAGES` texts were needed
 */
export function splitText(text: string, limit: TextLimit): readonly string[] | undefined {
  if (text.length > MOST_MESSAGES * limit.maxParts * MOST_CHARS_OF_A_PART) return undefined
  for (const most of [9, MOST_MESSAGES]) {
    const pieces = piecesOf(text, ` (${most}/${most})`, limit, most)
    if (pieces === 'stuck') return undefined
    if (pieces === 'too many') continue
    return pieces.map((piece, index) => limit.write(`${piece} (${index + 1}/${pieces.length})`))
  }
  return undefined
}

function piecesOf(text: string, suffix: string, limit: TextLimit, most: number): string[] | 'stuck' | 'too many' {
  const pieces: string[] = []
  for (let rest = withoutLeadingBlanks(text).trimEnd(); rest !== ''; ) {
    if (pieces.length === most) return 'too many'
    const borders = fittingBorders(rest, suffix, limit)
    const end = borders.at(-1)
    if (end === undefined) return 'stuck'
    const border = end === rest.length ? end : (borderAtBlank(rest, borders, end) ?? end)
    const piece = rest.slice(0, border).trimEnd()
    // Without a character that needs UCS-2, a text may be written longer: then the longest one that fits is taken.
    const fitting = fits(piece + suffix, limit) ? piece : rest.slice(0, end)
    pieces.push(fitting)
    rest = withoutLeadingBlanks(rest.slice(fitting === piece ? border : end))
  }
  return pieces
}

/** The last blank of the second half, so that words stay whole and pieces do not become many. */
function borderAtBlank(text: string, borders: readonly number[], end: number): number | undefined {
  return borders.findLast((border, index) => {
    return border > end / 2 && isBlank(text.slice(borders[index - 1] ?? 0, border))
  })
}

/** A blank with a mark on it is no blank any more. */
const LEADING_BLANKS = /^(?:\s(?!\p{M}|\p{Emoji_Modifier}|\u200c|\u200d|[\uff9e\uff9f]|[\u{e0020}-\u{e007f}]))+/u

function withoutLeadingBlanks(text: string): string {
  return text.replace(LEADING_BLANKS, '')
}

function isBlank(grapheme: string): boolean {
  return /^\s+$/.test(grapheme)
}

/**
 * Where the text may end so that it fits together with the suffix, up to the farthest found. The more characters, the more
 * parts, so that halving finds it; what it finds has been measured.
 */
function fittingBorders(text: string, suffix: string, limit: TextLimit): readonly number[] {
  // Only the beginning is looked at, however long the text.
  const head = text.slice(0, limit.maxParts * MOST_CHARS_OF_A_PART + 1)
  const borders = bordersOf(head)
  if (head.length < text.length) borders.pop()
  let low = 0
  let high = borders.length
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(text.slice(0, borders[middle - 1]) + suffix, limit)) low = middle
    else high = middle - 1
  }
  return borders.slice(0, low)
}

/** The ends of the characters. Taken window by window: going through a text takes time by the square of its length. */
function bordersOf(text: string): number[] {
  const borders: number[] = []
  let start = 0
  for (let size = WINDOW; start < text.length; ) {
    const window = text.slice(start, start + size)
    const found = Array.from(graphemes.segment(window), ({ index, segment }) => start + index + segment.length)
    // The last one may go on behind the window.
    if (start + size < text.length) found.pop()
    size = found.length === 0 ? size * 2 : WINDOW
    borders.push(...found)
    start = borders.at(-1) ?? 0
  }
  return borders
}

function fits(text: string, { maxParts, write }: TextLimit): boolean {
  return measureText(write(text)).parts <= maxParts
}
