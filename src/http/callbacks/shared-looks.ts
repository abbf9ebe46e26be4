export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** Finds the addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>

/** A way to look names up by which equal ones that come together are looked up once. */
export function sharedLooks(find: Resolve): Resolve {
  const underWay = new Map<string, Promise<readonly ResolvedAddress[]>>()
  return (host) => {
    const same = underWay.get(host)
    if (same !== undefined) return same
    const asking = find(host).finally(() => underWay.delete(host))
    underWay.set(host, asking)
    return asking
  }
}
