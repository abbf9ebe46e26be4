/** What stands in place of what a person wrote. */
export const MASK = '[text]'

const SHORTEST = 4
/** Their words do not stand apart, and are short. */
const UNDIVIDED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u
const SHORTEST_UNDIVIDED = 2
const MOST_WORDS = 300
/** Errors are cut before: what is longer stands whole in none. */
const LONGEST_WHOLE = 2_000

const WORD = /[\p{L}\p{M}\p{N}]+/gu
const ENDS_IN_LETTER = /[\p{L}\p{M}\p{N}]$/u
const BEGINS_WITH_LETTER = /^[\p{L}\p{M}\p{N}]/u
/** What JSON and URLs write before a word ends in a letter or a digit, and is none of it. */
const ESCAPED_WORD = /(\\[bfnrt]|%[\da-f]{2})?([\p{L}\p{M}\p{N}]+)/gu
const ENDS_IN_ESCAPE = /(?:\\[bfnrt]|%[\da-f]{2})$/i
const HAS_ESCAPES = /[\\%+]/
const BLANKS = /\s+/g
const BLANKS_OR_NONE = /\s+|\S+/g
const ODD_BLANK = /\s\s|[^\S ]/
const QUOTES = [
  [/["“«]$/, /^\\?["”»]/],
  [/['‘`]$/, /^['’`]/],
] as const

/** From an index to before another one. */
type Span = readonly [begin: number, end: number]

/**
 * What an error says, without what a person wrote: the whole text, also as JSON and URLs write it, and each of its
 * words of four letters or digits or more, where they stand as words. What is shorter stands in half of all errors: it
 * is taken out only where it is the whole text and the error quotes it, or ends with it behind a colon. Throws nothing:
 * of what cannot be masked nothing is left.
 */
export function withoutText(error: string, text: string): string {
  return orMask(() => {
    const whole = text.toWellFormed().trim()
    if (whole === '') return error
    const shown = error.toWellFormed()
    const spansIn = (line: string) => [...wholeSpans(line, whole), ...wordSpans(line, folded(whole))]
    return without(shown, spansOf(folded(shown), spansIn))
  })
}

/** A sentence that tells a text, without it. Throws nothing, as `withoutText`. */
export function withoutWhole(sentence: string, text: string): string {
  return orMask(() => {
    const shown = sentence.toWellFormed()
    const whole = oneBlank(text.toWellFormed().trim())
    return without(
      shown,
      spansOf(shown, (line) => standing(line, whole)),
    )
  })
}

function orMask(masked: () => string): string {
  try {
    return masked()
  } catch {
    return MASK
  }
}

function without(shown: string, spans: readonly Span[]): string {
  let cleaned = ''
  let done = 0
  for (const [begin, end] of [...spans].sort(([a], [b]) => a - b)) {
    if (begin >= done) cleaned += shown.slice(done, begin) + MASK
    done = Math.max(done, end)
  }
  return cleaned + shown.slice(done)
}

/** However blanks are written in what is searched. */
function spansOf(searched: string, spansIn: (line: string) => readonly Span[]): readonly Span[] {
  if (!ODD_BLANK.test(searched)) return spansIn(searched)
  const origins: number[] = []
  for (const { index, 0: run } of searched.matchAll(BLANKS_OR_NONE)) {
    if (run.trim() === '') origins.push(index)
    else for (let at = 0; at < run.length; at++) origins.push(index + at)
  }
  const originOf = (at: number) => origins[at] ?? searched.length
  return spansIn(oneBlank(searched)).map(([begin, end]) => [originOf(begin), originOf(end - 1) + 1])
}

function oneBlank(text: string): string {
  return text.replace(BLANKS, ' ')
}

function wholeSpans(searched: string, whole: string): readonly Span[] {
  if (whole.length > LONGEST_WHOLE) return []
  if (isShorterThan(whole, SHORTEST)) return quoted(searched, folded(whole))
  const forms = HAS_ESCAPES.test(searched) ? [whole, ...escapedForms(whole)] : [whole]
  return [...new Set(forms.map((form) => oneBlank(folded(form))))].flatMap((form) => standing(searched, form))
}

function escapedForms(text: string): readonly string[] {
  return [
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    new URLSearchParams({ '': text }).toString().slice(1),
  ]
}

function wordSpans(searched: string, whole: string): readonly Span[] {
  const mayBeUndivided = UNDIVIDED.test(whole)
  const words = new Set<string>()
  const spans: Span[] = []
  let left = MOST_WORDS
  for (const [word] of whole.matchAll(WORD)) {
    if (left-- === 0) break
    if (mayBeUndivided && UNDIVIDED.test(word)) {
      if (!isShorterThan(word, SHORTEST_UNDIVIDED)) spans.push(...standing(searched, word))
    } else if (!isShorterThan(word, SHORTEST)) words.add(word)
  }
  if (words.size === 0) return spans
  for (const { index, 0: found, 1: written = '', 2: word = '' } of searched.matchAll(ESCAPED_WORD)) {
    const end = index + found.length
    if (words.has(word)) spans.push([index + written.length, end])
    else if (written !== '' && words.has(found.slice(1))) spans.push([index + 1, end])
  }
  return spans
}

/** Where it stands for itself. */
function standing(searched: string, text: string): readonly Span[] {
  if (text === '') return []
  const isDivided = !UNDIVIDED.test(text)
  const needsBegin = isDivided && BEGINS_WITH_LETTER.test(text)
  const needsEnd = isDivided && ENDS_IN_LETTER.test(text.slice(-2))
  return placesOf(searched, text).filter(
    ([begin, end]) =>
      (!needsBegin || mayBeginAt(searched, begin)) &&
      (!needsEnd || !BEGINS_WITH_LETTER.test(searched.slice(end, end + 2))),
  )
}

function placesOf(searched: string, text: string): readonly Span[] {
  const places: Span[] = []
  for (let at = searched.indexOf(text); at >= 0; at = searched.indexOf(text, at + 1)) {
    places.push([at, at + text.length])
  }
  return places
}

function mayBeginAt(searched: string, at: number): boolean {
  return (
    !ENDS_IN_LETTER.test(searched.slice(Math.max(0, at - 2), at)) ||
    ENDS_IN_ESCAPE.test(searched.slice(Math.max(0, at - 3), at))
  )
}

function quoted(searched: string, text: string): readonly Span[] {
  return placesOf(searched, text).filter(([begin, end]) => {
    const before = searched.slice(Math.max(0, begin - 2), begin)
    const after = searched.slice(end, end + 2)
    const isQuoted = QUOTES.some(([opening, closing]) => opening.test(before) && closing.test(after))
    return isQuoted || (before === ': ' && (after === '' || after === '.'))
  })
}

/** In lower case, with each character where it was. */
function folded(text: string): string {
  const lower = text.toLowerCase().replaceAll('ς', 'σ')
  if (lower.length === text.length) return lower
  return Array.from(text, (character) => {
    const one = character.toLowerCase()
    return one.length === character.length ? one : character
  }).join('')
}

function isShorterThan(text: string, least: number): boolean {
  return text.length < least || (text.length < 2 * least && [...text].length < least)
}
