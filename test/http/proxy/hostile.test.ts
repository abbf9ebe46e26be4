import { request } from 'node:http'
import { expect } from 'chai'
import fc from 'fast-check'
import { network, serveProxy } from '../../support/proxy.ts'
import type { Web } from '../../support/web.ts'

/** More by FUZZ_RUNS=10000. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400)
const STATUSES = [200, 204, 400, 403, 404, 405, 415, 501]

const name = fc.constantFrom('receiver', 'number', 'country', 'callback', 'website', '__proto__', 'constructor', '')
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '+4917612345678',
    '017612345678',
    '\0',
    '\ud800',
    '%',
    '%zz',
    '%ff',
    '+',
    'show',
    'alert(1)',
    'x'.repeat(2_000),
  ),
)
const pair = fc
  .tuple(name, text)
  .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value.toWellFormed())}`)
const raw = fc.uint8Array({ maxLength: 60 }).map((bytes) =>
  Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\0-\x20\x7f-\xff]/g, '%'),
)
const query = fc.oneof(
  fc.array(pair, { maxLength: 6 }).map((pairs) => pairs.join('&')),
  raw,
)
const value = fc.string({ unit: fc.constantFrom(...'abcdeUSDE*/;,=q0.5-_ "\\\u00e9:[]') })
const body = fc.oneof(query, fc.json(), fc.constant('['.repeat(9_000)), raw)

const hostile = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PURGE'),
  path: fc.constantFrom(
    '/message/',
    '/message',
    '/validate_number/',
    '/message//',
    '/MESSAGE/',
    '/message/%00',
    '/message/x',
  ),
  query,
  headers: fc.record({
    'content-type': fc.constantFrom(
      'application/json',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=b',
      'text/plain',
      '',
    ),
    'accept-language': fc.oneof(value, fc.constantFrom('de', 'en-US,en;q=0.8,de;q=0.6', ','.repeat(900))),
    'x-forwarded-for': fc.oneof(value, fc.ipV4(), fc.ipV6()),
    'x-forwarded-host': value,
    origin: fc.oneof(value, fc.constantFrom('null', 'https://shop.example')),
    'sec-fetch-site': fc.constantFrom('none', 'same-origin', 'cross-site', 'x'),
    referer: fc.oneof(value, fc.webUrl()),
  }),
  body,
})
type Hostile = typeof hostile extends fc.Arbitrary<infer T> ? T : never

describe('hostile requests of the public proxy', function () {
  this.timeout(90_000)
  const { sent, backend } = network()
  let web: Web
  before(async () => {
    const none = { amount: 0 }
    const limits = { perClient: none, perNumber: none, total: none }
    web = await serveProxy({ jsonp: true, honeypot: 'website', limits, origins: ['https://shop.example'] }, { backend })
  })
  after(() => web.stop())

  it('are answered as they should be: never 5xx, never a script but the one asked for', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (given) => {
        const { status, type, answer } = await send(web.url, given)
        expect(status).to.be.oneOf(STATUSES)
        if (type.startsWith('text/javascript')) expect(answer).to.match(/^[\w$.]{1,64}\(\{.*\}\);$/)
        else if (type.startsWith('application/json') && given.method !== 'HEAD')
          expect(JSON.parse(answer)).to.be.an('object')
        expect(answer).to.not.match(/[<>]/)
      }),
      { numRuns: RUNS },
    )
    for (const { identity } of sent) expect(identity).to.match(/^\+[1-9]\d{5,14}$/)
    expect(web.log()).to.not.include('a request failed')
  })
})

function send(url: string, { method, path, query, headers, body }: Hostile) {
  return new Promise<{ readonly status: number; readonly type: string; readonly answer: string }>((resolve, reject) => {
    const given = Object.fromEntries(
      Object.entries(headers)
        .map(([key, each]) => [key, each.trim()] as const)
        .filter(([, each]) => each !== ''),
    )
    const asked = request(`${url}${path}?${query}`, { method, headers: given }, (response) => {
      let answer = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', answer }),
      )
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(method === 'POST' || method === 'PUT' ? body : undefined)
  })
}
