import { vumi } from '../../src/backends/index.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'

const BASIC = Buffer.from('rapid:relay-password').toString('base64')

/** What the relay answers: the messages as Vumi has made them. */
function sent(...pairs: readonly (readonly [to: string, id: string])[]) {
  return JSON.stringify(pairs.map(([to_addr, message_id]) => ({ to_addr, message_id, content: 'x' })))
}

const table: BackendTable = {
  name: 'vumi-relay',
  backend: (url) =>
    vumi({
      api: 'relay',
      url: `${url}/send`,
      auth: { user: 'rapid', password: 'relay-password' },
      endpoint: 'sms',
      extra: { helper_metadata: { shop: 7 } },
    }),
  secrets: ['relay-password', BASIC],
  incoming: [
    {
      label: 'what RapidSMS asks for, and no more',
      body: '{"message_id":"m1","to_addr":"*1#","from_addr":"+27","transport_name":"t","transport_type":"ussd","content":null}',
      status: 200,
      answer: '',
      message: {
        identity: '+27',
        text: '',
        address: '*1#',
        externalId: 'm1',
        fields: {
          from_addr: '+27',
          transport_name: 't',
          transport_type: 'ussd',
          session: { id: '+27', event: 'resume' },
        },
      },
    },
    { label: 'no object', body: '[]', status: 400 },
  ],
  outgoing: [
    {
      label: 'a message',
      send: { from: '8110', params: { session_event: 'close', metadata: 0 } },
      answers: [{ body: sent(['+254700000001', 'v1']) }],
      requests: [
        {
          method: 'POST',
          target: '/send',
          headers: { authorization: `Basic ${BASIC}`, 'content-type': 'application/json' },
          body: '{"helper_metadata":{"shop":7},"content":"hello","to_addr":["+254700000001"],"session_event":"close","metadata":0,"endpoint":"sms","from_addr":"8110"}',
        },
      ],
      result: { externalIds: ['v1'] },
    },
    {
      label: 'what the relay does not take',
      send: {},
      answers: [{ status: 400, body: 'relay-password' }],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '400', text: /\[secret\]/ },
    },
    {
      label: 'a wrong password',
      send: {},
      answers: [{ status: 401 }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '401' },
    },
    {
      label: 'an answer without the recipient',
      send: {},
      answers: [{ body: '[]' }],
      requests: [{}],
      error: { code: 'CONNECTION', text: /without a word/, unknown: true },
    },
    {
      label: 'an answer that writes the number of the only recipient in another way',
      send: {},
      answers: [{ body: sent(['254700000001', 'v1']) }],
      requests: [{}],
      result: { externalIds: ['v1'] },
    },
  ],
  batches: [
    {
      label: 'a number that the relay does not like harms nobody else',
      messages: [{ to: '1' }, { to: '2' }, { to: 'x' }],
      answers: [{ status: 400 }, { body: sent(['1', 'v1'], ['2', 'v2']) }, { status: 400, body: 'to_addr' }],
      requests: [{}, {}, {}],
      outcomes: [
        { result: { externalIds: ['v1'] } },
        { result: { externalIds: ['v2'] } },
        { error: { code: 'REQUEST', providerCode: '400', text: /to_addr/ } },
      ],
    },
    {
      label: 'one request for a text',
      messages: [
        { to: '1', text: 'one', params: { metadata: 0 } },
        { to: '2', text: 'two', params: { metadata: 0 } },
        { to: '3', text: 'one', params: { metadata: 0 } },
        { to: '4', text: 'one', params: { metadata: 0 } },
        { to: '1', text: 'one', params: { metadata: 0 } },
        { to: '5', text: 'three', params: { metadata: 0 } },
      ],
      answers: [
        { body: sent(['3', 'v3'], ['1', 'v1']) },
        { body: sent(['2', 'v2']) },
        { body: sent(['1', 'v4']) },
        { status: 503 },
      ],
      requests: [
        {
          body: '{"helper_metadata":{"shop":7},"content":"one","to_addr":["1","3","4"],"session_event":null,"endpoint":"sms","metadata":0}',
        },
        {
          body: '{"helper_metadata":{"shop":7},"content":"two","to_addr":["2"],"session_event":null,"metadata":0,"endpoint":"sms"}',
        },
        {
          body: '{"helper_metadata":{"shop":7},"content":"one","to_addr":["1"],"session_event":null,"metadata":0,"endpoint":"sms"}',
        },
        {},
      ],
      outcomes: [
        { result: { externalIds: ['v1'] } },
        { result: { externalIds: ['v2'] } },
        { result: { externalIds: ['v3'] } },
        { error: { code: 'CONNECTION', text: /without a word/, unknown: true } },
        { result: { externalIds: ['v4'] } },
        { error: { code: 'SERVER', providerCode: '503' } },
      ],
    },
  ],
}

describeBackend(table)
fuzzViews(table)
