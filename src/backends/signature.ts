import { createHash, timingSafeEqual } from 'node:crypto'

/** Compares what has to be secret, such as a signature, in a time that tells nothing of where they differ. */
export function timingSafeEqualText(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}
