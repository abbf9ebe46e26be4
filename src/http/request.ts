import type { IncomingMessage } from 'node:http'
import getRawBody from 'raw-body'
import type { ViewAnswer, ViewRequest } from '../router/backend.ts'
import type { Proxies } from './proxies.ts'

export interface RequestSettings {
  /** Bytes. */
  readonly bodyLimit: number
  readonly publicUrl?: string | undefined
  readonly trustedProxies: readonly string[]
}

/** A request without its body, which is read only once the request may be answered. */
export type RequestHead = Omit<ViewRequest, 'body'>

const NO_BODY = new Uint8Array()

/** What a request says before its body. */
export function readHead(req: IncomingMessage, publicUrl: string | undefined, proxies: Proxies): RequestHead {
  const target = targetOf(req)
  const query = target.indexOf('?')
  return {
    method: req.method ?? 'GET',
    url: `${publicUrl?.replace(/\/$/, '') ?? proxies.originOf(req)}${target}`,
    rawQuery: query < 0 ? '' : target.slice(query + 1),
    headers: req.headers as Readonly<Record<string, string | undefined>>,
    ip: proxies.clientOf(req),
  }
}

/**
 * Reads the body of a request.
 * @param limit bytes
 * @returns the answer to give instead when it cannot be taken: 413, 415, or 400 when it was cut
 * @throws Error when someone before us has read it already
 */
export async function readBody(req: IncomingMessage, limit: number): Promise<Uint8Array | ViewAnswer> {
  const { 'content-encoding': encoding, 'content-length': length } = req.headers
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return plain(415, `Content-Encoding: ${encoding.slice(0, 50)} is not taken; send the body as it is.`)
  }
  if (!hasBody(req)) return NO_BODY
  try {
    return await getRawBody(req, { limit, ...(length === undefined ? {} : { length }) })
  } catch (error) {
    const type = error instanceof Error && 'type' in error ? error.type : ''
    // The rest of the body is read and dropped by Node.js, so that the sender gets to see this answer.
    if (type === 'entity.too.large') return plain(413, `At most ${limit} bytes are taken.`)
    if (type === 'stream.not.readable') throw new Error(READ_ALREADY, { cause: error })
    return plain(400, 'The body is not complete.')
  }
}

const READ_ALREADY = 'The body of the request was read before it came here: mount Switchboard before body parsers.'

function hasBody(req: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': transfer } = req.headers
  return transfer !== undefined || (length !== undefined && length !== '0')
}

/** Path and query. A proxy may ask for a whole URL; a framework may have cut a prefix off and kept the original. */
function targetOf(req: IncomingMessage): string {
  const original = 'originalUrl' in req && typeof req.originalUrl === 'string' ? req.originalUrl : req.url
  return withoutOrigin(original ?? '/')
}

/** `http://example.org/x` as `/x`: RFC 9112, 3.2.2 has every server take both. */
export function withoutOrigin(target: string): string {
  if (target.startsWith('/')) return target
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '')
  return path.startsWith('/') ? path : `/${path}`
}

function plain(status: number, body: string): ViewAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
}
