import { expect } from 'chai'
import { isCallbackName } from '../../../src/http/proxy/answers.ts'
import { askConsole } from '../../support/console-client.ts'
import { ask, network, type ProxyInput, serveProxy } from '../../support/proxy.ts'
import type { Web } from '../../support/web.ts'

const OWN = { status: 'ok', number: '+49 176 12345678' }
const CHECK = '/validate_number/?number=017612345678'

/** Names that would run something, or break out of the call. */
const HOSTILE = [
  '',
  'alert',
  'window.alert',
  'alert(1)//',
  'a;b',
  'a b',
  'a\nb',
  'a-b',
  'a[0]',
  'a.',
  '.a',
  'a..b',
  '1a',
  'ä',
  '<script>',
  '</script><script>alert(1)</script>',
  'a\u2028b',
  'eval',
  'a.eval',
  'delete a',
  'new',
  'a%0d%0aSet-Cookie:x=y',
  'x'.repeat(65),
  'CWSMIKI0hCD0Up0IZUnnnnnnnnnnnnnnnnnnnUU5nnnnnn3Snn7iiudIbEAt333swW0ssG03sDDtDDDt0333',
]

describe('JSONP', () => {
  let web: Web
  before(async () => {
    web = await serveProxy({ jsonp: true, limits: { perClient: { amount: 0 } } })
  })
  after(() => web.stop())

  const asScript = (callback: string) => fetch(`${web.url}${CHECK}&callback=${encodeURIComponent(callback)}`)

  for (const name of ['show', 'jQuery17203_1352', 'app.page.show', '$', '_']) {
    it(`calls ${name}`, async () => {
      const answer = await asScript(name)
      expect(answer.status).to.equal(200)
      expect(answer.headers.get('content-type')).to.equal('text/javascript; charset=UTF-8')
      expect(answer.headers.get('x-content-type-options')).to.equal('nosniff')
      expect(await answer.text()).to.equal(`${name}(${JSON.stringify(OWN)});`)
    })
  }

  for (const name of HOSTILE) {
    it(`does not call ${JSON.stringify(name).slice(0, 50)}`, async () => {
      const answer = await asScript(name)
      expect(isCallbackName(name)).to.equal(false)
      expect(answer.status).to.equal(400)
      expect(answer.headers.get('content-type')).to.equal('application/json; charset=UTF-8')
      expect(await answer.json()).to.deep.equal({ status: 'error', error: 'callback_refused' })
    })
  }

  it('does not call two, nor in the answer to a form', async () => {
    expect((await ask(`${web.url}${CHECK}&callback=a&callback=b`)).status).to.equal(400)
    const body = new URLSearchParams({ number: '017612345678', callback: 'alert(1)' })
    expect((await ask(`${web.url}/validate_number/?callback=show`, { method: 'POST', body })).body).to.deep.equal(OWN)
  })

  it('has errors as scripts that run, whatever their status would be', async () => {
    const strict = await serveProxy({ jsonp: true, compat: false })
    const { status, type, body } = await ask(`${strict.url}/message/?callback=show`)
    await strict.stop()
    expect({ status, type, body }).to.deep.equal({
      status: 200,
      type: 'text/javascript; charset=UTF-8',
      body: 'show({"status":"error","error":"receiver_missing"});',
    })
  })

  it('is off unless settings allow it, and then nothing is sent', async () => {
    const { sent, backend } = network()
    const strict = await serveProxy({}, { backend })
    expect((await ask(`${strict.url}/message/?receiver=017612345678&callback=show`)).status).to.equal(400)
    await strict.stop()
    expect(sent).to.deep.equal([])
  })
})

interface Page {
  readonly what: string
  readonly proxy: ProxyInput
  readonly headers: Readonly<Record<string, string>>
  readonly status: number
  /** Access-Control-Allow-Origin. */
  readonly allows: string | null
}

const SHOP = 'https://shop.example'
const EVIL = 'https://evil.example'
const pages: readonly Page[] = [
  { what: 'a program that is no browser', proxy: {}, headers: {}, status: 200, allows: null },
  {
    what: 'a page of the same host',
    proxy: {},
    headers: { Origin: 'https://sms.example', Host: 'sms.example' },
    status: 200,
    allows: null,
  },
  {
    what: 'a page of the host as a proxy of ours names it',
    proxy: {},
    headers: { Origin: SHOP, 'X-Forwarded-Host': 'shop.example' },
    status: 200,
    allows: null,
  },
  {
    what: 'a page of a site that is named',
    proxy: { origins: [SHOP] },
    headers: { Origin: SHOP },
    status: 200,
    allows: SHOP,
  },
  { what: 'a page of another site', proxy: { origins: [SHOP] }, headers: { Origin: EVIL }, status: 403, allows: null },
  {
    what: 'a page of a site that begins alike',
    proxy: { origins: [SHOP] },
    headers: { Origin: `${SHOP}.evil.example` },
    status: 403,
    allows: null,
  },
  {
    what: 'a page without an origin',
    proxy: { origins: [SHOP] },
    headers: { Origin: 'null' },
    status: 403,
    allows: null,
  },
  {
    what: 'a page of any site, where all may',
    proxy: { origins: ['*'] },
    headers: { Origin: EVIL },
    status: 200,
    allows: '*',
  },
  {
    what: 'a picture of another site',
    proxy: {},
    headers: { 'Sec-Fetch-Site': 'cross-site' },
    status: 403,
    allows: null,
  },
  {
    what: 'a script of another site, where JSONP is',
    proxy: { jsonp: true },
    headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'script' },
    status: 200,
    allows: null,
  },
  {
    what: 'a picture of another site, where JSONP is',
    proxy: { jsonp: true },
    headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'image' },
    status: 403,
    allows: null,
  },
  {
    what: 'a script of a site that is named',
    proxy: { jsonp: true, origins: [SHOP] },
    headers: { 'Sec-Fetch-Site': 'cross-site', Referer: `${SHOP}/` },
    status: 200,
    allows: null,
  },
  {
    what: 'a script of a site that is not named',
    proxy: { jsonp: true, origins: [SHOP] },
    headers: { 'Sec-Fetch-Site': 'cross-site', Referer: `${EVIL}/` },
    status: 403,
    allows: null,
  },
  {
    what: 'a script of a site that names itself nowhere',
    proxy: { jsonp: true, origins: [SHOP] },
    headers: { 'Sec-Fetch-Site': 'cross-site' },
    status: 403,
    allows: null,
  },
  {
    what: 'somebody who typed the address',
    proxy: { origins: [SHOP] },
    headers: { 'Sec-Fetch-Site': 'none' },
    status: 200,
    allows: null,
  },
]

describe('requests of pages', () => {
  for (const { what, proxy, headers, status, allows } of pages) {
    it(`${what}: ${status}`, async () => {
      const { sent, backend } = network()
      const web = await serveProxy(proxy, { backend })
      const answer = await askConsole(`${web.url}/message/?receiver=017612345678`, { headers })
      await web.stop()
      expect([answer.status, answer.headers['access-control-allow-origin'] ?? null]).to.deep.equal([status, allows])
      expect(answer.headers).to.not.have.property('access-control-allow-credentials')
      expect(sent).to.have.length(status === 200 ? 1 : 0)
    })
  }

  it('are answered before they are made', async () => {
    const { sent, backend } = network()
    const web = await serveProxy({ origins: [SHOP] }, { backend })
    const asked = { 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'content-type' }
    const url = `${web.url}/message/?receiver=017612345678`
    const [shop, evil] = [
      await askConsole(url, { method: 'OPTIONS', headers: { Origin: SHOP, ...asked } }),
      await askConsole(url, { method: 'OPTIONS', headers: { Origin: EVIL, ...asked } }),
    ]
    await web.stop()
    expect(shop.status).to.equal(204)
    expect(shop.headers).to.include({
      'access-control-allow-origin': SHOP,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'Content-Type',
      vary: 'Origin',
    })
    expect(evil.status).to.equal(403)
    expect(evil.headers).to.not.have.property('access-control-allow-origin')
    expect(sent).to.deep.equal([])
  })
})
