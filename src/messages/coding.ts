import { GSM_BASIC, measureText } from './gsm.ts'

/** How the bytes of a part are written: one septet of GSM 03.38 in each byte, UTF-16 with its high byte first, … */
export type TextCoding = 'gsm7' | 'ucs2' | 'latin1' | 'utf-8'

/** How a text has to be sent, and as how many parts. */
export interface ChosenCoding {
  readonly coding: 'gsm7' | 'ucs2'
  readonly parts: number
}

/** The coding a text needs on the network: UCS-2 as soon as one character is not in GSM 03.38. */
export function codingOf(text: string): ChosenCoding {
  const { encoding, parts } = measureText(text)
  return { coding: encoding === 'GSM-7' ? 'gsm7' : 'ucs2', parts }
}

/** UTF-16 with its high byte first, as services call `unicode` or UCS-2. */
export function utf16Bytes(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le').swap16()
}

/** The same in capital hexadecimal digits: `Привет` is `041F04400438043204350442`. */
export function utf16Hex(text: string): string {
  return Buffer.from(utf16Bytes(text)).toString('hex').toUpperCase()
}

/** The bytes that hexadecimal digits stand for; undefined when it is something else. */
export function hexBytes(hex: string): Uint8Array | undefined {
  return hex.length % 2 === 0 && /^[0-9a-f]*$/i.test(hex) ? Buffer.from(hex, 'hex') : undefined
}

/** Reads bytes; what is not valid becomes U+FFFD, since what a person wrote is not thrown away. */
export function decodeBytes(bytes: Uint8Array, coding: TextCoding): string {
  switch (coding) {
    case 'gsm7':
      return decodeGsm(bytes)
    case 'ucs2':
      return new TextDecoder('utf-16be', { ignoreBOM: true }).decode(bytes)
    case 'latin1':
      return Buffer.from(bytes).toString('latin1')
    case 'utf-8':
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  }
}

const ESCAPE = 0x1b

/** The default alphabet by its codes, 3GPP TS 23.038 section 6.2.1. */
const BY_CODE = [...GSM_BASIC.slice(0, ESCAPE), '\u001b', ...GSM_BASIC.slice(ESCAPE)]

/** The extension table, 3GPP TS 23.038 section 6.2.1.1. */
const EXTENDED: Readonly<Record<number, string>> = {
  10: '\f',
  20: '^',
  40: '{',
  41: '}',
  47: '\\',
  60: '[',
  61: '~',
  62: ']',
  64: '|',
  101: '€',
}

/** One septet in each byte. An escape before a code that the extension table has not is shown as a blank, as phones do. */
function decodeGsm(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes[at] ?? 0
    if (code !== ESCAPE) {
      text += BY_CODE[code] ?? '\ufffd'
      continue
    }
    const extended = EXTENDED[bytes[at + 1] ?? -1]
    if (extended === undefined) text += ' '
    else {
      text += extended
      at++
    }
  }
  return text
}
