import { expect } from 'chai'
import fc from 'fast-check'
import { codingOf, decodeBytes, hexBytes, utf16Bytes, utf16Hex } from '../../src/messages/coding.ts'
import { parseUdh } from '../../src/messages/udh.ts'

const bytes = (hex: string) => hexBytes(hex.replaceAll(' ', '')) ?? new Uint8Array()

describe('codings', () => {
  it('are chosen by content', () => {
    expect(codingOf('{hello}')).to.deep.equal({ coding: 'gsm7', parts: 1 })
    expect(codingOf('Привет')).to.deep.equal({ coding: 'ucs2', parts: 1 })
    expect(codingOf('é'.repeat(161))).to.deep.equal({ coding: 'gsm7', parts: 2 })
  })

  it('write UTF-16 with its high byte first', () => {
    expect(utf16Hex('Привет')).to.equal('041F04400438043204350442')
    expect(utf16Hex('😀')).to.equal('D83DDE00')
    expect(utf16Hex('')).to.equal('')
  })

  it('read what they write', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeBytes(utf16Bytes(text), 'ucs2')).to.equal(text.toWellFormed())
        expect(decodeBytes(hexBytes(utf16Hex(text)) ?? new Uint8Array(), 'ucs2')).to.equal(text.toWellFormed())
      }),
    )
  })

  it('read septets, those of the extension table too', () => {
    expect(decodeBytes(bytes('00 01 02 61 1b65 1b14 1b28 10 0a'), 'gsm7')).to.equal('@£$a€^{Δ\n')
    expect(decodeBytes(bytes('1b41 1b'), 'gsm7')).to.equal(' A ')
    expect(decodeBytes(bytes('80ff'), 'gsm7')).to.equal('\ufffd\ufffd')
    expect(decodeBytes(bytes('e9'), 'latin1')).to.equal('é')
  })

  it('read any bytes without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom('gsm7', 'ucs2', 'latin1', 'utf-8'), (any, coding) => {
        expect(decodeBytes(any, coding).isWellFormed()).to.equal(true)
      }),
    )
  })

  it('know hexadecimal digits', () => {
    expect(hexBytes('00fF')).to.deep.equal(Buffer.from([0, 255]))
    for (const wrong of ['0', '0g', '0x00', ' 00']) expect(hexBytes(wrong), wrong).to.equal(undefined)
  })
})

describe('a user data header', () => {
  const rows = [
    { label: '8 bits', hex: '05 00 03 2a 03 02 61', part: { reference: '8:42', total: 3, number: 2 }, length: 6 },
    { label: '16 bits', hex: '06 08 04 0102 03 01', part: { reference: '16:258', total: 3, number: 1 }, length: 7 },
    { label: 'ports', hex: '06 05 04 0b84 23f0 61', length: 7 },
    {
      label: 'ports before a part',
      hex: '0b 05 04 0b84 23f0 00 03 07 02 01',
      part: { reference: '8:7', total: 2, number: 1 },
      length: 12,
    },
    { label: 'part 0', hex: '05 00 03 2a 03 00', length: 6 },
    { label: 'a part behind the last', hex: '05 00 03 2a 03 04', length: 6 },
    { label: 'of no parts', hex: '05 00 03 2a 00 00', length: 6 },
  ]
  for (const { label, hex, part, length } of rows) {
    it(label, () => {
      expect(parseUdh(bytes(hex))).to.deep.equal(part === undefined ? { length } : { part, length })
    })
  }

  it('is none when it is cut, empty or longer than it says', () => {
    for (const hex of ['', '00', '05 00 03 2a 03', '05 00 04 2a 03 02', '01 00', 'ff']) {
      expect(parseUdh(bytes(hex)), hex).to.equal(undefined)
    }
  })

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (any) => {
        const read = parseUdh(any)
        if (read !== undefined) expect(read.length).to.be.within(2, any.length)
      }),
    )
  })
})
