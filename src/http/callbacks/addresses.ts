import { BlockList, isIP } from 'node:net'
import { isAddressOrNetwork } from '../proxies.ts'

/**
 * What is no address of a machine on the internet, by IANA's special-purpose registries for IPv4 (RFC 6890 and what
 * came after it), and multicast. Of the few that are reached from everywhere, no receiver stands there either.
 */
const RESERVED_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // Azure's own service for its machines; the others' lie in the networks above.
  '168.63.129.16/32',
]

/** All that is given out of IPv6: what lies outside is private, local, multicast, or holds an address of IPv4. */
const GLOBAL_V6 = '2000::/3'
const RESERVED_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20']

/** Which addresses may be connected to for who only says a URL. */
export class AddressRules {
  readonly #reserved = listOf([...RESERVED_V4, ...RESERVED_V6])
  readonly #global = listOf([GLOBAL_V6])
  readonly #allowed: BlockList
  readonly #names: ReadonlySet<string>

  /** @param allow networks, addresses and host names that may be connected to although they are reserved */
  constructor(allow: readonly string[]) {
    this.#allowed = listOf(allow.filter(isAddressOrNetwork))
    this.#names = new Set(allow.filter((entry) => !isAddressOrNetwork(entry)).map((name) => name.toLowerCase()))
  }

  /** Whether the project trusts the name, whatever it stands for. */
  trusts(host: string): boolean {
    return this.#names.has(host.toLowerCase())
  }

  /** @param address anything that is no address is refused */
  allows(address: string): boolean {
    const family = isIP(address)
    // An address with a zone is local by its nature.
    if (family === 0 || address.includes('%')) return false
    const type = family === 4 ? 'ipv4' : 'ipv6'
    if (this.#allowed.check(address, type)) return true
    if (type === 'ipv6' && !this.#global.check(address, type)) return false
    return !this.#reserved.check(address, type)
  }
}

function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const type = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, type)
    else list.addSubnet(address, Number(bits), type)
  }
  return list
}
