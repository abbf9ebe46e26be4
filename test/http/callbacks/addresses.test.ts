import { expect } from 'chai'
import fc from 'fast-check'
import { AddressRules } from '../../../src/http/callbacks/addresses.ts'

/** https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast (RFC 5771). */
const V4 = [
  ...['0.0.0.0/8', '0.0.0.0/32', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.0.0/29', '192.0.0.8/32', '192.0.0.9/32', '192.0.0.10/32', '192.0.0.170/32'],
  ...['192.0.0.171/32', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16'],
  ...['192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '240.0.0.0/4', '255.255.255.255/32'],
  '224.0.0.0/4',
]
/** https://www.iana.org/assignments/iana-ipv6-special-registry, what is deprecated, and multicast (RFC 4291). */
const V6 = [
  ...[
    '::1/128',
    '::/128',
    '::ffff:0:0/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '100:0:0:1::/64',
    '2001::/23',
  ],
  ...['2001::/32', '2001:1::1/128', '2001:1::2/128', '2001:1::3/128', '2001:2::/48', '2001:3::/32', '2001:4:112::/48'],
  ...['2001:10::/28', '2001:20::/28', '2001:30::/28', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'],
  ...['5f00::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8', '::/96'],
]
const METADATA = [
  '169.254.169.254',
  'fd00:ec2::254',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  '::ffff:169.254.169.254',
]

const rules = new AddressRules([])

/** An address within a network, by arithmetic of our own. */
function within(network: string, random: bigint): string {
  const [address = '', bits = '0'] = network.split('/')
  const isV4 = !address.includes(':')
  const size = isV4 ? 32n : 128n
  const free = (1n << (size - BigInt(bits))) - 1n
  const value = (numberOf(address) & ~free) | (random & free)
  return isV4 ? textOfV4(value) : textOfV6(value)
}

function numberOf(address: string): bigint {
  if (!address.includes(':')) return address.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  const [head = '', tail = ''] = address.split('::')
  const words = (text: string) => text.split(':').filter((word) => word !== '')
  const middle = address.includes('::') ? 8 - words(head).length - words(tail).length : 0
  const all = [...words(head), ...Array.from({ length: middle }, () => '0'), ...words(tail)]
  return all.reduce((sum, word) => (sum << 16n) | BigInt(`0x${word}`), 0n)
}

function textOfV4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.')
}

function textOfV6(value: bigint): string {
  return Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - index * 16)) & 65_535n).toString(16)).join(':')
}

describe('the addresses that callbacks may reach', () => {
  for (const network of [...V4, ...V6]) {
    it(`are none of ${network}`, () => {
      const all = (1n << 128n) - 1n
      for (const end of [0n, all]) expect(rules.allows(within(network, end)), within(network, end)).to.equal(false)
      fc.assert(fc.property(fc.bigInt(0n, all), (random) => !rules.allows(within(network, random))))
    })
  }

  it('are no IPv4 address in the clothes of IPv6', () => {
    fc.assert(
      fc.property(
        fc.ipV4(),
        fc.constantFrom('::ffff:', '::', '64:ff9b::'),
        (v4, prefix) => !rules.allows(`${prefix}${v4}`),
      ),
    )
  })

  it('are only those that IANA has given out, of IPv6', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (value) => value >> 125n === 1n || !rules.allows(textOfV6(value))),
    )
  })

  it('are no addresses of metadata services', () => {
    for (const address of METADATA) expect(rules.allows(address), address).to.equal(false)
  })

  it('are those of the internet', () => {
    const good = ['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '172.15.255.255']
    const more = [
      '172.32.0.0',
      '192.0.1.0',
      '198.17.255.255',
      '198.20.0.0',
      '223.255.255.255',
      '2606:4700::1111',
      '2a00::1',
    ]
    for (const address of [...good, ...more]) expect(rules.allows(address), address).to.equal(true)
  })

  it('are nothing that is no address', () => {
    fc.assert(fc.property(fc.string(), (text) => /^[\d.]+$|:/.test(text) || !rules.allows(text)))
    for (const text of ['', 'localhost', '127.1', '2606:4700::1111%eth0'])
      expect(rules.allows(text), text).to.equal(false)
  })

  it('are those that the settings allow besides', () => {
    const given = new AddressRules(['10.1.0.0/16', '127.0.0.1', 'fd00::/8', 'Receiver.internal'])
    for (const address of ['10.1.2.3', '127.0.0.1', 'fd00::1']) expect(given.allows(address), address).to.equal(true)
    for (const address of ['10.2.0.0', '127.0.0.2', 'fe80::1']) expect(given.allows(address), address).to.equal(false)
    expect(given.trusts('receiver.INTERNAL')).to.equal(true)
    expect(given.trusts('internal')).to.equal(false)
  })
})
