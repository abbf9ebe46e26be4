import { vonage } from '../../src/backends/index.ts'
import { vonageSignature } from '../../src/backends/vonage-signature.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const JSON_BODY = { 'content-type': 'application/json' }
const SECRET = 's3cret-of-api'
const SIGNING = 'my_secret_key_for_testing'

type Values = Readonly<Record<string, string | number | boolean | null>>

function query(values: Values): string {
  return new URLSearchParams(
    Object.entries(values).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
}

function byGet(values: Values, path = '') {
  return { path: `${path}?${query(values)}`, status: 200 }
}

function byForm(values: Values, path = '') {
  return { path, headers: FORM, body: query(values), status: 200 }
}

function byJson(values: Values, path = '') {
  return { path, headers: JSON_BODY, body: JSON.stringify(values), status: 200 }
}

/** The sample of Vonage's API specification (sms.yml). */
const inbound = {
  'api-key': 'abcd1234',
  msisdn: '447700900001',
  to: '447700900000',
  messageId: '0A0000000123ABCD1',
  text: 'Hello world',
  type: 'text',
  keyword: 'HELLO',
  'message-timestamp': '2020-01-01 12:00:00',
}
const came = {
  identity: '447700900001',
  address: '447700900000',
  externalId: '0A0000000123ABCD1',
  text: 'Hello world',
  fields: { type: 'text', keyword: 'HELLO', 'message-timestamp': '2020-01-01 12:00:00' },
}

let written = 0
/** Another message: an id of its own. */
function another(more: Values): Values {
  written++
  return { msisdn: '447700900001', to: '447700900000', messageId: `other-${written}`, ...more }
}

function textRow(text: string): NonNullable<BackendTable['incoming']>[number] {
  const values = another({ text, type: 'unicode' })
  const send = [byGet, byForm, byJson][written % 3] ?? byGet
  return {
    label: `the text ${text}`,
    ...send(values),
    message: { ...came, externalId: String(values['messageId']), text, fields: { type: 'unicode' } },
  }
}

function part(number: number, total: number, text: string, more: Values = {}): Values {
  const place = { concat: true, 'concat-ref': '108', 'concat-total': total, 'concat-part': number }
  return another({ text, type: 'unicode', ...place, ...more })
}

/** Joined messages have an id that is made up: they are looked at in vonage-requests.test.ts. */
const texts = ['café €', 'مرحبا بالعالم', 'ሰላም ለዓለም', '你好，世界', 'emoji 😀👍🏽', 'a&b=c %41+1 <b>']

const incoming: BackendTable['incoming'] = [
  { label: 'a message as JSON', ...byJson(inbound), answer: 'OK', message: came },
  {
    label: 'a message by GET',
    ...byGet({ ...inbound, messageId: 'G1' }),
    answer: 'OK',
    message: { ...came, externalId: 'G1' },
  },
  {
    label: 'a message as a form',
    ...byForm({ ...inbound, messageId: 'F1' }),
    answer: 'OK',
    message: { ...came, externalId: 'F1' },
  },
  { label: 'a message that is repeated', ...byGet(inbound), answer: 'OK' },
  ...texts.map(textRow),
  {
    label: 'a text of blanks',
    ...byJson({ msisdn: '1', messageId: 'blank', text: ' ' }),
    message: { identity: '1', externalId: 'blank', text: '' },
  },
  {
    label: 'numbers that are not written as texts',
    ...byJson({ msisdn: 447700900001, messageId: 'numbers', text: 5, to: null }),
    message: { identity: '447700900001', externalId: 'numbers', text: '5' },
  },
  {
    label: 'a binary message, a part of a longer one too',
    ...byGet({ msisdn: '1', messageId: 'binary', type: 'binary', data: '0A0B', udh: '050003010201', concat: 'true' }),
    message: {
      identity: '1',
      externalId: 'binary',
      text: '',
      fields: { type: 'binary', data: '0A0B', udh: '050003010201', concat: 'true' },
    },
  },
  { label: 'the first part of two', ...byForm(part(1, 2, 'Hello ')), answer: 'OK' },
  {
    label: 'a part whose place makes no sense',
    ...byGet(another({ text: 'alone', concat: 'true', 'concat-ref': '', 'concat-total': 'x', 'concat-part': '-1' })),
    message: { ...came, externalId: `other-${written}`, text: 'alone', fields: {} },
  },
  {
    label: 'a receipt at the wrong URL',
    ...byGet({ msisdn: '1', to: '2', messageId: '3', status: 'delivered' }),
    status: 400,
    answer: '{"errors":{"text":["is required"]}}',
  },
  { label: 'no sender', ...byForm({ text: 'x' }), status: 400, answer: /"msisdn":\["is required"\]/ },
  { label: 'NUL', ...byGet({ msisdn: '1', text: 'a\0b' }), status: 400, answer: /"text":\["NUL/ },
]

/** A receipt of Vonage's guide "Delivery Receipts". */
const receipt = {
  'err-code': '0',
  'message-timestamp': '2018-10-25 12:10:29',
  messageId: '0B00000127FDBC63',
  msisdn: '447547232824',
  'network-code': '23410',
  price: '0.03330000',
  scts: '1810251310',
  status: 'delivered',
  to: 'Vonage',
}
const told = {
  'message-timestamp': '2018-10-25 12:10:29',
  'network-code': '23410',
  price: '0.03330000',
  scts: '1810251310',
  to: 'Vonage',
}

function reported(status: string, reason: string, expected: object): NonNullable<BackendTable['reports']>[number] {
  const fields = { ...told, status, ...(reason === '' ? {} : { 'err-code': reason }) }
  return {
    label: `${status}, reason ${reason || 'not told'}`,
    ...byForm({ ...receipt, status, 'err-code': reason }, 'status'),
    answer: '',
    reports: [{ externalId: '0B00000127FDBC63', identity: '447547232824', ...expected, fields }],
  }
}

const reports: BackendTable['reports'] = [
  {
    label: 'delivered, as JSON',
    ...byJson(receipt, 'status'),
    reports: [
      {
        externalId: '0B00000127FDBC63',
        identity: '447547232824',
        state: 'DELIVERED',
        code: '0',
        fields: { ...told, status: 'delivered', 'err-code': '0' },
      },
    ],
  },
  {
    label: 'delivered, by GET, with our reference',
    ...byGet({ messageId: 'M1', status: 'delivered', 'client-ref': 'own', 'api-key': 'abcd1234' }, 'status'),
    reports: [
      {
        externalId: 'M1',
        state: 'DELIVERED',
        code: 'delivered',
        fields: { status: 'delivered', 'client-ref': 'own' },
      },
    ],
  },
  reported('accepted', '', { state: 'SENT', code: 'accepted' }),
  reported('buffered', '0', { state: 'SENT', code: '0' }),
  reported('expired', '2', { state: 'ERROR', expired: true, code: '2', text: 'absent for a while' }),
  reported('failed', '14', { state: 'ERROR', code: '14', text: 'blocked by the carrier' }),
  reported('rejected', '6', { state: 'ERROR', code: '6', text: 'rejected as spam' }),
  reported('unknown', '99', { state: 'UNKNOWN', code: '99', text: 'general error' }),
  reported('teleported', '777', { code: '777' }),
  { label: 'a receipt of nothing', ...byGet({ status: 'delivered' }, 'status'), status: 400, answer: /messageId/ },
]

function accepted(...parts: readonly object[]) {
  const messages = parts.map((more, index) => ({
    to: '254700000001',
    'message-id': `V${index + 1}`,
    status: '0',
    ...more,
  }))
  return { body: JSON.stringify({ 'message-count': String(parts.length), messages }) }
}

function refusing(label: string, status: string | number, code: string, more: object = {}) {
  return {
    label,
    send: {},
    answers: [accepted({ status, 'error-text': `Bad Credentials ${SECRET}`, 'message-id': undefined, ...more })],
    requests: [{ target: '/sms/json' }],
    error: { code, providerCode: String(status), text: /\[secret\]/ },
  }
}

const outgoing: BackendTable['outgoing'] = [
  {
    label: 'a message, with all that is said of it',
    send: { text: 'hi' },
    answers: [
      accepted({
        'remaining-balance': '3.14159265',
        'message-price': '0.03330000',
        network: '12345',
        'client-ref': 'x',
      }),
    ],
    requests: [{ method: 'POST', target: '/sms/json', headers: FORM }],
    result: {
      externalIds: ['V1'],
      parts: 1,
      cost: 0.0333,
      currency: 'EUR',
      network: '12345',
      extra: { remainingBalance: '3.14159265' },
    },
  },
  {
    label: 'a message of several parts, counted by a number',
    send: { text: 'x'.repeat(400) },
    answers: [
      {
        body: JSON.stringify({
          'message-count': 3,
          messages: [0.1, 0.2, 0.00000001].map((price, index) => ({
            'message-id': `P${index}`,
            status: 0,
            'message-price': price,
            'remaining-balance': 9 - index,
          })),
        }),
      },
    ],
    requests: [{}],
    result: {
      externalIds: ['P0', 'P1', 'P2'],
      parts: 3,
      cost: 0.30000001,
      currency: 'EUR',
      extra: { remainingBalance: '7' },
    },
  },
  {
    label: 'a message of which some parts are refused is not sent again',
    send: { text: 'x'.repeat(400) },
    answers: [accepted({}, { status: '1', 'error-text': 'Throttled' }, {})],
    requests: [{}],
    error: { code: 'MESSAGE_SEND', providerCode: '1', text: /throttled.*2 of 3 parts were taken/i },
  },
  refusing('throttled', '1', 'LIMITS'),
  refusing('a parameter is missing', '2', 'REQUEST'),
  refusing('a parameter is wrong', 3, 'REQUEST'),
  refusing('wrong credentials', '4', 'AUTH'),
  refusing('a failure of the service', '5', 'SERVER'),
  refusing('a number that is barred', '7', 'MESSAGE_SEND'),
  refusing('no credit', '9', 'CREDIT'),
  refusing('signed wrongly', '14', 'AUTH'),
  refusing('a sender that is not allowed', '15', 'REQUEST'),
  refusing('a number nobody has any more', '33', 'MESSAGE_SEND'),
  refusing('a status nobody knows', '31', 'MESSAGE_SEND'),
  refusing('the name of an inherited property as a status', 'toString', 'MESSAGE_SEND'),
  {
    label: 'too fast for the edge',
    send: {},
    answers: [{ status: 429, headers: { 'retry-after': '2' }, body: 'Too many' }],
    requests: [{}],
    error: { code: 'LIMITS', providerCode: '429' },
  },
  {
    label: 'an answer without messages',
    send: {},
    answers: [{ body: '{"message-count":"0","messages":[]}' }],
    requests: [{}],
    error: { code: 'CONNECTION', unknown: true },
  },
]

const calls: BackendTable['calls'] = [
  {
    label: 'the balance',
    method: 'balance',
    answers: [{ body: '{"value":10.28,"autoReload":false}' }],
    requests: [
      {
        method: 'GET',
        target: '/account/get-balance',
        headers: { authorization: `Basic ${Buffer.from(`abcd1234:${SECRET}`).toString('base64')}` },
      },
    ],
    result: { amount: 10.28, currency: 'EUR', autoReload: false },
  },
  {
    label: 'a balance that is not told',
    method: 'balance',
    answers: [{ status: 401, body: `{"error-code":"401","error-code-label":"${SECRET}"}` }],
    requests: [{}],
    error: { code: 'AUTH', providerCode: '401' },
  },
]

const table: BackendTable = {
  name: 'vonage',
  backend: (url) => vonage({ baseUrl: url, apiKey: 'abcd1234', apiSecret: SECRET, from: 'Clinic' }),
  secrets: [SECRET],
  incoming,
  reports,
  outgoing,
  calls,
}
describeBackend(table)
fuzzViews(table)

const now = Math.floor(Date.now() / 1000)
const signing = { secret: SIGNING, algorithm: 'sha256hmac' as const }

/** The same signed text, and no id by which a repeat is known. */
function hidden({ 'message-timestamp': time, messageId, ...others }: Values): Values {
  return { ...others, [`message-timestamp=${time}&messageId`]: messageId ?? '' }
}

function signed(values: Values): Values {
  const all = { timestamp: now, nonce: 'aaaaaaaa-bbbb', ...values }
  return { ...all, sig: vonageSignature(all, signing).toUpperCase() }
}

describeBackend({
  name: 'signed',
  backend: (url) => vonage({ baseUrl: url, apiKey: 'abcd1234', signature: { ...signing, tolerance: 600 } }),
  secrets: [SIGNING],
  incoming: [
    { label: 'signed, as JSON', ...byJson(signed(inbound)), message: came },
    {
      label: 'signed, as a form, with what is special in a signature',
      ...byForm(signed({ msisdn: '1', messageId: 'S2', text: 'a&b=c ä' })),
      message: { identity: '1', externalId: 'S2', text: 'a&b=c ä' },
    },
    {
      label: 'signed, by GET',
      ...byGet(signed({ msisdn: '1', messageId: 'S3', text: 'x' })),
      message: { identity: '1', externalId: 'S3', text: 'x' },
    },
    { label: 'not signed', ...byJson(inbound), status: 403, answer: 'Forbidden' },
    { label: 'changed', ...byJson({ ...signed(inbound), text: 'y' }), status: 403 },
    { label: 'signed too long ago', ...byJson(signed({ ...inbound, timestamp: now - 700 })), status: 403 },
    { label: 'signed in the future', ...byJson(signed({ ...inbound, timestamp: now + 700 })), status: 403 },
    { label: 'its id hidden in another name', ...byForm(hidden(signed({ ...inbound, timestamp: now }))), status: 403 },
    { label: 'signed at no time', ...byJson(signed({ ...inbound, timestamp: '' })), status: 403 },
  ],
  reports: [
    {
      label: 'a receipt, signed',
      ...byGet(signed({ messageId: 'R1', status: 'accepted' }), 'status'),
      reports: [{ externalId: 'R1', state: 'SENT', code: 'accepted', fields: { status: 'accepted' } }],
    },
    { label: 'a receipt, not signed', ...byGet({ messageId: 'R1', status: 'accepted' }, 'status'), status: 403 },
  ],
  calls: [
    {
      label: 'the balance is not asked for without the secret',
      method: 'balance',
      answers: [],
      requests: [],
      error: { code: 'REQUEST', text: /apiSecret/ },
    },
  ],
})
