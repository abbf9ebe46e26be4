import type Koa from 'koa'
import { parseUrlencoded, type RequestValues, readValues, UnreadableRequest } from '../../backends/body.ts'
import type { Proxies } from '../proxies.ts'
import { readBody, readHead } from '../request.ts'

/** Bytes: a number, and the answer of a CAPTCHA. */
const LONGEST_BODY = 16_384

/** A number that stands for whatever is no text: it is none. */
const NO_TEXT = '?'

/**
 * What a request brought: its query, and over it the body of a POST.
 * @throws UnreadableRequest
 */
export async function readProxyValues(ctx: Koa.Context, proxies: Proxies): Promise<RequestValues> {
  const head = readHead(ctx.req, undefined, proxies)
  const query = parseUrlencoded(Buffer.from(head.rawQuery, 'latin1'), 'utf-8')
  if (head.method !== 'POST') return query
  const body = await readBody(ctx.req, LONGEST_BODY)
  if (!(body instanceof Uint8Array)) throw new UnreadableRequest(body.status === 415 ? 415 : 400, 'the body')
  return body.length === 0 ? query : Object.assign(query, readValues({ ...head, body }, 'utf-8'))
}

/** One value as a text, without blanks around it; empty when it is not there. */
export function textValue(values: RequestValues, name: string): string {
  const value = values[name]
  if (value === undefined || value === null) return ''
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  return typeof value === 'string' ? value.trim() : NO_TEXT
}
