import { smsOperator } from '../../src/backends/index.ts'
import { describeBackend } from '../support/backend-table.ts'

const PASSWORD = 's3cret<pass'
const to = '+420777111222'
const texts = ['café €', 'Příliš žluťoučký kůň', 'مرحبا', 'ሰላም', '你好', 'emoji 😀', '1 < 2 & "3"']

const asked = (type: string, content: string) =>
  `<?xml version="1.0"?>\n<SmsServices>\n<DataHeader><DataType>${type}</DataType><UserName>ann</UserName><Password>s3cret&lt;pass</Password></DataHeader>\n<DataArray>\n${content}\n</DataArray>\n</SmsServices>`
const sent = (...items: readonly string[]) =>
  asked('SMS', `<DataTemplate>\n${items.map((item) => `<DataItem>${item}</DataItem>`).join('\n')}\n</DataTemplate>`)
const item = (id: string, text: string) =>
  `<MobileTerminate>${to}</MobileTerminate><Text>${text}</Text><SmsId>${id}</SmsId>`
const answered = (...statuses: readonly (readonly [id: string, status: number | string])[]) => {
  const items = statuses.map(([id, status]) => `<DataItem><SmsId>${id}</SmsId><Status>${status}</Status></DataItem>`)
  return { body: `<SmsServices><DataArray>${items.join('')}</DataArray></SmsServices>` }
}
const fixed = (id: string) => ({ params: { SmsId: id } })
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

const refused = {
  MESSAGE_SEND: '1 3 5 6 10 15 99',
  REQUEST: '2 4',
  UNSUPPORTED: '7',
}
const statuses = ['0', '1', '2', '3', '4', '5', '6', '7', '10', '11', '12', '13', '14', '15', '99', 'x', 'gone']

describeBackend({
  name: 'sms-operator',
  backend: (url) =>
    smsOperator({ url: `${url}/webservices/webservice.aspx`, username: 'ann', password: PASSWORD, prefix: 'app1' }),
  secrets: [PASSWORD, 's3cret&lt;pass'],
  outgoing: [
    {
      label: 'a message',
      send: { to: '00420777111222', ...fixed('app1-15') },
      answers: [answered(['app1-15', 11])],
      requests: [
        {
          method: 'POST',
          target: '/webservices/webservice.aspx',
          headers: { 'content-type': 'text/xml' },
          body: sent(item('app1-15', 'hello')),
        },
      ],
      result: { externalIds: ['app1-15'] },
    },
    {
      label: 'a number without its country code stays as it is',
      send: { to: '604111111', ...fixed('20170102T030405') },
      answers: [
        { body: '<dataarray><dataitem><smsid>20170102T030405</smsid><status> 0 </status></dataitem></dataarray>' },
      ],
      requests: [
        {
          body: sent('<MobileTerminate>604111111</MobileTerminate><Text>hello</Text><SmsId>20170102T030405</SmsId>'),
        },
      ],
      result: { externalIds: ['20170102T030405'] },
    },
    ...texts.map((text) => ({
      label: `sends ${text}`,
      send: { to, text, ...fixed('t') },
      answers: [answered(['t', 0])],
      requests: [{ body: sent(item('t', escaped(text))) }],
    })),
    {
      label: 'parameters of its own',
      send: { to, params: { SmsId: 7, Text: 'other', Flash: true, 'a b': 1 } },
      answers: [answered(['7', 12])],
      requests: [{ body: sent(`${item('7', 'other')}<Flash>1</Flash>`) }],
      result: { externalIds: ['7'] },
    },
    ...Object.entries(refused).flatMap(([error, values]) =>
      values.split(' ').map((status) => ({
        label: `status ${status}`,
        send: { to, ...fixed('s') },
        answers: [answered(['s', status])],
        requests: [{}],
        error: { code: error, providerCode: status },
      })),
    ),
    {
      label: 'an empty answer, which stands for a wrong password',
      send: { to },
      answers: [{ body: '\n' }],
      requests: [{}],
      error: { code: 'AUTH' },
    },
    {
      label: 'an answer that names another message',
      send: { to },
      answers: [answered(['other', 0])],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true },
    },
    {
      label: 'an answer that repeats the password',
      send: { to },
      answers: [{ body: '<error>s3cret&lt;pass</error>' }],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true, text: /\[secret\]/ },
    },
    {
      label: 'status 404 of HTTP',
      send: { to },
      answers: [{ status: 404, body: 'no' }],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '404' },
    },
  ],
  batches: [
    {
      label: 'each has its own outcome; one that is not named may have been taken',
      messages: [
        { to, text: 'a' },
        { to, text: 'b' },
        { to, text: 'c' },
      ],
      answers: [answered(['app1-message-1', 4], ['app1-message-0', 0], ['x', 0])],
      requests: [{ body: sent(...['a', 'b', 'c'].map((text, index) => item(`app1-message-${index}`, text))) }],
      outcomes: [
        { result: { externalIds: ['app1-message-0'] } },
        { error: { code: 'REQUEST', providerCode: '4' } },
        { error: { code: 'CONNECTION', unknown: true } },
      ],
    },
    {
      label: 'a wrong password',
      messages: [{ to }, { to }],
      answers: [{ body: '' }],
      requests: [{}],
      error: { code: 'AUTH' },
    },
  ],
  checks: [
    {
      label: 'all states, in one request',
      messages: statuses.map((status) => ({ externalIds: [`app1-${status}`] })),
      answers: [answered(...statuses.slice(0, -1).map((status) => [`app1-${status}`, status] as const))],
      requests: [{ body: asked('SMS-Status', statuses.map((status) => `<SmsId>app1-${status}</SmsId>`).join('\n')) }],
      reports: [
        { externalId: 'app1-0', state: 'DELIVERED', code: '0' },
        { externalId: 'app1-1', state: 'ERROR', code: '1', text: 'not delivered' },
        { externalId: 'app1-2', state: 'ERROR', code: '2', text: 'the number does not exist' },
        {
          externalId: 'app1-3',
          state: 'ERROR',
          expired: true,
          code: '3',
          text: 'timed out, not handed to the operator',
        },
        { externalId: 'app1-4', state: 'ERROR', code: '4', text: 'wrong form of the number' },
        { externalId: 'app1-5', state: 'ERROR', code: '5', text: 'other error' },
        { externalId: 'app1-6', state: 'ERROR', code: '6', text: 'event error' },
        { externalId: 'app1-7', state: 'ERROR', code: '7', text: 'text too long' },
        { externalId: 'app1-10', state: 'ERROR', code: '10', text: 'some of the parts delivered' },
        { externalId: 'app1-11', state: 'SENT', code: '11' },
        { externalId: 'app1-12', state: 'SENT', code: '12' },
        { externalId: 'app1-13', state: 'SENT', code: '13' },
        { externalId: 'app1-14', state: 'SENT', code: '14' },
        { externalId: 'app1-15', state: 'ERROR', code: '15', text: 'not found' },
        { externalId: 'app1-99', code: '99' },
      ],
    },
    { label: 'nothing to ask', messages: [{ externalIds: [] }], answers: [], requests: [], reports: [] },
    {
      label: 'an empty answer',
      messages: [{ externalIds: ['1'] }],
      answers: [{ body: '' }],
      requests: [{}],
      error: { code: 'AUTH' },
    },
  ],
})
