import type { ViewRequest } from '../router/backend.ts'
import { percentDecoded, type RequestValues, UnreadableRequest } from './body.ts'
import { decodeText, encodeText } from './charset.ts'

const MOST_VALUES = 1_000

/** A name and the bytes of its value, in the order they came. */
export type FormPair = readonly [name: string, value: Uint8Array]

/**
 * Splits urlencoded bytes and leaves the values as bytes, for a charset that stands among the values themselves, and
 * for signatures over names that come twice.
 * @throws UnreadableRequest 400 when there are more than 1,000
 */
export function formPairs(bytes: Uint8Array | string): readonly FormPair[] {
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1')
  const pairs = text.split('&').filter((pair) => pair !== '')
  if (pairs.length > MOST_VALUES) throw new UnreadableRequest(400, `At most ${MOST_VALUES} values are expected.`)
  return pairs.map((pair) => {
    const equals = pair.indexOf('=')
    const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    return [Buffer.from(percentDecoded(name)).toString('utf8'), percentDecoded(value)]
  })
}

/** The same of a request: its query, then its body when that is urlencoded. Of a name that comes twice, both. */
export function requestPairs(request: ViewRequest): readonly FormPair[] {
  const query = formPairs(request.rawQuery)
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')
  return isForm ? [...query, ...formPairs(request.body)] : query
}

/**
 * Reads urlencoded bytes in a named charset (any that iconv-lite knows); of a name that comes twice, the last.
 * @throws UnreadableRequest 415 when the charset is not known, 400 when the bytes are not valid UTF-8
 */
export function decodeForm(bytes: Uint8Array | string, charset: string): RequestValues {
  return decodePairs(formPairs(bytes), charset)
}

/** The values of pairs, each in the charset; of a name that comes twice, the last. */
export function decodePairs(pairs: readonly FormPair[], charset: string): RequestValues {
  const values = Object.create(null) as Record<string, unknown>
  for (const [name, value] of pairs) values[name] = decodeText(value, charset)
  return values
}

/** Writes values as a query or an urlencoded body, in a charset. Values that are undefined are left out. */
export function encodeForm(values: Readonly<Record<string, string | number | undefined>>, charset = 'utf-8'): string {
  return Object.entries(values)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${encodeURIComponent(name)}=${percentEncoded(encodeText(String(value), charset))}`],
    )
    .join('&')
}

function percentEncoded(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const char = String.fromCharCode(byte)
    if (UNRESERVED.test(char)) return char
    return char === ' ' ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }).join('')
}

const UNRESERVED = /[\w.~*-]/
