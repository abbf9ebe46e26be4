import iconv from 'iconv-lite'
import { UnreadableRequest } from './body.ts'

const LONGEST_SHOWN = 100

/** Whether a charset is known by this name: any that iconv-lite knows, such as `UTF-16BE`, `ISO-8859-1`, `GBK`. */
export function isKnownCharset(charset: string): boolean {
  return /^[\w.:-]{1,40}$/.test(charset) && iconv.encodingExists(charset) && !BINARY.test(charset)
}

/** Of iconv-lite's names, those that are no charsets. */
const BINARY = /^(base64|hex|binary)$/i

/**
 * Reads bytes of a named charset. What is not valid in it becomes U+FFFD, unless it is UTF-8, which is refused.
 * @throws UnreadableRequest 415 when the charset is not known, 400 when the bytes are not valid UTF-8
 */
export function decodeText(bytes: Uint8Array, charset: string): string {
  if (!isKnownCharset(charset)) {
    throw new UnreadableRequest(415, `The charset ${JSON.stringify(charset.slice(0, LONGEST_SHOWN))} is not known.`)
  }
  if (!/^utf-?8$/i.test(charset)) return iconv.decode(Buffer.from(bytes), charset, { stripBOM: false })
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new UnreadableRequest(400, 'The bytes are not valid utf-8.')
  }
}

/**
 * Writes a text in a named charset; what it has not becomes `?`.
 * @throws UnreadableRequest 415 when the charset is not known: check it with `isKnownCharset` in the settings
 */
export function encodeText(text: string, charset: string): Uint8Array {
  if (!isKnownCharset(charset)) throw new UnreadableRequest(415, 'The charset is not known.')
  return iconv.encode(text, charset)
}
