import { decodeBytes, type TextCoding } from '../messages/coding.ts'
import { parseUdh } from '../messages/udh.ts'
import type { ViewRequest } from '../router/backend.ts'
import type { RequestValues } from './body.ts'
import { decodeText, isKnownCharset } from './charset.ts'
import { formPairs } from './form-bytes.ts'
import { MessagePart } from './view.ts'

/** Names whose values are kept as they come, and travel in `message.fields`. */
const KEPT = ['smsc', 'time', 'service', 'account', 'meta', 'dcs'] as const

/** Kannel's `%C` where the text is data, or a part that Kannel did not join: `%c` is 1 then. */
const DATA = '8-BIT'

/** Names of UTF-16 as Kannel means them; iconv-lite reads some of them with the low byte first. */
const UCS2 = /^(UTF-?16(BE)?|UCS-?2(BE)?|ISO-10646-UCS-2)$/

/** The part's text is its content, and may be blank as no text may. */
const IN_CONTENT = '…'

/**
 * Reads the values of a request of Kannel's `get-url` or `dlr-url`. No byte is a reason to refuse it: Kannel repeats a
 * refused request a few times, and then the message is lost.
 */
export function readTexts(request: ViewRequest): RequestValues {
  const values = emptyValues()
  for (const [name, bytes] of formPairs(request.rawQuery)) values[name] = tolerantText(bytes).replaceAll('\0', '\ufffd')
  return values
}

/**
 * Reads an incoming message. Its text is read as bytes in the charset and coding that stand beside it (`%C`, `%c`), as
 * Kannel's guide has them in "Parameters (Escape Codes)"; a user data header (`%u`) tells which part of a long message
 * it is.
 */
export function readIncoming(request: ViewRequest): RequestValues {
  const bytes = new Map(formPairs(request.rawQuery))
  const read = (name: string) => {
    const value = bytes.get(name)
    return value === undefined ? undefined : tolerantText(value)
  }
  const values = emptyValues()
  // Those who come from RapidSMS have `id=%p`.
  Object.assign(values, { from: read('from') ?? read('id'), to: read('to'), sms_id: read('sms_id') })
  for (const name of KEPT) {
    const value = read(name) ?? ''
    if (value !== '') values[name] = value
  }
  const text = bytes.get('text')
  if (text === undefined) return values
  const charset = charsetOf(read('charset') ?? '', read('coding') ?? '')
  const udh = bytes.get('udh') ?? new Uint8Array()
  const { part } = parseUdh(udh) ?? {}
  if (part !== undefined) {
    const content = { bytes: text, coding: codingOf(text, charset) }
    return Object.assign(values, { text: IN_CONTENT, part: new MessagePart(part, content) })
  }
  if (udh.length > 0) values['udh'] = hex(udh)
  if (charset !== DATA) return Object.assign(values, { text: textIn(text, charset) })
  return Object.assign(values, { text: textIn(text, charset).replaceAll('\0', '\ufffd'), data: hex(text) })
}

/** Without `mo-recode`, UCS-2 comes as it is; where Kannel names no charset, its own is UTF-8. */
function charsetOf(charset: string, coding: string): string {
  const name = charset.trim().toUpperCase()
  if (name === DATA || (name !== '' && isKnownCharset(name))) return name
  if (coding.trim() === '2') return 'UTF-16BE'
  return coding.trim() === '1' ? DATA : 'UTF-8'
}

function textIn(bytes: Uint8Array, charset: string): string {
  if (charset === DATA || /^UTF-?8$/.test(charset)) return tolerantText(bytes)
  // Without a mark of its own, its high byte is first.
  if (UCS2.test(charset))
    return decodeBytes(bytes, 'ucs2')
      .replace(/^\ufeff/, '')
      .toWellFormed()
  return decodeText(bytes, charset).toWellFormed()
}

/** Of what is no UTF-8, Latin-1 is the best guess, and loses no byte. */
function tolerantText(bytes: Uint8Array): string {
  try {
    return decodeText(bytes, 'utf-8')
  } catch {
    return decodeText(bytes, 'latin1')
  }
}

/** How the bytes of a part are joined with those of its neighbours. */
function codingOf(bytes: Uint8Array, charset: string): TextCoding {
  if (UCS2.test(charset)) return 'ucs2'
  if (/^UTF-?8$/.test(charset)) return 'utf-8'
  return isUtf8(bytes) ? 'utf-8' : 'latin1'
}

function isUtf8(bytes: Uint8Array): boolean {
  return Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function emptyValues(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}
