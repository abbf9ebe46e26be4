import { expect } from 'chai'
import fc from 'fast-check'
import { clientKey, plainAddress } from '../../src/http/client-address.ts'

describe('what a client is counted under', () => {
  const keys: readonly (readonly [ip: string, key: string])[] = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['', 'unknown'],
    ['unix:', 'unknown'],
  ]
  for (const [ip, key] of keys) it(`${ip || 'nothing'} as ${key}`, () => expect(clientKey(ip)).to.equal(key))

  it('is the same for all of a /64, and for no other', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), (one, other) => {
        const isSame = clientKey(one) === clientKey(other)
        const network = (ip: string) => new URL(`http://[${ip}]`).hostname
        if (network(one) === network(other)) expect(isSame).to.equal(true)
        expect(clientKey(one)).to.match(/^(unknown|[\d.]+|([\da-f]+:){3}[\da-f]+::\/64)$/)
      }),
    )
  })

  it('is looked up as IPv4 where it is that within IPv6', () => {
    expect(plainAddress('::ffff:8.8.8.8')).to.equal('8.8.8.8')
    expect(plainAddress('2001:4860:4860::8888')).to.equal('2001:4860:4860::8888')
    expect(plainAddress('nobody')).to.equal(undefined)
  })
})
