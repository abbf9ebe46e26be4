import { expect } from 'chai'
import { forwardClient } from '../../src/backends/index.ts'
import { type Harness, startHarness } from '../../src/testing/backend-harness.ts'
import { describeBackend, fuzzViews } from '../support/backend-table.ts'

const JSON_BODY = { 'content-type': 'application/json' }

/** As py-smsframework's own server writes them. */
const incoming =
  '{"message": {"?": ["IncomingMessage", {"msgid": 1, "src": "1111", "body": "Yo", "dst": null, "rtime": {"?": ["datetime", "2019-01-01T15:00:00.000875"]}, "meta": {}, "provider": "lo"}]}}'
const delivered =
  '{"status": {"?": ["MessageDelivered", {"msgid": "1", "rtime": {"?": ["datetime", "2019-01-01T15:00:00"]}, "meta": {}, "status": "OK", "provider": "lo"}]}}'
const sent =
  '{"message": {"?": ["OutgoingMessage", {"src": null, "dst": "1234", "body": "Hi man!", "provider": "lo", "provider_options": {"?": ["OutgoingMessageOptions", {"senderId": "me"}]}, "provider_params": {"a": 1}, "routing_values": [1, 2, 3], "msgid": "1"}]}}'

const failure = (name: string, status = 500, more = '') => ({
  status,
  headers: JSON_BODY,
  body: `{"error": {"?E": ["${name}", ["Offline"]]}${more}}`,
})
const status = (name: string, attributes = '') =>
  `{"status": {"?": ["${name}", {"msgid": "1", "meta": {}, "provider": "lo"${attributes}}]}}`

const table = {
  name: 'fwd',
  backend: (url: string) => forwardClient({ serverUrl: `${url.replace('//', '//ann:s3cret%40pass@')}/sms/fwd/` }),
  secrets: ['s3cret@pass', 's3cret%40pass', Buffer.from('ann:s3cret@pass').toString('base64')],
  incoming: [
    {
      label: "Python's sample",
      path: 'im',
      headers: JSON_BODY,
      body: incoming,
      status: 200,
      answer: JSON.stringify(JSON.parse(incoming)),
      message: {
        identity: '1111',
        text: 'Yo',
        externalId: '1',
        fields: { provider: 'lo', meta: {}, rtime: '2019-01-01T15:00:00.000Z', via: [] },
      },
    },
    ...['café €', 'سلام', 'ሰላም', '你好', 'emoji 😀', ''].map((text, index) => ({
      label: `the text "${text}"`,
      path: 'im',
      headers: JSON_BODY,
      body: JSON.stringify({ message: { '?': ['IncomingMessage', { msgid: `t${index}`, src: '1111', body: text }] } }),
      status: 200,
      message: { identity: '1111', text, externalId: `t${index}`, fields: { meta: {}, via: [] } },
    })),
    {
      label: 'no sender',
      path: 'im',
      headers: JSON_BODY,
      body: '{"message": {"?": ["IncomingMessage", {"body": "Yo"}]}}',
      status: 400,
      answer: /^\{"error":\{"\?E":\["RequestError",\["message.*src/,
    },
    {
      label: 'another class',
      path: 'im',
      headers: JSON_BODY,
      body: '{"message": {"?": ["Popen", {"args": "ls"}]}}',
      status: 400,
      answer: /RequestError/,
    },
    { label: 'no JSON', path: 'im', headers: { 'content-type': 'text/plain' }, body: incoming, status: 415 },
  ],
  reports: [
    {
      label: "Python's sample",
      path: 'status',
      headers: JSON_BODY,
      body: delivered,
      status: 200,
      answer: JSON.stringify(JSON.parse(delivered)),
      reports: [
        {
          externalId: '1',
          state: 'DELIVERED' as const,
          text: 'OK',
          fields: { forwarded: true, meta: {}, provider: 'lo', rtime: '2019-01-01T15:00:00.000Z' },
        },
      ],
    },
    ...(
      [
        ['MessageAccepted', '', { state: 'SENT' }],
        ['MessageExpired', '', { state: 'ERROR', expired: true }],
        ['S010', ', "expired": true', { state: 'ERROR', expired: true, code: 'S010' }],
        ['MessageError', ', "status_code": 4, "status": "gone"', { state: 'ERROR', code: '4', text: 'gone' }],
        ['MessageStatus', '', {}],
        ['S004', '', { code: 'S004' }],
        ['S012', ', "error": true, "status_code": 12', { state: 'ERROR', code: '12' }],
      ] as const
    ).map(([name, attributes, report]) => ({
      label: `${name}${attributes}`,
      path: 'status',
      headers: JSON_BODY,
      body: status(name, attributes),
      status: 200,
      reports: [{ externalId: '1', ...report, fields: { forwarded: true, meta: {}, provider: 'lo' } }],
    })),
    {
      label: 'a status of nothing',
      path: 'status',
      headers: JSON_BODY,
      body: '{"status": {"?": ["MessageDelivered", {}]}}',
      status: 400,
      answer: /RequestError.*msgid/,
    },
  ],
  outgoing: [
    {
      label: 'a message, by basic authentication',
      send: {},
      answers: [{ headers: JSON_BODY, body: sent }],
      requests: [
        {
          method: 'POST',
          target: '/sms/fwd/im',
          headers: {
            'content-type': 'application/json',
            authorization: `Basic ${Buffer.from('ann:s3cret@pass').toString('base64')}`,
          },
        },
      ],
      result: { externalIds: ['1'], idsName: 'message' as const, extra: { provider: 'lo' } },
    },
    ...(
      [
        ['ConnectionError', 'CONNECTION'],
        ['MessageSendError', 'MESSAGE_SEND'],
        ['ProviderError', 'MESSAGE_SEND'],
        ['RequestError', 'REQUEST'],
        ['UnsupportedError', 'UNSUPPORTED'],
        ['ServerError', 'SERVER'],
        ['AuthError', 'AUTH'],
        ['LimitsError', 'LIMITS'],
        ['CreditError', 'CREDIT'],
      ] as const
    ).map(([name, code]) => ({
      label: name,
      send: {},
      answers: [failure(name)],
      requests: [{}],
      error: { code, text: /Offline/ },
    })),
    {
      label: 'an exception that only Python knows',
      send: {},
      answers: [failure('RuntimeError')],
      requests: [{}],
      error: { code: 'MESSAGE_SEND', providerCode: 'RuntimeError' },
    },
    {
      label: 'an error inside 200',
      send: {},
      answers: [failure('LimitsError', 200)],
      requests: [{}],
      error: { code: 'LIMITS' },
    },
    {
      label: "the service's code, and an outcome that is not known there",
      send: {},
      answers: [failure('ConnectionError', 500, ', "details": {"code": "E9", "outcomeUnknown": true}')],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true },
    },
    {
      label: 'an error that repeats the password',
      send: {},
      answers: [{ status: 401, headers: { 'content-type': 'text/html' }, body: 'not s3cret@pass' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '401', text: /not \[secret\]/ },
    },
    {
      label: 'another answer',
      send: {},
      answers: [{ headers: JSON_BODY, body: '{"ok": true, "said": "s3cret@pass"}' }],
      requests: [{}],
      error: { code: 'CONNECTION', text: /\[secret\]/, unknown: true },
    },
  ],
}

describeBackend(table)
fuzzViews(table)

describe('what a forward client posts', () => {
  let harness: Harness

  before(async () => {
    harness = await startHarness('fwd', (url) => forwardClient({ serverUrl: url }))
  })

  after(() => harness.stop())

  it("is an OutgoingMessage as Python's, and the ids it came by", async () => {
    harness.far.answer({ headers: JSON_BODY, body: sent })
    const { id } = await harness.switchboard.router.sendNow({
      to: { backend: 'fwd', identity: '1234' },
      text: 'Hi man!',
      from: '55',
      options: { senderId: 'me', allowReply: false, statusReport: true, escalate: true, validity: 5 },
      params: { a: 1, odd: { '?': ['datetime', 'x'] } },
      fields: { routingValues: [1, 2, 3] },
    })
    const [request] = harness.far.requests
    expect(request?.headers['authorization']).to.equal(undefined)
    const options = { senderId: 'me', allow_reply: false, status_report: true, escalate: true, expires: 5 }
    expect(JSON.parse(request?.body ?? '')).to.deep.equal({
      message: {
        '?': [
          'OutgoingMessage',
          {
            src: '55',
            dst: '1234',
            body: 'Hi man!',
            provider: 'fwd',
            provider_options: { '?': ['OutgoingMessageOptions', options] },
            provider_params: { a: 1, odd: { ' ': ['datetime', 'x'] } },
            routing_values: [1, 2, 3],
            via: [id],
          },
        ],
      },
    })
  })
})
