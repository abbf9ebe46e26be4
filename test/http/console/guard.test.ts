import { expect } from 'chai'
import { httptester } from '../../../src/backends/index.ts'
import { askConsole, cookieOf, enterConsole } from '../../support/console-client.ts'
import { serveWeb, type Web } from '../../support/web.ts'

const backends = { tester: httptester() }
const PAGES = [
  '/console/tester',
  '/console/tester/messages?backend=tester&identity=1',
  '/console/tester/events?backend=tester',
]

describe('the doors of the console', () => {
  let web: Web
  let cookie: string

  before(async () => {
    web = await serveWeb({ backends, http: { publicUrl: 'https://sms.example.org' } })
    cookie = await enterConsole(served(web.switchboard.testerLink(web.url)))
  })
  after(() => web.stop())

  /** The link, at the address that the test can reach. */
  function served(link = ''): string {
    return link.replace(/^https:\/\/sms\.example\.org/, web.url)
  }

  const post = (headers: Record<string, string>) =>
    askConsole(`${web.url}/console/tester/messages`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: JSON.stringify({ backend: 'tester', identity: '1', text: 'x' }),
    })

  describe('link and session', () => {
    it('names the public address, where there is one', () => {
      expect(web.switchboard.testerLink('http://127.0.0.1:1')).to.match(
        /^https:\/\/sms\.example\.org\/console\/tester\?key=[\w-]{32}$/,
      )
    })

    it('opens once, with a cookie that stays in the console', async () => {
      const link = served(web.switchboard.testerLink(web.url))
      const first = await askConsole(link)
      expect(first.status).to.equal(303)
      expect(first.headers.location).to.equal('/console/tester')
      expect(first.headers['set-cookie']).to.have.length(1)
      expect(first.headers['set-cookie']?.[0]).to.match(
        /^switchboard-\d+=[\w-]{32}; Path=\/console; Max-Age=36000; HttpOnly; SameSite=Strict; Secure$/,
      )
      const second = await askConsole(link)
      expect(second.status).to.equal(403)
      expect(second.headers['set-cookie']).to.equal(undefined)
      expect(second.body).to.contain('has been used before').and.to.contain('kill -USR2')
      const inAlready = await askConsole(link, { headers: { cookie: cookieOf(first) } })
      expect(inAlready.status).to.equal(403)
      expect(inAlready.body).to.contain('go on to the tester')
    })

    it('is not used up by who only looks, or loads in advance', async () => {
      const link = served(web.switchboard.testerLink(web.url))
      await askConsole(link, { method: 'HEAD' })
      const early = await askConsole(link, { headers: { 'sec-purpose': 'prefetch;prerender' } })
      expect(early.status).to.equal(403)
      expect((await askConsole(link)).status).to.equal(303)
    })

    it('goes on by a page of its own where a redirect would lose the cookie', async () => {
      const link = served(web.switchboard.testerLink(web.url))
      const answer = await askConsole(link, { headers: { 'sec-fetch-site': 'cross-site' } })
      expect(answer.status).to.equal(200)
      expect(cookieOf(answer)).to.match(/^switchboard-/)
      expect(answer.body).to.contain('<meta http-equiv="refresh" content="0; url=/console/tester">')
    })

    it('marks the cookie Secure only where the public address is https', async () => {
      const plain = await serveWeb({ backends })
      try {
        const answer = await askConsole(plain.switchboard.testerLink(plain.url) ?? '')
        expect(answer.headers['set-cookie']?.[0]).to.match(/SameSite=Strict$/)
      } finally {
        await plain.stop()
      }
    })

    for (const path of PAGES) {
      for (const [label, headers] of Object.entries({
        'no session': {},
        'a session that never was': { cookie: 'switchboard=x; switchboard-80=x' },
      })) {
        it(`shows ${path} to nobody with ${label}`, async () => {
          const { status, body } = await askConsole(`${web.url}${path}`, { headers })
          expect(status).to.equal(403)
          expect(body).to.contain('kill -USR2')
        })
      }
    }

    it('never logs a key', async () => {
      const link = served(web.switchboard.testerLink(web.url))
      const key = new URL(link).searchParams.get('key') ?? ''
      await askConsole(link)
      expect(key).to.have.length(32)
      expect(web.log()).to.contain('/console/tester').and.not.to.contain(key)
    })
  })

  describe('Host', () => {
    const port = () => new URL(web.url).port
    for (const { host, status } of [
      { host: '127.0.0.1:PORT', status: 200 },
      { host: 'localhost:PORT', status: 200 },
      { host: '[::1]:PORT', status: 200 },
      { host: 'sms.example.org', status: 403 },
      { host: 'SMS.example.org:PORT', status: 200 },
      { host: 'evil.example:PORT', status: 421 },
      { host: 'localhost.evil.example', status: 421 },
      { host: '127.0.0.1.evil.example', status: 421 },
      { host: '10.0.0.1:PORT', status: 421 },
      { host: 'evil@localhost:PORT', status: 421 },
      { host: 'localhost:PORT/x', status: 421 },
      { host: '[::1', status: 421 },
    ]) {
      it(`${host} gets ${status}`, async () => {
        const headers = { cookie, host: host.replace('PORT', port()) }
        expect((await askConsole(`${web.url}/console/tester`, { headers })).status).to.equal(status)
      })
    }

    it('of a foreign name uses up no link', async () => {
      const link = served(web.switchboard.testerLink(web.url))
      expect((await askConsole(link, { headers: { host: 'evil.example' } })).status).to.equal(421)
      expect((await askConsole(link)).status).to.equal(303)
    })

    for (const [host, status] of [
      ['10.0.0.1', 403],
      ['[fe80::1]:8000', 403],
      ['evil.example', 421],
    ] as const) {
      it(`${host} gets ${status} where every address is served`, async () => {
        const everywhere = await serveWeb({ backends, http: { host: '0.0.0.0' } })
        try {
          const answer = await askConsole(`${everywhere.url}/console/tester`, { headers: { host } })
          expect(answer.status).to.equal(status)
        } finally {
          await everywhere.stop()
        }
      })
    }
  })

  describe('Origin', () => {
    for (const { label, headers, status } of [
      { label: 'its own', headers: { origin: 'OWN' }, status: 200 },
      {
        label: 'its own, and the browser says so',
        headers: { origin: 'OWN', 'sec-fetch-site': 'same-origin' },
        status: 200,
      },
      { label: 'the public one', headers: { origin: 'https://sms.example.org' }, status: 200 },
      { label: 'none, but the browser says it is', headers: { 'sec-fetch-site': 'same-origin' }, status: 200 },
      { label: 'none', headers: {}, status: 403 },
      { label: 'null', headers: { origin: 'null' }, status: 403 },
      { label: 'another port', headers: { origin: 'http://127.0.0.1:1' }, status: 403 },
      { label: 'another scheme', headers: { origin: 'https://127.0.0.1' }, status: 403 },
      { label: 'another site', headers: { origin: 'https://evil.example' }, status: 403 },
      { label: 'its own, from the same site', headers: { origin: 'OWN', 'sec-fetch-site': 'same-site' }, status: 403 },
      { label: 'its own, from another site', headers: { origin: 'OWN', 'sec-fetch-site': 'cross-site' }, status: 403 },
    ] as const) {
      it(`of a POST: ${label} gets ${status}`, async () => {
        const given = Object.entries(headers).map(([name, value]) => [name, value === 'OWN' ? web.url : value])
        expect((await post(Object.fromEntries(given))).status).to.equal(status)
      })
    }

    it('of another site opens no stream and reads nothing', async () => {
      for (const path of PAGES.slice(1)) {
        for (const headers of [{ origin: 'http://127.0.0.1:1' }, { 'sec-fetch-site': 'same-site' }]) {
          const answer = await askConsole(`${web.url}${path}`, { headers: { cookie, ...headers } })
          expect(answer.status, path).to.equal(403)
        }
      }
    })
  })

  it('sends a strict policy with every page', async () => {
    for (const path of ['/console/tester', '/console/tester?key=x', '/console/tester.js', '/console/console.css']) {
      const { headers } = await askConsole(`${web.url}${path}`, { headers: { cookie } })
      expect(headers['content-security-policy'], path).to.contain(
        "default-src 'none'; script-src 'self'; style-src 'self'",
      )
      expect(headers['content-security-policy']).not.to.contain('unsafe')
      expect(headers).to.include({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'cache-control': 'no-store',
      })
    }
  })
})
