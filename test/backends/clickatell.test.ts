import { expect } from 'chai'
import { clickatell } from '../../src/backends/index.ts'
import type { DeliveryReport } from '../../src/messages/report.ts'
import { startHarness, untilMessages } from '../../src/testing/backend-harness.ts'
import {
  type BackendTable,
  describeBackend,
  fuzzViews,
  type OutgoingRow,
  type ReportRow,
} from '../support/backend-table.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const JSON_BODY = { 'content-type': 'application/json' }

/** A recorded callback of the service. */
const PRIVET =
  'api_id=3460000&from=380660000000&to=491700000000&timestamp=2014-01-29+02%3A05%3A46&text=%04%1F%04%40%048%042%045%04B&charset=UTF-16BE&udh=&moMsgId=1de97e5e15f76bb1e374f1ea3d33bf65'
const ID = '205e85d0578314037a96175249fc6a2b'

const percent = (bytes: Uint8Array) => Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
const utf16 = (text: string) => Buffer.from(text, 'utf16le').swap16()

let serial = 0
function incoming(label: string, text: string, charset: string, bytes: Uint8Array) {
  const externalId = `mo-${++serial}`
  const named = charset === '' ? {} : { charset }
  const query = `from=380660000000&to=491700000000&charset=${charset}&udh=&moMsgId=${externalId}&text=${percent(bytes)}`
  const message = { identity: '380660000000', address: '491700000000', text, externalId, fields: named }
  return { label, path: `?${query}`, status: 200, answer: 'OK', message }
}

function reported(status: string, report: Partial<DeliveryReport>): ReportRow {
  return {
    label: `status ${status}`,
    path: `status?api_id=3460000&apiMsgId=${ID}&to=380660000000&timestamp=1390961146&status=${status}&charge=0.8`,
    status: 200,
    answer: 'OK',
    reports: [
      {
        externalId: ID,
        identity: '380660000000',
        fields: { api_id: '3460000', timestamp: '1390961146', charge: 0.8 },
        ...report,
      },
    ],
  }
}

const LOGIN = 'api_id=3460000&user=kolypto&password=s3cret+pass'
const TAIL = '&deliv_ack=1&callback=7'
function sent(label: string, send: OutgoingRow['send'], body: string): OutgoingRow {
  const requests = [{ method: 'POST', target: '/http/sendmsg', headers: FORM, body: `${LOGIN}&to=254700000001${body}` }]
  return { label, send, answers: [{ body: `ID: ${ID}\n` }], requests, result: { externalIds: [ID] } }
}
function unicode(label: string, text: string, hex: string) {
  return sent(label, { text }, `&text=${hex}&unicode=1${TAIL}`)
}
function failed(code: string, error: { readonly code: string; readonly text?: RegExp }): OutgoingRow {
  return {
    label: `error ${code}`,
    send: {},
    answers: [{ body: `ERR: ${code}, Something with s3cret pass` }],
    requests: [{}],
    error: { providerCode: code, ...error },
  }
}
const called = (target: string, rest = '') => [{ method: 'POST', target, body: LOGIN + rest }]

const table: BackendTable = {
  name: 'clickatell',
  backend: (baseUrl: string) => clickatell({ baseUrl, apiId: '3460000', user: 'kolypto', password: 's3cret pass' }),
  secrets: ['s3cret pass', 's3cret+pass', 's3cret%20pass'],
  incoming: [
    {
      label: 'takes a recorded message: bytes of UTF-16, two hours ahead of UTC',
      path: `?${PRIVET}`,
      status: 200,
      answer: 'OK',
      message: {
        identity: '380660000000',
        address: '491700000000',
        text: 'Привет',
        externalId: '1de97e5e15f76bb1e374f1ea3d33bf65',
        fields: { api_id: '3460000', charset: 'UTF-16BE', sentAt: '2014-01-29T00:05:46.000Z' },
      },
    },
    {
      label: 'takes the same as a form, whose values give way to those of the query',
      headers: FORM,
      path: '?moMsgId=query-1',
      body: PRIVET,
      status: 200,
      message: {
        identity: '380660000000',
        address: '491700000000',
        text: 'Привет',
        externalId: 'query-1',
        fields: { api_id: '3460000', charset: 'UTF-16BE', sentAt: '2014-01-29T00:05:46.000Z' },
      },
    },
    incoming('takes Latin-1', 'café', 'ISO-8859-1', Buffer.from('café', 'latin1')),
    incoming('takes Latin-1 where no charset is named', 'café', '', Buffer.from('café', 'latin1')),
    incoming('takes UTF-8', 'café €', 'UTF-8', Buffer.from('café €')),
    incoming('takes the euro in UTF-16', 'café €', 'UTF-16BE', utf16('café €')),
    incoming('takes Windows-1251', 'Привет', 'windows-1251', Buffer.from('cff0e8e2e5f2', 'hex')),
    incoming('takes Arabic', 'مرحبا', 'UTF-16BE', utf16('مرحبا')),
    incoming('takes Amharic', 'ሰላም', 'UTF-16BE', utf16('ሰላም')),
    incoming('takes Chinese', '你好', 'UTF-16BE', utf16('你好')),
    incoming('takes an emoji', 'fine 😀', 'UTF-16BE', utf16('fine 😀')),
    incoming('takes an empty text', '', 'ISO-8859-1', Buffer.from('')),
    { label: 'refuses a charset that is not known', path: '?from=1&text=x&charset=KLINGON', status: 415 },
    { label: 'refuses bytes that are not UTF-8', path: '?from=1&text=%ff&charset=UTF-8', status: 400 },
    { label: 'refuses a message without a sender', path: '?text=x', status: 400, answer: /"from":\["is required"\]/ },
    { label: 'refuses a message without a text', path: '?from=1', status: 400, answer: /"text":\["is required"\]/ },
  ],
  reports: [
    reported('001', { state: 'UNKNOWN', code: '001', text: 'message unknown' }),
    reported('002', { state: 'SENT', code: '002', text: 'message queued' }),
    reported('003', { state: 'SENT', code: '003', text: 'delivered to gateway' }),
    reported('004', { state: 'DELIVERED', code: '004', text: 'received by recipient' }),
    reported('4', { state: 'DELIVERED', code: '004', text: 'received by recipient' }),
    reported('005', { state: 'ERROR', code: '005', text: 'error with message' }),
    reported('006', { state: 'ERROR', code: '006', text: 'user cancelled delivery' }),
    reported('007', { state: 'ERROR', code: '007', text: 'error delivering message' }),
    reported('008', { state: 'SENT', code: '008', text: 'received by gateway' }),
    reported('009', { state: 'ERROR', code: '009', text: 'routing error' }),
    reported('010', { state: 'ERROR', expired: true, code: '010', text: 'message expired' }),
    reported('011', { state: 'SENT', code: '011', text: 'message queued for later delivery' }),
    reported('012', { state: 'ERROR', code: '012', text: 'out of credit' }),
    reported('014', { state: 'ERROR', code: '014', text: 'maximum MT limit exceeded' }),
    reported('013', { code: '013' }),
    reported('constructor', { code: 'constructor' }),
    {
      label: 'a form, with the id under the other name',
      path: 'status',
      headers: FORM,
      body: 'moMsgId=m1&status=004&cliMsgId=c1',
      status: 200,
      reports: [
        {
          externalId: 'm1',
          state: 'DELIVERED',
          code: '004',
          text: 'received by recipient',
          fields: { cliMsgId: 'c1' },
        },
      ],
    },
    {
      label: 'JSON',
      path: 'status',
      headers: JSON_BODY,
      body: '{"apiMsgId":"m2","status":"003","charge":"free"}',
      status: 200,
      reports: [{ externalId: 'm2', state: 'SENT', code: '003', text: 'delivered to gateway', fields: {} }],
    },
    { label: 'no id', path: 'status?status=004', status: 400, answer: /"apiMsgId":\["is required"\]/, reports: [] },
  ],
  outgoing: [
    sent('gives a text', { text: 'Hello, world!' }, `&text=Hello%2C+world%21${TAIL}`),
    sent('gives accents in Latin-1', { text: 'café' }, `&text=caf%E9${TAIL}`),
    unicode('gives the euro as Unicode, which Latin-1 has not', 'café €', '00630061006600E9002020AC'),
    unicode('gives Cyrillic', 'Привет', '041F04400438043204350442'),
    unicode('gives Arabic', 'مرحبا', '06450631062D06280627'),
    unicode('gives Amharic', 'ሰላም', '1230120B121D'),
    unicode('gives Chinese', '你好', '4F60597D'),
    unicode('gives an emoji', '😀', 'D83DDE00'),
    sent('allows as many parts as it takes', { text: 'a'.repeat(161) }, `&text=${'a'.repeat(161)}&concat=2${TAIL}`),
    sent(
      'allows as many parts of Unicode as it takes',
      { text: '€'.repeat(71) },
      `&text=${'20AC'.repeat(71)}&unicode=1&concat=2${TAIL}`,
    ),
    sent(
      'maps all options',
      {
        text: 'x',
        options: { senderId: 'Shop', allowReply: true, escalate: true, validity: 60, statusReport: false },
      },
      '&text=x&from=Shop&mo=1&escalate=1&validity=60',
    ),
    sent(
      'leaves from our address, and hands parameters on',
      { text: 'x', from: '4917', params: { climsgid: 'c1', callback: 3, queue: true } },
      '&text=x&from=4917&deliv_ack=1&callback=3&climsgid=c1&queue=1',
    ),
    failed('001', { code: 'AUTH', text: /authentication failed/ }),
    failed('007', { code: 'AUTH' }),
    failed('101', { code: 'REQUEST' }),
    failed('105', { code: 'REQUEST' }),
    failed('113', { code: 'REQUEST' }),
    failed('114', { code: 'SERVER' }),
    failed('115', { code: 'MESSAGE_SEND' }),
    failed('121', { code: 'MESSAGE_SEND' }),
    failed('122', { code: 'MESSAGE_SEND', text: /opted out/ }),
    failed('128', { code: 'MESSAGE_SEND' }),
    failed('130', { code: 'LIMITS' }),
    failed('301', { code: 'CREDIT' }),
    failed('901', { code: 'SERVER' }),
    failed('999', { code: 'MESSAGE_SEND' }),
    { label: 'no number', send: { to: 'a,b' }, answers: [], requests: [], error: { code: 'REQUEST' } },
    {
      label: 'an answer of another status',
      send: {},
      answers: [{ status: 403, body: 'no' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '403' },
    },
  ],
  batches: [
    {
      label: 'gives one text to many, some of whom are refused',
      messages: [
        { to: '+11', text: 'x' },
        { to: '22', text: 'x' },
        { to: '33', text: 'y' },
        { to: '44,55', text: 'x' },
      ],
      answers: [{ body: `ID: a1 To: 11\nERR: 105, Invalid Destination Address To: 22\n` }, { body: 'ID: b1' }],
      requests: [{ body: `${LOGIN}&to=11%2C22&text=x${TAIL}` }, { body: `${LOGIN}&to=33&text=y${TAIL}` }],
      outcomes: [
        { result: { externalIds: ['a1'] } },
        { error: { code: 'REQUEST', providerCode: '105' } },
        { result: { externalIds: ['b1'] } },
        { error: { code: 'REQUEST' } },
      ],
    },
    {
      label: 'reads lines in another order, and misses those that are not there',
      messages: [
        { to: '11', text: 'x' },
        { to: '22', text: 'x' },
        { to: '33', text: 'x' },
      ],
      answers: [{ body: 'ID: c2 To: 22\r\nID: c1 To: 11' }],
      requests: [{}],
      outcomes: [
        { result: { externalIds: ['c1'] } },
        { result: { externalIds: ['c2'] } },
        { error: { code: 'CONNECTION', unknown: true } },
      ],
    },
    {
      label: 'takes one error for all',
      messages: [
        { to: '11', text: 'x' },
        { to: '22', text: 'x' },
      ],
      answers: [{ body: 'ERR: 301, No Credit Left' }],
      requests: [{}],
      outcomes: [
        { error: { code: 'CREDIT', providerCode: '301' } },
        { error: { code: 'CREDIT', providerCode: '301' } },
      ],
    },
  ],
  checks: [
    {
      label: 'asks for states, and leaves out those that are not known',
      messages: [{ externalIds: ['q1'] }, { externalIds: ['q2', 'q3'] }],
      answers: [
        { body: 'ID: q1 Status: 004' },
        { body: 'ERR: 103, Unknown API message ID' },
        { body: 'ID: q3 Status: 001' },
      ],
      requests: ['q1', 'q2', 'q3'].flatMap((id) => called('/http/querymsg', `&apimsgid=${id}`)),
      reports: [{ externalId: 'q1', state: 'DELIVERED', code: '004', text: 'received by recipient' }],
    },
    {
      label: 'loses no answer to one that fails',
      messages: [{ externalIds: ['q1', 'q2'] }, { externalIds: ['q1', 'q3'] }],
      answers: [{ body: 'ID: q1 Status: 004' }, { body: 'ERR: 901, Internal error' }, { body: 'ID: q3 Status: 010' }],
      requests: ['q1', 'q2', 'q3'].flatMap((id) => called('/http/querymsg', `&apimsgid=${id}`)),
      reports: [
        { externalId: 'q1', state: 'DELIVERED', code: '004', text: 'received by recipient' },
        { externalId: 'q3', state: 'ERROR', expired: true, code: '010', text: 'message expired' },
      ],
    },
    {
      label: 'asks nothing more once it may not ask, and keeps what it has heard',
      messages: [{ externalIds: ['q1', 'q2', 'q3'] }],
      answers: [{ body: 'ID: q1 Status: 004' }, { body: 'ERR: 001, Authentication failed' }],
      requests: ['q1', 'q2'].flatMap((id) => called('/http/querymsg', `&apimsgid=${id}`)),
      reports: [{ externalId: 'q1', state: 'DELIVERED', code: '004', text: 'received by recipient' }],
    },
    {
      label: 'says when it may not ask',
      messages: [{ externalIds: ['q1'] }],
      answers: [{ body: 'ERR: 001, Authentication failed' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '001' },
    },
  ],
  calls: [
    {
      label: 'the balance',
      method: 'balance',
      answers: [{ body: 'Credit: 12.50' }],
      requests: called('/http/getbalance'),
      result: { amount: 12.5 },
    },
    {
      label: 'a balance that is none',
      method: 'balance',
      answers: [{ body: 'Credit: lots' }],
      requests: [{}],
      error: { code: 'MESSAGE_SEND' },
    },
    {
      label: 'the charge',
      method: 'charge',
      values: ['q1'],
      answers: [{ body: 'ID: q1 Charge: 0.8 Status: 003' }],
      requests: called('/http/getmsgcharge', '&apimsgid=q1'),
      result: { amount: 0.8, status: '003' },
    },
    {
      label: 'a query',
      method: 'query',
      values: ['q1'],
      answers: [{ body: 'ID: q1 Status: 004' }],
      requests: called('/http/querymsg', '&apimsgid=q1'),
      result: { status: '004' },
    },
    {
      label: 'a stop',
      method: 'stop',
      values: ['q1'],
      answers: [{ body: 'ID: q1 Status: 006' }],
      requests: called('/http/delmsg', '&apimsgid=q1'),
      result: { status: '006' },
    },
    {
      label: 'a voucher',
      method: 'pay',
      values: ['v1'],
      answers: [{ body: 'OK: 605' }],
      requests: called('/http/token_pay', '&token=v1'),
      result: { OK: '605' },
    },
  ],
}
describeBackend(table)
fuzzViews(table)

describe('long messages of clickatell', () => {
  const bytes = utf16('ab😀cd')
  for (const { label, charset, parts, text } of [
    {
      label: 'in UTF-16, a character cut apart',
      charset: 'UTF-16BE',
      parts: [bytes.subarray(0, 6), bytes.subarray(6)],
      text: 'ab😀cd',
    },
    {
      label: 'in Latin-1, a blank at the border',
      charset: 'ISO-8859-1',
      parts: [Buffer.from('café ', 'latin1'), Buffer.from('noir', 'latin1')],
      text: 'café noir',
    },
  ]) {
    it(`are joined: ${label}`, async () => {
      const harness = await startHarness('clickatell', table.backend)
      try {
        for (const number of [2, 1]) {
          const values = `from=380660000000&to=4917&charset=${charset}&moMsgId=p${number}&udh=050003CC020${number}`
          const query = `${values}&text=${percent(parts[number - 1] ?? bytes)}`
          expect((await fetch(`${harness.url}/backends/clickatell/?${query}`)).status).to.equal(200)
        }
        await untilMessages(harness.seen, 1)
        expect(harness.seen.messages.map((message) => message.text)).to.deep.equal([text])
        expect({ ...harness.seen.messages[0]?.fields }).to.deep.equal({ charset, udh: '050003CC0201' })
      } finally {
        await harness.stop()
      }
    })
  }
})
