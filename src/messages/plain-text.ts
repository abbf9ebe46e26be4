import anyAscii from 'any-ascii'
import { isGsmText } from './gsm.ts'

/** What word processors and phones put in place of a character that GSM 03.38 has; the values are GSM 03.38. */
const PLAIN: Readonly<Record<string, string>> = {
  "'": '‘’‚‛′‵‹›`´ʹʼˈ＇',
  '"': '“”„‟″‶«»〝〞＂',
  '-': '‐‑‒–—―⁃−﹘﹣－',
  '...': '…',
  ' ': '\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000',
  '\n': '\u0085\u2028\u2029',
  '*': '•‣◦∙●▪',
  '/': '⁄∕',
  ':': '∶',
  '': '\u00ad\u200b\u2060\ufeff',
}

const plainOf = new Map<string, string>()
for (const [plain, chars] of Object.entries(PLAIN)) for (const char of chars) plainOf.set(char, plain)

/**
 * Makes a text one of GSM 03.38 by writing quotes, dashes, blanks and the like plainly, and by composing letters and
 * their accents (NFC). A text that needs UCS-2 all the same is left as it is: it would lose and spare nothing.
 */
export function plainPunctuation(text: string): string {
  if (isGsmText(text)) return text
  const plain = Array.from(text.normalize('NFC'), (char) => plainOf.get(char) ?? char).join('')
  return isGsmText(plain) ? plain : text
}

/** Takes no place of its own, so that nothing is lost when nothing stands for it. */
const WITHOUT_PLACE = /^[\p{M}\p{Cf}]$/u

/**
 * Makes a text one of GSM 03.38 by writing what that alphabet lacks in ASCII: `ç` as `c`, `Ж` as `Zh`. Letters that it has
 * (`é`, `ü`) stay. A text with a character that nothing stands for is left as it is.
 */
export function withoutAccents(text: string): string {
  if (isGsmText(text)) return text
  let plain = ''
  for (const char of text.normalize('NFC')) {
    const written = isGsmText(char) ? char : (plainOf.get(char) ?? anyAscii(char))
    if (written === '' && !plainOf.has(char) && !WITHOUT_PLACE.test(char)) return text
    plain += written
  }
  return isGsmText(plain) ? plain : text
}
