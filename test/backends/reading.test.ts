import { expect } from 'chai'
import fc from 'fast-check'
import {
  decodeForm,
  decodeText,
  type ErrorTable,
  elementsOf,
  encodeForm,
  errorOfCode,
  escapeXml,
  formPairs,
  isKnownCharset,
  parseXml,
  stateOf,
  textOf,
  timingSafeEqualText,
  UnreadableRequest,
} from '../../src/backends/index.ts'
import { RefusedRequest } from '../../src/backends/view.ts'
import { CreditError, MessageSendError } from '../../src/index.ts'

describe('urlencoded bytes', () => {
  it('are read in the charset that stands among them', () => {
    const query = 'from=380660000000&text=%04%1F%04%40%048%042%045%04B&charset=UTF-16BE'
    const [, [, text] = ['', new Uint8Array()]] = formPairs(query)
    expect(decodeText(text, 'UTF-16BE')).to.equal('Привет')
    expect(decodeForm('a=%C7&a=%E9+x&b', 'iso-8859-1')).to.deep.equal(
      Object.assign(Object.create(null), { a: 'é x', b: '' }),
    )
  })

  it('are refused where they are not what they say, or the charset is not known', () => {
    expect(() => decodeForm('a=%ff', 'utf-8')).to.throw(UnreadableRequest, 'utf-8')
    for (const charset of ['klingon', '', 'base64', '../utf-8', 'utf-8\0', '__proto__', 'constructor']) {
      expect(isKnownCharset(charset), charset).to.equal(false)
      expect(() => decodeForm('a=b', charset)).to.throw(UnreadableRequest)
    }
    expect(() => formPairs('&a'.repeat(1_001))).to.throw(UnreadableRequest)
  })

  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), (values) => {
        expect({ ...decodeForm(encodeForm(values), 'utf-8') }).to.deep.equal({ ...values })
      }),
    )
    expect(encodeForm({ msg: 'blå & rød', n: 5, none: undefined }, 'iso-8859-1')).to.equal('msg=bl%E5+%26+r%F8d&n=5')
    expect(encodeForm({ msg: 'Ω' }, 'iso-8859-1')).to.equal('msg=%3F')
  })
})

describe('XML', () => {
  it('is read with its attributes, children, texts and CDATA', () => {
    const root = parseXml(
      `<?xml version="1.0"?><n:status x="1 &amp; 2"><code uniq="P-245">0</code><Code>a &lt;&#x1F600;<![CDATA[<&amp;>]]></Code></n:status>`,
    )
    expect(root.name).to.equal('status')
    expect(root.attributes.get('x')).to.equal('1 & 2')
    expect(elementsOf(root, 'CODE').map(({ text }) => text)).to.deep.equal(['0', 'a <😀<&amp;>'])
    expect(root.children[0]?.attributes.get('uniq')).to.equal('P-245')
    expect(textOf(root, 'code')).to.equal('0')
    expect(textOf(root, 'd')).to.equal(undefined)
  })

  it('is read in the charset it declares', () => {
    expect(parseXml(Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>', 'latin1')).text).to.equal('é')
    expect(parseXml(Buffer.from('\ufeff<a>é</a>')).text).to.equal('é')
  })

  const bad = {
    nothing: '',
    text: 'hello',
    'what is cut': '<a><b></a>',
    'two roots': '<a/><b/>',
    'a document type': '<!DOCTYPE a><a/>',
    entities: '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>',
    'a file': '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    'what is too deep': `${'<a>'.repeat(100)}${'</a>'.repeat(100)}`,
    'too many tags': `<a>${'<b/>'.repeat(20_001)}</a>`,
    'what is too large': `<a>${'x'.repeat(1_100_000)}</a>`,
    'a prototype': '<a><__proto__>1</__proto__></a>',
  }
  for (const [label, xml] of Object.entries(bad)) {
    it(`refuses ${label}`, () => {
      expect(() => parseXml(xml)).to.throw(UnreadableRequest)
    })
  }

  it('is read or refused, whatever comes', () => {
    const piece = fc.constantFrom(
      '<a>',
      '</a>',
      '<b x="',
      '"',
      '/>',
      '<![CDATA[',
      ']]>',
      '<!--',
      '-->',
      '&amp;',
      '&',
      '<?xml',
      'x',
      ' ',
    )
    const any = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece).map((pieces) => pieces.join('')),
    )
    fc.assert(
      fc.property(any, (xml) => {
        try {
          parseXml(xml)
        } catch (error) {
          expect(error).to.be.instanceOf(UnreadableRequest)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('carries any text that it can hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const kept = text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
        expect(parseXml(`<a>${escapeXml(text)}</a>`).text).to.equal(kept)
      }),
    )
  })
})

describe('the codes of a service', () => {
  const table = { '301': [CreditError, 'no credit left'] } satisfies ErrorTable

  it('become errors that say them, and no secret', () => {
    const error = errorOfCode(table, '301', {
      what: 'Acme',
      text: 'ann:s3cret-pass has\nnothing',
      secrets: ['s3cret-pass'],
    })
    expect(error).to.be.instanceOf(CreditError)
    expect(error).to.include({ providerCode: '301', retry: false })
    expect(error.message).to.equal('Acme answered 301 (no credit left: ann:[secret] has nothing)')
  })

  it('that nobody knows refuse the message', () => {
    for (const code of ['999', 'toString', '__proto__', '']) {
      const error = errorOfCode(table, code, { what: 'Acme' })
      expect(error).to.be.instanceOf(MessageSendError)
      expect(error.providerCode).to.equal(code)
    }
    expect(stateOf({ done: 'DELIVERED' }, 'constructor')).to.equal(undefined)
  })
})

describe('what has to be equal', () => {
  it('is, or is not', () => {
    expect(timingSafeEqualText('aé', 'aé')).to.equal(true)
    for (const other of ['', 'a', 'aé ', 'AÉ']) expect(timingSafeEqualText('aé', other)).to.equal(false)
    expect(new RefusedRequest({ a: ['is required'] })).to.include({ status: 400 })
  })
})
