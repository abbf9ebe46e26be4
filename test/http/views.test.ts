import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect } from 'chai'
import { z } from 'zod'
import { defineBackend, httpBackend, httptester, plainAnswer } from '../../src/backends/index.ts'
import type { ViewRequest } from '../../src/index.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const LIMIT = 2_048

describe('requests to views', () => {
  let web: Web
  before(async () => {
    web = await serveWeb({
      backends: {
        h: httpBackend(),
        moved: httpBackend({ path: '/24fb0d6963f/' }),
        single: httpBackend({ paths: { '': '/sms/in' } }),
        guarded: httpBackend({ path: '/hidden', secret: { in: 'path', value: 'open-sesame' } }),
      },
      http: { bodyLimit: LIMIT },
    })
  })
  after(() => web.stop())

  const paths: [path: string, status: number][] = [
    ['/backends/h/', 200],
    ['/backends/h', 200],
    ['/backends/h//', 404],
    ['/backends/H/', 404],
    ['/backends/', 404],
    ['/', 404],
    ['/%', 404],
    ['/backends/%00/', 404],
    ['/backends/constructor/', 404],
    ['/backends/__proto__/', 404],
    ['/24fb0d6963f/', 200],
    ['/24fb0d6963f', 200],
    ['/24fb0d6963f/x', 404],
    ['/backends/moved/', 404],
    ['/sms/in', 200],
    ['/sms/in/', 200],
    ['/sms/', 404],
    ['/hidden/open-sesame/', 200],
    ['/hidden/open-sesame', 200],
    ['/hidden/', 404],
    ['/hidden/open-sesam/', 404],
  ]
  for (const [path, status] of paths) {
    it(`${path}: ${status}`, async () => {
      const answer = await fetch(`${web.url}${path}?identity=1&text=x`)
      expect(answer.status).to.equal(status)
    })
  }

  it('show no path in the log that nobody should know', async () => {
    for (const path of ['/24fb0d6963f/', '/24fb0d6963f/typo', '/hidden/open-sesame/', '/hidden/open-sesame/typo']) {
      await fetch(`${web.url}${path}`)
    }
    await fetch(`${web.url}/backends/h/typo`)
    await until('the last line', () => web.log().includes('/backends/h/typo'))
    expect(web.log()).not.to.match(/24fb0d6963f|open-sesame/)
    expect(web.log()).to.include('"path":"moved/…"')
  })

  it('may ask for a whole URL, as to a proxy', async () => {
    const answer = await raw(web, 'GET http://example.org/backends/h/?identity=1&text=x HTTP/1.1\r\nHost: a\r\n')
    expect(answer).to.match(/^HTTP\/1.1 200 OK/)
  })

  it('are refused by Node.js itself when their query has bytes that are not percent-encoded', async () => {
    const answer = await raw(web, 'GET /backends/h/?identity=1&text=Привет HTTP/1.1\r\nHost: a\r\n')
    expect(answer).to.match(/^HTTP\/1.1 400 Bad Request/)
  })

  const body = (size: number) => `identity=1&text=${'x'.repeat(size - 'identity=1&text='.length)}`
  for (const chunked of [false, true]) {
    const kind = chunked ? 'chunked' : 'of a known length'
    it(`a body ${kind}: as large as the limit 200, larger 413`, async () => {
      expect(await post(web, body(LIMIT), chunked)).to.deep.include({ status: 200 })
      const refused = await post(web, body(LIMIT + 1), chunked)
      expect(refused).to.deep.equal({ status: 413, text: `At most ${LIMIT} bytes are taken.` })
      expect((await post(web, body(1024 * 1024), chunked)).status).to.equal(413)
    })
  }

  it('an upload that is cut off records nothing and breaks nothing', async () => {
    const seen = web.messages.length
    const socket = connect(Number(new URL(web.url).port), '127.0.0.1')
    socket.write(
      `POST /backends/h/ HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM['content-type']}\r\nContent-Length: 100\r\n\r\n`,
    )
    socket.end('identity=1&text=ha')
    await new Promise((resolve) => socket.resume().once('close', resolve))
    expect((await fetch(`${web.url}/backends/h/?identity=1&text=after`)).status).to.equal(200)
    const message = await until('the next message', () => web.messages[seen])
    expect(message.text).to.equal('after')
  })
})

describe('the URL and the client that views see', () => {
  const seen: ViewRequest[] = []
  const mirror = defineBackend({
    kind: 'mirror',
    settings: z.strictObject({}),
    views: {
      '': async (request) => {
        seen.push(request)
        return plainAnswer('')
      },
    },
  })
  const forwarded = {
    'x-forwarded-for': '203.0.113.9, 192.0.2.7, 10.0.0.3',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'sms.example.org',
  }
  const rows = [
    {
      label: 'believe no header by themselves',
      http: {},
      headers: forwarded,
      url: 'http://H/backends/m/?a=%20b',
      ip: '127.0.0.1',
    },
    {
      label: 'believe trusted proxies',
      http: { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] },
      headers: forwarded,
      url: 'https://sms.example.org/backends/m/?a=%20b',
      ip: '192.0.2.7',
    },
    {
      label: 'believe nobody else',
      http: { trustedProxies: ['10.0.0.0/8'] },
      headers: forwarded,
      url: 'http://H/backends/m/?a=%20b',
      ip: '127.0.0.1',
    },
    {
      label: 'take ports and brackets',
      http: { trustedProxies: ['127.0.0.1'] },
      headers: { 'x-forwarded-for': '[2001:db8::1]:4711' },
      url: 'http://H/backends/m/?a=%20b',
      ip: '2001:db8::1',
    },
    {
      label: 'take no nonsense',
      http: { trustedProxies: ['127.0.0.1'] },
      headers: { 'x-forwarded-for': 'unknown', 'x-forwarded-proto': 'gopher' },
      url: 'http://H/backends/m/?a=%20b',
      ip: '127.0.0.1',
    },
    {
      label: 'are those of publicUrl',
      http: { publicUrl: 'https://sms.example.org' },
      headers: {},
      url: 'https://sms.example.org/backends/m/?a=%20b',
      ip: '127.0.0.1',
    },
  ]
  for (const { label, http, headers, url, ip } of rows) {
    it(label, async () => {
      const web = await serveWeb({ backends: { m: mirror() }, http })
      try {
        seen.length = 0
        await fetch(`${web.url}/backends/m/?a=%20b`, { headers })
        expect(seen[0]).to.include({ url: url.replace('H/', `${new URL(web.url).host}/`), ip, rawQuery: 'a=%20b' })
      } finally {
        await web.stop()
      }
    })
  }
})

describe('what cannot be taken now', () => {
  it('is answered 503 with Retry-After before the start and after the stop', async () => {
    const web = await serveWeb({ backends: { h: httpBackend(), t: httptester() } }, { start: false })
    const ask = async () => {
      const answer = await fetch(`${web.url}/backends/h/?identity=1&text=x`)
      return { status: answer.status, retryAfter: answer.headers.get('retry-after') }
    }
    try {
      expect(await ask()).to.deep.equal({ status: 503, retryAfter: '5' })
      expect((await fetch(`${web.url}/backends/t/messages.json?identity=1`)).status).to.equal(503)
      await web.switchboard.start()
      expect((await ask()).status).to.equal(200)
      await web.switchboard.stop()
      expect(await ask()).to.deep.equal({ status: 503, retryAfter: '5' })
      expect((await fetch(`${web.url}/backends/t/messages.json?identity=1`)).status).to.equal(503)
    } finally {
      await web.stop()
    }
  })

  it('is answered 503 while the backlog is full', async () => {
    const held = { name: 'held', handle: () => new Promise<boolean>(() => {}) }
    const web = await serveWeb({ backends: { h: httpBackend() }, apps: [held], queue: { backlog: 2, drain: 0 } })
    try {
      const statuses: number[] = []
      for (let i = 0; i < 3; i++) statuses.push((await fetch(`${web.url}/backends/h/?identity=${i}&text=x`)).status)
      expect(statuses).to.deep.equal([200, 200, 503])
    } finally {
      await web.stop()
    }
  })

  it('is answered 503 while the store cannot write, and 200 when it can again', async () => {
    const folder = tempFolder()
    const file = join(folder.path, 'switchboard.db')
    const web = await serveWeb({ databaseUrl: `sqlite:${file}`, backends: { h: httpBackend() } })
    const ask = () => fetch(`${web.url}/backends/h/?identity=1&text=x`)
    try {
      const other = new Sqlite(file)
      const { store } = web.switchboard.parts
      other.exec('BEGIN IMMEDIATE')
      const answer = await ask()
      expect([answer.status, answer.headers.get('retry-after')]).to.deep.equal([503, '5'])
      other.exec('ROLLBACK')
      other.close()
      await store.ping()
      expect((await ask()).status).to.equal(200)
    } finally {
      await web.stop()
      folder.remove()
    }
  })

  it('is answered 500 when a view fails, and the log says why', async () => {
    const broken = httpBackend({
      reply: () => {
        throw new Error('no answer comes to mind')
      },
    })
    const web = await serveWeb({ backends: { broken } })
    try {
      expect((await fetch(`${web.url}/backends/broken/?identity=1&text=x`)).status).to.equal(500)
      expect(web.log()).to.include('no answer comes to mind')
    } finally {
      await web.stop()
    }
  })
})

describe('paths that clash', () => {
  const rows = [
    { label: 'equal', a: '/x/', b: '/x/' },
    { label: 'a slash apart', a: '/x', b: '/x/' },
    { label: 'a slash apart, the other way', a: '/x/', b: '/x' },
    { label: 'with a convention', a: '/backends/b/', b: undefined },
  ]
  for (const { label, a, b } of rows) {
    it(`are an error at start: ${label}`, async () => {
      const backends = { a: httpBackend({ path: a }), b: httpBackend(b === undefined ? {} : { path: b }) }
      const error: unknown = await serveWeb({ backends }).catch((reason: unknown) => reason)
      expect(String(error)).to.match(/backends\.b: .*claims the path .*"a"/)
    })
  }

  it('are an error that does not show the secret in them', async () => {
    const options = { path: '/x/', secret: { in: 'path', value: 'open-sesame' } } as const
    const backends = { a: httpBackend(options), b: httpBackend(options) }
    const error: unknown = await serveWeb({ backends }).catch((reason: unknown) => reason)
    expect(String(error)).to.match(/claims the path \/x\/<secret>\//)
    expect(String(error)).not.to.include('open-sesame')
  })
})

function post(web: Web, body: string, chunked: boolean): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = chunked ? FORM : { ...FORM, 'content-length': Buffer.byteLength(body) }
    const req = httpRequest(`${web.url}/backends/h/`, { method: 'POST', headers }, async (res) => {
      const chunks: Buffer[] = []
      for await (const chunk of res) chunks.push(chunk as Buffer)
      resolve({ status: res.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
    })
    req.on('error', reject)
    for (let at = 0; at < body.length; at += 1_000) req.write(body.slice(at, at + 1_000))
    req.end()
  })
}

/** Sends a head as it is. */
function raw(web: Web, head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(web.url).port), '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text
    })
    socket.once('error', reject).once('close', () => resolve(answer))
    socket.write(`${head}Connection: close\r\n\r\n`)
  })
}
