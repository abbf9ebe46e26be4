import { expect } from 'chai'
import { errorFromResponse, excerpt, HttpPool } from '../../src/backends/http-client.ts'
import { httpBackend } from '../../src/backends/index.ts'
import type { HttpRequest, HttpResponse } from '../../src/router/backend.ts'
import { ProviderError } from '../../src/router/errors.ts'
import { type Canned, type FarSide, farSide } from '../support/far-side.ts'
import { until } from '../support/until.ts'
import { serveWeb } from '../support/web.ts'

const SECRET = 'hunter22'
const never = new AbortController().signal

async function failure(asked: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ProviderError)) throw new Error('a ProviderError was expected', { cause: error })
  return error
}

describe('the client that backends send with', () => {
  let far: FarSide
  let pool: HttpPool
  before(async () => {
    far = await farSide()
  })
  after(() => far.stop())
  beforeEach(() => {
    far.reset()
    pool = new HttpPool()
  })
  afterEach(() => pool.close())

  const request = (canned: Canned, more: Partial<HttpRequest> = {}, signal = never) => {
    far.answer(canned)
    const url = `${far.url}/?password=${SECRET}`
    return pool.client(signal).request({ method: 'POST', url, headers: { 'x-key': SECRET }, body: 'text', ...more })
  }

  const faults: { label: string; canned: Canned; more?: Partial<HttpRequest>; text: RegExp }[] = [
    { label: 'never answers', canned: 'hang', more: { timeLimit: 50 }, text: /nothing within 50 ms/ },
    { label: 'answers a byte at a time', canned: 'dribble', more: { timeLimit: 100 }, text: /nothing within 100 ms/ },
    { label: 'cuts the connection', canned: 'cut', text: /closed|reset/i },
    { label: 'cuts the answer', canned: { cutAfter: 'half' }, text: /closed|reset|terminated|aborted/i },
    { label: 'answers what is not HTTP', canned: 'garbage', text: /HTTP/ },
    {
      label: 'answers too much',
      canned: { body: Buffer.alloc(1024 * 1024 + 1, 'x') },
      text: /larger than 1048576 bytes/,
    },
  ]
  for (const { label, canned, more, text } of faults) {
    it(`does not know what became of a message when the service ${label}`, async () => {
      const error = await failure(request(canned, more))
      expect(error).to.include({ code: 'CONNECTION', retry: true, outcomeUnknown: true })
      expect(error.message).to.match(text).and.to.include(far.url)
      expect(`${error.message} ${String(error.cause)}`).not.to.include(SECRET)
    })
  }

  it('knows that a service which refuses connections has taken nothing', async () => {
    const gone = await farSide()
    await gone.stop()
    const error = await failure(pool.client(never).request({ url: `${gone.url}/?password=${SECRET}` }))
    expect(error).to.include({ code: 'CONNECTION', retry: true, outcomeUnknown: false })
    expect(error.message)
      .to.match(/ECONNREFUSED/)
      .and.not.to.include(SECRET)
  })

  it('asks nothing when the time is over already', async () => {
    const error = await failure(request({}, {}, AbortSignal.abort()))
    expect(error).to.include({ code: 'CONNECTION', outcomeUnknown: false })
    expect(far.requests).to.have.length(0)
  })

  for (const [label, more] of Object.entries({
    'a URL that is none': { url: `http://[${SECRET}` },
    'a header that cannot be written': { headers: { 'x-key': `${SECRET}\r\nx: y` } },
    'a method that is none': { method: 'NO SUCH' },
  })) {
    it(`does not try ${label} again, nor shows it`, async () => {
      const error = await failure(request({}, more))
      expect(error).to.include({ code: 'REQUEST', retry: false, outcomeUnknown: false })
      expect(`${error.message} ${String(error.cause)}`).not.to.include(SECRET)
    })
  }

  it('ends a request with its signal', async () => {
    const ending = new AbortController()
    const asked = failure(request('hang', {}, ending.signal))
    await until('the request to arrive', () => far.requests.length === 1)
    const before = far.closed
    ending.abort()
    expect(await asked).to.include({ code: 'CONNECTION', outcomeUnknown: true })
    await until('the connection to be closed', () => far.closed > before)
  })

  it('uses a connection again', async () => {
    for (let i = 0; i < 6; i++) await request({ body: 'fine' })
    expect(new Set(far.requests.map(({ connection }) => connection)).size).to.be.at.most(2)
  })

  it('serves again after it was closed', async () => {
    await request({})
    await pool.close()
    expect((await request({ status: 204 })).status).to.equal(204)
  })

  for (const [label, canned] of Object.entries({
    'cut off': { status: 503, cutAfter: 'half' },
    'too long': { status: 503, body: Buffer.alloc(2 * 1024 * 1024, 'x') },
  })) {
    it(`believes the status of a refusal whose body is ${label}`, async () => {
      const answer = await request(canned)
      expect(answer.status).to.equal(503)
      expect(errorFromResponse(answer, 'It')).to.include({ code: 'SERVER', retry: true, outcomeUnknown: false })
    })
  }
})

describe('the error that a status stands for', () => {
  const rows: [status: number, headers: Record<string, string>, expected: Partial<ProviderError>][] = [
    [302, {}, { code: 'REQUEST', retry: false }],
    [400, {}, { code: 'REQUEST', retry: false }],
    [401, {}, { code: 'AUTH', retry: false }],
    [402, {}, { code: 'CREDIT', retry: false }],
    [403, {}, { code: 'AUTH', retry: false }],
    [404, {}, { code: 'REQUEST', retry: false }],
    [408, {}, { code: 'SERVER', retry: true }],
    [429, {}, { code: 'LIMITS', retry: true, retryAfter: null }],
    [429, { 'retry-after': '120' }, { code: 'LIMITS', retryAfter: 120_000 }],
    [
      503,
      { 'retry-after': 'Wed, 21 Oct 2015 07:28:30 GMT', date: 'Wed, 21 Oct 2015 07:28:00 GMT' },
      { code: 'SERVER', retryAfter: 30_000 },
    ],
    [503, { 'retry-after': 'Wed, 21 Oct 2015 07:28:30 GMT' }, { code: 'SERVER', retryAfter: null }],
    [503, { 'retry-after': 'soon' }, { retryAfter: null }],
    [503, { 'retry-after': '1e30' }, { retryAfter: null }],
    [503, { 'retry-after': '-5' }, { retryAfter: null }],
    [500, {}, { code: 'SERVER', retry: true }],
    [504, {}, { code: 'SERVER', retry: true, outcomeUnknown: true }],
  ]
  for (const [status, headers, expected] of rows) {
    it(`${status} ${JSON.stringify(headers)}: ${JSON.stringify(expected)}`, () => {
      const error = errorFromResponse(response(status, 'why', headers), 'The service')
      expect(error).to.include({ providerCode: String(status), outcomeUnknown: false, ...expected })
      expect(error.message).to.equal(`The service answered ${status}: why`)
    })
  }

  it('shows the beginning of the answer on one line, without secrets', () => {
    const body = `<h1>No</h1>\r\n\t\0 p&ss ${encodeURIComponent('p&ss')} p&ssword ${'x'.repeat(500)}`
    const shown = excerpt(response(400, body), ['p&ss', 'p&ssword', 'h1'])
    expect(shown).to.match(/^<h1>No<\/h1> \[secret\] \[secret\] \[secret\] x+$/)
    expect(shown).to.have.length(200)
  })

  it('shows no secret that an answer of JSON has written with escapes', () => {
    const secret = 'a/b"c\\d'
    const php = JSON.stringify({ secret }).replaceAll('/', '\\/')
    expect(excerpt(response(400, JSON.stringify({ secret }) + php), [secret])).to.equal(
      '{"secret":"[secret]"}{"secret":"[secret]"}',
    )
  })
})

function response(status: number, body: string, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body: Buffer.from(body), text: () => body }
}

describe('a backend whose service does not answer', () => {
  it('is given up after the time limit of its settings', async () => {
    const far = await farSide()
    const sending = { timeLimit: 50 }
    const web = await serveWeb({ backends: { slow: httpBackend({ send: { url: far.url }, sending }) } })
    try {
      far.answer('hang')
      const error = await failure(web.switchboard.router.sendNow({ to: '1', text: 'x' }))
      expect(error).to.include({ code: 'CONNECTION', outcomeUnknown: true })
      await until('the request to be ended', () => far.closed >= 1)
    } finally {
      await web.stop()
      await far.stop()
    }
  })

  it('does not hold up a stop longer than the settings allow', async () => {
    const far = await farSide()
    const web = await serveWeb({ backends: { slow: httpBackend({ send: { url: far.url } }) }, queue: { drain: 50 } })
    far.answer('hang')
    await web.switchboard.router.send({ to: '1', text: 'x' })
    await until('the request to arrive', () => far.requests.length === 1)
    await web.stop()
    await until('the request to be ended', () => far.closed >= 1)
    await far.stop()
  })

  it('can be asked again after a stop and a start', async () => {
    const far = await farSide()
    const web = await serveWeb({ backends: { h: httpBackend({ send: { url: far.url } }) } })
    try {
      await web.switchboard.stop()
      await web.switchboard.start()
      expect(await web.switchboard.router.sendNow({ to: '1', text: 'x' })).to.include({ state: 'SENT' })
    } finally {
      await web.stop()
      await far.stop()
    }
  })
})
