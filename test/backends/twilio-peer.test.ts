import { createHash } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import sdk from 'twilio'
import { twilio } from '../../src/backends/index.ts'
import { isSignedByTwilio } from '../../src/backends/twilio-signature.ts'
import type { ViewRequest } from '../../src/index.ts'
import { type FarSide, farSide } from '../../src/testing/far-side.ts'
import { signed, TOKEN } from '../support/twilio-peer.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

const FORM = 'application/x-www-form-urlencoded'
type Values = Readonly<Record<string, string | readonly string[]>>

function requestTo(url: string, signature: string, more: Partial<ViewRequest> = {}): ViewRequest {
  const rawQuery = url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
  const headers = { 'x-twilio-signature': signature, ...more.headers }
  return { method: 'GET', url, rawQuery, body: new Uint8Array(), ip: '127.0.0.1', ...more, headers }
}

function formTo(url: string, signature: string, values: Values, headers: ViewRequest['headers'] = {}): ViewRequest {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    [value].flat().map((each): [string, string] => [name, each]),
  )
  const body = Buffer.from(new URLSearchParams(pairs).toString())
  return requestTo(url, signature, { method: 'POST', body, headers: { 'content-type': FORM, ...headers } })
}

describe('the signatures of Twilio', () => {
  const call = {
    CallSid: 'CA1234567890ABCDE',
    Caller: '+14158675309',
    Digits: '1234',
    From: '+14158675309',
    To: '+18005551212',
  }
  const target = 'mycompany.com/myapp.php?foo=1&bar=2'

  /** From the tests of twilio-node (validation.spec.js), token 12345. */
  const vectors: [label: string, signature: string, seen: string, values: Values, headers?: ViewRequest['headers']][] =
    [
      ['a plain URL', 'RSOYDt4T1cUTdK1PDd93/VVr8B8=', `https://${target}`, call],
      ['a standard port', 'kvajT1Ptam85bY51eRf/AJRuM3w=', 'https://mycompany.com:443/myapp.php?foo=1&bar=2', call],
      ['a standard port that we do not see', 'kvajT1Ptam85bY51eRf/AJRuM3w=', `https://${target}`, call],
      [
        'a port that only we see',
        'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
        `https://mycompany.com:8000/myapp.php?foo=1&bar=2`,
        call,
      ],
      [
        'TLS that ends before us',
        'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
        `http://mycompany.com:8000/myapp.php?foo=1&bar=2`,
        call,
      ],
      ['http with its port', '0ZXoZLH/DfblKGATFgpif+LLRf4=', `http://${target}`, call],
      ['a port of its own', 'Zmvh+3yNM1Phv2jhDCwEM3q5ebU=', 'http://mycompany.com:1234/myapp.php?foo=1&bar=2', call],
      [
        'credentials in the URL',
        'CukzLTc1tT5dXEDIHm/tKBanW10=',
        `https://${target}`,
        call,
        { authorization: `Basic ${Buffer.from('user:pass').toString('base64')}` },
      ],
      [
        'a quote that new URL writes otherwise',
        'TfZzewPq8wqrGlMfyAud8+/IvJ0=',
        `https://${target}&Body=It's+amazing`,
        call,
      ],
      [
        'a value that comes twice',
        '83O6e2vORAoJHUNzJjDWN1jz+BA=',
        `https://${target}`,
        { 'MessagingBinding.Address': ['+1415xxxxxxx', '+1325xxxxxxx'] },
      ],
      [
        'names that begin alike, and equal values',
        'IK+Dwps556ElfBT0I3Rgjkr1wJU=',
        `https://${target}`,
        { Sid: 'CA123', SidAccount: 'AC123', Digits: ['5678', '1234', '1234'] },
      ],
      [
        'an SMS',
        '7VnIwtD6xf/ZhnM5m6URvDj0ktw=',
        'https://example.com/24fb0d6963f/twilio/im',
        {
          AccountSid: `AC${'0'.repeat(32)}`,
          Body: 'Hello wörld & =',
          From: '+15005550006',
          MessageSid: `SM${'0'.repeat(32)}`,
          NumMedia: '0',
          To: '+15005550001',
        },
      ],
    ]
  for (const [label, signature, seen, values, headers] of vectors) {
    it(`are known: ${label}`, () => {
      expect(isSignedByTwilio(formTo(seen, signature, values, headers), '12345')).to.equal(true)
      expect(isSignedByTwilio(formTo(seen, signature, values, headers), '12346')).to.equal(false)
      expect(isSignedByTwilio(formTo(`${seen}0`, signature, values, headers), '12345')).to.equal(false)
      expect(isSignedByTwilio(formTo(seen, signature, { ...values, Z: '' }, headers), '12345')).to.equal(false)
    })
  }

  it('are known by the hash of a body that is no form', () => {
    const body = Buffer.from('{"property": "value", "boolean": true}')
    const hash = '0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620'
    const url = `https://${target}&bodySHA256=${hash}`
    const of = (sent: Uint8Array) => requestTo(url, 'a9nBmqA0ju/hNViExpshrM61xv4=', { method: 'POST', body: sent })
    expect(isSignedByTwilio(of(body), '12345')).to.equal(true)
    expect(isSignedByTwilio(of(Buffer.from('{}')), '12345')).to.equal(false)
  })

  it('are refused where there is none, or something else', () => {
    for (const header of ['', 'x', 'RSOYDt4T1cUTdK1PDd93/VVr8B8', `${'R'.repeat(100_000)}=`]) {
      expect(isSignedByTwilio(formTo(`https://${target}`, header, call), '12345')).to.equal(false)
    }
  })

  it('are told apart as the library of Twilio does', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((each) => each.toWellFormed())
    const name = fc.stringMatching(/^[A-Za-z][\w.]{0,11}$/)
    const values = fc.dictionary(name, fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 })), { maxKeys: 8 })
    const port = fc.constantFrom('', ':443', ':80', ':8443')
    const rest = fc.tuple(fc.constantFrom('/', '/a', "/a?b=c&d=It's", '/?x=%20y+z'), fc.webQueryParameters())
    fc.assert(
      fc.property(values, port, rest, fc.boolean(), (given, shown, [path, query], tampered) => {
        const url = `https://example.com${shown}${path}${path.includes('?') ? '&' : '?'}${query}`
        const sent = Object.assign(Object.create(null), given)
        const signature = signed(url, sent, tampered ? 'another' : TOKEN)
        const verdict = isSignedByTwilio(formTo(url, signature, sent), TOKEN)
        expect(verdict).to.equal(!tampered)
        expect(verdict).to.equal(sdk.validateRequest(TOKEN, signature, url, { ...sent }))
      }),
      { numRuns: 200 },
    )
  })
})

describe('Twilio as a peer', () => {
  const account = { accountSid: `AC${'0'.repeat(32)}`, authToken: TOKEN }
  const origin = 'https://sms.example.org'
  const taken = {
    status: 201,
    headers: { 'content-type': 'application/json' },
    body: '{"sid":"SM1","status":"queued"}',
  }
  const greeter = {
    name: 'greeter',
    handle: (message: { text: string; respond(text: string): boolean }) =>
      message.text.split('|').every((text) => message.text === 'silence' || message.respond(`<${text}> & 😀`)),
  }
  let far: FarSide
  let web: Web
  before(async () => {
    far = await farSide()
    const settings = { baseUrl: far.url, from: '+15017122661', ...account }
    web = await serveWeb({
      backends: { twilio: twilio(settings), direct: twilio({ ...settings, wait: 5_000 }) },
      apps: [greeter],
      http: { publicUrl: origin },
    })
  })
  after(async () => {
    await web.stop()
    await far.stop()
  })
  beforeEach(() => far.reset())

  async function post(backend: string, values: Readonly<Record<string, string>>): Promise<string> {
    const path = `/backends/${backend}/`
    const headers = { 'x-twilio-signature': signed(origin + path, values) }
    const answer = await fetch(web.url + path, { method: 'POST', headers, body: new URLSearchParams(values) })
    expect(answer.status).to.equal(200)
    return answer.text()
  }

  const message = { From: '+15005550006', To: '+15005550001' }

  it('gets the responses as the TwiML that its library writes, also when it repeats', async () => {
    const twiml = new sdk.twiml.MessagingResponse()
    twiml.message('<one> & 😀')
    twiml.message('<two> & 😀')
    for (let time = 0; time < 2; time++) {
      expect(await post('direct', { ...message, MessageSid: 'SM1', Body: 'one|two' })).to.equal(twiml.toString())
    }
    expect(far.requests).to.have.length(0)
  })

  it('gets an empty response where an app answers nothing', async () => {
    const empty = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    expect(await post('direct', { ...message, MessageSid: 'SM2', Body: 'silence' })).to.equal(empty)
  })

  it('gets the responses through its API without that setting', async () => {
    far.answer(taken)
    await post('twilio', { ...message, MessageSid: 'SM3', Body: 'one' })
    const { body } = await until('the response to be sent', () => far.requests[0])
    const StatusCallback = `${origin}/backends/twilio/status`
    const sent = { To: message.From, From: message.To, Body: '<one> & 😀', StatusCallback }
    expect(Object.fromEntries(new URLSearchParams(body))).to.deep.equal(sent)
  })

  it('is asked as its own library asks', async () => {
    const httpClient = new sdk.RequestClient()
    const ask = httpClient.request.bind(httpClient)
    httpClient.request = (options) => ask({ ...options, uri: options.uri.replace('https://api.twilio.com', far.url) })
    const client = sdk(account.accountSid, account.authToken, { httpClient })
    far.answer(taken, taken)
    const mediaUrl = ['https://x.test/1.png', 'https://x.test/2.png']
    await client.messages.create({
      to: '+254700000001',
      from: '+15017122661',
      body: 'café € ሰላም 😀 ~*()!',
      statusCallback: `${origin}/backends/twilio/status`,
      validityPeriod: 600,
      smartEncoded: true,
      mediaUrl,
    })
    await web.switchboard.router.sendNow({
      backend: 'twilio',
      to: '+254700000001',
      text: 'café € ሰላም 😀 ~*()!',
      options: { validity: 10 },
      params: { SmartEncoded: true, MediaUrl: mediaUrl },
    })
    const asked = far.requests.map(({ method, target, headers, body }) => ({
      method,
      target,
      authorization: headers['authorization'],
      values: [...new URLSearchParams(body)].sort(([one], [other]) => one.localeCompare(other)),
    }))
    expect(asked[1]).to.deep.equal(asked[0])
  })

  it('is not asked for reports where none are wanted', async () => {
    far.answer(taken)
    await web.switchboard.router.sendNow({
      backend: 'twilio',
      to: '+254700000001',
      text: 'x',
      options: { statusReport: false },
    })
    expect(far.requests[0]?.body).to.equal('To=%2B254700000001&From=%2B15017122661&Body=x')
  })

  it('may sign whatever it likes: nothing is answered 5xx', async () => {
    const names = fc.constantFrom(
      'From',
      'To',
      'Body',
      'MessageSid',
      'MessageStatus',
      'ErrorCode',
      'MediaUrl0',
      '__proto__',
      'x',
    )
    const values = fc.dictionary(fc.oneof({ weight: 5, arbitrary: names }, fc.string()), fc.jsonValue(), { maxKeys: 8 })
    await fc.assert(
      fc.asyncProperty(values, fc.constantFrom('', 'status'), async (given, view) => {
        const body = JSON.stringify(given)
        const hash = createHash('sha256').update(body).digest('hex')
        const path = `/backends/twilio/${view}?bodySHA256=${hash}`
        const headers = { 'content-type': 'application/json', 'x-twilio-signature': signed(origin + path) }
        const answer = await fetch(web.url + path, { method: 'POST', headers, body })
        expect(answer.status).to.be.oneOf([200, 400])
      }),
      { numRuns: 200 },
    )
  })
})
