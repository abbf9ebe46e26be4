const MASK = '[text]'
const SHORTEST = 4
const MOST_WORDS = 300
/** Errors are cut before: what is longer stands whole in none. */
const LONGEST_WHOLE = 2_000

const LETTER = '[\\p{L}\\p{M}\\p{N}]'
/** Neither within a word, but for what JSON and URLs write before one. */
const BEGIN = `(?:(?<!${LETTER})|(?<=\\\\[bfnrt])|(?<=%[\\dA-Fa-f]{2}))`
const END = `(?!${LETTER})`
const WORD = new RegExp(`${LETTER}+`, 'gu')
/** Their words do not stand apart, and are short. */
const UNDIVIDED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u
const SHORTEST_UNDIVIDED = 2

/**
 * What an error says, without what a person wrote: the whole text, and each of its words of four letters or digits or
 * more, where they stand as words. What is shorter stands in half of all errors: it is taken out only where it is
 * the whole text and the error quotes it, or ends with it behind a colon.
 */
export function withoutText(error: string, text: string): string {
  const whole = text.trim()
  if (whole === '') return error
  const words = whole.match(WORD)?.slice(0, MOST_WORDS) ?? []
  const patterns = [
    ...(whole.length > LONGEST_WHOLE ? [] : [lengthOf(whole) < SHORTEST ? quoted(whole) : standing(whole)]),
    ...[...new Set(words)]
      .filter((word) => lengthOf(word) >= (UNDIVIDED.test(word) ? SHORTEST_UNDIVIDED : SHORTEST))
      .sort((a, b) => b.length - a.length)
      .map(standing),
  ]
  return error.replace(new RegExp(patterns.join('|') || '(?!)', 'giu'), MASK)
}

/** A sentence that tells a text, without it. */
export function withoutWhole(sentence: string, text: string): string {
  return sentence.replace(new RegExp(standing(text), 'gu'), MASK)
}

function standing(text: string): string {
  if (UNDIVIDED.test(text)) return literal(text)
  const begins = new RegExp(`^${LETTER}`, 'u').test(text)
  const ends = new RegExp(`${LETTER}$`, 'u').test(text)
  return `${begins ? BEGIN : ''}${literal(text)}${ends ? END : ''}`
}

function quoted(text: string): string {
  const exact = literal(text)
  return `(?<=["“«])${exact}(?=\\\\?["”»])|(?<=['‘\`])${exact}(?=['’\`])|(?<=: )${exact}(?=\\.?$)`
}

/** However its blanks were written. */
function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&').replace(/\s+/g, '\\s+')
}

function lengthOf(text: string): number {
  return [...text].length
}
