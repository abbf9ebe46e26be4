import { isIPv4, isIPv6 } from 'node:net'

/**
 * What a client is counted under: an IPv4 address, or the /64 of an IPv6 address, which is what one line gets. Anything
 * else is one client.
 * @param ip as `Proxies` gives it
 */
export function clientKey(ip: string): string {
  const address = ip.replace(/%.*$/, '').toLowerCase()
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return 'unknown'
  const groups = groupsOf(address)
  return (
    mappedIPv4(groups) ??
    `${groups
      .slice(0, 4)
      .map((group) => group.toString(16))
      .join(':')}::/64`
  )
}

/** An address as databases of countries know it: IPv4 within IPv6 as IPv4; undefined when it is none. */
export function plainAddress(ip: string): string | undefined {
  const address = ip.replace(/%.*$/, '')
  if (isIPv4(address)) return address
  return isIPv6(address) ? (mappedIPv4(groupsOf(address)) ?? address) : undefined
}

function groupsOf(address: string): readonly number[] {
  const [head = '', tail] = withoutDots(address).split('::')
  const before = wordsOf(head)
  const after = tail === undefined ? [] : wordsOf(tail)
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...new Array<number>(zeros).fill(0), ...after]
}

function wordsOf(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

/** `::ffff:192.0.2.1` as `::ffff:c000:201`. */
function withoutDots(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number)
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })
}

function mappedIPv4(groups: readonly number[]): string | undefined {
  const [high = 0, low = 0] = groups.slice(6)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return isMapped ? [high >> 8, high & 255, low >> 8, low & 255].join('.') : undefined
}
