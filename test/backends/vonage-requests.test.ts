import { expect } from 'chai'
import { vonage } from '../../src/backends/index.ts'
import { isSignedByVonage, type VonageSigning, vonageSignature } from '../../src/backends/vonage-signature.ts'
import { createSwitchboard, SettingsError, type TextRequest } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { type FarSide, farSide } from '../../src/testing/far-side.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

/** The test data of Vonage's libraries. */
const values = {
  to: '13239877404',
  'message-timestamp': '2013-11-21 15:27:30',
  messageId: '020000001B0FE827',
  msisdn: '14843472194',
  text: 'Test again',
  timestamp: '1385047698',
  type: 'text',
  sig: 'left out',
}
const secret = 'my_secret_key_for_testing'

describe('the signatures of Vonage', () => {
  const vectors: [algorithm: VonageSigning['algorithm'], signature: string][] = [
    ['md5hash', 'd2e7b1dc968737c5998ad624e02f90b7'],
    ['md5hmac', 'ddebd46008c2d4e93cce578a332a52d5'],
    ['sha1hmac', '27d0d05c2876c7cb1720dbcdba4d492e1e55c09a'],
    ['sha256hmac', 'ddb8397c2b90aac7f3882d306475c9a5058c92322eef43c92b298b6e0fc0d330'],
    [
      'sha512hmac',
      'e0d3c650f8c9d1a5c174d10dddbfb003e561f59b265616208b0487c5d819481cd3c311d59cf6165ecd1139622d5ba3a256c0d763ac4a9ad9144b5a426b94fe82',
    ],
  ]
  for (const [algorithm, sig] of vectors) {
    it(`are known: ${algorithm}`, () => {
      const at = { now: 1385047698_000, tolerance: 60 }
      const check = (changed: object, when = at) =>
        isSignedByVonage({ ...values, sig, ...changed }, { secret, algorithm }, when)
      expect(vonageSignature(values, { secret, algorithm })).to.equal(sig)
      expect(check({})).to.equal(true)
      expect(check({ sig: sig.toUpperCase() })).to.equal(true)
      expect(check({ text: 'Test Again' })).to.equal(false)
      expect(check({ extra: '' })).to.equal(false)
      expect(check({ sig: undefined })).to.equal(false)
      expect(check({}, { ...at, now: at.now + 60_000 })).to.equal(true)
      expect(check({}, { ...at, now: at.now + 61_000 })).to.equal(false)
      expect(check({}, { ...at, now: at.now - 61_000 })).to.equal(false)
    })
  }

  it('have a line in place of what separates', () => {
    const special = { ...values, text: 'a&b=c d' }
    const md5 = '93c75f3e2f8cae76225139d64b802e49'
    const sha256 = '49ea150f633653087ee09126594cd93f4811e0f1fc041bf2f995667cd3bd9eb7'
    expect(vonageSignature(special, { secret, algorithm: 'md5hash' })).to.equal(md5)
    expect(vonageSignature(special, { secret, algorithm: 'sha256hmac' })).to.equal(sha256)
  })
})

describe('the requests to Vonage', () => {
  let far: FarSide
  let web: Web
  before(async () => {
    far = await farSide()
    const settings = { baseUrl: far.url, apiKey: 'abcd1234', from: 'Clinic' }
    const apiSecret = 's3cret-of-api'
    web = await serveWeb({
      backends: {
        form: vonage({ ...settings, apiSecret, northAmericaFrom: '+12015550123' }),
        json: vonage({ ...settings, apiSecret, format: 'json' }),
        signed: vonage({ ...settings, signature: { secret } }),
        signedJson: vonage({ ...settings, signature: { secret, algorithm: 'sha512hmac' }, format: 'json' }),
      },
      http: { publicUrl: 'https://sms.example.org' },
    })
  })
  after(async () => {
    await web.stop()
    await far.stop()
  })

  async function send(request: Partial<TextRequest>, backend = 'form') {
    far.reset()
    far.answer({ body: '{"message-count":"1","messages":[{"message-id":"V1","status":"0"}]}' })
    const sent = await web.switchboard.router.sendNow({ to: '+254700000001', text: 'hello', ...request, backend })
    const [asked] = far.requests
    if (asked === undefined) throw new Error('nothing was asked')
    const isJson = asked.headers['content-type'] === 'application/json'
    const body: Record<string, string | number> = isJson
      ? JSON.parse(asked.body)
      : Object.fromEntries(new URLSearchParams(asked.body))
    return { ...asked, values: body, id: sent.id }
  }

  const callback = 'https://sms.example.org/backends/form/status'
  const usual = { from: 'Clinic', to: '254700000001', type: 'text', text: 'hello', 'status-report-req': '1', callback }

  it('are forms with key and secret, a callback and our reference', async () => {
    const asked = await send({})
    const authorized = { api_key: 'abcd1234', api_secret: 's3cret-of-api' }
    expect(asked.values).to.deep.equal({ ...authorized, ...usual, 'client-ref': asked.id })
  })

  it('are JSON with basic authentication', async () => {
    const asked = await send({}, 'json')
    const own = { ...usual, 'status-report-req': 1, callback: callback.replace('form', 'json'), 'client-ref': asked.id }
    expect(asked.values).to.deep.equal(own)
    const basic = Buffer.from('abcd1234:s3cret-of-api').toString('base64')
    expect(asked.headers['authorization']).to.equal(`Basic ${basic}`)
  })

  for (const [backend, algorithm] of [
    ['signed', 'md5hash'],
    ['signedJson', 'sha512hmac'],
  ] as const) {
    it(`are signed with ${algorithm} where there is no secret`, async () => {
      const asked = await send({ text: 'a&b=c ä' }, backend)
      expect(asked.values).to.not.have.property('api_secret')
      expect(asked.headers).to.not.have.property('authorization')
      expect(asked.values).to.include({ api_key: 'abcd1234', text: 'a&b=c ä' })
      const at = { now: Date.now(), tolerance: 60 }
      expect(isSignedByVonage(asked.values, { secret, algorithm }, at)).to.equal(true)
    })
  }

  const rows: [label: string, request: Partial<TextRequest>, expected: object][] = [
    ['GSM 03.38 as text', { text: 'café è € [x] {y}' }, { type: 'text', text: 'café è € [x] {y}' }],
    ['Arabic as unicode', { text: 'مرحبا' }, { type: 'unicode', text: 'مرحبا' }],
    ['Amharic as unicode', { text: 'ሰላም ለዓለም' }, { type: 'unicode', text: 'ሰላም ለዓለም' }],
    ['Chinese as unicode', { text: '你好' }, { type: 'unicode', text: '你好' }],
    ['emoji as unicode', { text: '😀 & + %' }, { type: 'unicode', text: '😀 & + %' }],
    ['a number with 00', { to: '00254700000001' }, { to: '254700000001' }],
    ['a sender of its own', { options: { senderId: '+447700900000' } }, { from: '447700900000' }],
    ['our address', { from: '20880' }, { from: '20880' }],
    ['a validity', { options: { validity: 60 } }, { ttl: '3600000' }],
    ['a short validity', { options: { validity: 1 } }, { ttl: '60000' }],
    ['a long validity', { options: { validity: 525_600 } }, { ttl: '604800000' }],
    ['a number to North America', { to: '+12025550199' }, { from: '12015550123', to: '12025550199' }],
    ['no name to North America', { to: '12025550199', options: { senderId: 'Me' } }, { from: '12015550123' }],
    ['our number to North America', { to: '12025550199', from: '+12015550999' }, { from: '12015550999' }],
    [
      'a flash message',
      { params: { 'message-class': 0, 'trusted-number': true } },
      { 'message-class': '0', 'trusted-number': '1' },
    ],
    [
      'parameters over all others',
      { params: { from: 'Other', 'client-ref': 'mine', ttl: null } },
      { from: 'Other', 'client-ref': 'mine' },
    ],
  ]
  for (const [label, request, expected] of rows) {
    it(`say ${label}`, async () => {
      const { values: said } = await send(request)
      expect(said).to.include(expected)
    })
  }

  it('ask for no report where none is wanted', async () => {
    const { values: said } = await send({ options: { statusReport: false } })
    expect(said).to.include({ 'status-report-req': '0' })
    expect(said).to.not.have.property('callback')
  })

  it('have bytes in place of a text when they are binary', async () => {
    const { values: said } = await send({
      params: { type: 'binary', body: '0A0B', udh: '050003010101', 'protocol-id': 0 },
    })
    expect(said).to.include({ type: 'binary', body: '0A0B', udh: '050003010101', 'protocol-id': '0' })
    expect(said).to.not.have.property('text')
  })
})

describe('long messages from Vonage', () => {
  let web: Web
  before(async () => {
    web = await serveWeb({ backends: { vonage: vonage({ apiKey: 'abcd1234', apiSecret: 's3cret-of-api' }) } })
  })
  after(() => web.stop())

  async function give(reference: string, number: number, text: string): Promise<void> {
    const place = { concat: 'true', 'concat-ref': reference, 'concat-total': '3', 'concat-part': String(number) }
    const message = {
      msisdn: '447700900001',
      to: '447700900000',
      messageId: `${reference}-${number}`,
      text,
      type: 'unicode',
    }
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ ...message, ...place })
    const answer = await fetch(`${web.url}/backends/vonage/`, { method: 'POST', headers, body })
    expect(answer.status).to.equal(200)
  }

  it('are joined, whatever order their parts come in, repeats and characters cut apart included', async () => {
    await give('7', 3, ' world ')
    await give('8', 1, 'another')
    await give('7', 1, 'Hello ሰላም \ud83d')
    await give('7', 1, 'Hello ሰላም \ud83d')
    expect(web.messages).to.have.length(0)
    await give('7', 2, '\ude00 my')
    const { text, identity, address, fields } = await until('the message to reach the apps', () => web.messages[0])
    expect({ text, identity, address }).to.deep.equal({
      text: 'Hello ሰላም 😀 my world ',
      identity: '447700900001',
      address: '447700900000',
    })
    expect(fields).to.deep.equal({ type: 'unicode' })
  })
})

describe('the settings of vonage', () => {
  it('ask for a secret or a signature', () => {
    const settings = { databaseUrl: 'sqlite::memory:', backends: { sms: vonage({ apiKey: 'abcd1234' }) }, apps: [] }
    expect(() => createSwitchboard(settings, { logger: silentLogger })).to.throw(
      SettingsError,
      /backends\.sms\.apiSecret/,
    )
  })
})
