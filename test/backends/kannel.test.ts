import { expect } from 'chai'
import { defineApp } from '../../src/apps/index.ts'
import { kannel } from '../../src/backends/index.ts'
import { createSwitchboard } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'
import { type FarSide, farSide } from '../support/far-side.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

// Requests as Kannel 1.4.5 makes them by the URLs of docs/backends/kannel.md, and its answers word for word.
const pathOf = (id: string) =>
  `?from=%2B2547&to=8080&sms_id=${id}&smsc=fake1&time=2026-11-21+13:00:14&dcs=00&meta=&service=default`
const from = { identity: '+2547', address: '8080' }
const fields = { smsc: 'fake1', time: '2026-11-21 13:00:14', dcs: '00', service: 'default' }

const TAKEN = [{ status: 202, body: '0: Accepted for delivery' }]
const STATUS_URL = 'https://sms.example.org/backends/kannel/status'
const LOGIN = 'username=gw&password=s3cret-gw'
const TO = 'to=%2B254700000001'
const quiet = { options: { statusReport: false } }
const reportUrl = (id: string, batch = '') =>
  encodeURIComponent(
    `${STATUS_URL}?message_id=${id}${batch}&status=%d&status_text=%A&smsc=%i&foreign_id=%F&sms_id=%I&date_sent=%t&identity=%p`,
  )

/** In a query, byte by byte. */
function percent(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}
const utf8 = (text: string) => percent(Buffer.from(text))
const utf16 = (text: string) => percent(Buffer.from(text, 'utf16le').swap16())

const texts = ['café €', 'مرحبا', 'ሰላም', 'ગુજરાતી\u2020\u2020', '你好', 'yes 😀']
const recoded = texts.map((text, index) => ({
  label: `UTF-8, which mo-recode makes of all: ${text}`,
  path: `${pathOf(String(index))}&text=${utf8(text)}&charset=UTF-8&coding=0&udh=`,
  status: 200,
  answer: '',
  message: { ...from, externalId: String(index), text, fields },
}))
const raw = texts.map((text, index) => ({
  label: `UTF-16, as it comes without mo-recode: ${text}`,
  path: `${pathOf(`raw${index}`)}&text=${utf16(text)}&charset=UTF-16BE&coding=2&udh=`,
  status: 200,
  answer: '',
  message: { ...from, externalId: `raw${index}`, text, fields },
}))

const part = (number: number, bytes: Uint8Array, rest: string) =>
  `?from=%2B2549&to=8080&sms_id=part-${number}&text=${percent(bytes)}&udh=%05%00%03*%02%0${number}&${rest}`
const long = 'a 😀 b'
const halves = [0, 6].map((at) =>
  Buffer.from(long, 'utf16le')
    .swap16()
    .subarray(at, at === 0 ? 6 : undefined),
)

const states = [
  ['1', 'DELIVERED', ''],
  ['2', 'ERROR', 'stat:UNDELIV err:069'],
  ['4', 'SENT', ''],
  ['8', 'SENT', 'ACK/'],
  ['16', 'ERROR', 'NACK/no SMSC'],
  ['32', 'SENT', ''],
  ['99', undefined, ''],
  ['%d', undefined, ''],
] as const

const table: BackendTable = {
  name: 'kannel',
  backend: (url) =>
    kannel({
      sendsmsUrl: `${url}/cgi-bin/sendsms`,
      username: 'gw',
      password: 's3cret-gw',
      statusUrl: STATUS_URL,
      recipients: 3,
    }),
  secrets: ['s3cret-gw'],
  incoming: [
    ...recoded,
    ...raw,
    {
      label: "RapidSMS's URL, in bytes and without our names",
      path: `?id=%2B2548&text=${utf16('Привет')}&charset=UTF-16BE&coding=2`,
      status: 200,
      answer: '',
      message: { identity: '+2548', text: 'Привет' },
    },
    {
      label: 'UCS-2 without a charset',
      path: `?from=1&text=${utf16('አ')}&coding=2&sms_id=c2`,
      status: 200,
      message: { identity: '1', text: 'አ', externalId: 'c2' },
    },
    ...['UCS-2', 'UCS2', 'UTF-16', 'ISO-10646-UCS-2'].map((charset) => ({
      label: `UTF-16 by the name of ${charset}`,
      path: `?from=1&text=${utf16('Привет')}&charset=${charset}&coding=2&sms_id=${charset}`,
      status: 200,
      message: { identity: '1', text: 'Привет', externalId: charset },
    })),
    {
      label: 'coding -1, as Kannel says of what it was routed',
      path: '?from=1&text=hi&coding=-1&charset=UTF-8',
      status: 200,
      message: { identity: '1', text: 'hi' },
    },
    {
      label: 'a charset by its name',
      path: '?from=1&text=%a4+5&charset=ISO-8859-15&coding=0',
      status: 200,
      message: { identity: '1', text: '€ 5' },
    },
    {
      label: 'a charset nobody knows',
      path: `?from=1&text=${utf8('é')}&charset=klingon&coding=0`,
      status: 200,
      message: { identity: '1', text: 'é' },
    },
    {
      label: 'bytes that are not what Kannel calls them',
      path: '?from=1&text=caf%e9&charset=UTF-8&coding=0',
      status: 200,
      message: { identity: '1', text: 'café' },
    },
    {
      label: 'data',
      path: '?from=1&text=caf%E9+%00+%A4&charset=8-BIT&coding=1&udh=%06%05%04%0b%84%23%f0',
      status: 200,
      message: {
        identity: '1',
        text: 'café \ufffd ¤',
        fields: { udh: '0605040b8423f0', data: '636166e9200020a4' },
      },
    },
    {
      label: 'half of a UTF-16 pair',
      path: '?from=1&text=%D8%3D%00a&charset=UTF-16BE&coding=2',
      status: 200,
      message: { identity: '1', text: '\ufffda' },
    },
    {
      label: 'a header that is none',
      path: '?from=1&text=x&udh=%ff',
      status: 200,
      message: { identity: '1', text: 'x', fields: { udh: 'ff' } },
    },
    {
      label: 'the same id again: not recorded',
      path: `${pathOf('0')}&text=again&charset=UTF-8&coding=0`,
      status: 200,
      answer: '',
    },
    {
      label: 'one part of two',
      path: part(2, halves[1] ?? Buffer.alloc(0), 'charset=UTF-16BE&coding=2'),
      status: 200,
      answer: '',
    },
    { label: 'no sender', path: '?text=hi', status: 400, answer: '{"errors":{"from":["is required"]}}' },
    { label: 'no text', path: '?from=1', status: 400, answer: '{"errors":{"text":["is required"]}}' },
    { label: 'a blank text', path: '?from=1&text=+', status: 400, answer: /may not be empty/ },
    { label: 'NUL', path: '?from=1&text=a%00', status: 400, answer: /NUL/ },
    { label: 'POST', headers: {}, body: 'from=1&text=x', status: 405, answerHeaders: { allow: 'GET' } },
  ],
  reports: [
    ...states.map(([value, state, text]) => ({
      label: `report ${value}`,
      path: `status?message_id=m1&status=${encodeURIComponent(value)}&status_text=${encodeURIComponent(text)}&smsc=fake1&foreign_id=F7&sms_id=r1&date_sent=2026-11-21+13:00:44&identity=%2B2547`,
      status: 200,
      answer: '',
      reports: [
        {
          externalId: 'm1',
          code: value,
          ...(state === undefined ? {} : { state }),
          identity: '+2547',
          ...(text === '' ? {} : { text }),
          fields: { smsc: 'fake1', foreignId: 'F7', time: '2026-11-21 13:00:44' },
        },
      ],
    })),
    {
      label: 'a report of one of several recipients',
      path: 'status?message_id=m1&batch=1&status=1&identity=002547',
      status: 200,
      reports: [{ externalId: 'm1/2547', code: '1', state: 'DELIVERED', identity: '002547' }],
    },
    {
      label: 'bytes of the SMSC that are no UTF-8, and NUL',
      path: 'status?message_id=m1&status=1&status_text=text:caf%e9%00',
      status: 200,
      reports: [{ externalId: 'm1', code: '1', state: 'DELIVERED', text: 'text:café\ufffd' }],
    },
    { label: 'a report of nothing', path: 'status?status=1', status: 400, answer: /"message_id":\["is required"\]/ },
    { label: 'a report that says nothing', path: 'status?message_id=1', status: 400, answer: /"status"/ },
  ],
  outgoing: [
    {
      label: 'a number that would be two',
      send: { to: '265888 265999' },
      answers: [],
      requests: [],
      error: { code: 'REQUEST', text: /blank/ },
    },
    {
      label: 'coding 0 for GSM-7',
      send: { ...quiet, text: 'café € {x}' },
      answers: TAKEN,
      requests: [
        {
          method: 'GET',
          target: `/cgi-bin/sendsms?${TO}&${LOGIN}&charset=UTF-8&coding=0&text=caf%C3%A9+%E2%82%AC+%7Bx%7D`,
          body: '',
        },
      ],
      result: {},
    },
    ...['مرحبا', 'ሰላም', '你好', 'a😀', 'ё'].map((text) => ({
      label: `coding 2 for ${text}`,
      send: { ...quiet, text },
      answers: TAKEN,
      requests: [{ target: `/cgi-bin/sendsms?${TO}&${LOGIN}&charset=UTF-8&coding=2&text=${encodeURIComponent(text)}` }],
      state: 'SENT',
    })),
    {
      label: 'sender, validity, priority, and parameters as they are',
      send: {
        from: '8080',
        options: { senderId: 'SHOP', validity: 90, escalate: true, statusReport: false },
        params: { account: 'a b', mclass: 0, coding: 1, none: null },
      },
      answers: [{ status: 202, body: '3: Queued for later delivery' }],
      requests: [
        {
          target: `/cgi-bin/sendsms?${TO}&${LOGIN}&from=SHOP&charset=UTF-8&coding=1&validity=90&priority=3&account=a+b&mclass=0&text=hello`,
        },
      ],
    },
    {
      label: 'our address where no sender is named',
      send: { ...quiet, from: '8080' },
      answers: [{ status: 202, body: 'Sent.' }],
      requests: [{ target: `/cgi-bin/sendsms?${TO}&${LOGIN}&from=8080&charset=UTF-8&coding=0&text=hello` }],
    },
    ...(
      [
        ['the login', 403, 'Authorization failed for sendsms', 'AUTH'],
        ['a number that no SMSC takes', 403, 'Not routable. Do not try again.', 'UNSUPPORTED'],
        ['a denied number', 400, 'Number(s) has/have been denied by white- and/or black-lists.', 'UNSUPPORTED'],
        ['a wrong parameter', 400, 'Priority field misformed, rejected', 'REQUEST'],
        ['another path', 404, 'Unknown request.', 'REQUEST'],
        ['a full queue', 503, 'Temporal failure, try again later.', 'SERVER'],
        ['a failure', 500, 'Sending failed.', 'SERVER'],
      ] as const
    ).map(([label, status, body, code]) => ({
      label: `refuses ${label}`,
      send: {},
      answers: [{ status, body: `${body} ${LOGIN}` }],
      requests: [{}],
      error: { code, providerCode: String(status), text: new RegExp(body.slice(0, 6)) },
    })),
    {
      label: 'an answer that is not of Kannel',
      send: {},
      answers: [{ status: 200, body: '<html>It works</html>' }],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true, text: /It works/ },
    },
  ],
  batches: [
    {
      label: 'several people in one request, whose reports tell them apart',
      messages: [{ to: '+254700000001' }, { to: '00254700000002' }],
      answers: TAKEN,
      requests: [
        {
          target: `/cgi-bin/sendsms?to=%2B254700000001+00254700000002&dlr-url=${reportUrl('message-0', '&batch=1')}&${LOGIN}&charset=UTF-8&coding=0&dlr-mask=31&text=hello`,
        },
      ],
      outcomes: [
        { result: { externalIds: ['message-0/254700000001'] } },
        { result: { externalIds: ['message-0/254700000002'] } },
      ],
    },
    {
      label: 'one is a request of its own',
      messages: [{}],
      answers: TAKEN,
      requests: [
        {
          target: `/cgi-bin/sendsms?${TO}&dlr-url=${reportUrl('message-0')}&${LOGIN}&charset=UTF-8&coding=0&dlr-mask=31&text=hello`,
        },
      ],
      outcomes: [{ result: { externalIds: ['message-0'] } }],
    },
    {
      label: 'no more than the settings allow',
      messages: [1, 2, 3, 4].map((last) => ({ to: `+25470000000${last}` })),
      answers: [...TAKEN, ...TAKEN],
      requests: [{}, {}],
      outcomes: [
        ...[1, 2, 3].map((last) => ({ result: { externalIds: [`message-0/25470000000${last}`] } })),
        { result: { externalIds: ['message-3'] } },
      ],
    },
    {
      label: 'apart: another text, another option, the same person, a number that Kannel may change, no reports',
      messages: [
        {},
        { to: '+254700000002', text: 'other' },
        { to: '+254700000003', options: { senderId: 'X' } },
        { to: '254700000001' },
        { to: '0700000004' },
        { to: '+254700000005', ...quiet },
        { to: '+254700000006', ...quiet },
      ],
      answers: Array.from({ length: 7 }, () => ({ status: 202, body: '0: Accepted for delivery' })),
      requests: Array.from({ length: 7 }, () => ({})),
      outcomes: [
        ...[0, 1, 2, 3, 4].map((index) => ({ result: { externalIds: [`message-${index}`] } })),
        { result: {} },
        { result: {} },
      ],
    },
    {
      label: 'not routable is said of the first alone: reports tell',
      messages: [{ to: '+254700000001' }, { to: '+254700000002' }],
      answers: [{ status: 403, body: 'Not routable. Do not try again.' }],
      requests: [{}],
      outcomes: [
        { result: { externalIds: ['message-0/254700000001'] } },
        { result: { externalIds: ['message-0/254700000002'] } },
      ],
    },
    {
      label: 'a failure is said of the first alone',
      messages: [{ to: '+254700000001' }, { to: '+254700000002' }],
      answers: [{ status: 503, body: 'Temporal failure, try again later.' }],
      requests: [{}],
      outcomes: [
        { error: { code: 'SERVER', providerCode: '503' } },
        { error: { code: 'SERVER', providerCode: '503', unknown: true } },
      ],
    },
    {
      label: 'those that Kannel names were denied',
      messages: [{ to: '+254700000001' }, { to: '+254700000002' }],
      answers: [{ status: 202, body: 'Sent. Denied receivers are: +254700000002' }],
      requests: [{}],
      outcomes: [
        { result: { externalIds: ['message-0/254700000001'] } },
        { error: { code: 'UNSUPPORTED', providerCode: '202' } },
      ],
    },
    {
      label: 'those that Kannel names have failed',
      messages: [{ to: '+254700000001' }, { to: '+254700000002' }],
      answers: [{ status: 500, body: 'Sending failed. Failed receivers are: +254700000001' }],
      requests: [{}],
      outcomes: [
        { error: { code: 'SERVER', providerCode: '500' } },
        { result: { externalIds: ['message-0/254700000002'] } },
      ],
    },
    {
      label: 'the login is refused for all',
      messages: [{ to: '+254700000001' }, { to: '+254700000002' }],
      answers: [{ status: 403, body: 'Authorization failed for sendsms' }],
      requests: [{}],
      outcomes: [{ error: { code: 'AUTH', providerCode: '403' } }, { error: { code: 'AUTH', providerCode: '403' } }],
    },
    {
      label: 'no answer is no answer for all',
      messages: [{ to: '+254700000001' }, { to: '+254700000002' }],
      answers: ['cut'],
      requests: [{}],
      outcomes: [{ error: { code: 'CONNECTION', unknown: true } }, { error: { code: 'CONNECTION', unknown: true } }],
    },
  ],
}

describeBackend(table)
fuzzViews(table)

describeBackend({
  name: 'old',
  backend: (url) =>
    kannel({
      sendsmsUrl: `${url}/send?v=1`,
      sendsmsParams: { username: 'me', password: 'hunter22', smsc: 'A', binfo: 'x' },
      headers: { 'x-key': 'header-s3cret' },
      from: '8080',
      charset: 'ISO-8859-1',
      coding: 0,
      encodeErrors: 'ignore',
      dlrMask: 0,
    }),
  secrets: ['hunter22', 'header-s3cret'],
  outgoing: [
    {
      label: 'settings as RapidSMS has them',
      send: { text: 'café € مر' },
      answers: TAKEN,
      requests: [
        {
          target: `/send?v=1&${TO}&username=me&password=hunter22&smsc=A&binfo=x&from=8080&charset=ISO-8859-1&coding=0&text=caf%E9++`,
          headers: { 'x-key': 'header-s3cret' },
        },
      ],
      result: {},
    },
    {
      label: 'a refusal that repeats the header',
      send: {},
      answers: [{ status: 403, body: 'header-s3cret and hunter22 are wrong' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '403', text: /\[secret\] and \[secret\]/ },
    },
  ],
})

for (const [encodeErrors, text] of [
  ['replace', 'a%3Fb'],
  ['ignore', 'ab'],
] as const) {
  describeBackend({
    name: encodeErrors,
    backend: (url) => kannel({ sendsmsUrl: url, coding: 0, encodeErrors, dlrMask: 0 }),
    outgoing: [
      {
        label: 'what coding 0 cannot carry',
        send: { text: 'a😀b' },
        answers: TAKEN,
        requests: [{ target: `/?${TO}&charset=UTF-8&coding=0&text=${text}` }],
      },
    ],
  })
}

describeBackend({
  name: 'strict',
  backend: (url) => kannel({ sendsmsUrl: url, coding: 0 }),
  outgoing: [
    { label: 'sends what coding 0 can carry', send: {}, answers: TAKEN, requests: [{}], result: {} },
    {
      label: 'refuses what coding 0 cannot carry',
      send: { text: 'a😀b' },
      answers: [],
      requests: [],
      error: { code: 'UNSUPPORTED', text: /UTF-8 with coding 0/ },
    },
  ],
})

describe('kannel in a switchboard', () => {
  const http = { publicUrl: 'https://sms.example.org' }
  const echo = defineApp({ name: 'echo', handle: (message) => message.respond(message.text) })
  let far: FarSide
  let web: Web

  beforeEach(async () => {
    far = await farSide()
  })
  afterEach(async () => {
    await web.stop()
    await far.stop()
  })

  const serve = async (options: Parameters<typeof kannel>[0] = {}) => {
    web = await serveWeb({ http, backends: { kannel: kannel({ sendsmsUrl: far.url, ...options }) }, apps: [echo] })
  }
  const asked = () => far.requests.map(({ target }) => new URL(target, far.url).searchParams)
  const request = async (path: string, url = `${web.url}/backends/kannel/`) => {
    const answer = await fetch(`${url}${path}`)
    return { status: answer.status, body: await answer.text(), coding: answer.headers.get('x-kannel-coding') }
  }

  it('gives reports our own id and keeps its connection', async () => {
    await serve({ dlrMask: 24, secret: { in: 'path', value: 'open-sesame' } })
    far.answer(...TAKEN, ...TAKEN)
    await web.switchboard.router.sendNow({ to: '+2547', text: 'x', backend: 'kannel', fields: { smsc: 'op2' } })
    const sent = await web.switchboard.router.sendNow({ to: '+2548', text: 'x', backend: 'kannel' })
    const [first, second] = asked()
    const url = new URL(second?.get('dlr-url') ?? '')
    expect(`${url.origin}${url.pathname}`).to.equal('https://sms.example.org/backends/kannel/open-sesame/status')
    expect(url.searchParams.get('message_id')).to.equal(sent.id)
    expect(second?.get('dlr-mask')).to.equal('24')
    expect(first?.get('smsc'), 'nothing came by an SMSC').to.equal(null)
    expect(far.requests.map(({ connection }) => connection)).to.deep.equal([1, 1])
  })

  it('sends a response back the way its message came', async () => {
    await serve()
    expect(await request('?from=%2B2547&to=8080&text=hi&smsc=op2')).to.include({ status: 200, body: '', coding: null })
    const sent = await until('the response', () => asked()[0])
    expect(['to', 'from', 'smsc', 'text'].map((name) => sent.get(name))).to.deep.equal(['+2547', '8080', 'op2', 'hi'])
  })

  it('doubles percent signs of its own URL, which Kannel would read as escapes', async () => {
    await serve({ statusUrl: 'http://10.0.0.1/a%20b/status?k=1' })
    far.answer(...TAKEN)
    const { id } = await web.switchboard.router.sendNow({ to: '+2548', text: 'x', backend: 'kannel' })
    const url = asked()[0]?.get('dlr-url') ?? ''
    expect(url).to.match(new RegExp(`^http://10\\.0\\.0\\.1/a%%20b/status\\?k=1&message_id=${id}&status=%d&`))
  })

  for (const { order, state } of [
    { order: [1, 8, 4, 2], state: 'DELIVERED' },
    { order: [16, 8, 1], state: 'ERROR' },
    { order: [4, 8, 32], state: 'SENT' },
    { order: [4, 2, 8, 1], state: 'ERROR' },
  ]) {
    it(`takes reports in any order: after ${order.join(', ')} stands ${state}`, async () => {
      await serve()
      far.answer(...TAKEN)
      const { id } = await web.switchboard.router.sendNow({ to: '+2548', text: 'x', backend: 'kannel' })
      for (const value of order) await request(`status?message_id=${id}&status=${value}&identity=%2B2548`)
      expect((await web.switchboard.parts.store.log.find(id))?.state).to.equal(state)
    })
  }

  it('joins parts, whose border may cut a character apart', async () => {
    await serve()
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = halves
    await request(part(2, second, 'charset=UTF-16BE&coding=2'))
    await request(part(1, first, 'charset=UTF-16BE&coding=2'))
    await request(part(2, second, 'charset=UTF-16BE&coding=2'))
    const sent = await until('the echo', () => asked()[0])
    expect([sent.get('to'), sent.get('text')]).to.deep.equal(['+2549', long])
    expect(web.messages.map(({ text }) => text)).to.deep.equal([long])
  })

  it('gives the responses in its answer, where it is to', async () => {
    await serve({ reply: 'body' })
    const latin = await request(`?from=1&text=${utf8('café €')}&sms_id=a`)
    const arabic = await request(`?from=1&text=${utf8('مرحبا 😀')}&sms_id=b`)
    const repeated = await request(`?from=1&text=${utf8('café €')}&sms_id=a`)
    expect(latin).to.deep.equal({ status: 200, body: 'café €', coding: '0' })
    expect(arabic).to.deep.equal({ status: 200, body: 'مرحبا 😀', coding: '2' })
    expect(repeated).to.deep.equal(latin)
    expect(far.requests).to.deep.equal([])
  })
})

describe('settings of kannel', () => {
  const faulty = [
    { label: 'another scheme', options: { sendsmsUrl: 'ftp://example.org/' }, fault: /backends\.k\.sendsmsUrl/ },
    { label: 'a login in the URL', options: { sendsmsUrl: 'http://a:b@example.org/' }, fault: /belong into settings/ },
    { label: 'a charset nobody knows', options: { charset: 'klingon' }, fault: /backends\.k\.charset/ },
    { label: 'a mask that has more than six bits', options: { dlrMask: 64 }, fault: /backends\.k\.dlrMask/ },
  ]
  for (const { label, options, fault } of faulty) {
    it(`refuse ${label}`, () => {
      const create = () => createSwitchboard({ backends: { k: kannel(options) }, apps: [] }, { logger: silentLogger })
      expect(create).to.throw(fault)
    })
  }
})
