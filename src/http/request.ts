import type { IncomingMessage } from 'node:http'
import getRawBody from 'raw-body'
import type { ViewAnswer, ViewRequest } from '../router/backend.ts'

export interface RequestSettings {
  /** Bytes. */
  readonly bodyLimit: number
  readonly publicUrl?: string | undefined
  readonly trustedProxies: readonly string[]
}

const NO_BODY = new Uint8Array()

/**
 * Reads a request as views take it.
 * @returns the answer to give instead when its body cannot be taken: 413, 415, or 400 when it was cut
 */
export async function readRequest(req: IncomingMessage, settings: RequestSettings): Promise<ViewRequest | ViewAnswer> {
  const { url: target = '/', method = 'GET' } = req
  const query = target.indexOf('?')
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    return plain(415, `Content-Encoding: ${encoding.slice(0, 50)} is not taken; send the body as it is.`)
  }
  let body: Uint8Array = NO_BODY
  if (hasBody(req)) {
    const read = await readBody(req, settings.bodyLimit)
    if ('status' in read) return read
    body = read
  }
  return {
    method,
    url: outsideUrl(req, target, settings),
    rawQuery: query < 0 ? '' : target.slice(query + 1),
    headers: req.headers as Readonly<Record<string, string | undefined>>,
    body,
    ip: clientAddress(req, settings.trustedProxies),
  }
}

export function isAnswer(read: ViewRequest | ViewAnswer): read is ViewAnswer {
  return 'status' in read
}

async function readBody(req: IncomingMessage, limit: number): Promise<Buffer | ViewAnswer> {
  try {
    const length = req.headers['content-length']
    return await getRawBody(req, { limit, ...(length === undefined ? {} : { length }) })
  } catch (error) {
    const type = error instanceof Error && 'type' in error ? error.type : ''
    if (type === 'entity.too.large') {
      return { ...plain(413, `At most ${limit} bytes are taken.`), headers: { ...TEXT, connection: 'close' } }
    }
    return { ...plain(400, 'The body is not complete.'), headers: { ...TEXT, connection: 'close' } }
  }
}

function hasBody(req: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': transfer } = req.headers
  return transfer !== undefined || (length !== undefined && length !== '0')
}

function outsideUrl(req: IncomingMessage, target: string, { publicUrl, trustedProxies }: RequestSettings): string {
  if (publicUrl !== undefined) return new URL(target, publicUrl).href
  const direct = 'encrypted' in req.socket ? 'https' : 'http'
  if (!isTrusted(req, trustedProxies)) return `${direct}://${req.headers.host ?? 'localhost'}${target}`
  const protocol = first(req.headers['x-forwarded-proto']) ?? direct
  const host = first(req.headers['x-forwarded-host']) ?? req.headers.host ?? 'localhost'
  return `${protocol}://${host}${target}`
}

/** The last address of X-Forwarded-For that a proxy of ours has not written about another proxy of ours. */
function clientAddress(req: IncomingMessage, trustedProxies: readonly string[]): string {
  const peer = peerAddress(req)
  if (!isTrusted(req, trustedProxies)) return peer
  const forwarded = [req.headers['x-forwarded-for']]
    .flat()
    .join(',')
    .split(',')
    .map((address) => address.trim())
  return forwarded.findLast((address) => address !== '' && !trustedProxies.includes(address)) ?? peer
}

function isTrusted(req: IncomingMessage, trustedProxies: readonly string[]): boolean {
  return trustedProxies.length > 0 && trustedProxies.includes(peerAddress(req))
}

function peerAddress(req: IncomingMessage): string {
  return (req.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
}

function first(header: string | string[] | undefined): string | undefined {
  return [header].flat()[0]?.split(',')[0]?.trim()
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' }

function plain(status: number, body: string): ViewAnswer {
  return { status, headers: TEXT, body }
}
