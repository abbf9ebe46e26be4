import { expect } from 'chai'
import { type Answered, type Asking, askApi, basic, KEY, serveApi } from '../../support/api.ts'
import type { Web } from '../../support/web.ts'

interface Row {
  readonly what: string
  readonly path: string
  readonly asking?: Asking
  readonly status: number
  /** The code of the refusal. */
  readonly code?: string
  readonly fields?: Readonly<Record<string, RegExp>>
  readonly headers?: Readonly<Record<string, RegExp>>
}

const SEND = '/api/v1/sms/clickatell/send.json'
const TEMPLATE = '/api/v1/sms/clickatell/template_send.json'
const STATUS = '/api/v1/sms/clickatell/status.json'
const good = { to_msisdn: '27123456789', message: 'hi' }
const form = (...pairs: (readonly [string, string])[]): Asking => ({ form: pairs })
const to = ['to_msisdn', '27123456789'] as const

const rows: readonly Row[] = [
  // Who asks
  {
    what: 'nobody',
    path: SEND,
    asking: { as: null, json: good },
    status: 401,
    code: 'UNAUTHORIZED',
    headers: { 'www-authenticate': /^Basic realm=/ },
  },
  { what: 'somebody unknown', path: SEND, asking: { as: 'eve', json: good }, status: 401, code: 'UNAUTHORIZED' },
  {
    what: 'a wrong password',
    path: SEND,
    asking: { as: null, headers: basic('ann', 'wrong'), json: good },
    status: 401,
    code: 'UNAUTHORIZED',
  },
  {
    what: 'a password that begins rightly',
    path: SEND,
    asking: { as: null, headers: basic('ann', 'ann-passwor'), json: good },
    status: 401,
    code: 'UNAUTHORIZED',
  },
  {
    what: 'a header that is none',
    path: SEND,
    asking: { as: null, headers: { Authorization: 'Basic !' }, json: good },
    status: 401,
    code: 'UNAUTHORIZED',
  },
  {
    what: 'a name without a colon',
    path: SEND,
    asking: { as: null, headers: { Authorization: 'Basic YW5u' }, json: good },
    status: 401,
    code: 'UNAUTHORIZED',
  },
  {
    what: 'a key',
    path: SEND,
    asking: { as: null, headers: { Authorization: `Bearer ${KEY}` }, json: good },
    status: 200,
  },
  {
    what: 'a wrong key',
    path: SEND,
    asking: { as: null, headers: { Authorization: `Bearer ${KEY}x` }, json: good },
    status: 401,
    code: 'UNAUTHORIZED',
  },
  {
    what: 'a user without a password, with an empty one',
    path: SEND,
    asking: { as: null, headers: basic('program', ''), json: good },
    status: 401,
    code: 'UNAUTHORIZED',
  },
  {
    what: 'nobody, for what is not there',
    path: '/api/v1/nothing.json',
    asking: { as: null },
    status: 401,
    code: 'UNAUTHORIZED',
  },
  { what: 'a reader who sends', path: SEND, asking: { as: 'rea', json: good }, status: 403, code: 'FORBIDDEN' },
  { what: 'a reader who looks', path: STATUS, asking: { as: 'rea' }, status: 200 },
  {
    what: 'a sender who looks at people',
    path: '/api/v1/contacts.json',
    asking: { as: 'sam' },
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'a reader who changes people',
    path: '/api/v1/contacts.json',
    asking: { as: 'rea', json: { name: 'A' } },
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'a user of one backend who looks at people',
    path: '/api/v1/contacts.json',
    asking: { as: 'ofo' },
    status: 403,
    code: 'FORBIDDEN',
  },
  { what: 'a user of another backend', path: SEND, asking: { as: 'ofo', json: good }, status: 404, code: 'NOT_FOUND' },
  {
    what: 'a user of this backend',
    path: SEND.replace('clickatell', 'opera'),
    asking: { as: 'ofo', json: good },
    status: 200,
  },
  {
    what: 'a page of another site',
    path: SEND,
    asking: { json: good, headers: { Origin: 'https://evil.example' } },
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'a sandboxed page',
    path: SEND,
    asking: { json: good, headers: { Origin: 'null' } },
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'a form of another site',
    path: SEND,
    asking: { ...form(to, ['message', 'hi']), headers: { 'Sec-Fetch-Site': 'cross-site' } },
    status: 403,
    code: 'FORBIDDEN',
  },
  // What is there
  {
    what: 'a backend that is not there',
    path: '/api/v1/sms/none/send.json',
    asking: { json: good },
    status: 404,
    code: 'NOT_FOUND',
  },
  {
    what: 'a name every object has',
    path: '/api/v1/sms/constructor/send.json',
    asking: { json: good },
    status: 404,
    code: 'NOT_FOUND',
  },
  { what: 'a path that is not there', path: '/api/v1/sms', status: 404, code: 'NOT_FOUND' },
  { what: 'a path that is no text', path: '/api/v1/contacts/%ff.json', status: 404, code: 'NOT_FOUND' },
  { what: 'a message that is not there', path: '/api/v1/sms/clickatell/status/1.json', status: 404, code: 'NOT_FOUND' },
  {
    what: 'another method',
    path: SEND,
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
    headers: { allow: /^POST, OPTIONS$/ },
  },
  {
    what: 'a method that nobody knows',
    path: STATUS,
    asking: { method: 'PURGE' },
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
    headers: { allow: /^GET, HEAD, OPTIONS$/ },
  },
  { what: 'OPTIONS', path: SEND, asking: { as: null, method: 'OPTIONS' }, status: 204, headers: { allow: /POST/ } },
  {
    what: 'HEAD',
    path: STATUS,
    asking: { method: 'HEAD' },
    status: 200,
    headers: { 'content-type': /^application\/json/ },
  },
  // Bodies
  { what: 'a form', path: SEND, asking: form(to, ['message', 'hi']), status: 200 },
  { what: 'JSON', path: SEND, asking: { json: { ...good, to_msisdn: [27123456789, '27123456780'] } }, status: 200 },
  {
    what: 'multipart',
    path: SEND,
    asking: {
      body: '--b\r\nContent-Disposition: form-data; name="to_msisdn"\r\n\r\n27123456789\r\n--b\r\nContent-Disposition: form-data; name="message"\r\n\r\nhi\r\n--b--',
      headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
    },
    status: 200,
  },
  {
    what: 'XML',
    path: SEND,
    asking: { body: '<a/>', headers: { 'Content-Type': 'application/xml' } },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    what: 'a compressed body',
    path: SEND,
    asking: { json: good, headers: { 'Content-Encoding': 'gzip' } },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    what: 'a charset that nobody knows',
    path: SEND,
    asking: { json: good, headers: { 'Content-Type': 'application/json; charset=x' } },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    what: 'too much',
    path: SEND,
    asking: { json: { ...good, message: 'x'.repeat(20_000) } },
    status: 413,
    code: 'TOO_LARGE',
  },
  {
    what: 'what is no JSON',
    path: SEND,
    asking: { body: '{', headers: { 'Content-Type': 'application/json' } },
    status: 400,
    code: 'INVALID_INPUT',
  },
  { what: 'a list as JSON', path: SEND, asking: { json: [good] }, status: 400, code: 'INVALID_INPUT' },
  {
    what: 'bytes that are no UTF-8',
    path: SEND,
    asking: {
      body: 'to_msisdn=27123456789&message=%ff',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    },
    status: 400,
    code: 'INVALID_INPUT',
    fields: { message: /UTF-8/ },
  },
  // Fields
  {
    what: 'no recipient',
    path: SEND,
    asking: form(['message', 'hi']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { to_msisdn: /expected/ },
  },
  {
    what: 'no text',
    path: SEND,
    asking: form(to),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { message: /expected/ },
  },
  {
    what: 'an empty text',
    path: SEND,
    asking: form(to, ['message', '']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { message: /empty/ },
  },
  {
    what: 'two texts',
    path: SEND,
    asking: form(to, ['message', 'a'], ['message', 'b']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { message: /a text/ },
  },
  {
    what: 'a field that is not there',
    path: SEND,
    asking: form(to, ['message', 'a'], ['mesage', 'b']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { mesage: /no such field/ },
  },
  {
    what: 'a number in the words of a spreadsheet',
    path: SEND,
    asking: { json: { ...good, to_msisdn: '2.7123E+10' } },
    status: 400,
    code: 'INVALID_INPUT',
    fields: { to_msisdn: /spreadsheet/ },
  },
  {
    what: 'too many recipients',
    path: SEND,
    asking: { json: { ...good, to_msisdn: Array.from({ length: 6 }, (_, index) => `2712345678${index}`) } },
    status: 400,
    code: 'INVALID_INPUT',
    fields: { to_msisdn: /at most 5/ },
  },
  {
    what: 'an end before the beginning',
    path: SEND,
    asking: form(to, ['message', 'a'], ['send_at', '2030-01-02'], ['expires_at', '2030-01-01']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { expires_at: /after/ },
  },
  ...['send', 'template_send'].map((name) => ({
    what: `an end that is over, of ${name}`,
    path: `/api/v1/sms/clickatell/${name}.json`,
    asking: form(to, name === 'send' ? ['message', 'a'] : ['template', 'a'], ['expires_at', '2020-01-01']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { expires_at: /still to come/ },
  })),
  {
    what: 'a day that is none',
    path: SEND,
    asking: form(to, ['message', 'a'], ['send_at', '2030-02-31']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { send_at: /date/ },
  },
  {
    what: 'a key that is empty',
    path: SEND,
    asking: { json: good, headers: { 'Idempotency-Key': '' } },
    status: 400,
    code: 'INVALID_INPUT',
  },
  {
    what: 'values of one name for fewer numbers',
    path: TEMPLATE,
    asking: form(to, to, ['template', '{{name}}'], ['template_name', 'A']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { template_name: /do not match/ },
  },
  {
    what: 'neither template nor slug',
    path: TEMPLATE,
    asking: form(to),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { template: /expected/ },
  },
  {
    what: 'both of them',
    path: TEMPLATE,
    asking: form(to, ['template', 'a'], ['slug', 'b']),
    status: 400,
    code: 'INVALID_INPUT',
  },
  {
    what: 'a template that is none',
    path: TEMPLATE,
    asking: form(to, ['template', '{{']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { template: /not closed/ },
  },
  {
    what: 'a template without a value',
    path: TEMPLATE,
    asking: form(to, ['template', '{{name}}']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { template: /no value for "name"/ },
  },
  {
    what: 'a template that never ends',
    path: TEMPLATE,
    asking: form(to, ['template', '{% for i in (1..100000) %}{% for j in (1..100000) %}{{j}}{% endfor %}{% endfor %}']),
    status: 400,
    code: 'INVALID_INPUT',
  },
  {
    what: 'a slug that is not there',
    path: TEMPLATE,
    asking: form(to, ['slug', 'none']),
    status: 400,
    code: 'INVALID_INPUT',
    fields: { slug: /no template/ },
  },
  {
    what: 'a date that is none',
    path: `${STATUS}?since=yesterday`,
    status: 400,
    code: 'INVALID_INPUT',
    fields: { since: /date/ },
  },
  {
    what: 'a start that is none',
    path: `${STATUS}?start=-1`,
    status: 400,
    code: 'INVALID_INPUT',
    fields: { start: /expected/ },
  },
  {
    what: 'a page that is too long',
    path: '/api/v1/messages.json?limit=1001',
    status: 400,
    code: 'INVALID_INPUT',
    fields: { limit: /1000/ },
  },
  {
    what: 'a state that is none',
    path: '/api/v1/messages.json?state=GONE',
    status: 400,
    code: 'INVALID_INPUT',
    fields: { state: /WAITING/ },
  },
  {
    what: 'a NUL',
    path: '/api/v1/messages.json?identity=%00',
    status: 400,
    code: 'INVALID_INPUT',
    fields: { identity: /NUL/ },
  },
  { what: 'a contact that is not there', path: '/api/v1/contacts/none.json', status: 404, code: 'NOT_FOUND' },
  {
    what: 'a contact without a name',
    path: '/api/v1/contacts.json',
    asking: { json: {} },
    status: 400,
    code: 'INVALID_INPUT',
    fields: { name: /expected/ },
  },
  {
    what: 'a language that is none',
    path: '/api/v1/contacts.json',
    asking: { json: { name: 'A', language: '??' } },
    status: 400,
    code: 'INVALID_INPUT',
    fields: { language: /BCP 47/ },
  },
  {
    what: 'a group without people',
    path: '/api/v1/groups.json',
    asking: { json: { name: 'nurses' } },
    status: 400,
    code: 'INVALID_INPUT',
    fields: { ids: /expected/ },
  },
  {
    what: 'a group without a name',
    path: '/api/v1/groups.json',
    asking: { json: { name: ' ', ids: ['1'] } },
    status: 400,
    code: 'INVALID_INPUT',
    fields: { name: /expected/ },
  },
  {
    what: 'a group of a contact that is not there',
    path: '/api/v1/groups.json',
    asking: { json: { name: 'nurses', ids: ['none'] } },
    status: 400,
    code: 'INVALID_INPUT',
  },
  ...['dead', 'replay'].map((name) => ({
    what: 'a callback that is not there',
    path: `/api/v1/account/callbacks/4711/${name}.json`,
    ...(name === 'dead' ? {} : { asking: { json: {} } }),
    status: 404,
    code: 'NOT_FOUND',
  })),
  {
    what: 'a reader who replays',
    path: '/api/v1/account/callbacks/1/replay.json',
    asking: { as: 'rea', json: {} },
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'a cursor that is none',
    path: '/api/v1/account/callbacks/1/dead.json?after=x',
    status: 400,
    code: 'INVALID_INPUT',
    fields: { after: /expected/ },
  },
  {
    what: 'a key that is empty',
    path: '/api/v1/contacts.json',
    asking: { json: { name: 'A' }, headers: { 'Idempotency-Key': '' } },
    status: 400,
    code: 'INVALID_INPUT',
  },
  {
    what: 'a group with nobody in it',
    path: '/api/v1/groups/none.json',
    asking: { method: 'DELETE' },
    status: 404,
    code: 'NOT_FOUND',
  },
]

function checkRefusal(row: Row, { status, headers, body }: Answered): void {
  expect({ status, code: body?.error?.code }, JSON.stringify(body)).to.deep.equal({
    status: row.status,
    code: row.code,
  })
  for (const [name, value] of Object.entries(row.headers ?? {})) expect(headers.get(name)).to.match(value)
  for (const [name, fault] of Object.entries(row.fields ?? {})) expect(body.error.fields[name]).to.match(fault)
  if (row.code === undefined) return
  expect(Object.keys(body)).to.deep.equal(['error'])
  expect(body.error.message).to.be.a('string').that.is.not.equal('')
  expect(headers.get('cache-control')).to.equal('no-store')
}

describe('the statuses of the API', () => {
  let web: Web

  before(async () => {
    web = await serveApi({ api: { bodyLimit: 10_000, mostRecipients: 5, limits: { failures: { amount: 0 } } } })
  })

  after(() => web.stop())

  for (const row of rows) {
    const { what, path, asking = {}, status } = row
    it(`${asking.method ?? ''} ${path.split('?')[0]}: ${what} gets ${status}`, async () => {
      checkRefusal(row, await askApi(web, path, asking))
    })
  }

  it('come with what is left of the limit, refusals too', async () => {
    const limits = { send: { amount: 3, per: 3_600_000 }, read: { amount: 0 }, failures: { amount: 0 } }
    const limited = await serveApi({ api: { limits } })
    const left = async (path: string, asking: Asking) => {
      const { status, headers } = await askApi(limited, path, asking)
      const [, remaining] = /^"send";r=(\d);t=(?:3600|35\d\d)$/.exec(headers.get('ratelimit') ?? '') ?? []
      return [status, remaining, headers.get('ratelimit-policy')]
    }
    const policy = '"send";q=3;w=3600'
    const opera = '/api/v1/sms/opera/send.json'
    try {
      expect(await left(SEND, { json: good })).to.deep.equal([200, '2', policy])
      expect(await left(SEND, { json: {} })).to.deep.equal([400, '1', policy])
      expect(await left(SEND, { json: good, as: 'rea' })).to.deep.equal([403, undefined, null])
      expect(await left(opera, { json: good })).to.deep.equal([200, '2', policy])
      expect(await left(SEND, { body: 'x', headers: { 'Content-Type': 'text/csv' } })).to.deep.equal([415, '0', policy])
      expect(await left(SEND, { json: good })).to.deep.equal([429, '0', policy])
      expect(await left(STATUS, {})).to.deep.equal([200, undefined, null])
    } finally {
      await limited.stop()
    }
  })

  it('hide what happened within, and log it', async () => {
    web.switchboard.router.contacts.list = () => Promise.reject(new Error('the secret of the inside'))
    const { status, body } = await askApi(web, '/api/v1/contacts.json')
    expect([status, body.error.code]).to.deep.equal([500, 'INTERNAL'])
    expect(JSON.stringify(body)).to.not.include('secret')
    expect(web.log()).to.include('the secret of the inside')
  })

  it('hold no password and no key in the log', async () => {
    await askApi(web, STATUS)
    for (const secret of ['ann-password', basic('ann').Authorization.slice(6), KEY])
      expect(web.log()).to.not.include(secret)
  })
})

describe('the API of a switchboard that is not started', () => {
  it('asks to come again', async () => {
    const web = await serveApi({}, { start: false })
    const { status, body, headers } = await askApi(web, SEND, { json: good })
    await web.stop()
    expect([status, body.error.code, headers.get('retry-after')]).to.deep.equal([503, 'UNAVAILABLE', '5'])
  })
})

describe('a switchboard without users', () => {
  it('has no API', async () => {
    const web = await serveApi({ http: { users: {} } })
    const found = await Promise.all([SEND, '/openapi.json', '/api/docs'].map((path) => askApi(web, path, { as: null })))
    await web.stop()
    expect(found.map(({ status }) => status)).to.deep.equal([404, 404, 404])
  })
})
