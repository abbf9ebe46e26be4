import { expect } from 'chai'
import { vumi } from '../../src/backends/index.ts'
import { createSwitchboard } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'

const JSON_BODY = { 'content-type': 'application/json; charset=utf-8' }
const BASIC = Buffer.from('account-key:access-token-1').toString('base64')

/** The message of Vumi Go's page on its HTTP API. */
const sms = {
  message_id: '59b37288d8d94e42ab804158bdbf53e5',
  in_reply_to: null,
  session_event: null,
  to_addr: '1234',
  to_addr_type: 'msisdn',
  from_addr: '27761234567',
  from_addr_type: 'msisdn',
  content: 'This is an incoming SMS!',
  transport_name: 'smpp_transport',
  transport_type: 'sms',
  transport_metadata: {},
  helper_metadata: {},
}
const smsFields = {
  from_addr: '27761234567',
  from_addr_type: 'msisdn',
  to_addr_type: 'msisdn',
  transport_name: 'smpp_transport',
  transport_type: 'sms',
  transport_metadata: {},
  helper_metadata: {},
}
const received = {
  identity: '27761234567',
  text: 'This is an incoming SMS!',
  address: '1234',
  externalId: '59b37288d8d94e42ab804158bdbf53e5',
  fields: smsFields,
}

/** The event of the same page. */
const ack = {
  message_type: 'event',
  event_id: 'b04ec322fc1c4819bc3f28e6e0c69de6',
  event_type: 'ack',
  user_message_id: '60c48289d8d94e42ab804159acce42d4',
  helper_metadata: {},
  timestamp: '2014-10-28 16:19:37.485612',
  sent_message_id: 'external-id',
}
const { sent_message_id: _, ...report } = ack
const about = { externalId: ack.user_message_id, fields: { timestamp: ack.timestamp } }

function posted(values: object, path = '') {
  return { path, headers: JSON_BODY, body: JSON.stringify(values), status: 200, answer: '' }
}

/** What comes in of a changed message, each with an id of its own. */
function ussd(id: string, values: object, fields: object) {
  const body = { ...sms, message_id: id, transport_type: 'ussd', content: null, to_addr: '*120*663*79#', ...values }
  return {
    ...posted(body),
    message: {
      ...received,
      text: body.content ?? '',
      address: '*120*663*79#',
      externalId: id,
      fields: { ...smsFields, transport_type: 'ussd', ...fields },
    },
  }
}

const texts = ['café €', 'السلام عليكم', 'ሰላም ነው', '你好', 'emoji 😀 "\\']

const incoming: BackendTable['incoming'] = [
  { label: 'an SMS', ...posted(sms), message: received },
  { label: 'the same again', ...posted(sms) },
  {
    label: 'JSON that does not say so, as the relay sends it',
    ...posted({ ...sms, message_id: 'm2' }),
    headers: { 'content-type': '' },
    message: { ...received, externalId: 'm2' },
  },
  ...texts.map((content, index) => ({
    label: content,
    ...posted({ ...sms, message_id: `text-${index}`, content }),
    message: { ...received, externalId: `text-${index}`, text: content },
  })),
  {
    label: 'a new session, which says nothing',
    ...ussd('u1', { session_event: 'new' }, { session_event: 'new', session: { id: '27761234567', event: 'new' } }),
  },
  {
    label: 'a session that goes on',
    ...ussd(
      'u2',
      { session_event: 'resume', content: ' 1 ', transport_metadata: { session_id: 's-7' } },
      {
        session_event: 'resume',
        session: { id: 's-7', event: 'resume' },
        transport_metadata: { session_id: 's-7' },
      },
    ),
    message: {
      ...received,
      text: '1',
      address: '*120*663*79#',
      externalId: 'u2',
      fields: {
        ...smsFields,
        transport_type: 'ussd',
        session_event: 'resume',
        session: { id: 's-7', event: 'resume' },
        transport_metadata: { session_id: 's-7' },
      },
    },
  },
  {
    label: 'a session that is over',
    ...ussd(
      'u3',
      { session_event: 'close' },
      { session_event: 'close', session: { id: '27761234567', event: 'close' } },
    ),
  },
  {
    label: 'a session of a network that tells nothing of it',
    ...ussd('u4', { content: '2' }, { session: { id: '27761234567', event: 'resume' } }),
  },
  {
    label: 'metadata and events of other kinds do not matter',
    ...posted({ ...sms, message_id: 'm3', session_event: 7, transport_metadata: 'x', helper_metadata: [1] }),
    message: {
      ...received,
      externalId: 'm3',
      fields: {
        from_addr: '27761234567',
        from_addr_type: 'msisdn',
        to_addr_type: 'msisdn',
        transport_name: 'smpp_transport',
        transport_type: 'sms',
        helper_metadata: [1],
      },
    },
  },
  ...['message_id', 'from_addr', 'to_addr', 'transport_name', 'transport_type'].map((name) => ({
    label: `without ${name}`,
    ...posted({ ...sms, [name]: undefined }),
    status: 400,
    answer: `{"errors":{"${name}":["is required"]}}`,
  })),
  { label: 'no JSON', ...posted({}), body: 'content=x', status: 400, answer: /not valid JSON/ },
  { label: 'a GET', path: '', status: 405 },
]

const reports: BackendTable['reports'] = [
  {
    label: 'ack',
    ...posted(ack, 'status'),
    reports: [
      { ...about, state: 'SENT', code: 'ack', fields: { sent_message_id: 'external-id', timestamp: ack.timestamp } },
    ],
  },
  {
    label: 'nack',
    ...posted({ ...report, event_type: 'nack', nack_reason: 'no route' }, 'status'),
    reports: [{ ...about, state: 'ERROR', code: 'nack', text: 'no route' }],
  },
  ...(
    [
      ['pending', 'SENT'],
      ['failed', 'ERROR'],
      ['delivered', 'DELIVERED'],
    ] as const
  ).map(([delivery_status, state]) => ({
    label: delivery_status,
    ...posted({ ...report, event_type: 'delivery_report', delivery_status }, 'status'),
    reports: [{ ...about, state, code: delivery_status }],
  })),
  {
    label: 'a status that nobody knows',
    ...posted({ ...report, event_type: 'delivery_report', delivery_status: 'mislaid' }, 'status'),
    reports: [{ ...about, code: 'mislaid' }],
  },
  {
    label: 'an event that nobody knows',
    ...posted({ ...report, event_type: 'read' }, 'status'),
    reports: [{ ...about, code: 'read' }],
  },
  {
    label: 'an event of no message',
    ...posted({ event_type: 'ack' }, 'status'),
    status: 400,
    answer: /user_message_id/,
  },
]

const TARGET = '/conv%2Fkey/messages.json'
const body = '{"to_addr":"+254700000001","content":"hello","in_reply_to":null,"session_event":null}'
const refusal = (reason: string) => JSON.stringify({ success: false, reason })

const outgoing: BackendTable['outgoing'] = [
  {
    label: 'a message',
    send: {},
    answers: [{ body: JSON.stringify({ ...sms, message_id: 'out-1' }) }],
    requests: [
      {
        method: 'PUT',
        target: TARGET,
        headers: { authorization: `Basic ${BASIC}`, 'content-type': 'application/json' },
        body,
      },
    ],
    result: { externalIds: ['out-1'] },
  },
  ...texts.map((text) => ({
    label: `sends ${text}`,
    send: { text },
    answers: [{ body: '{"message_id":"x"}' }],
    requests: [{ body: body.replace('"hello"', JSON.stringify(text)) }],
  })),
  {
    label: 'parameters of its own, and the end of a session',
    send: { options: { end: true }, params: { helper_metadata: { load_balancer: 1 }, to_addr: '@ann' } },
    answers: [{ body: '{"message_id":"x"}' }],
    requests: [
      {
        body: '{"to_addr":"@ann","content":"hello","in_reply_to":null,"session_event":"close","helper_metadata":{"load_balancer":1}}',
      },
    ],
  },
  ...(
    [
      [400, refusal('Recipient with msisdn +12345 has opted out'), 'UNSUPPORTED'],
      [400, refusal('Payload content too long: 42 > 10'), 'REQUEST'],
      [401, 'key access-token-1', 'AUTH'],
      [403, '<html>Too many concurrent connections</html>', 'LIMITS'],
      [404, '', 'REQUEST'],
      [429, '', 'LIMITS'],
      [503, '', 'SERVER'],
    ] as const
  ).map(([status, said, code]) => ({
    label: `${status} ${said}`,
    send: {},
    answers: [{ status, body: said }],
    requests: [{}],
    error: { code, providerCode: String(status) },
  })),
  {
    label: 'no id in the answer',
    send: {},
    answers: [{ body: '{"message_id":null}' }],
    requests: [{}],
    error: { code: 'CONNECTION', unknown: true, text: /something else than expected/ },
  },
]

const table: BackendTable = {
  name: 'vumi-go',
  backend: (url) =>
    vumi({
      api: 'go',
      baseUrl: `${url}/`,
      account: 'account-key',
      token: 'access-token-1',
      conversation: 'conv/key',
    }),
  secrets: ['access-token-1', BASIC],
  incoming,
  reports,
  outgoing,
}

describeBackend(table)
fuzzViews(table)

describe('settings of vumi', () => {
  const load = (input: unknown) => () =>
    createSwitchboard({ backends: { v: vumi(input as never) }, apps: [] }, { logger: silentLogger })

  it('names the ways there are when none of them is given', () => {
    expect(load({ api: 'stream' })).to.throw(/backends\.v\.api.*"go", "junebug" or "relay" is expected/)
    expect(load(undefined)).to.throw(/backends\.v\.api/)
  })

  it('are those of the way that is given', () => {
    expect(load({ api: 'junebug', account: 'x' })).to.throw(/backends\.v\.channel[\s\S]*backends\.v\.account/)
    expect(load({ api: 'relay', url: 'ftp://example.org' })).to.throw(/backends\.v\.url/)
  })
})
