import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** Whether this is an address such as `10.0.0.7`, or a network such as `10.0.0.0/8`. */
export function isAddressOrNetwork(entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** Which peers are proxies of ours, whose X-Forwarded headers are believed. */
export class Proxies {
  readonly #trusted = new BlockList()
  readonly #isEmpty: boolean

  /** @param addresses or networks, as `isAddressOrNetwork` has found them good */
  constructor(addresses: readonly string[]) {
    this.#isEmpty = addresses.length === 0
    for (const entry of addresses) {
      const [address = '', bits] = entry.split('/')
      const family = isIP(address)
      if (bits === undefined) this.#trusted.addAddress(address, `ipv${family}` as 'ipv4')
      else this.#trusted.addSubnet(address, Number(bits), `ipv${family}` as 'ipv4')
    }
  }

  /** The address of the client: the last one of X-Forwarded-For that is no proxy of ours. */
  clientOf(req: IncomingMessage): string {
    const peer = peerOf(req)
    if (!this.#has(peer)) return peer
    const forwarded = [req.headers['x-forwarded-for']].flat().join(',').split(',').map(bareAddress)
    const client = forwarded.findLast((address) => address !== '' && !this.#has(address))
    return client !== undefined && isIP(client) !== 0 ? client : peer
  }

  /** Scheme and host as the outside saw them: `https://example.org`. */
  originOf(req: IncomingMessage): string {
    const direct = 'encrypted' in req.socket ? 'https' : 'http'
    const host = req.headers.host ?? 'localhost'
    if (!this.#has(peerOf(req))) return `${direct}://${host}`
    const scheme = first(req.headers['x-forwarded-proto'])
    const forwardedHost = first(req.headers['x-forwarded-host'])
    return `${scheme === 'https' || scheme === 'http' ? scheme : direct}://${forwardedHost || host}`
  }

  #has(address: string): boolean {
    // Most have no proxy: then a look into the list, which is not cheap, is spared for every request.
    if (this.#isEmpty) return false
    const family = isIP(address)
    return family !== 0 && this.#trusted.check(address, `ipv${family}` as 'ipv4')
  }
}

function peerOf(req: IncomingMessage): string {
  return (req.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

/** Some proxies write `[2001:db8::1]:4711` or `192.0.2.1:4711`. */
function bareAddress(written: string): string {
  const address = written.trim()
  const inner = /^\[([^\]]+)\]/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1]
  return (inner ?? address).replace(/^::ffff:(?=\d+\.)/, '')
}

function first(header: string | string[] | undefined): string | undefined {
  return [header].flat()[0]?.split(',')[0]?.trim()
}
