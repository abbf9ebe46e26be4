import { clickatellPlatform } from '../../src/backends/index.ts'
import { describeBackend, type OutgoingRow } from '../support/backend-table.ts'

const JSON_BODY = { 'content-type': 'application/json' }
const KEY = 's3cret-key=='
const headers = { authorization: KEY, accept: 'application/json', ...JSON_BODY }

function refused(label: string, status: number, body: object, error: NonNullable<OutgoingRow['error']>): OutgoingRow {
  return {
    label,
    send: {},
    answers: [{ status, body: JSON.stringify(body) }],
    requests: [{}],
    error,
  }
}

describeBackend({
  name: 'one',
  backend: (baseUrl) => clickatellPlatform({ baseUrl, apiKey: KEY, api: 'one', from: '272' }),
  secrets: [KEY],
  outgoing: [
    {
      label: 'gives a message',
      send: { text: '你好' },
      answers: [
        {
          status: 202,
          body: '{"messages":[{"apiMessageId":"02ca","accepted":true,"to":"254700000001"}],"error":null}',
        },
      ],
      requests: [
        {
          method: 'POST',
          target: '/v1/message',
          headers,
          body: '{"messages":[{"channel":"sms","to":"254700000001","content":"你好","from":"272"}]}',
        },
      ],
      result: { externalIds: ['02ca'] },
    },
    ...[
      { number: 2, code: 'AUTH' },
      { number: 18, code: 'SERVER' },
      { number: 20, code: 'CREDIT' },
      { number: 23, code: 'REQUEST' },
      { number: 26, code: 'MESSAGE_SEND' },
      { number: 27, code: 'UNSUPPORTED' },
      { number: 43, code: 'LIMITS' },
      { number: 999, code: 'MESSAGE_SEND' },
    ].map(({ number, code }) => {
      const body = {
        messages: [{ error: { code: number, description: 'No' }, accepted: false, to: '254700000001' }],
        error: null,
      }
      return refused(`error ${number}`, 400, body, { code, providerCode: String(number) })
    }),
    refused(
      'a wrong key',
      401,
      { error: { code: 1, description: `Invalid ${KEY}` } },
      { code: 'AUTH', providerCode: '1' },
    ),
  ],
  batches: [
    {
      label: 'gives different texts in one request',
      messages: [
        { to: '11', text: 'x' },
        { to: '22', text: 'y' },
      ],
      answers: [
        {
          status: 207,
          body: '{"messages":[{"apiMessageId":"a1","accepted":true,"to":"11"},{"error":{"code":25,"description":"No"},"accepted":false,"to":"22"}],"error":null}',
        },
      ],
      requests: [
        {
          body: '{"messages":[{"channel":"sms","to":"11","content":"x","from":"272"},{"channel":"sms","to":"22","content":"y","from":"272"}]}',
        },
      ],
      outcomes: [{ result: { externalIds: ['a1'] } }, { error: { code: 'REQUEST', providerCode: '25' } }],
    },
  ],
  checks: [
    {
      label: 'asks for states, and leaves out those that are not known',
      messages: [{ externalIds: ['a/1', 'a2', 'a3'] }],
      answers: [
        { body: '{"sms":{"status":"DEVICE_ACK","timestamp":1506607698000}}' },
        { status: 404 },
        { body: '{"sms":{"status":"NEW"}}' },
      ],
      requests: [
        { method: 'GET', target: '/v1/message/a%2F1' },
        { target: '/v1/message/a2' },
        { target: '/v1/message/a3' },
      ],
      reports: [
        { externalId: 'a/1', code: 'DEVICE_ACK', state: 'DELIVERED' },
        { externalId: 'a3', code: 'NEW' },
      ],
    },
    {
      label: 'loses no answer to one that fails',
      messages: [{ externalIds: ['a1', 'a2', 'a3'] }],
      answers: [{ status: 500 }, { body: '{"sms":{"status":"EXPIRED"}}' }, { body: 'not JSON' }],
      requests: [{}, {}, {}],
      reports: [{ externalId: 'a2', code: 'EXPIRED', state: 'ERROR', expired: true }],
    },
  ],
  calls: [
    {
      label: 'the balance',
      method: 'balance',
      answers: [{ body: '{"currency":"USD","balance":12.3}' }],
      requests: [{ method: 'GET', target: '/v1/balance', headers: { authorization: KEY } }],
      result: { amount: 12.3, currency: 'USD' },
    },
    {
      label: 'a balance that may not be asked',
      method: 'balance',
      answers: [{ status: 401, body: '{"error":{"code":1,"description":"Invalid key"}}' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '1' },
    },
  ],
})
