import { vumi } from '../../src/backends/index.ts'
import { describeBackend } from '../support/backend-table.ts'

const BASIC = Buffer.from('ann:nginx-password').toString('base64')

const envelope = (result: unknown) => JSON.stringify({ status: 200, code: 'OK', description: 'found', result })
const refusal = (type: string, text: string, status: number) => ({
  status,
  body: JSON.stringify({ status, code: 'Not Found', description: text, result: { errors: [{ type, message: text }] } }),
})

describeBackend({
  name: 'vumi-junebug-asked',
  backend: (url) =>
    vumi({ api: 'junebug', baseUrl: `${url}/jb/`, channel: 'ch/1', auth: { user: 'ann', password: 'nginx-password' } }),
  secrets: ['nginx-password', BASIC],
  checks: [
    {
      label: 'of messages, one unknown and one without events',
      messages: ['a', 'b', 'c', 'd/e'].map((id) => ({ externalIds: [id] })),
      answers: [
        {
          body: envelope({ id: 'a', last_event_type: 'delivery_succeeded', last_event_timestamp: 't', events: [] }),
        },
        refusal('MessageNotFound', 'gone', 404),
        { body: envelope({ id: 'c', last_event_type: null, last_event_timestamp: null, events: [] }) },
        {
          body: envelope({
            id: 'd/e',
            last_event_type: 'delivery_report',
            events: [{ event_type: 'submitted' }, { event_type: 'delivery_failed' }],
          }),
        },
      ],
      requests: [
        { method: 'GET', target: '/jb/channels/ch%2F1/messages/a', headers: { authorization: `Basic ${BASIC}` } },
        { target: '/jb/channels/ch%2F1/messages/b' },
        { target: '/jb/channels/ch%2F1/messages/c' },
        { target: '/jb/channels/ch%2F1/messages/d%2Fe' },
      ],
      reports: [
        { externalId: 'a', state: 'DELIVERED', code: 'delivery_succeeded', fields: { timestamp: 't' } },
        { externalId: 'd/e', state: 'ERROR', code: 'delivery_failed', fields: {} },
      ],
    },
    {
      label: 'as Vumi calls its events',
      messages: [{ externalIds: ['a'] }],
      answers: [{ body: envelope({ id: 'a', last_event_type: 'ack', events: [] }) }],
      requests: [{}],
      reports: [{ externalId: 'a', state: 'SENT', code: 'ack', fields: {} }],
    },
    {
      label: 'of which one fails and takes no other along',
      messages: ['a', 'b', 'c'].map((id) => ({ externalIds: [id] })),
      answers: [
        { status: 500 },
        { body: 'not JSON' },
        { body: envelope({ id: 'c', last_event_type: 'ack', events: [] }) },
      ],
      requests: [{}, {}, {}],
      reports: [{ externalId: 'c', state: 'SENT', code: 'ack', fields: {} }],
    },
    {
      label: 'that are refused',
      messages: [{ externalIds: ['a'] }],
      answers: [{ status: 500 }],
      requests: [{}],
      error: { code: 'SERVER', providerCode: '500' },
    },
  ],
  calls: [
    {
      label: 'how the channel is, without its passwords',
      method: 'channelStatus',
      answers: [
        { body: envelope({ config: { password: 'x' }, status: { status: 'ok', inbound_message_rate: 1.75 } }) },
      ],
      requests: [{ method: 'GET', target: '/jb/channels/ch%2F1' }],
      result: { status: 'ok', inbound_message_rate: 1.75 },
    },
    {
      label: 'how a channel is that is not there',
      method: 'channelStatus',
      answers: [refusal('ChannelNotFound', 'no', 404)],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: 'ChannelNotFound' },
    },
  ],
})
