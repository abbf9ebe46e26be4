import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { HostsFile } from './hosts-file.ts'
import { type ResolvedAddress, sharedLooks } from './shared-looks.ts'

export interface OutsideNamesOptions {
  /** By default that of the system. */
  readonly hosts?: HostsFile
  /** Addresses of nameservers, with ports; by default those of the system. */
  readonly servers?: readonly string[]
}

const TIMEOUT_MS = 1_500
const TRIES = 2
const LONGEST_MS = 4_000
/** For IPv6, when the addresses of IPv4 are known: those are reached from everywhere, the others are not. */
const SECOND_MS = 500
const LOOPBACK = ['127.0.0.1', '::1']

/**
 * Looks up names that outsiders chose. The system's own look takes one of the few threads that files and passwords need
 * as well, for as long as a nameserver likes to say nothing; this asks nameservers itself, and holds up nobody. Names of
 * the hosts file are known; to others no domain is added.
 */
export class OutsideNames {
  readonly #hosts: HostsFile
  readonly #servers: readonly string[] | undefined
  /** @throws an error with the code that the nameserver's answer has in `node:dns`, or `ETIMEOUT`, after some seconds */
  readonly addressesOf = sharedLooks((host) => this.#found(host))

  constructor({ hosts = new HostsFile(), servers }: OutsideNamesOptions = {}) {
    this.#hosts = hosts
    this.#servers = servers
  }

  async #found(host: string): Promise<readonly ResolvedAddress[]> {
    const known = await this.#hosts.addressesOf(host)
    // RFC 6761: no nameserver is asked for it.
    const own = known.length > 0 ? known : /(^|\.)localhost$/i.test(host) ? LOOPBACK : []
    const addresses = own.length > 0 ? own : await this.#asked(host)
    return addresses.map((address) => ({ address, family: isIP(address) }))
  }

  async #asked(host: string): Promise<readonly string[]> {
    // A new one knows the nameservers of now, and can be ended by itself.
    const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
    if (this.#servers !== undefined) resolver.setServers(this.#servers)
    const timers = [setTimeout(() => resolver.cancel(), LONGEST_MS)]
    const hurry = () => void timers.push(setTimeout(() => resolver.cancel(), SECOND_MS))
    const asked = [resolver.resolve4(host), resolver.resolve6(host)]
    asked[0]?.then(hurry, () => undefined)
    const answers = await Promise.allSettled(asked)
    for (const timer of timers) clearTimeout(timer)
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const [failed] = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []))
    if (found.length === 0 && failed !== undefined) throw isCancelled(failed) ? timedOut(host) : failed
    return found
  }
}

function isCancelled(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECANCELLED'
}

function timedOut(host: string): Error {
  return Object.assign(new Error(`no nameserver told the address of ${host}`), { code: 'ETIMEOUT' })
}
