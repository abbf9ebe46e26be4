import { expect } from 'chai'
import fc from 'fast-check'
import { isRegion, isSpreadsheetNumber, Numbers, type Region } from '../../src/messages/numbers.ts'

describe('numbers', () => {
  const homes: readonly { readonly region: Region; readonly number: string; readonly forms: readonly string[] }[] = [
    {
      region: 'KE',
      number: '+254712345678',
      forms: [
        '0712345678',
        '712345678',
        '254712345678',
        '+254712345678',
        '00254712345678',
        '000254712345678',
        '0712 345 678',
        '+254 (0)712 345-678',
        '+254\u00a0712\u00a0345\u00a0678',
        ' 0712.345.678 ',
        '\u202a+254712345678\u202c',
      ],
    },
    { region: 'KE', number: '+254110123456', forms: ['0110123456', '110123456', '254110123456'] },
    { region: 'KE', number: '+254202345678', forms: ['020 2345678', '+254 20 2345678'] },
    {
      region: 'TZ',
      number: '+255712345678',
      forms: ['0712345678', '712345678', '255712345678', '+255712345678', '00255712345678'],
    },
    {
      region: 'US',
      number: '+12025550123',
      forms: ['2025550123', '12025550123', '+12025550123', '0012025550123', '(202) 555-0123', '202.555.0123'],
    },
    { region: 'US', number: '+254712345678', forms: ['011254712345678', '00254712345678', '254712345678'] },
    {
      region: 'DE',
      number: '+4915112345678',
      forms: ['015112345678', '15112345678', '4915112345678', '+4915112345678', '004915112345678', '0151/123 456-78'],
    },
    { region: 'DE', number: '+49301234567', forms: ['030 1234567', '+49 30 1234567', '0049 (0)30 1234567'] },
    {
      region: 'IN',
      number: '+919812345678',
      forms: ['09812345678', '9812345678', '919812345678', '+919812345678', '00919812345678', '98123-45678'],
    },
  ]
  for (const { region, number, forms } of homes) {
    const numbers = new Numbers(region)
    for (const form of forms) {
      it(`${JSON.stringify(form)} is ${number} in ${region}`, () => expect(numbers.canonical(form)).to.equal(number))
    }
  }

  const abroad = ['+254712345678', '00254712345678', '+254 712 345 678']
  for (const form of abroad) {
    it(`${form} is known without a region`, () => expect(new Numbers().canonical(form)).to.equal('+254712345678'))
  }
  for (const form of ['254712345678', '0712345678', '712345678', '4915112345678']) {
    it(`${form} is left as it is without a region`, () => expect(new Numbers().canonical(form)).to.equal(form))
  }

  const raw = [
    '1112223333',
    '22000',
    '40404',
    '*384#',
    '82232',
    'AIRTEL',
    'Mama Mboga',
    'ann@example.org',
    '',
    ' ',
    '+',
    '0',
    '00',
    '0712',
    '+2547',
    '+254712345678901',
    '+999712345678',
    '2.54E+11',
    '1'.repeat(10_000),
    '٠٧١٢٣٤٥٦٧٨',
    '0712345678x12',
    '10.0.0.7',
    '018fe6a1-7c3e-7c8a-9a5b-0b1c2d3e4f50',
  ]
  for (const given of raw) {
    it(`${JSON.stringify(given.slice(0, 30))} stays as it is everywhere`, () => {
      for (const region of [undefined, 'KE', 'TZ', 'US', 'DE', 'IN'] as const) {
        expect(new Numbers(region).canonical(given)).to.equal(given)
      }
    })
  }

  it('8005551212, which nobody can write from, stays as it is where it is no mobile', () => {
    for (const region of [undefined, 'KE', 'TZ', 'US', 'DE'] as const) {
      expect(new Numbers(region).canonical('8005551212')).to.equal('8005551212')
    }
  })

  it('are at rest: what comes out goes in unchanged', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 16 })
    const given = fc.oneof(
      fc
        .tuple(fc.constantFrom('', '+', '00', '0', '+254', '254', '07', '+1', '49', '91'), digits)
        .map((parts) => parts.join('')),
      fc.string({ unit: fc.constantFrom(...'+0123456789 -()/.eE'), maxLength: 20 }),
      fc.string({ unit: 'binary', maxLength: 30 }),
    )
    fc.assert(
      fc.property(given, fc.constantFrom(undefined, 'KE', 'TZ', 'US', 'DE', 'IN'), (text, region) => {
        const numbers = new Numbers(region)
        const once = numbers.canonical(text)
        expect(numbers.canonical(once)).to.equal(once)
        if (once !== text) expect(once).to.match(/^\+[1-9]\d{6,14}$/)
      }),
      { numRuns: 1_000 },
    )
  })

  it('are the same whether they were asked for before or not', () => {
    const known = new Numbers('KE')
    for (let index = 0; index < 10_500; index++) known.canonical(`07${String(index).padStart(8, '0')}`)
    for (const form of ['0700000001', '0700010499', '0712 345 678', '1112223333', '111 222 3333']) {
      expect(known.canonical(form)).to.equal(new Numbers('KE').canonical(form))
      expect(known.canonical(form)).to.equal(new Numbers('KE').canonical(form))
    }
  })

  it('know regions', () => {
    expect(['KE', 'TZ', 'US', 'DE', 'IN'].every(isRegion)).to.equal(true)
    expect(['ke', 'XX', '', 'Kenya', '254', '__proto__', 'toString'].some(isRegion)).to.equal(false)
  })
})

describe('numbers as spreadsheets show them', () => {
  for (const given of ['2.54E+11', '2,54712E+11', '2.547e+11', '2E+11', ' 2.54E+11 ', '-2.5E+11', '+2.54E+11']) {
    it(`${given} is one`, () => expect(isSpreadsheetNumber(given)).to.equal(true))
  }
  for (const given of ['254712345678', '+254712345678', '1e5', '12E+11', 'E+11', 'A2E+11', '2.54E11', '']) {
    it(`${JSON.stringify(given)} is none`, () => expect(isSpreadsheetNumber(given)).to.equal(false))
  }
})
