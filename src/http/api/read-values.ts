import { TextDecoder } from 'node:util'
import { percentDecoded, readValues, UnreadableRequest } from '../../backends/body.ts'
import { multipartParts } from '../../backends/multipart.ts'
import type { RequestHead } from '../request.ts'
import { Refusal } from './api-answer.ts'

/** By name; a list where the name came more than once. */
export type Values = Readonly<Record<string, unknown>>

const MOST_VALUES = 50_000
const TYPES = 'application/json, application/x-www-form-urlencoded or multipart/form-data is expected'

/** @throws Refusal */
export function readQuery(rawQuery: string): Values {
  return listed(urlencoded(Buffer.from(rawQuery, 'latin1')))
}

/**
 * Reads a body: JSON with its types, forms with their repeated names.
 * @throws Refusal
 */
export function readBodyValues(head: RequestHead, body: Uint8Array): Values {
  const contentType = head.headers['content-type'] ?? ''
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  if (type === '' && body.length === 0) return {}
  if (type === 'application/x-www-form-urlencoded') return listed(urlencoded(body))
  if (type === 'multipart/form-data') return listed(multipart(body, contentType))
  if (type !== 'application/json') throw new Refusal('UNSUPPORTED_MEDIA_TYPE', `Content-Type: ${TYPES}`)
  try {
    return { ...readValues({ ...head, method: 'POST', body }, 'utf-8') }
  } catch (error) {
    if (!(error instanceof UnreadableRequest)) throw error
    const code = error.status === 415 ? 'UNSUPPORTED_MEDIA_TYPE' : 'INVALID_INPUT'
    const { field, message } = error
    throw new Refusal(
      code,
      field === '' ? message : `${field}: ${message}`,
      field === '' ? {} : { fields: { [field]: message } },
    )
  }
}

type Pair = readonly [name: string, value: string]

function urlencoded(bytes: Uint8Array): readonly Pair[] {
  const decode = decoder()
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const pairs = text.split('&', MOST_VALUES + 1).filter((pair) => pair !== '')
  if (pairs.length > MOST_VALUES) throw new Refusal('INVALID_INPUT', `At most ${MOST_VALUES} values are expected.`)
  return pairs.map((pair) => {
    const equals = pair.indexOf('=')
    const name = decode(percentDecoded(equals < 0 ? pair : pair.slice(0, equals)), '')
    return [name, equals < 0 ? '' : decode(percentDecoded(pair.slice(equals + 1)), name)]
  })
}

function multipart(bytes: Uint8Array, contentType: string): readonly Pair[] {
  const parts = multipartParts(bytes, contentType, MOST_VALUES)
  if (parts === undefined) throw new Refusal('INVALID_INPUT', 'The body is not valid multipart/form-data.')
  const decode = decoder()
  return parts.map(({ name, content }) => [name, decode(content, name)])
}

function decoder(): (bytes: Uint8Array, name: string) => string {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  return (bytes, name) => {
    try {
      return utf8.decode(bytes)
    } catch {
      const field = name.slice(0, 100)
      throw new Refusal(
        'INVALID_INPUT',
        'UTF-8 is expected.',
        field === '' ? {} : { fields: { [field]: 'UTF-8 is expected' } },
      )
    }
  }
}

function listed(pairs: readonly Pair[]): Values {
  const lists = new Map<string, string[]>()
  for (const [name, value] of pairs) {
    const list = lists.get(name)
    if (list === undefined) lists.set(name, [value])
    else list.push(value)
  }
  // Without a prototype: a value named `__proto__` is a value like any other.
  const values = Object.create(null) as Record<string, unknown>
  for (const [name, list] of lists) values[name] = list.length === 1 ? list[0] : list
  return values
}
