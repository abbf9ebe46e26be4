import { expect } from 'chai'
import { clickatellPlatform } from '../../src/backends/index.ts'
import type { OutgoingState } from '../../src/messages/states.ts'
import { startHarness, untilMessages } from '../../src/testing/backend-harness.ts'
import {
  type BackendTable,
  describeBackend,
  fuzzViews,
  type OutgoingRow,
  type ReportRow,
} from '../support/backend-table.ts'

const JSON_BODY = { 'content-type': 'application/json' }
const KEY = 's3cret-key=='
const TAKEN =
  '{"messages":[{"apiMessageId":"77fb29998253415fa5d66971d519d362","accepted":true,"to":"254700000001","error":null}],"error":null}'

let serial = 0
function incoming(label: string, text: string) {
  const messageId = `in-${++serial}`
  const body = JSON.stringify({
    integrationId: 'i1',
    messageId,
    replyMessageId: 'r1',
    apiKey: KEY,
    fromNumber: '27111111111',
    toNumber: '27222222222',
    timestamp: 1506607698000,
    text,
    charset: 'UTF-8',
    udh: '',
    network: 'Vodacom',
    keyword: null,
  })
  const fields = {
    replyMessageId: 'r1',
    integrationId: 'i1',
    timestamp: '1506607698000',
    network: 'Vodacom',
    charset: 'UTF-8',
  }
  const message = { identity: '27111111111', address: '27222222222', text, externalId: messageId, fields }
  return { label, headers: JSON_BODY, body, status: 200, answer: 'OK', message }
}

function reported(status: string, state: OutgoingState | undefined, more: { readonly expired?: true } = {}): ReportRow {
  const body = { apiKey: KEY, messageId: 'm1', requestId: 'q1', clientMessageId: 'c1', to: '271', from: '272', status }
  const fields = { clientMessageId: 'c1', requestId: 'q1', timestamp: '1506607698000' }
  const report = {
    externalId: 'm1',
    ...(state === undefined ? {} : { state }),
    ...more,
    identity: '271',
    code: status,
    fields,
  }
  return {
    label: `status ${status}`,
    path: 'status',
    headers: JSON_BODY,
    body: JSON.stringify({ ...body, timestamp: 1506607698000 }),
    status: 200,
    answer: 'OK',
    reports: [report],
  }
}

const headers = { authorization: KEY, accept: 'application/json', ...JSON_BODY }
function sent(label: string, send: OutgoingRow['send'], body: object): OutgoingRow {
  const request = {
    method: 'POST',
    target: '/messages',
    headers,
    body: JSON.stringify({ ...body, to: ['254700000001'] }),
  }
  const result = { externalIds: ['77fb29998253415fa5d66971d519d362'] }
  return { label, send, answers: [{ status: 202, body: TAKEN }], requests: [request], result }
}
function refused(label: string, status: number, body: object, error: NonNullable<OutgoingRow['error']>): OutgoingRow {
  return {
    label,
    send: {},
    answers: [{ status, body: JSON.stringify(body) }],
    requests: [{}],
    error,
  }
}

/** One recipient of whom the service has a word to say. */
function rejected(error: string, code: string) {
  const body = { messages: [{ apiMessageId: null, accepted: false, to: '254700000001', error }], error: null }
  return refused(`refused: ${error}`, 200, body, { code })
}

const platform: BackendTable = {
  name: 'platform',
  backend: (baseUrl: string) => clickatellPlatform({ baseUrl, apiKey: KEY }),
  secrets: [KEY],
  incoming: [
    incoming('takes a reply', 'Hello'),
    incoming('takes accents and the euro', 'café €'),
    incoming('takes Arabic', 'مرحبا'),
    incoming('takes Amharic', 'ሰላም'),
    incoming('takes Chinese', '你好'),
    incoming('takes an emoji', 'fine 😀'),
    {
      label: 'takes the messages of an event',
      headers: JSON_BODY,
      body: JSON.stringify({
        integrationId: 'i1',
        event: {
          moText: [
            { channel: 'sms', messageId: 'e1', from: '271', to: '272', timestamp: 1506607698000, content: 'one 😀' },
            { messageId: 'e2', from: '271', text: 'two' },
          ],
        },
      }),
      status: 200,
      answer: 'OK',
      messages: [
        {
          identity: '271',
          address: '272',
          text: 'one 😀',
          externalId: 'e1',
          fields: { channel: 'sms', timestamp: '1506607698000' },
        },
        { identity: '271', text: 'two', externalId: 'e2' },
      ],
    },
    { label: 'takes an event of another sort', headers: JSON_BODY, body: '{"event":{"moMedia":[]}}', status: 200 },
    {
      label: 'refuses an event without a sender',
      headers: JSON_BODY,
      body: '{"event":{"moText":[{"content":"x"}]}}',
      status: 400,
    },
    {
      label: 'refuses a message without a sender',
      headers: JSON_BODY,
      body: '{"text":"x"}',
      status: 400,
      answer: /"fromNumber":\["is required"\]/,
    },
    { label: 'refuses what is not JSON', headers: JSON_BODY, body: 'x', status: 400 },
  ],
  reports: [
    ...['UNKNOWN', 'QUEUED', 'SCHEDULED', 'SENT_TO_SUPPLIER', 'EMULATED'].map((status) => reported(status, 'SENT')),
    ...['DEVICE_ACK', 'READ'].map((status) => reported(status, 'DELIVERED')),
    reported('EXPIRED', 'ERROR', { expired: true }),
    ...['DELIVERY_FAILURE', 'VOLUME_LIMIT_DAILY', 'MEDIA_TOO_LARGE'].map((status) => reported(status, 'ERROR')),
    reported('TELEPORTED', undefined),
    reported('constructor', undefined),
    {
      label: 'the updates of an event',
      path: 'status',
      headers: JSON_BODY,
      body: JSON.stringify({
        event: {
          messageStatusUpdate: [
            { channel: 'sms', messageId: 'm1', status: 'DEVICE_ACK', statusCode: 4, statusDescription: 'Got it' },
            { messageId: 'm2', status: 'EXPIRED' },
            { status: 'EXPIRED' },
          ],
        },
      }),
      status: 200,
      reports: [
        {
          externalId: 'm1',
          state: 'DELIVERED',
          code: 'DEVICE_ACK',
          text: 'Got it',
          fields: { statusCode: '4', channel: 'sms' },
        },
        { externalId: 'm2', state: 'ERROR', expired: true, code: 'EXPIRED', fields: {} },
      ],
    },
    { label: 'no id', path: 'status', headers: JSON_BODY, body: '{"status":"READ"}', status: 400, reports: [] },
  ],
  outgoing: [
    sent('gives a text', { text: 'hello' }, { content: 'hello' }),
    sent('gives accents', { text: 'café' }, { content: 'café' }),
    sent('gives the euro, which the alphabet of GSM has', { text: 'café €' }, { content: 'café €' }),
    sent('gives Arabic', { text: 'مرحبا' }, { content: 'مرحبا', charset: 'UTF-8' }),
    sent('gives Amharic', { text: 'ሰላም' }, { content: 'ሰላም', charset: 'UTF-8' }),
    sent('gives Chinese and an emoji', { text: '你好😀' }, { content: '你好😀', charset: 'UTF-8' }),
    sent(
      'maps what it can, and hands parameters on',
      { text: 'x', from: '272', options: { validity: 60 }, params: { clientMessageId: 'c1' } },
      { content: 'x', from: '272', validityPeriod: 60, clientMessageId: 'c1' },
    ),
    rejected('Invalid destination address.', 'REQUEST'),
    rejected('Destination has opted out', 'MESSAGE_SEND'),
    rejected('Insufficient account balance', 'CREDIT'),
    rejected('Something s3cret-key== else', 'MESSAGE_SEND'),
    refused('a request that failed', 400, { messages: [], error: 'Invalid API key' }, { code: 'AUTH' }),
    refused(
      'a request that is not allowed',
      401,
      { messages: [], error: 'Some error' },
      { code: 'AUTH', providerCode: '401' },
    ),
    refused(
      'an error of the service',
      500,
      { messages: [], error: 'invalid state' },
      { code: 'SERVER', providerCode: '500' },
    ),
    { label: 'no number', send: { to: 'Ann' }, answers: [], requests: [], error: { code: 'REQUEST' } },
  ],
  batches: [
    {
      label: 'gives one text to many, some of whom are refused',
      messages: [
        { to: '11', text: 'x' },
        { to: '22', text: 'x' },
        { to: '33', text: 'y' },
      ],
      answers: [
        {
          body: '{"messages":[{"apiMessageId":null,"accepted":false,"to":"22","error":"Invalid destination address."},{"apiMessageId":"a1","accepted":true,"to":"11","error":null}],"error":null}',
        },
        { body: '{"messages":[],"error":"No credit left"}' },
      ],
      requests: [{ body: '{"content":"x","to":["11","22"]}' }, { body: '{"content":"y","to":["33"]}' }],
      outcomes: [{ result: { externalIds: ['a1'] } }, { error: { code: 'REQUEST' } }, { error: { code: 'CREDIT' } }],
    },
  ],
  checks: [
    {
      label: 'has nothing to ask for states',
      messages: [{ externalIds: ['m1'] }],
      answers: [],
      requests: [],
      reports: [],
    },
  ],
}
describeBackend(platform)
fuzzViews(platform)

describe('long messages of clickatellPlatform', () => {
  it('are joined', async () => {
    const harness = await startHarness('platform', platform.backend)
    try {
      for (const [number, text] of [
        [2, 'world'],
        [1, 'Hello '],
      ]) {
        const udh = `05000307020${number}`
        const body = JSON.stringify({ messageId: `p${number}`, fromNumber: '271', toNumber: '272', text, udh })
        const answer = await fetch(`${harness.url}/backends/platform/`, { method: 'POST', headers: JSON_BODY, body })
        expect(answer.status).to.equal(200)
      }
      await untilMessages(harness.seen, 1)
      expect(harness.seen.messages.map((message) => message.text)).to.deep.equal(['Hello world'])
    } finally {
      await harness.stop()
    }
  })
})
