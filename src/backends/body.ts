import { TextDecoder } from 'node:util'

import type { ViewAnswer, ViewRequest } from '../router/backend.ts'
import { multipartParts, parameterOf } from './multipart.ts'

/** What a request brought, by name; of a name that came twice, the last. JSON bodies keep their types. */
export type RequestValues = Readonly<Record<string, unknown>>

/** Why a request cannot be read, as the answer to give. */
export class UnreadableRequest extends Error {
  readonly status: 400 | 415
  /** The name of the value that is wrong; empty when it is the request as a whole. */
  readonly field: string

  constructor(status: 400 | 415, message: string, field = '') {
    super(message)
    this.status = status
    this.field = field.slice(0, LONGEST_FIELD)
  }
}

const LONGEST_FIELD = 100
const MOST_VALUES = 1_000
const DEEPEST_JSON = 32

/**
 * Reads what a request brought: the query of a GET, the body of a POST (urlencoded, multipart or JSON).
 * @param charset of urlencoded bytes, any that `TextDecoder` knows
 * @throws UnreadableRequest 415 for a body of another type, 400 for one that is not what it says
 */
export function readValues(request: ViewRequest, charset: string): RequestValues {
  if (request.method === 'GET') return parseUrlencoded(Buffer.from(request.rawQuery, 'latin1'), charset)
  const contentType = request.headers['content-type'] ?? ''
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  switch (type) {
    case 'application/x-www-form-urlencoded':
      return parseUrlencoded(request.body, parameterOf(contentType, 'charset') ?? charset)
    case 'application/json':
      return parseJson(request.body, parameterOf(contentType, 'charset') ?? 'utf-8')
    case 'multipart/form-data':
      return parseMultipart(request.body, contentType, charset)
    default: {
      const given = type === '' ? 'none was given' : `not ${type.slice(0, LONGEST_FIELD)}`
      throw new UnreadableRequest(
        415,
        `Content-Type: application/x-www-form-urlencoded, multipart/form-data or application/json is expected, ${given}`,
      )
    }
  }
}

/** Splits and decodes bytes, not characters, so that any charset comes through unharmed. */
export function parseUrlencoded(bytes: Uint8Array, charset: string): RequestValues {
  const decoder = decoderOf(charset)
  const values = emptyValues()
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  let count = 0
  for (const pair of text.split('&')) {
    if (pair === '') continue
    if (++count > MOST_VALUES) throw new UnreadableRequest(400, `At most ${MOST_VALUES} values are expected.`)
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals), decoder, '')
    values[name] = equals < 0 ? '' : decode(pair.slice(equals + 1), decoder, name)
  }
  return values
}

function decode(encoded: string, decoder: TextDecoder, name: string): string {
  return PLAIN.test(encoded) ? encoded : decodeBytes(percentDecoded(encoded), decoder, name)
}

function decodeBytes(bytes: Uint8Array, decoder: TextDecoder, name: string): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new UnreadableRequest(400, `the bytes are not valid ${decoder.encoding}`, name)
  }
}

const PLAIN = /^[\w.~*-]*$/

/** Percent signs and plus signs undone; what is no pair of digits stays as it is. */
export function percentDecoded(encoded: string): Uint8Array {
  const bytes = new Uint8Array(encoded.length)
  let length = 0
  for (let i = 0; i < encoded.length; i++) {
    const code = encoded.charCodeAt(i)
    if (code === PERCENT && HEX_PAIR.test(encoded.slice(i + 1, i + 3))) {
      bytes[length++] = Number.parseInt(encoded.slice(i + 1, i + 3), 16)
      i += 2
    } else {
      bytes[length++] = code === PLUS ? SPACE : code
    }
  }
  return bytes.subarray(0, length)
}

const PERCENT = 0x25
const PLUS = 0x2b
const SPACE = 0x20
const HEX_PAIR = /^[0-9a-f]{2}$/i

function parseJson(bytes: Uint8Array, charset: string): RequestValues {
  let parsed: unknown
  const text = decodeBytes(bytes, decoderOf(charset), '')
  try {
    // A byte order mark is no part of JSON.
    parsed = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    throw new UnreadableRequest(400, 'The body is not valid JSON.')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UnreadableRequest(400, 'The body has to be a JSON object.')
  }
  for (const [name, value] of Object.entries(parsed)) {
    if (isDeeper(value, DEEPEST_JSON)) {
      throw new UnreadableRequest(400, `may not be nested deeper than ${DEEPEST_JSON} levels`, name)
    }
  }
  return Object.assign(emptyValues(), parsed)
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
}

function parseMultipart(bytes: Uint8Array, contentType: string, charset: string): RequestValues {
  const parts = multipartParts(bytes, contentType, MOST_VALUES)
  if (parts === undefined) {
    throw new UnreadableRequest(400, `The body is not valid multipart/form-data of at most ${MOST_VALUES} parts.`)
  }
  const values = emptyValues()
  for (const { name, charset: own = charset, content } of parts) {
    values[name] = decodeBytes(content, decoderOf(own), name)
  }
  return values
}

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: true })
  } catch {
    throw new UnreadableRequest(415, `The charset ${JSON.stringify(charset.slice(0, LONGEST_FIELD))} is not known.`)
  }
}

/** Without a prototype: a value named `__proto__` or `constructor` is a value like any other. */
function emptyValues(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}

/** The answer to a request that cannot be read. */
export function unreadableAnswer(request: ViewRequest, { status, field, message }: UnreadableRequest): ViewAnswer {
  return errorsAnswer(request, status, { [field]: [message] })
}

/** Field errors in the form the client asked for: JSON, or plain text a line each. */
export function errorsAnswer(
  request: ViewRequest,
  status: number,
  errors: Readonly<Record<string, readonly string[]>>,
): ViewAnswer {
  if (wantsPlainText(request.headers['accept'])) {
    const lines = Object.entries(errors).flatMap(([field, texts]) =>
      texts.map((text) => (field === '' ? text : `${field}: ${text}`)),
    )
    return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${lines.join('\n')}\n` }
  }
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify({ errors }) }
}

/** JSON unless the client likes plain text better. */
function wantsPlainText(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const plain = preference(accept, ['text/plain', 'text/*'])
  const json = preference(accept, ['application/json', 'application/*', '*/*'])
  return plain.q > json.q || (plain.q > 0 && plain.q === json.q && plain.place < json.place)
}

/** How much a client likes one of these types, and where in its list it says so. */
function preference(accept: string, types: readonly string[]): { readonly q: number; readonly place: number } {
  const ranges = accept.toLowerCase().split(',')
  const place = ranges.findIndex((range) => types.includes(range.split(';')[0]?.trim() ?? ''))
  const q = Number(/;\s*q=([\d.]+)/.exec(ranges[place] ?? '')?.[1] ?? 1)
  return place < 0 || Number.isNaN(q) ? { q: 0, place: ranges.length } : { q, place }
}
