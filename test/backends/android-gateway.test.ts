import { androidGateway } from '../../src/backends/index.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'

const KENYA = 'token-of-the-phone-in-kenya'
const MALI = 'token-of-the-phone-in-mali'
const JSON_BODY = { 'content-type': 'application/json', authorization: `Bearer ${KENYA}` }
const OTHER = { ...JSON_BODY, authorization: `bearer  ${MALI} ` }
const NOTHING = '{"messages":[],"leaseTime":300000}'
const UNKNOWN = '00000000-0000-7000-8000-000000000000'

const table: BackendTable = {
  name: 'phones',
  backend: () => androidGateway({ devices: { kenya: KENYA, mali: MALI } }),
  secrets: [KENYA, MALI, 'token-of-nobody-at-all'],
  incoming: [
    {
      label: 'a message',
      path: 'incoming',
      headers: JSON_BODY,
      body: '{"id":"17","from":"+254711000001","to":"+254700000009","text":"hi","receivedAt":"2026-01-05T09:00:00Z","sim":1}',
      status: 200,
      answer: /^\{"id":"[0-9a-f-]{36}","duplicate":false\}$/,
      message: {
        identity: '+254711000001',
        text: 'hi',
        address: '+254700000009',
        externalId: 'kenya/17',
        fields: { device: 'kenya', receivedAt: '2026-01-05T09:00:00Z', sim: 1 },
      },
    },
    {
      label: 'the same id from another phone',
      path: 'incoming',
      headers: OTHER,
      body: '{"id":17,"from":"+254711000001","text":"hi","device":"kenya","receivedAt":null}',
      status: 200,
      answer: /"duplicate":false/,
      message: { identity: '+254711000001', text: 'hi', externalId: 'mali/17', fields: { device: 'mali' } },
    },
    {
      label: 'the same again',
      path: 'incoming',
      headers: JSON_BODY,
      body: '{"id":"17","from":"+254711000001","text":"hi"}',
      status: 200,
      answer: /"duplicate":true/,
    },
    ...['café €', 'مرحبا', 'ሰላም', '你好', '😀'].map((text, index) => ({
      label: `a message that says ${text}`,
      path: 'incoming',
      headers: JSON_BODY,
      body: JSON.stringify({ id: `t${index}`, from: 'MPESA', text }),
      status: 200,
      message: { identity: 'MPESA', text, externalId: `kenya/t${index}`, fields: { device: 'kenya' } },
    })),
    {
      label: 'no id, no sender',
      path: 'incoming',
      headers: JSON_BODY,
      body: '{"text":"hi"}',
      status: 400,
      answer: /"id":\["is required"\].*"from":\["is required"\]|"from":\["is required"\].*"id":\["is required"\]/,
    },
    { label: 'no JSON', path: 'incoming', headers: JSON_BODY, body: '{', status: 400 },
    ...(['incoming', 'outbox', 'confirm'] as const).flatMap((path) => [
      {
        label: `${path} without a token`,
        path,
        headers: { 'content-type': 'application/json' },
        body: '{"id":"1","from":"1","text":"hi","messages":[]}',
        status: 401,
        answerHeaders: { 'www-authenticate': 'Bearer' },
      },
      ...['Bearer token-of-nobody-at-all', `Bearer ${KENYA}x`].map((authorization) => ({
        label: `${path} with ${authorization}`,
        path,
        headers: { ...JSON_BODY, authorization },
        body: '{"id":"1","from":"1","text":"hi","messages":[]}',
        status: 403,
        answer: '{"errors":{"authorization":["the token is of no phone"]}}',
      })),
    ]),
    { label: 'a token of another kind', path: 'outbox', headers: { authorization: `Basic ${KENYA}` }, status: 401 },
    { label: 'the outbox', path: 'outbox', headers: JSON_BODY, status: 200, answer: NOTHING },
    {
      label: 'the outbox, nobody may keep a copy',
      path: 'outbox?limit=5&battery=80&charging=true',
      headers: JSON_BODY,
      status: 200,
      answer: NOTHING,
      answerHeaders: { 'cache-control': 'no-store' },
    },
    {
      label: 'the outbox by POST, a heartbeat that makes no sense',
      path: 'outbox',
      headers: JSON_BODY,
      body: '{"limit":100,"battery":"empty","charging":7,"signal":-1,"network":{},"version":[]}',
      status: 200,
      answer: NOTHING,
    },
    { label: 'a limit of 0', path: 'outbox?limit=0', headers: JSON_BODY, status: 400, answer: /limit/ },
    { label: 'a limit of many', path: 'outbox?limit=1000', headers: JSON_BODY, status: 400, answer: /limit/ },
    { label: 'a limit of none', path: 'outbox?limit=', headers: JSON_BODY, status: 400, answer: /limit/ },
    { label: 'a GET of what a phone received', path: 'incoming?id=1&from=1&text=x', headers: JSON_BODY, status: 405 },
  ],
  reports: [
    {
      label: 'a confirmation of nothing known',
      path: 'confirm',
      headers: JSON_BODY,
      body: `{"messages":[{"id":"${UNKNOWN}","state":"SENT","code":null,"text":null}]}`,
      status: 200,
      answer: `{"unknown":["${UNKNOWN}"]}`,
    },
    {
      label: 'a confirmation of no state',
      path: 'confirm',
      headers: JSON_BODY,
      body: `{"messages":[{"id":"${UNKNOWN}","state":"GONE"}]}`,
      status: 400,
      answer: /messages\.0\.state/,
    },
    { label: 'a confirmation of none', path: 'confirm', headers: JSON_BODY, body: '{}', status: 400 },
  ],
  outgoing: [
    {
      label: 'puts a message into the outbox',
      send: {},
      answers: [],
      requests: [],
      state: 'SENDING',
    },
  ],
  failures: false,
}

describeBackend(table)
fuzzViews(table)
