import { TextDecoder } from 'node:util'

import type { ViewAnswer, ViewRequest } from '../router/backend.ts'

/** What a request brought, by name; of a name that came twice, the last. JSON bodies keep their types. */
export type RequestValues = Readonly<Record<string, unknown>>

/** Why a request cannot be read, as the answer to give. */
export class UnreadableRequest extends Error {
  readonly status: 400 | 415

  constructor(status: 400 | 415, message: string) {
    super(message)
    this.status = status
  }
}

const MOST_VALUES = 1_000

/**
 * Reads what a request brought: the query of a GET, the body of a POST (urlencoded, multipart or JSON).
 * @param charset of urlencoded bytes, any that `TextDecoder` knows
 * @throws UnreadableRequest 415 for a body of another type, 400 for one that is not what it says
 */
export async function readValues(request: ViewRequest, charset: string): Promise<RequestValues> {
  if (request.method === 'GET') return parseUrlencoded(Buffer.from(request.rawQuery, 'latin1'), charset)
  const contentType = request.headers['content-type'] ?? ''
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  switch (type) {
    case 'application/x-www-form-urlencoded':
      return parseUrlencoded(request.body, charsetOf(contentType) ?? charset)
    case 'application/json':
      return parseJson(request.body)
    case 'multipart/form-data':
      return parseMultipart(request.body, contentType)
    default: {
      const given = type === '' ? 'none was given' : `not ${type}`
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
    const name = decode(equals < 0 ? pair : pair.slice(0, equals), decoder, 'the name of a value')
    values[name] = equals < 0 ? '' : decode(pair.slice(equals + 1), decoder, name)
  }
  return values
}

function decode(encoded: string, decoder: TextDecoder, what: string): string {
  if (PLAIN.test(encoded)) return encoded
  try {
    return decoder.decode(percentDecoded(encoded))
  } catch {
    throw new UnreadableRequest(400, `${what}: the bytes are not valid ${decoder.encoding}`)
  }
}

const PLAIN = /^[\w.~*-]*$/

function percentDecoded(encoded: string): Uint8Array {
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

function parseJson(bytes: Uint8Array): RequestValues {
  let parsed: unknown
  try {
    parsed = JSON.parse(decoderOf('utf-8').decode(bytes))
  } catch {
    throw new UnreadableRequest(400, 'The body is not valid JSON in UTF-8.')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UnreadableRequest(400, 'The body has to be a JSON object.')
  }
  return Object.assign(emptyValues(), parsed)
}

async function parseMultipart(bytes: Uint8Array, contentType: string): Promise<RequestValues> {
  const values = emptyValues()
  try {
    const form = await new Response(Buffer.from(bytes), { headers: { 'content-type': contentType } }).formData()
    for (const [name, value] of form) values[name] = typeof value === 'string' ? value : await value.text()
  } catch {
    throw new UnreadableRequest(400, 'The body is not valid multipart/form-data.')
  }
  return values
}

function charsetOf(contentType: string): string | undefined {
  return /;\s*charset="?([^";\s]+)/i.exec(contentType)?.[1]
}

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset, { fatal: true })
  } catch {
    throw new UnreadableRequest(415, `The charset ${JSON.stringify(charset)} is not known.`)
  }
}

/** Without a prototype: a value named `__proto__` or `constructor` is a value like any other. */
function emptyValues(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
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

function wantsPlainText(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const plain = accept.search(/text\/(plain|\*)/i)
  const json = accept.search(/application\/(json|\*)|\*\/\*/i)
  return plain >= 0 && (json < 0 || plain < json)
}
