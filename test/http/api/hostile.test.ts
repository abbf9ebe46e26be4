import { request } from 'node:http'
import { expect } from 'chai'
import fc from 'fast-check'
import { basic, serveApi } from '../../support/api.ts'
import { whyNoPostgres } from '../../support/postgres.ts'
import { postgresDatabase } from '../../support/postgres-store.ts'
import { skip } from '../../support/skip.ts'
import type { Web } from '../../support/web.ts'

/** More by FUZZ_RUNS=10000. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300)
const STATUSES = [200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 501]

const field = fc.constantFrom(
  ...[
    'to_msisdn',
    'message',
    'from_msisdn',
    'template',
    'slug',
    'template_name',
    'template_',
    'template_contact',
    'id',
  ],
  ...['since', 'start', 'before', 'after', 'limit', 'backend', 'identity', 'text', 'state', 'tag', 'until', 'class'],
  ...['send_at', 'expires_at', 'name', 'language', 'timeZone', 'optedOut', 'connections', 'groups', 'ids', 'merge'],
  ...['__proto__', 'constructor', 'toString', ''],
)
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    ...[
      '27123456789',
      '+27 12',
      '\0',
      '\ud800',
      '%',
      '%ff',
      '{{',
      '{{name}}',
      '{% for i in (1..9) %}{{i}}{% endfor %}',
    ],
    ...['-1', '1e9', '9007199254740993', '2026-02-30', '2026-11-21 10:00:00', '9999-12-31T23:59:59Z', '0000-00-00'],
    ...[
      'clickatell',
      'opera',
      'DELIVERED',
      'x'.repeat(3_000),
      "'; DROP TABLE outgoing; --",
      '<script>',
      'true',
      'null',
    ],
  ),
)
const pair = fc
  .tuple(field, text)
  .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value.toWellFormed())}`)
const pairs = fc.array(pair, { maxLength: 8 }).map((all) => all.join('&'))
const raw = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const json = fc.oneof(
  fc.dictionary(field, fc.oneof(text, fc.array(text, { maxLength: 4 }), fc.jsonValue({ maxDepth: 3 })), { maxKeys: 6 }),
  fc.jsonValue(),
)
const body = fc.oneof(
  pairs.map((value) => ({ type: 'application/x-www-form-urlencoded', value })),
  json.map((value) => ({ type: 'application/json', value: JSON.stringify(value) })),
  raw.map((value) => ({ type: 'application/json', value })),
  raw.map((value) => ({ type: 'multipart/form-data; boundary=b', value: `--b\r\n${value}\r\n--b--` })),
  raw.map((value) => ({ type: value.replace(/[^\x20-\x7e]/g, ''), value: '{}' })),
  fc.constant({ type: 'application/json', value: '['.repeat(9_000) }),
)
const path = fc.oneof(
  fc.constantFrom(
    ...['/api/v1/sms/clickatell/send.json', '/api/v1/sms/clickatell/template_send.json', '/api/v1/messages.json'],
    ...[
      '/api/v1/sms/clickatell/status.json',
      '/api/v1/contacts.json',
      '/api/v1/groups.json',
      '/api/v1/sms/x/send.json',
    ],
  ),
  text.map((value) => `/api/v1/contacts/${encodeURIComponent(value.toWellFormed())}.json`),
  text.map((value) => `/api/v1/sms/opera/status/${encodeURIComponent(value.toWellFormed())}.json`),
  text.map((value) => `/api/v1/groups/${encodeURIComponent(value.toWellFormed())}/members.json`),
  text.map((value) => `/api/v1/${encodeURIComponent(value.toWellFormed())}`),
  raw.map((value) => `/api/v1/${value.replace(/[^\x21-\x7e]|[?#]/g, '%')}`),
)
const method = fc.constantFrom(
  'GET',
  'GET',
  'POST',
  'POST',
  'POST',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PUT',
  'PURGE',
)
const header = text.map((value) => value.replace(/[^\x20-\x7e]/g, '').trim())
const hostile = fc.record({
  method,
  path,
  query: fc.oneof(
    pairs,
    raw.map((value) => value.replace(/[^\x21-\x7e]/g, '%')),
  ),
  body,
  key: fc.option(header),
})

type Hostile = typeof hostile extends fc.Arbitrary<infer Given> ? Given : never

function ask(web: Web, given: Hostile): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const target = `${given.path}${given.query === '' ? '' : `?${given.query}`}`
    const { port } = new URL(web.url)
    const isBare = given.method === 'GET' || given.method === 'HEAD'
    const headers = {
      ...basic('ann'),
      'Content-Type': given.body.type,
      ...(isBare ? {} : { 'Content-Length': Buffer.byteLength(given.body.value) }),
      ...(given.key === null ? {} : { 'Idempotency-Key': given.key }),
    }
    const req = request({ host: '127.0.0.1', port, method: given.method, path: target, headers }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
    })
    req.on('error', reject)
    req.end(isBare ? undefined : given.body.value)
  })
}

const stores: readonly { readonly name: string; why(): string | undefined; open(): Promise<TestStore> }[] = [
  {
    name: 'SQLite',
    why: () => undefined,
    open: async () => ({ url: 'sqlite::memory:', remove: async () => {} }),
  },
  { name: 'PostgreSQL', why: whyNoPostgres, open: () => postgresDatabase() },
]

interface TestStore {
  readonly url: string
  remove(): Promise<void>
}

for (const { name, why, open } of stores) {
  describe(`the API on ${name}, asked by anybody`, function () {
    this.timeout(120_000)
    let web: Web
    let store: TestStore

    before(async function () {
      const reason = why()
      if (reason !== undefined) skip(this, reason)
      store = await open()
      const off = { amount: 0 }
      web = await serveApi({
        databaseUrl: store.url,
        api: { limits: { send: off, read: off, change: off, failures: off } },
      })
    })

    after(async () => {
      await web?.stop()
      await store?.remove()
    })

    it('answers in its own words, and never with a fault of ours', async () => {
      await fc.assert(
        fc.asyncProperty(hostile, async (given) => {
          const { status, text: answer } = await ask(web, given)
          expect(STATUSES, answer).to.include(status)
          if (status < 400 || given.method === 'HEAD' || status === 501) return
          expect(Object.keys(JSON.parse(answer) as object)).to.deep.equal(['error'])
        }),
        { numRuns: RUNS },
      )
      expect(web.log()).to.not.match(/^error /m)
    })

    for (const host of ['', 'a b', '[', 'http://x', 'x:99999999', '\u00ff']) {
      it(`is asked by the name ${JSON.stringify(host)}, from a page`, async () => {
        const { port } = new URL(web.url)
        const status = await new Promise((resolve, reject) => {
          const headers = { ...basic('ann'), Host: host, Origin: 'https://evil.example' }
          const asked = request({ host: '127.0.0.1', port, path: '/api/v1/messages.json', headers }, (res) => {
            res.resume()
            resolve(res.statusCode)
          })
          asked.on('error', reject)
          asked.end()
        })
        expect(status).to.be.oneOf([400, 403])
      })
    }

    it('reads no body of who is not known', async () => {
      const { port } = new URL(web.url)
      const status = await new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port, method: 'POST', path: '/api/v1/sms/clickatell/send.json' }
        const req = request({ ...options, headers: { 'Content-Length': 1_000_000 } }, (res) => resolve(res.statusCode))
        req.on('error', reject)
        req.write('x')
      })
      expect(status).to.equal(401)
    })
  })
}
