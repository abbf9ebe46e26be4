import { createHash } from 'node:crypto'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { HttpResponse, ViewRequest } from '../router/backend.ts'
import { UnsupportedError } from '../router/errors.ts'
import type { RequestValues } from './body.ts'
import { decodeText, encodeText } from './charset.ts'
import { requestPairs } from './form-bytes.ts'
import { unexpectedAnswer } from './provider-codes.ts'
import { xmlOf } from './xml.ts'

/** What is sent, by ViaNett's names. */
export type VianettValues = Readonly<Record<string, string | number | undefined>>

const MSGID_FLOOR = 10n ** 16n

/** A message's id as ViaNett wants it, 17 digits: as long as any that is known to be taken. The same at every attempt. */
export function vianettId(id: string): string {
  const bits = createHash('sha256').update(id).digest().readBigUInt64BE()
  return String(MSGID_FLOOR + (bits % (9n * MSGID_FLOOR)))
}

/** A number without `+` or `00` before it; what is no number is left as it is. */
export function vianettNumber(text: string): string {
  return text.trim().replace(/^(?:\+|00)(?=\d+$)/, '')
}

const LONGEST_SHORT_CODE = 6

/** 1 a number with its country code, 2 a short code, 5 a name. */
export function senderType(sender: string): 1 | 2 | 5 {
  if (!/^\d+$/.test(sender)) return 5
  return sender.length <= LONGEST_SHORT_CODE ? 2 : 1
}

/** The parameters of a message over our own values. Case does not count in ViaNett's names. */
export function withParams(values: VianettValues, params: OutgoingMessage['params']): VianettValues {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== null)
  const names = new Set(given.map(([name]) => name.toLowerCase()))
  const kept = Object.entries(values).filter(([name]) => !names.has(name.toLowerCase()))
  const written = given.map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ])
  return { ...Object.fromEntries(kept), ...Object.fromEntries(written) }
}

/** @throws UnsupportedError where the charset lacks a character: a question mark in its place would be sent unseen */
export function refuseUnwritable(text: string, charset: string): void {
  const whole = text.toWellFormed()
  if (decodeText(encodeText(whole, charset), charset) !== whole) {
    throw new UnsupportedError(`The text has characters that the charset ${charset} of the settings has not.`)
  }
}

/** What ViaNett answered. */
export interface VianettAck {
  readonly code: string
  readonly refno: string | undefined
  readonly text: string
}

/**
 * Reads `<ack refno="1234" errorcode="200">OK</ack>`, or `200|OK`.
 * @throws MessageSendError when it is neither
 */
export function ackOf(response: HttpResponse, what: string, secrets: readonly string[]): VianettAck {
  const [, first, said = ''] = /^\s*(\d{1,9})\|([^<]*)$/.exec(response.text()) ?? []
  if (first !== undefined) return { code: first, refno: undefined, text: said.trim() }
  const root = xmlOf(response, what, secrets)
  const attributes = new Map([...root.attributes].map(([name, value]) => [name.toLowerCase(), value.trim()]))
  const code = attributes.get('errorcode') ?? ''
  if (root.name.toLowerCase() !== 'ack' || code === '') throw unexpectedAnswer(response, what, secrets)
  const refno = attributes.get('refno') ?? ''
  return { code, refno: refno === '' ? undefined : refno, text: root.text.trim() }
}

/**
 * The query and a posted form. ViaNett does not say its charset, and its documents contradict its clients: bytes that
 * are not valid UTF-8, where the settings say UTF-8, are read as the superset of ISO-8859-1 that Windows has.
 * @param names as our form has them; those that come in another case get it
 */
export function vianettRequest(request: ViewRequest, charset: string, names: readonly string[]): RequestValues {
  const values = Object.create(null) as Record<string, unknown>
  for (const [name, bytes] of requestPairs(request)) {
    const known = names.includes(name) ? name : names.find((each) => each.toLowerCase() === name.toLowerCase())
    values[known ?? name] = decoded(bytes, charset)
  }
  return values
}

function decoded(bytes: Uint8Array, charset: string): string {
  try {
    return decodeText(bytes, charset)
  } catch {
    return decodeText(bytes, 'windows-1252')
  }
}

/** XML within ASCII, so that it means the same in UTF-8 and in ISO-8859-1; line breaks outlive an attribute. */
export function asciiXml(escaped: string): string {
  return escaped.replace(/[\n\t]|[^\x20-\x7e]/gu, (char) => `&#${char.codePointAt(0)};`)
}
