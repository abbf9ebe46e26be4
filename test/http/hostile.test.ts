import { request as httpRequest } from 'node:http'
import { expect } from 'chai'
import fc from 'fast-check'
import { z } from 'zod'
import { httpBackend, httptester, incomingForm } from '../../src/backends/index.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

/** More by FUZZ_RUNS=10000. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400)

const PATHS = [
  '/backends/plain/',
  '/backends/renamed/',
  '/backends/loose/',
  '/backends/tester/',
  '/backends/tester/messages.json',
]
const TYPES = [
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded; charset=windows-1251',
  'application/x-www-form-urlencoded; charset="utf-16le"',
  'application/json',
  'application/json; charset=latin1',
  'multipart/form-data; boundary=b',
  'multipart/form-data; boundary="(.*)"',
  'multipart/form-data',
  'text/plain',
  '',
]

const name = fc.constantFrom(
  'identity',
  'text',
  'phone',
  'message',
  'address',
  'externalId',
  'extra',
  '__proto__',
  'constructor',
  'toString',
  '',
)
const hostileText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '\0',
    'a\0b',
    '\ud800',
    '  ',
    '\ufeff',
    '%',
    '%zz',
    '%ff',
    '+',
    '&=',
    '"',
    '\r\n',
    '--b',
    "'; DROP TABLE incoming; --",
  ),
  fc.constant('x'.repeat(60_000)),
)
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const encoded = fc.oneof(
  hostileText.map((text) => Buffer.from(encodeURIComponent(text.toWellFormed()))),
  hostileText.map((text) => Buffer.from(text)),
  bytes.map((raw) => Buffer.from([...raw].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''))),
)
const urlencoded = fc
  .array(fc.tuple(name, encoded), { maxLength: 8 })
  .map((pairs) =>
    Buffer.concat(
      pairs.flatMap(([key, value], index) => [
        Buffer.from(`${index === 0 ? '' : '&'}${encodeURIComponent(key)}=`),
        value,
      ]),
    ),
  )
const deep = fc.integer({ min: 1, max: 20_000 }).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`)
const json = fc
  .array(
    fc.tuple(
      name,
      fc.oneof(
        fc.json(),
        deep,
        hostileText.map((text) => JSON.stringify(text)),
      ),
    ),
    { maxLength: 6 },
  )
  .map((pairs) => Buffer.from(`{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`))
const multipart = fc
  .array(fc.tuple(name, fc.oneof(bytes, encoded)), { maxLength: 5 })
  .map((parts) =>
    Buffer.concat([
      ...parts.flatMap(([key, value]) => [
        Buffer.from(`--b\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n`),
        value,
        Buffer.from('\r\n'),
      ]),
      Buffer.from('--b--\r\n'),
    ]),
  )
const whole = fc.oneof(urlencoded, json, multipart, bytes)
const mutated = fc.tuple(whole, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 })).map(([body, changes]) => {
  const copy = Buffer.from(body)
  for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte
  return copy
})
const headerValue = fc.string({ unit: fc.constantFrom(...'abc*/;,=q0.5 "\\\u00e9') })

const hostileRequest = fc.record({
  method: fc.constantFrom('GET', 'POST', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE'),
  path: fc.constantFrom(...PATHS),
  query: fc.oneof(urlencoded, fc.constant(Buffer.from('identity=1&text=x'))).map((raw) => raw.toString('latin1')),
  headers: fc.record({
    'content-type': fc.oneof(fc.constantFrom(...TYPES), headerValue),
    accept: fc.oneof(fc.constantFrom('text/plain', 'application/json', '*/*'), headerValue),
    authorization: headerValue,
    'x-forwarded-for': headerValue,
    'x-forwarded-host': headerValue,
  }),
  body: fc.oneof(whole, mutated),
  chunked: fc.boolean(),
})
type HostileRequest = typeof hostileRequest extends fc.Arbitrary<infer T> ? T : never

describe('hostile requests', function () {
  this.timeout(60_000)
  let web: Web
  before(async () => {
    web = await serveWeb({
      backends: {
        plain: httpBackend(),
        renamed: httpBackend({ params: { identity: 'phone', text: 'message' } }),
        loose: httpBackend({ form: z.looseObject(incomingForm.shape) }),
        tester: httptester(),
      },
      http: { trustedProxies: ['127.0.0.1'] },
    })
  })
  after(() => web.stop())

  it('are each refused or recorded, never answered 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(hostileRequest, async (hostile) => {
        const status = await send(web, hostile)
        expect([200, 400, 404, 405, 413, 415, 403, 431]).to.include(status)
      }),
      { numRuns: RUNS },
    )
    expect(web.log()).not.to.include('a view failed')
    expect(Object.prototype).not.to.have.property('text')
    expect((await fetch(`${web.url}/readyz`)).status).to.equal(200)
  })

  const ways = [
    {
      way: 'a query',
      path: '/backends/plain/?',
      type: undefined,
      write: (values: Record<string, string>) => new URLSearchParams(values).toString(),
    },
    {
      way: 'a form',
      path: '/backends/plain/',
      type: TYPES[0],
      write: (values: Record<string, string>) => new URLSearchParams(values).toString(),
    },
    {
      way: 'JSON',
      path: '/backends/plain/',
      type: 'application/json',
      write: (values: Record<string, string>) => JSON.stringify(values),
    },
    {
      way: 'multipart',
      path: '/backends/plain/',
      type: 'multipart/form-data; boundary=4f2a9c',
      write: (values: Record<string, string>) =>
        `${Object.entries(values)
          .map(([key, value]) => `--4f2a9c\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`)
          .join('')}--4f2a9c--`,
    },
  ]
  for (const { way, path, type, write } of ways) {
    it(`texts in ${way} come through unharmed, or are refused for NUL or for being blank`, async () => {
      const text = fc
        .oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
        .map((each) => each.toWellFormed())
      await fc.assert(
        fc.asyncProperty(text, async (written) => {
          const seen = web.messages.length
          const values = write({ identity: '1', text: written })
          const answer =
            type === undefined
              ? await fetch(`${web.url}${path}${values}`)
              : await fetch(`${web.url}${path}`, { method: 'POST', headers: { 'content-type': type }, body: values })
          const refused = written.includes('\0') || written.trim() === ''
          expect(answer.status, await answer.text()).to.equal(refused ? 400 : 200)
          if (refused) return
          const message = await until('the message', () => web.messages[seen])
          expect(message.text).to.equal(written.trim())
        }),
        { numRuns: Math.ceil(RUNS / 8) },
      )
    })
  }

  it('a text of 10 MB is refused, whatever it comes in', async () => {
    const text = 'x'.repeat(10 * 1024 * 1024)
    for (const { type, write } of ways) {
      if (type === undefined) continue
      const hostile = {
        method: 'POST',
        path: PATHS[0] ?? '',
        query: '',
        headers: { 'content-type': type },
        chunked: false,
      }
      expect(await send(web, { ...hostile, body: Buffer.from(write({ identity: '1', text })) })).to.equal(413)
    }
  })
})

type Sent = Omit<HostileRequest, 'method' | 'headers' | 'body'> & {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

function send(web: Web, { method, path, query, headers, body, chunked }: Sent): Promise<number> {
  const length = chunked || method === 'GET' || method === 'HEAD' ? {} : { 'content-length': body.length }
  // What an HTTP client cannot write in a target, it cannot send.
  const target = `${path}?${query.replace(/[^!-~]/g, (raw) => encodeURIComponent(raw.toWellFormed()))}`.slice(0, 15_000)
  return new Promise((resolve, reject) => {
    const options = {
      method,
      path: target,
      port: new URL(web.url).port,
      host: '127.0.0.1',
      headers: { ...headers, ...length },
    }
    const req = httpRequest(options, (res) => {
      res.resume().once('end', () => resolve(res.statusCode ?? 0))
    })
    req.once('error', reject)
    req.end(method === 'GET' || method === 'HEAD' ? undefined : body)
  })
}
