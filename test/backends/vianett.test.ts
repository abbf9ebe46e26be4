import { expect } from 'chai'
import { defineApp } from '../../src/apps/index.ts'
import { vianett } from '../../src/backends/index.ts'
import { vianettId } from '../../src/backends/vianett-values.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'
import { serveWeb } from '../support/web.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const PASSWORD = 's3cret-pass'
const CALLBACK = 'call-s3cret'
const LOGIN = `username=ann&password=${PASSWORD}`
const OK = { body: '<?xml version="1.0"?><ack refno="1234" errorcode="200">OK</ack>' }
const ack = (refno: string) => `<?xml version="1.0"?><ack refno="${refno}" errorcode="0" />`
const fixed = (id: string) => ({ params: { msgid: id } })

function query(values: Readonly<Record<string, string>>): string {
  return new URLSearchParams({ username: 'vn', password: CALLBACK, ...values }).toString()
}

/** A request as ViaNett's pages have it. */
const mo = {
  refno: '78',
  now: '20130415094523',
  requesttype: 'mo',
  sourceaddr: '4740000000',
  destinationaddr: '1963',
  replypathid: '0',
  prefix: 'HELLO',
  message: 'big world',
  retrycount: '0',
  operator: '1',
  referenceid: '7',
}
const fields = { now: mo.now, replypathid: '0', prefix: 'HELLO', retrycount: '0', operator: '1', referenceid: '7' }
const came = { identity: '4740000000', address: '1963', text: 'big world', externalId: '78', fields }
const texts = ['café €', 'مرحبا', 'ሰላም', '你好', 'emoji 😀👍🏽']

const incoming: BackendTable['incoming'] = [
  {
    label: 'a message',
    path: `?${query(mo)}`,
    status: 200,
    answer: ack('78'),
    answerHeaders: { 'content-type': 'text/xml; charset=utf-8' },
    message: came,
  },
  { label: 'the same again', path: `?${query({ ...mo, retrycount: '1' })}`, status: 200, answer: ack('78') },
  {
    label: 'a message by POST, its names in another case',
    headers: FORM,
    body: query({ RefNo: '79', SourceAddr: '47', DestinationAddr: '1963', Prefix: '', Message: 'x' }),
    status: 200,
    answer: ack('79'),
    message: { identity: '47', address: '1963', text: 'x', externalId: '79' },
  },
  ...texts.map((message, index) => ({
    label: `the text ${message}`,
    path: `?${query({ ...mo, refno: `t${index}`, message })}`,
    status: 200,
    answer: ack(`t${index}`),
    message: { ...came, text: message, externalId: `t${index}` },
  })),
  {
    label: 'bytes of ISO-8859-1',
    path: `?${query({ ...mo, refno: 'latin', message: '' })}&message=caf%e9+%80`,
    status: 200,
    message: { ...came, text: 'café €', externalId: 'latin' },
  },
  {
    label: 'the prefix alone',
    path: `?${query({ ...mo, refno: 'alone', message: '' })}`,
    status: 200,
    message: { ...came, text: '', externalId: 'alone' },
  },
  {
    label: 'an MMS',
    path: `?${query({ refno: 'mms', sourceaddr: '47', mmsurl: 'https://mms.example.org/1' })}`,
    status: 200,
    message: { identity: '47', text: '', externalId: 'mms', fields: { mmsurl: 'https://mms.example.org/1' } },
  },
  {
    label: 'a refno that has to be escaped',
    path: `?${query({ ...mo, refno: 'a"<é' })}`,
    status: 200,
    answer: ack('a&quot;&lt;&#233;'),
    message: { ...came, externalId: 'a"<é' },
  },
  {
    label: 'no sender',
    path: `?${query({ refno: '1', message: 'x' })}`,
    status: 400,
    answer: /"sourceaddr":\["is req/,
  },
  { label: 'no text', path: `?${query({ refno: '1', sourceaddr: '1' })}`, status: 400, answer: /"message":\["is req/ },
  { label: 'NUL', path: `?${query({ ...mo, message: 'a\0' })}`, status: 400, answer: /NUL/ },
  { label: 'a wrong password', path: `?${query({ ...mo, refno: 'no', password: 'wrong' })}`, status: 403 },
  { label: 'no password', path: '?sourceaddr=1&message=x&refno=no', status: 403 },
]

function reported(label: string, values: Readonly<Record<string, string>>, report: object) {
  const { refno: _, ...said } = values
  return {
    label,
    path: `status?${query(values)}`,
    status: 200,
    answer: ack(values['refno'] ?? ''),
    reports: [{ externalId: values['refno'] ?? '', ...report, fields: said }],
  }
}

const notification = { requesttype: 'notificationstatus', refno: '5', now: '20130415094523' }
const notified = [
  ['DELIVRD', 'DELIVERED'],
  ['ACCEPTD', 'SENT'],
  ['BUFFERD', 'SENT'],
  ['EXPIRED', 'ERROR'],
  ['UNDELIV', 'ERROR'],
  ['REJECTD', 'ERROR'],
  ['DELETED', 'ERROR'],
  ['CONFUSED', undefined],
] as const
const advanced = {
  requesttype: 'mtstatus',
  refno: '6',
  ErrorCode: '200',
  ErrorDescription: 'OK',
  Status: 'Delivered',
  Msg: 'hi',
  SentDate: '15.04.2013 09:45:23',
  CPACost: '0,50',
  Tel: '4740000000',
}

const reports: BackendTable['reports'] = [
  ...notified.map(([Status, state]) =>
    reported(
      `the status ${Status}`,
      { ...notification, Status, StatusDescription: 'Absent subscriber', StatusCode: '107' },
      {
        ...(state === undefined ? {} : { state }),
        ...(Status === 'EXPIRED' ? { expired: true } : {}),
        code: '107',
        text: `${Status}: Absent subscriber`,
      },
    ),
  ),
  reported(
    'a simple status, delivered',
    { requesttype: 'mtstatus', refno: '7', errorcode: '0', msgok: 'True' },
    { state: 'DELIVERED', code: '0' },
  ),
  reported(
    'a simple status, pending',
    { requesttype: 'mtstatus', refno: '7', errorcode: '0', msgok: '-1' },
    { state: 'SENT', code: '0' },
  ),
  reported(
    'a simple status, failed',
    { requesttype: 'mtstatus', refno: '7', errorcode: '12' },
    { state: 'ERROR', code: '12' },
  ),
  reported('an advanced status, delivered', advanced, {
    state: 'DELIVERED',
    identity: '4740000000',
    code: '200',
    text: 'OK: Delivered',
  }),
  reported(
    'an advanced status, failed, without Status',
    { requesttype: 'mtstatus', refno: '8', ErrorCode: 'InvalidTel', ErrorDescription: 'Invalid' },
    { state: 'ERROR', code: 'InvalidTel', text: 'Invalid' },
  ),
  reported('a status that says nothing', { requesttype: 'mtstatus', refno: '9' }, {}),
  reported(
    'no requesttype',
    { refno: '10', Status: 'DELIVRD' },
    { state: 'DELIVERED', code: 'DELIVRD', text: 'DELIVRD' },
  ),
  { label: 'an incoming message at the wrong URL', path: `status?${query(mo)}`, status: 400, answer: /"requesttype"/ },
  {
    label: 'no refno',
    path: `status?${query({ requesttype: 'mtstatus', errorcode: '0' })}`,
    status: 400,
    answer: /"refno":\["is required"\]/,
  },
  {
    label: 'a wrong password',
    path: 'status?refno=1&requesttype=mtstatus&errorcode=0&username=vn&password=x',
    status: 403,
  },
]

const body = (rest: string, to = '254700000001') => `${LOGIN}&tel=${to}&msg=${rest}`
const USUAL = 'ReplyPathValue=1440&nrq=1'

const outgoing: BackendTable['outgoing'] = [
  {
    label: 'a message',
    send: { ...fixed('1234') },
    answers: [OK],
    requests: [
      {
        method: 'POST',
        target: '/MT.ashx',
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: `${body('hello')}&SenderAddress=1963&SenderAddressType=2&${USUAL}&msgid=1234`,
      },
    ],
    result: { externalIds: ['1234'] },
  },
  {
    label: 'all options',
    send: {
      options: { senderId: 'Clinic', escalate: true, allowReply: false, statusReport: false, validity: 5 },
      params: { MSGID: 9, Tel: '1;2', priority: 3, pricegroup: 500, msgbinary: true },
    },
    answers: [{ body: '<ack errorcode="200">OK</ack>' }],
    requests: [
      {
        body: `${LOGIN}&msg=hello&SenderAddress=Clinic&SenderAddressType=5&MSGID=9&Tel=1%3B2&priority=3&pricegroup=500&msgbinary=true`,
      },
    ],
    result: { externalIds: ['9'] },
  },
  {
    label: 'a hurry',
    send: { options: { escalate: true }, ...fixed('1') },
    answers: [OK],
    requests: [{ body: `${body('hello')}&SenderAddress=1963&SenderAddressType=2&Priority=1&${USUAL}&msgid=1` }],
  },
  {
    label: 'from a number with its country code',
    send: { from: '+4740000000', ...fixed('1') },
    answers: [OK],
    requests: [{ body: `${body('hello')}&SenderAddress=4740000000&SenderAddressType=1&${USUAL}&msgid=1` }],
  },
  ...texts.map((text) => ({
    label: `sends ${text}`,
    send: { text, ...fixed('1') },
    answers: [OK],
    requests: [
      {
        body: `${body(encodeURIComponent(text).replaceAll('%20', '+'))}&SenderAddress=1963&SenderAddressType=2&${USUAL}&msgid=1`,
      },
    ],
  })),
  ...(
    [
      ['100', 'AUTH'],
      ['5000', 'SERVER'],
      ['105', 'MESSAGE_SEND'],
      ['0', 'MESSAGE_SEND'],
    ] as const
  ).map(([code, error]) => ({
    label: `the code ${code}`,
    send: {},
    answers: [{ body: `<ack errorcode="${code}" refno="1">Denied ${PASSWORD}</ack>` }],
    requests: [{}],
    error: { code: error, providerCode: code, text: /Denied \[secret\]/ },
  })),
  {
    label: 'the code of the plain way',
    send: {},
    answers: [{ body: '100|Login failed' }],
    requests: [{}],
    error: { code: 'AUTH', providerCode: '100', text: /Login failed/ },
  },
  {
    label: 'another document',
    send: {},
    answers: [{ body: '<error errorcode="200"/>' }],
    requests: [{}],
    error: { code: 'CONNECTION', unknown: true },
  },
  {
    label: 'status 503',
    send: {},
    answers: [{ status: 503 }],
    requests: [{}],
    error: { code: 'SERVER', providerCode: '503' },
  },
]

const table: BackendTable = {
  name: 'vianett',
  backend: (url) =>
    vianett({
      url: `${url}/MT.ashx`,
      username: 'ann',
      password: PASSWORD,
      from: '1963',
      callback: { username: 'vn', password: CALLBACK },
    }),
  secrets: [PASSWORD, CALLBACK],
  incoming,
  reports,
  outgoing,
}
describeBackend(table)
fuzzViews(table)

describeBackend({
  name: 'vianett-plain',
  backend: (url) =>
    vianett({
      api: 'plain',
      url: `${url}/v3/send`,
      username: 'ann',
      password: PASSWORD,
      charset: 'iso-8859-1',
      replyTime: 0,
      usePrefix: false,
    }),
  secrets: [PASSWORD],
  incoming: [
    {
      label: 'a prefix before its text, in ISO-8859-1',
      path: '?refno=1&sourceaddr=47&prefix=%e6&message=%f8+%e5&replypathid=0',
      status: 200,
      answer: ack('1'),
      message: { identity: '47', text: 'æ ø å', externalId: '1', fields: { replypathid: '0' } },
    },
    {
      label: 'no prefix',
      path: '?refno=2&sourceaddr=47&prefix=&message=x',
      status: 200,
      message: { identity: '47', text: 'x', externalId: '2' },
    },
  ],
  outgoing: [
    {
      label: 'a message in ISO-8859-1',
      send: { text: 'æ ø å', ...fixed('1') },
      answers: [{ body: '200|OK' }],
      requests: [
        { method: 'GET', target: `/v3/send?${LOGIN}&tel=254700000001&msg=%E6+%F8+%E5&nrq=1&msgid=1`, body: '' },
      ],
      result: { externalIds: ['1'] },
    },
    {
      label: 'a number that would be two',
      send: { to: '4711111111;4722222222' },
      answers: [],
      requests: [],
      error: { code: 'REQUEST', text: /semicolon/ },
    },
    {
      label: 'a text that the charset has not',
      send: { text: '5 €' },
      answers: [],
      requests: [],
      error: { code: 'UNSUPPORTED' },
    },
  ],
})

describeBackend({
  name: 'vianett-old',
  backend: (url) => vianett({ api: 'activeServer', url: `${url}/MT/?x=1`, username: 'ann', password: PASSWORD }),
  secrets: [PASSWORD],
  outgoing: [
    {
      label: 'from a name',
      send: { options: { senderId: 'Clinic' }, params: { refno: '1234' } },
      answers: [{ body: '<ack refno="1234" errorcode="0" />' }],
      requests: [
        {
          method: 'GET',
          target: `/MT/?x=1&${LOGIN}&destinationaddr=254700000001&message=hello&fromalpha=Clinic&operator=0&nrq=1&refno=1234`,
        },
      ],
      result: { externalIds: ['1234'] },
    },
    {
      label: 'from a number',
      send: { from: '+4740000000', options: { statusReport: false }, params: { refno: '1' } },
      answers: [{ body: '<ack refno="1" errorcode="0" />' }],
      requests: [
        {
          target: `/MT/?x=1&${LOGIN}&sourceaddr=4740000000&destinationaddr=254700000001&message=hello&operator=0&refno=1`,
        },
      ],
    },
    {
      label: 'a wrong password',
      send: {},
      answers: [{ body: '<ack refno="1234" errorcode="2">Wrong username and/or password</ack>' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '2' },
    },
    {
      label: 'the code of another way',
      send: {},
      answers: [OK],
      requests: [{}],
      error: { code: 'MESSAGE_SEND', providerCode: '200' },
    },
  ],
})

describe('vianett', () => {
  it('gives each message a number of its own, the same at each attempt', () => {
    const ids = Array.from({ length: 1000 }, (_, index) => vianettId(`message-${index}`))
    expect(new Set(ids).size).to.equal(1000)
    for (const id of ids) expect(id).to.match(/^[1-9]\d{16}$/)
    expect(vianettId('message-7')).to.equal(ids[7])
  })

  it('gives the responses in its answer, where it is to', async () => {
    const echo = defineApp({ name: 'echo', handle: (message) => message.respond(`you said\n"${message.text}"`) })
    const web = await serveWeb({
      backends: {
        v: vianett({
          username: 'a',
          password: PASSWORD,
          answerWithin: 5_000,
          responsePriceGroup: '500',
          responseFrom: 'Clinic',
        }),
      },
      apps: [echo],
    })
    try {
      const answer = await fetch(`${web.url}/backends/v/?refno=1&sourceaddr=47&message=caf%C3%A9+%F0%9F%98%80`)
      expect(await answer.text()).to.equal(
        '<?xml version="1.0"?><ack refno="1" errorcode="0" response_msg="you said&#10;&quot;caf&#233; &#128512;&quot;"' +
          ' response_pricegroup="500" response_fromalpha="Clinic" />',
      )
    } finally {
      await web.stop()
    }
  })
})
