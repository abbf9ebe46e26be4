import { createHash } from 'node:crypto'
import { twilio } from '../../src/backends/index.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'
import { signed, TOKEN } from '../support/twilio-peer.ts'

const ACCOUNT = `AC${'0'.repeat(32)}`
const SID = `SM${'0'.repeat(31)}1`
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const JSON_BODY = { 'content-type': 'application/json' }
const EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
const TARGET = `/2010-04-01/Accounts/${ACCOUNT}/Messages.json`

/** As Twilio sees us through a proxy that ends TLS and hides our port. */
const BASE = 'https://127.0.0.1/backends/twilio/'

/** A form that Twilio would send to this path below the backend's. */
function posted(values: Readonly<Record<string, string>>, path = '') {
  const headers = { ...FORM, 'x-twilio-signature': signed(BASE + path, values) }
  return { path, headers, body: new URLSearchParams(values).toString() }
}

function got(query: string) {
  return { path: `?${query}`, headers: { 'x-twilio-signature': signed(`${BASE}?${query}`) } }
}

/** The parameters that Twilio's page "Twilio's Request to your Incoming Message Webhook URL" lists. */
const inbound = {
  MessageSid: SID,
  SmsSid: SID,
  SmsMessageSid: SID,
  AccountSid: ACCOUNT,
  MessagingServiceSid: `MG${'0'.repeat(32)}`,
  From: '+15005550006',
  To: '+15005550001',
  Body: 'Hello wörld & =',
  NumMedia: '0',
  NumSegments: '1',
  SmsStatus: 'received',
  ApiVersion: '2010-04-01',
  FromCity: '',
  FromCountry: 'US',
}
const kept = { MessagingServiceSid: inbound.MessagingServiceSid, NumMedia: '0', NumSegments: '1', FromCountry: 'US' }
const plain = { MessageSid: SID, From: '+15005550006', To: '+15005550001' }
const came = { identity: '+15005550006', address: '+15005550001', externalId: SID }

const texts = ['café €', 'مرحبا بالعالم', 'ሰላም ለዓለም', '你好，世界', 'emoji 😀👍🏽', "It's <b>&amp;</b> 100%+1"]

/** The sample of Twilio's page "Message resource". */
const resource = {
  account_sid: ACCOUNT,
  api_version: '2010-04-01',
  body: 'hi',
  direction: 'outbound-api',
  error_code: null,
  error_message: null,
  from: '+15017122661',
  num_media: '0',
  num_segments: '1',
  price: null,
  price_unit: 'USD',
  sid: SID,
  status: 'queued',
  to: '+15558675310',
  uri: `/2010-04-01/Accounts/${ACCOUNT}/Messages/${SID}.json`,
}

function created(more: object = {}) {
  return { status: 201, headers: JSON_BODY, body: JSON.stringify({ ...resource, ...more }) }
}

function refused(code: number | string, status: number, message = 'Sorry.') {
  const said = { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status }
  return { status, headers: JSON_BODY, body: JSON.stringify(said) }
}

function failing(
  label: string,
  answer: object,
  error: { readonly code: string; readonly providerCode?: string; readonly unknown?: boolean },
) {
  return { label, send: {}, answers: [answer], requests: [{ method: 'POST', target: TARGET }], error }
}

function sending(label: string, send: object, body: Readonly<Record<string, string>> | string) {
  const written = typeof body === 'string' ? body : new URLSearchParams(body).toString()
  return { label, send, answers: [created()], requests: [{ method: 'POST', target: TARGET, body: written }] }
}

const jsonMessage = JSON.stringify({ MessageSid: 'SMjson', From: '+15005550006', Body: 'from JSON', NumSegments: 1 })
const hash = createHash('sha256').update(jsonMessage).digest('hex')
const opaque = `bodySHA256=${hash}`

const incoming: BackendTable['incoming'] = [
  {
    label: 'a message',
    ...posted(inbound),
    status: 200,
    answer: EMPTY,
    answerHeaders: { 'content-type': 'text/xml; charset=utf-8' },
    message: { ...came, text: 'Hello wörld & =', fields: kept },
  },
  ...texts.map((text, index) => ({
    label: `the text ${text}`,
    ...posted({ ...plain, MessageSid: `SM${index}`, Body: text }),
    status: 200,
    message: { ...came, externalId: `SM${index}`, text },
  })),
  {
    label: 'a message by GET',
    ...got('MessageSid=SMget&From=%2B15005550006&To=%2B15005550001&Body=It%27s+got'),
    status: 200,
    message: { ...came, externalId: 'SMget', text: "It's got" },
  },
  {
    label: 'a picture without a text',
    ...posted({
      ...plain,
      MessageSid: 'MM1',
      Body: '',
      NumMedia: '2',
      MediaUrl0: 'https://api.twilio.com/media/1',
      MediaContentType0: 'image/jpeg',
      MediaUrl1: 'https://api.twilio.com/media/2',
      MediaContentType1: 'text/vcard',
    }),
    status: 200,
    message: {
      ...came,
      externalId: 'MM1',
      text: '',
      fields: {
        NumMedia: '2',
        media: [
          { url: 'https://api.twilio.com/media/1', contentType: 'image/jpeg' },
          { url: 'https://api.twilio.com/media/2', contentType: 'text/vcard' },
        ],
      },
    },
  },
  {
    label: 'an opt-out that Twilio has answered',
    ...posted({ ...plain, MessageSid: 'SMstop', Body: 'STOP', OptOutType: 'STOP' }),
    status: 200,
    message: { ...came, externalId: 'SMstop', text: 'STOP', fields: { OptOutType: 'STOP' } },
  },
  {
    label: 'parameters nobody knows yet',
    ...posted({ ...plain, MessageSid: 'SMnew', Body: 'x', ChannelMetadata: '{"type":"rcs"}' }),
    status: 200,
    message: { ...came, externalId: 'SMnew', text: 'x', fields: { ChannelMetadata: '{"type":"rcs"}' } },
  },
  {
    label: 'JSON, by the hash of its body',
    path: `?${opaque}`,
    headers: { ...JSON_BODY, 'x-twilio-signature': signed(`${BASE}?${opaque}`) },
    body: jsonMessage,
    status: 200,
    message: { identity: '+15005550006', text: 'from JSON', externalId: 'SMjson', fields: { NumSegments: 1 } },
  },
  {
    label: 'JSON that is not what was hashed',
    path: `?${opaque}`,
    headers: { ...JSON_BODY, 'x-twilio-signature': signed(`${BASE}?${opaque}`) },
    body: jsonMessage.replace('from', 'for'),
    status: 403,
  },
  {
    label: 'JSON without a hash',
    headers: { ...JSON_BODY, 'x-twilio-signature': signed(BASE) },
    body: jsonMessage,
    status: 403,
  },
  { label: 'no signature', headers: FORM, body: 'MessageSid=SM9&From=1&Body=x', status: 403, answer: 'Forbidden' },
  { label: 'a changed text', ...posted(inbound), body: 'MessageSid=SM9&From=%2B1&Body=x', status: 403 },
  { label: 'a signature of another path', ...posted(inbound), path: 'status', status: 403 },
  { label: 'no sender', ...posted({ MessageSid: 'SM8', Body: 'x' }), status: 400, answer: /"From":\["is required"\]/ },
  {
    label: 'a status callback at the wrong URL',
    ...posted({ ...plain, MessageStatus: 'delivered' }),
    status: 400,
    answer: /"Body":\["is required"\]/,
  },
]

const report = { MessageSid: SID, SmsSid: SID, AccountSid: ACCOUNT, From: '+15017122661', To: '+15558675310' }

function reported(status: string, state: 'SENT' | 'DELIVERED' | 'ERROR' | undefined, more: object = {}) {
  return {
    label: `${status} is ${state ?? 'not known'}`,
    ...posted({ ...report, MessageStatus: status, SmsStatus: status, ...more }, 'status'),
    status: 200,
    answer: '',
    reports: [
      {
        externalId: SID,
        ...(state === undefined ? {} : { state }),
        code: status,
        identity: '+15558675310',
        fields: { From: '+15017122661', MessageStatus: status },
      },
    ],
  }
}

const reports: BackendTable['reports'] = [
  ...(['accepted', 'scheduled', 'queued', 'sending', 'sent', 'partially_delivered'] as const).map((status) =>
    reported(status, 'SENT'),
  ),
  reported('delivered', 'DELIVERED'),
  reported('read', 'DELIVERED'),
  reported('canceled', 'ERROR'),
  reported('teleported', undefined),
  {
    label: 'undelivered, with its reason and time',
    ...posted({ ...report, MessageStatus: 'undelivered', ErrorCode: '30003', RawDlrDoneDate: '2610180123' }, 'status'),
    status: 200,
    reports: [
      {
        externalId: SID,
        state: 'ERROR',
        code: '30003',
        text: 'unreachable handset',
        identity: '+15558675310',
        fields: { From: '+15017122661', RawDlrDoneDate: '2610180123', MessageStatus: 'undelivered' },
      },
    ],
  },
  {
    label: 'a reason nobody knows',
    ...posted({ MessageSid: SID, MessageStatus: 'failed', ErrorCode: '39999' }, 'status'),
    status: 200,
    reports: [{ externalId: SID, state: 'ERROR', code: '39999', fields: { MessageStatus: 'failed' } }],
  },
  { label: 'a report of nothing', ...posted({ MessageStatus: 'sent' }, 'status'), status: 400, answer: /MessageSid/ },
  { label: 'a report without a signature', path: 'status', headers: FORM, body: 'MessageSid=SM1', status: 403 },
]

const usual = { To: '+254700000001', From: '+15017122661' }
const basic = Buffer.from(`${ACCOUNT}:${TOKEN}`).toString('base64')

const outgoing: BackendTable['outgoing'] = [
  {
    ...sending('a message', { text: 'hi' }, { ...usual, Body: 'hi' }),
    requests: [
      {
        method: 'POST',
        target: TARGET,
        headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
        body: 'To=%2B254700000001&From=%2B15017122661&Body=hi',
      },
    ],
    result: { externalIds: [SID], parts: 1 },
  },
  ...texts.map((text) => sending(`the text ${text}`, { text }, { ...usual, Body: text })),
  sending('a number without its plus sign', { to: '254700000001' }, { ...usual, Body: 'hello' }),
  sending('a number with 00', { to: '00254700000001' }, { ...usual, Body: 'hello' }),
  sending('an address of a channel', { to: 'whatsapp:+2547' }, { ...usual, To: 'whatsapp:+2547', Body: 'hello' }),
  sending('a sender of its own', { options: { senderId: 'Clinic' } }, { ...usual, From: 'Clinic', Body: 'hello' }),
  sending('our address', { from: '20880' }, { ...usual, From: '20880', Body: 'hello' }),
  sending(
    'a messaging service',
    { options: { senderId: inbound.MessagingServiceSid } },
    { To: '+254700000001', MessagingServiceSid: inbound.MessagingServiceSid, Body: 'hello' },
  ),
  sending('a validity', { options: { validity: 90 } }, { ...usual, Body: 'hello', ValidityPeriod: '5400' }),
  sending('a long validity', { options: { validity: 9000 } }, { ...usual, Body: 'hello', ValidityPeriod: '36000' }),
  sending(
    'parameters of the message, over all others',
    {
      params: { MediaUrl: ['https://x.test/a', 'https://x.test/b'], SmartEncoded: true, From: '+1500', Attempt: null },
    },
    'To=%2B254700000001&From=%2B1500&Body=hello&MediaUrl=https%3A%2F%2Fx.test%2Fa&MediaUrl=https%3A%2F%2Fx.test%2Fb&SmartEncoded=true',
  ),
  sending(
    'a template in place of the text',
    { params: { ContentSid: 'HX1', ContentVariables: { 1: 'Ann' } } },
    { ...usual, ContentSid: 'HX1', ContentVariables: '{"1":"Ann"}' },
  ),
  {
    ...sending('a price', {}, { ...usual, Body: 'hello' }),
    answers: [created({ price: '-0.00750', num_segments: '0', status: 'accepted' })],
    result: { externalIds: [SID], cost: 0.0075, currency: 'USD' },
  },
  failing('taken and given up at once', created({ status: 'failed', error_code: 30007 }), {
    code: 'MESSAGE_SEND',
    providerCode: '30007',
  }),
  failing('a wrong token', refused(20003, 401, `Authenticate with ${TOKEN}`), { code: 'AUTH', providerCode: '20003' }),
  failing('too many requests', refused(20429, 429), { code: 'LIMITS', providerCode: '20429' }),
  failing('a full queue', refused(21611, 400), { code: 'LIMITS', providerCode: '21611' }),
  failing('a failure of the service', refused(20500, 500), { code: 'SERVER', providerCode: '20500' }),
  failing('a recipient that is no number', refused(21211, 400), { code: 'REQUEST', providerCode: '21211' }),
  failing('a sender that is not ours', refused(21606, 400), { code: 'REQUEST', providerCode: '21606' }),
  failing('a region that is not enabled', refused(21408, 403), { code: 'UNSUPPORTED', providerCode: '21408' }),
  failing('a number without SMS', refused('21407', 400), { code: 'UNSUPPORTED', providerCode: '21407' }),
  failing('a recipient who has opted out', refused(21610, 400), { code: 'MESSAGE_SEND', providerCode: '21610' }),
  failing('a code nobody knows, by its status', refused(29999, 400), { code: 'REQUEST', providerCode: '29999' }),
  failing('a code nobody knows, not let in', refused(29999, 403), { code: 'AUTH', providerCode: '29999' }),
  failing('a code nobody knows, too fast', refused(29999, 429), { code: 'LIMITS', providerCode: '29999' }),
  failing('a code nobody knows, failing', refused(29999, 503), { code: 'SERVER', providerCode: '29999' }),
  failing('the name of an inherited property as a code', refused('toString', 400), {
    code: 'REQUEST',
    providerCode: 'toString',
  }),
  failing('an error that is not JSON', { status: 502, body: '<html>' }, { code: 'SERVER', providerCode: '502' }),
  failing('an error without a code', { status: 401, body: '{}' }, { code: 'AUTH', providerCode: '401' }),
  failing('a success that says nothing', { status: 201, body: '{"sid":null}' }, { code: 'CONNECTION', unknown: true }),
]

function asked(path: string, method = 'GET', body = '') {
  return { method, target: `/2010-04-01/Accounts/${ACCOUNT}/${path}`, body }
}

const checks: BackendTable['checks'] = [
  {
    label: 'asks for each message, and leaves out what is not known',
    messages: [{ externalIds: [SID] }, { externalIds: ['SM2'] }, { externalIds: [] }, { externalIds: ['SM/3'] }],
    answers: [
      created({ status: 'delivered', price: '-0.0150', num_segments: '2' }),
      refused(20404, 404),
      created({ sid: 'SM3', status: 'undelivered', error_code: 30005, error_message: 'Unknown' }),
    ],
    requests: [asked(`Messages/${SID}.json`), asked('Messages/SM2.json'), asked('Messages/SM%2F3.json')],
    reports: [
      {
        externalId: SID,
        state: 'DELIVERED',
        code: 'delivered',
        fields: { MessageStatus: 'delivered', parts: 2, cost: 0.015, currency: 'USD' },
      },
      {
        externalId: 'SM3',
        state: 'ERROR',
        code: '30005',
        text: 'unknown destination',
        fields: { MessageStatus: 'undelivered', parts: 1 },
      },
    ],
  },
  {
    label: 'loses no answer to one that fails',
    messages: [{ externalIds: ['SM1'] }, { externalIds: ['SM2'] }, { externalIds: ['SM3'] }],
    answers: [{ status: 500 }, { body: 'not JSON' }, created({ sid: 'SM3', status: 'sent' })],
    requests: ['SM1', 'SM2', 'SM3'].map((sid) => asked(`Messages/${sid}.json`)),
    reports: [{ externalId: 'SM3', state: 'SENT', code: 'sent', fields: { MessageStatus: 'sent', parts: 1 } }],
  },
  {
    label: 'says so when it may not ask',
    messages: [{ externalIds: [SID] }],
    answers: [refused(20003, 401)],
    requests: [asked(`Messages/${SID}.json`)],
    error: { code: 'AUTH', providerCode: '20003' },
  },
]

const calls: BackendTable['calls'] = [
  {
    label: 'the balance',
    method: 'balance',
    answers: [{ body: `{"account_sid":"${ACCOUNT}","balance":"12.5","currency":"usd"}` }],
    requests: [asked('Balance.json')],
    result: { amount: 12.5, currency: 'USD' },
  },
  {
    label: 'a balance that says nothing',
    method: 'balance',
    answers: [{ body: '{"balance":"much"}' }],
    requests: [asked('Balance.json')],
    error: { code: 'MESSAGE_SEND', unknown: true },
  },
  {
    label: 'takes a scheduled message back',
    method: 'cancel',
    values: [SID],
    answers: [created({ status: 'canceled' })],
    requests: [asked(`Messages/${SID}.json`, 'POST', 'Status=canceled')],
    result: { externalId: SID, state: 'ERROR', code: 'canceled', fields: { MessageStatus: 'canceled', parts: 1 } },
  },
  {
    label: 'takes a text away',
    method: 'redact',
    values: [SID],
    answers: [created({ status: 'delivered', body: '' })],
    requests: [asked(`Messages/${SID}.json`, 'POST', 'Body=')],
    result: {
      externalId: SID,
      state: 'DELIVERED',
      code: 'delivered',
      fields: { MessageStatus: 'delivered', parts: 1 },
    },
  },
  {
    label: 'deletes a message',
    method: 'remove',
    values: [SID],
    answers: [{ status: 204 }],
    requests: [asked(`Messages/${SID}.json`, 'DELETE')],
    result: undefined,
  },
]

const table: BackendTable = {
  name: 'twilio',
  backend: (url) => twilio({ baseUrl: url, accountSid: ACCOUNT, authToken: TOKEN, from: '+15017122661' }),
  secrets: [TOKEN, basic],
  incoming,
  reports,
  outgoing,
  checks,
  calls,
}
describeBackend(table)
fuzzViews(table)
describeBackend({
  name: 'keyed',
  backend: (url) =>
    twilio({
      baseUrl: `${url}/proxy/`,
      accountSid: ACCOUNT,
      authToken: TOKEN,
      apiKey: { sid: 'SK1', secret: 's3cret-of-key' },
      extra: { SmartEncoded: true, RiskCheck: 'disable' },
    }),
  secrets: [TOKEN, 's3cret-of-key'],
  outgoing: [
    {
      label: 'an API key, parameters of the settings, and no sender',
      send: { params: { RiskCheck: 'enable' } },
      answers: [created()],
      requests: [
        {
          target: `/proxy${TARGET}`,
          headers: { authorization: `Basic ${Buffer.from('SK1:s3cret-of-key').toString('base64')}` },
          body: 'To=%2B254700000001&Body=hello&SmartEncoded=true&RiskCheck=enable',
        },
      ],
    },
    {
      label: 'an error that repeats the key',
      send: {},
      answers: [refused(21603, 400, 's3cret-of-key')],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '21603', text: /\[secret\]/ },
    },
  ],
})
