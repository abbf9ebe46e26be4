import { createHash } from 'node:crypto'
import { digitsOf } from '../messages/country.ts'

/** Backends that share the load of one rule, and how much of it each of them gets. */
export type Share = readonly (readonly [backend: string, weight: number])[]

/**
 * The backends in the order of one person: weighted rendezvous hashing. A person has the same order always, so that her
 * messages stay together; over many people each backend is first for its share of them; and where one is left out, only
 * those who were with it go elsewhere.
 */
export function orderOf(identity: string, share: Share): readonly string[] {
  if (share.length < 2) return share.map(([backend]) => backend)
  const person = digitsOf(identity)
  return share
    .map(([backend, weight]) => ({ backend, score: -weight / Math.log(uniform(`${person}\n${backend}`)) }))
    .sort((a, b) => b.score - a.score || (a.backend < b.backend ? -1 : 1))
    .map(({ backend }) => backend)
}

const BITS = 48

/** Between 0 and 1, neither of them. */
function uniform(text: string): number {
  const hash = createHash('sha256')
    .update(text)
    .digest()
    .readUIntBE(0, BITS / 8)
  return (hash + 0.5) / 2 ** BITS
}
