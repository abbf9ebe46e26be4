/** How a text travels: packed septets of GSM 03.38, or 16-bit units of UCS-2. */
export type TextEncoding = 'GSM-7' | 'UCS-2'

/** What a text costs on the network. */
export interface TextSize {
  readonly encoding: TextEncoding
  /** Septets (GSM-7) or 16-bit units (UCS-2). */
  readonly units: number
  /** Messages the network sends and bills; an empty text is one. */
  readonly parts: number
}

/** The default alphabet, 3GPP TS 23.038 section 6.2.1, in the order of its codes; ESC (0x1B) left out. */
export const GSM_BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà'

/** The extension table, 3GPP TS 23.038 section 6.2.1.1: each takes an escape and a septet. */
export const GSM_EXTENSION = '\f^{}\\[~]|€'

const SEPTETS = new Map<string, 1 | 2>([
  ...Array.from(GSM_BASIC, (char) => [char, 1] as const),
  ...Array.from(GSM_EXTENSION, (char) => [char, 2] as const),
])

// A part of a joined message gives 6 of its 140 bytes to the user data header.
const LIMITS = {
  'GSM-7': { single: 160, joined: 153 },
  'UCS-2': { single: 70, joined: 67 },
} as const

/**
 * Chooses the encoding by content and counts the parts as networks do: a character of two units (an extension
 * character, a surrogate pair) is never cut apart by the border of a part.
 */
export function measureText(text: string): TextSize {
  const septets = septetsOf(text)
  return septets === undefined ? ucs2Size(text) : gsmSize(septets)
}

/** True when every character of the text is in GSM 03.38 or its extension table. */
export function isGsmText(text: string): boolean {
  return septetsOf(text) !== undefined
}

function septetsOf(text: string): number[] | undefined {
  const septets: number[] = []
  for (const char of text) {
    const width = SEPTETS.get(char)
    if (width === undefined) return undefined
    septets.push(width)
  }
  return septets
}

function gsmSize(widths: readonly number[]): TextSize {
  return size('GSM-7', widths)
}

function ucs2Size(text: string): TextSize {
  return size(
    'UCS-2',
    Array.from(text, (char) => char.length),
  )
}

function size(encoding: TextEncoding, widths: readonly number[]): TextSize {
  const limit = LIMITS[encoding]
  const units = widths.reduce((sum, width) => sum + width, 0)
  if (units <= limit.single) return { encoding, units, parts: 1 }
  let parts = 1
  let room = limit.joined
  for (const width of widths) {
    if (width > room) {
      parts++
      room = limit.joined
    }
    room -= width
  }
  return { encoding, units, parts }
}
