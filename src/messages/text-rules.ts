import { measureText } from './gsm.ts'
import { cutText, MOST_MESSAGES, splitText } from './long-text.ts'
import { plainPunctuation, withoutAccents } from './plain-text.ts'

/** How texts are written, and how long they may be, before they go to a service. */
export interface TextRules {
  /** `strip`: what GSM 03.38 lacks is written in ASCII where that spares the text UCS-2. */
  readonly accents: 'keep' | 'strip'
  /** `plain`: quotes, dashes and blanks of word processors are written plainly where that spares the text UCS-2. */
  readonly punctuation: 'plain' | 'keep'
  /** Parts of a message at the most. */
  readonly maxParts: number
  /** What becomes of a longer text. */
  readonly tooLong: 'refuse' | 'cut' | 'split'
}

export type RuledText =
  /** One text, or several in their order where it was split; `leftOut` counts the UTF-16 units that a cut one lacks. */
  { readonly texts: readonly [string, ...string[]]; readonly leftOut: number } | { readonly refused: string }

/** The text as the rules have it written, however long it is: what an answer within a USSD session gets. */
export function writtenText(text: string, { accents, punctuation }: TextRules): string {
  const plain = punctuation === 'plain' ? plainPunctuation(text) : text
  return accents === 'strip' ? withoutAccents(plain) : plain
}

/**
 * Applies the rules to a text. What they yield, they leave as it is when they are applied again.
 * @returns the text, or texts, to send; or why none may be sent, naming `text`
 */
export function ruledText(text: string, rules: TextRules): RuledText {
  const written = writtenText(text, rules)
  const { encoding, parts } = measureText(written)
  const { maxParts, tooLong } = rules
  if (parts <= maxParts) return { texts: [written], leftOut: 0 }
  const refused = `text: its ${parts} parts (${encoding}) are more than the ${maxParts} that "text.maxParts" allows`
  if (tooLong === 'refuse') return { refused }
  const limit = { maxParts, write: (piece: string) => writtenText(piece, rules) }
  if (tooLong === 'cut') {
    const cut = cutText(written, limit)
    return cut === undefined ? { refused } : { texts: [cut.text], leftOut: cut.leftOut }
  }
  const [first, ...others] = splitText(written, limit) ?? []
  if (first !== undefined) return { texts: [first, ...others], leftOut: 0 }
  return { refused: `${refused}, and it cannot be split into ${MOST_MESSAGES} messages or fewer` }
}
