import { randomFillSync } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Makes the public ids of messages. */
export type NewId = () => string

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const POOL_SIZE = 16 * 256

/**
 * A generator of UUIDs of version 7 (RFC 9562, 5.7): 48 bits of milliseconds, then a counter of 12 bits that
 * grows within a millisecond, then 62 random bits. Ids of one generator sort by the time they were made.
 */
export function uuidv7Generator(clock: Clock, fillRandom: (bytes: Uint8Array) => void = randomFillSync): NewId {
  const pool = new Uint8Array(POOL_SIZE)
  let used = POOL_SIZE
  let last = 0
  let counter = 0

  return () => {
    if (used === POOL_SIZE) {
      fillRandom(pool)
      used = 0
    }
    const now = clock.now()
    if (now > last) {
      last = now
      counter = (byteAt(pool, used) & 0x07) << 8
    } else if (++counter > 0xfff) {
      last++
      counter = 0
    }
    const time = last.toString(16).padStart(12, '0')
    const variant = HEX[(byteAt(pool, used + 8) & 0x3f) | 0x80]
    let node = ''
    for (let i = 10; i < 16; i++) node += HEX[byteAt(pool, used + i)]
    const id =
      `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-` +
      `${variant}${HEX[byteAt(pool, used + 9)]}-${node}`
    used += 16
    return id
  }
}

/** The least UUID of version 7 that is made at this time (milliseconds since 1970); as a text, since ids are texts. */
export function leastIdAt(milliseconds: number): string {
  const time = Math.max(0, milliseconds).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}`
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0
}
