/** Which part of which long message a user data header says it stands before. */
export interface UdhPart {
  readonly reference: string
  readonly total: number
  /** From 1. */
  readonly number: number
}

export interface Udh {
  /** Absent when the message is not a part of a longer one. */
  readonly part?: UdhPart
  /** Bytes of the header, its length byte included: what follows is the text. */
  readonly length: number
}

const CONCAT_8_BIT = 0x00
const CONCAT_16_BIT = 0x08

/**
 * Reads a user data header, 3GPP TS 23.040 section 9.2.3.24: the elements of joined messages with references of 8
 * bits (00) and of 16 (08). All others, such as ports (04, 05), are passed over.
 * @param bytes beginning with the header's length; what follows the header is not looked at
 * @returns undefined when it is no header
 */
export function parseUdh(bytes: Uint8Array): Udh | undefined {
  const length = (bytes[0] ?? 0) + 1
  if (length < 2 || length > bytes.length) return undefined
  let part: UdhPart | undefined
  let at = 1
  while (at < length) {
    const size = bytes[at + 1]
    if (size === undefined || at + 2 + size > length) return undefined
    part = partOf(bytes[at] ?? 0, bytes.subarray(at + 2, at + 2 + size)) ?? part
    at += 2 + size
  }
  return part === undefined ? { length } : { part, length }
}

function partOf(element: number, data: Uint8Array): UdhPart | undefined {
  const wide = element === CONCAT_16_BIT
  if ((element !== CONCAT_8_BIT && !wide) || data.length !== (wide ? 4 : 3)) return undefined
  const [total = 0, number = 0] = data.subarray(wide ? 2 : 1)
  const reference = wide ? (data[0] ?? 0) * 256 + (data[1] ?? 0) : (data[0] ?? 0)
  // The standard has such an element ignored.
  if (total === 0 || number === 0 || number > total) return undefined
  return { reference: `${wide ? 16 : 8}:${reference}`, total, number }
}
