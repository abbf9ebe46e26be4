import { vumi } from '../../src/backends/index.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'

const TOKEN = 'junebug-token-1'
const BASIC = Buffer.from('ann:nginx-password').toString('base64')
const HEADERS = { 'content-type': 'application/json', authorization: `Token ${TOKEN}` }

/** The message of Junebug's page on its HTTP API, sent by a person to us. */
const message = {
  to: '12345',
  from: '+27821234567',
  group: null,
  message_id: '35f3336d4a1a46c7b40cd172a41c510d',
  channel_id: 'bc5f2e63-7f53-4996-816d-4f89f45a5842',
  timestamp: '2015-10-06 14:16:34.578820',
  reply_to: null,
  content: 'Test message',
  channel_data: { session_event: 'new' },
}
const received = {
  identity: '+27821234567',
  text: 'Test message',
  address: '12345',
  externalId: '35f3336d4a1a46c7b40cd172a41c510d',
  fields: {
    from: '+27821234567',
    channel_id: 'bc5f2e63-7f53-4996-816d-4f89f45a5842',
    timestamp: '2015-10-06 14:16:34.578820',
    channel_data: { session_event: 'new' },
    session: { id: '+27821234567', event: 'new' },
  },
}
const { session: _, ...smsFields } = { ...received.fields, channel_data: {} }

const event = {
  event_type: 'submitted',
  message_id: 'msg-uuid-1234',
  channel_id: 'channel-uuid-5678',
  timestamp: '2015-06-15 13:00:00',
  event_details: {},
}
const about = { externalId: 'msg-uuid-1234', fields: { timestamp: '2015-06-15 13:00:00', event_details: {} } }

function posted(values: object, path = '') {
  return { path, headers: HEADERS, body: JSON.stringify(values), status: 200, answer: '' }
}

const envelope = (result: unknown, status = 201) =>
  JSON.stringify({ status, code: 'created', description: 'message submitted', result })
const refusal = (type: string, text: string, status: number) => ({
  status,
  body: envelope({ errors: [{ type, message: text }] }, status),
})

const texts = ['café €', 'السلام عليكم', 'ሰላም ነው', '你好', 'emoji 😀 "\\']

const table: BackendTable = {
  name: 'vumi-junebug',
  backend: (url) =>
    vumi({
      api: 'junebug',
      baseUrl: `${url}/jb/`,
      channel: 'ch/1',
      auth: { user: 'ann', password: 'nginx-password' },
      token: TOKEN,
      from: '8110',
    }),
  secrets: [TOKEN, 'nginx-password', BASIC],
  incoming: [
    { label: 'a new session', ...posted(message), message: received },
    { label: 'the same again', ...posted(message) },
    {
      label: 'an SMS, without what need not be there',
      ...posted({ message_id: 'm2', from: 5550001, content: 'hi' }),
      message: { identity: '5550001', text: 'hi', externalId: 'm2', fields: { from: '5550001' } },
    },
    {
      label: 'the end of a session',
      ...posted({ ...message, message_id: 'm3', content: null, channel_data: { session_event: 'close' } }),
      message: {
        ...received,
        text: '',
        externalId: 'm3',
        fields: {
          ...received.fields,
          channel_data: { session_event: 'close' },
          session: { id: '+27821234567', event: 'close' },
        },
      },
    },
    ...texts.map((content, index) => ({
      label: content,
      ...posted({ ...message, message_id: `text-${index}`, content, channel_data: {} }),
      message: {
        ...received,
        externalId: `text-${index}`,
        text: content,
        fields: smsFields,
      },
    })),
    { label: 'no sender', ...posted({ ...message, from: null }), status: 400, answer: /"from":\["is required"\]/ },
    {
      label: 'a wrong token',
      ...posted(message),
      headers: { ...HEADERS, authorization: 'Token x' },
      status: 403,
      answer: 'Forbidden',
    },
    {
      label: 'no token',
      ...posted(message),
      headers: { 'content-type': 'application/json' },
      status: 403,
      answer: 'Forbidden',
    },
  ],
  reports: [
    {
      label: 'how the channel is, which comes without the token and is for the log alone',
      path: 'channel',
      body: '{"status":"down","component":"smpp","channel_id":"c","type":"connection_lost","message":"Connection lost","details":{}}',
      status: 200,
      answer: '',
    },
    { label: 'how nothing is', path: 'channel', body: '{"status":1}', status: 400, answer: /component/ },
    ...(
      [
        ['submitted', 'SENT'],
        ['rejected', 'ERROR'],
        ['delivery_pending', 'SENT'],
        ['delivery_failed', 'ERROR'],
        ['delivery_succeeded', 'DELIVERED'],
      ] as const
    ).map(([event_type, state]) => ({
      label: event_type,
      ...posted({ ...event, event_type }, 'status'),
      reports: [{ ...about, state, code: event_type }],
    })),
    {
      label: 'why it was rejected',
      ...posted({ ...event, event_type: 'rejected', event_details: { reason: 'no such number' } }, 'status'),
      reports: [
        {
          externalId: 'msg-uuid-1234',
          state: 'ERROR' as const,
          code: 'rejected',
          text: 'no such number',
          fields: { timestamp: '2015-06-15 13:00:00', event_details: { reason: 'no such number' } },
        },
      ],
    },
    {
      label: 'an event without a type, which Junebug makes of reports it does not know',
      ...posted({ ...event, event_type: null }, 'status'),
      reports: [about],
    },
    {
      label: 'an event nobody knows',
      ...posted({ ...event, event_type: 'read' }, 'status'),
      reports: [{ ...about, code: 'read' }],
    },
    {
      label: 'a wrong token',
      ...posted(event, 'status'),
      headers: { authorization: 'Token x' },
      status: 403,
      answer: 'Forbidden',
    },
    { label: 'no message', ...posted({ event_type: 'submitted' }, 'status'), status: 400, answer: /message_id/ },
  ],
  outgoing: [
    {
      label: 'a message',
      send: {},
      answers: [{ status: 201, body: envelope({ message_id: 'out-1' }) }],
      requests: [
        {
          method: 'POST',
          target: '/jb/channels/ch%2F1/messages/',
          headers: { 'content-type': 'application/json', authorization: `Basic ${BASIC}` },
          body: '{"to":"+254700000001","from":"8110","content":"hello"}',
        },
      ],
      result: { externalIds: ['out-1'] },
    },
    {
      label: 'options and parameters',
      send: {
        text: 'café €',
        options: { senderId: 'SHOP', escalate: true, end: true },
        params: { group: 'g', priority: 3 },
      },
      answers: [{ status: 201, body: envelope({ message_id: 'x' }) }],
      requests: [
        {
          body: '{"to":"+254700000001","from":"SHOP","content":"café €","priority":3,"channel_data":{"continue_session":false},"group":"g"}',
        },
      ],
    },
    {
      label: 'a text too long',
      send: {},
      answers: [refusal('MessageTooLong', 'Message content u is of length 3, > 2', 400)],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: 'MessageTooLong', text: /character_limit.*of length 3/ },
    },
    {
      label: 'no such channel',
      send: {},
      answers: [refusal('ChannelNotFound', `token ${TOKEN}`, 404)],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: 'ChannelNotFound' },
    },
    {
      label: 'an error nobody knows',
      send: {},
      answers: [refusal('KeyError', "u'to'", 500)],
      requests: [{}],
      error: { code: 'SERVER', providerCode: '500', text: /KeyError/ },
    },
    {
      label: 'what nginx in front of it says',
      send: {},
      answers: [{ status: 401, body: '<html>nginx-password</html>' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '401' },
    },
    {
      label: 'success without an id',
      send: {},
      answers: [{ status: 201, body: '{"result":{}}' }],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true, text: /something else than expected/ },
    },
  ],
}

describeBackend(table)
fuzzViews(table)

describeBackend({
  name: 'vumi-junebug-plain',
  backend: (url) => vumi({ api: 'junebug', baseUrl: url, channel: 'c' }),
  incoming: [{ label: 'nothing to show', ...posted(message), headers: {}, message: received }],
  outgoing: [
    {
      label: 'nothing to show, and no sender',
      send: {},
      answers: [{ status: 201, body: envelope({ message_id: 'out-1' }) }],
      requests: [{ target: '/channels/c/messages/', body: '{"to":"+254700000001","from":null,"content":"hello"}' }],
    },
  ],
})
