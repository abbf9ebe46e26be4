import { expect } from 'chai'
import { africasTalkingSettings, hostsOf } from '../../src/backends/africas-talking-settings.ts'
import { africasTalking } from '../../src/backends/index.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'

// Payloads of africastalking-node.js and africastalking-python, and of docs.africastalking.com ("Sending",
// "Delivery reports", "Incoming messages", "USSD"), the numbers filled in.
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const TO = '%2B254700000001'
const BULK = `username=shop&to=${TO}&message=hello&bulkSMSMode=1`

const recipients = (...list: readonly object[]) =>
  JSON.stringify({ SMSMessageData: { Message: `Sent to 1/${list.length} Total Cost: KES 0.8000`, Recipients: list } })
const sent = (number = '+254700000001', messageId = 'ATXid_d4e696eaebb289503ea89cfd9ce280a3') => ({
  statusCode: 101,
  number,
  status: 'Success',
  cost: 'KES 0.8000',
  messageId,
})
const taken = [{ status: 201, body: recipients(sent()) }]
const result = { externalIds: ['ATXid_d4e696eaebb289503ea89cfd9ce280a3'], cost: 0.8, currency: 'KES' }
const nobody = (Message: string) => ({
  status: 201,
  body: JSON.stringify({ SMSMessageData: { Message, Recipients: [] } }),
})
const polled = (...Messages: readonly object[]) => ({ body: JSON.stringify({ SMSMessageData: { Messages } }) })
const fetched = {
  linkId: 'SampleLinkId123',
  text: 'Hello',
  to: '28901',
  id: 15071,
  date: '2018-03-19T08:34:18.445Z',
  from: '+254711000001',
}
const asMessage = {
  identity: '+254711000001',
  text: 'Hello',
  address: '28901',
  externalId: '15071',
  fields: { linkId: 'SampleLinkId123', date: '2018-03-19T08:34:18.445Z' },
}

const codes = [
  ['401', 'RiskHold', 'MESSAGE_SEND'],
  ['402', 'InvalidSenderId', 'REQUEST'],
  ['403', 'InvalidPhoneNumber', 'REQUEST'],
  ['404', 'UnsupportedNumberType', 'UNSUPPORTED'],
  ['405', 'InsufficientBalance', 'CREDIT'],
  ['406', 'UserInBlacklist', 'MESSAGE_SEND'],
  ['407', 'CouldNotRoute', 'SERVER'],
  ['409', 'DoNotDisturbRejection', 'MESSAGE_SEND'],
  ['500', 'InternalServerError', 'SERVER'],
  ['501', 'GatewayError', 'SERVER'],
  ['502', 'RejectedByGateway', 'MESSAGE_SEND'],
  ['777', 'SomethingNew', 'MESSAGE_SEND'],
] as const

const table: BackendTable = {
  name: 'at',
  backend: (url) =>
    africasTalking({ username: 'shop', apiKey: 'atsk-s3cret-key', baseUrl: url, premiumUrl: `${url}/premium` }),
  secrets: ['atsk-s3cret-key'],
  incoming: [
    {
      label: 'a message',
      headers: FORM,
      body: 'date=2018-03-19T08%3A34%3A18.445Z&from=%2B254711000001&id=7a3c&linkId=Link1&text=Hello&to=28901&networkCode=63902',
      status: 200,
      answer: 'OK',
      message: {
        ...asMessage,
        externalId: '7a3c',
        fields: { linkId: 'Link1', date: '2018-03-19T08:34:18.445Z', networkCode: '63902' },
      },
    },
    {
      label: 'only what is sure',
      headers: FORM,
      body: 'date=&from=%2B254711000001&text=Hello&to=28901&linkId=',
      status: 200,
      message: { identity: '+254711000001', text: 'Hello', address: '28901' },
    },
    ...['café €', 'مرحبا', 'ሰላም', '你好', '😀'].map((text) => ({
      label: `a message that says ${text}`,
      headers: FORM,
      body: `from=%2B254711000001&text=${encodeURIComponent(text)}&to=28901`,
      status: 200,
      message: { identity: '+254711000001', text, address: '28901' },
    })),
    { label: 'no sender', headers: FORM, body: 'text=hi&to=28901', status: 400, answer: /"from":\["is required"\]/ },
    { label: 'a GET', path: '?from=1&text=hi', status: 405 },
    {
      label: 'a bulk opt-out',
      path: 'optout',
      headers: FORM,
      body: 'senderId=SHOP&phoneNumber=%2B254711000001',
      status: 200,
      message: { identity: '+254711000001', text: 'STOP', address: 'SHOP', fields: { notice: 'opt-out' } },
    },
    { label: 'an opt-out of nobody', path: 'optout', headers: FORM, body: 'senderId=SHOP', status: 400 },
    {
      label: 'a subscription',
      path: 'subscription',
      headers: FORM,
      body: 'phoneNumber=%2B254711000001&shortCode=28901&keyword=jokes&updateType=addition',
      status: 200,
      message: {
        identity: '+254711000001',
        text: 'addition jokes',
        address: '28901',
        fields: { notice: 'subscription', updateType: 'addition', keyword: 'jokes' },
      },
    },
    {
      label: 'a USSD session begins',
      path: 'ussd',
      headers: FORM,
      body: 'sessionId=ATUid_1&phoneNumber=%2B254711000001&networkCode=63902&serviceCode=*384*7%23&text=',
      status: 200,
      answer: 'END Please try again later.',
      answerHeaders: { 'content-type': 'text/plain; charset=utf-8' },
      message: {
        identity: '+254711000001',
        text: '',
        address: '*384*7#',
        externalId: 'ATUid_1/e3b0c44298fc1c14',
        fields: { session: { id: 'ATUid_1', event: 'new' }, input: '', networkCode: '63902' },
      },
    },
    {
      label: 'a USSD session goes on: what was just written is behind the last asterisk',
      path: 'ussd',
      headers: FORM,
      body: `sessionId=ATUid_1&phoneNumber=%2B254711000001&serviceCode=*384*7%23&text=1*2*${encodeURIComponent('Zoë 你')}`,
      status: 200,
      message: {
        identity: '+254711000001',
        text: 'Zoë 你',
        address: '*384*7#',
        externalId: 'ATUid_1/cd35415cde586dab',
        fields: { session: { id: 'ATUid_1', event: 'resume' }, input: '1*2*Zoë 你' },
      },
    },
    { label: 'USSD without a session', path: 'ussd', headers: FORM, body: 'phoneNumber=1&text=', status: 400 },
    {
      label: 'a USSD session is over',
      path: 'session',
      headers: FORM,
      body: 'date=x&sessionId=ATUid_1&serviceCode=*384*7%23&networkCode=63902&phoneNumber=%2B254711000001&status=Success&cost=KES+0.4&durationInMillis=9000&hopsCount=2&input=1*2&lastAppResponse=END+Bye&errorMessage=',
      status: 200,
      answer: '',
      message: {
        identity: '+254711000001',
        text: '',
        address: '*384*7#',
        externalId: 'ATUid_1/close',
        fields: {
          session: { id: 'ATUid_1', event: 'close' },
          networkCode: '63902',
          status: 'Success',
          cost: 'KES 0.4',
          durationInMillis: '9000',
          hopsCount: '2',
          input: '1*2',
          lastAppResponse: 'END Bye',
        },
      },
    },
  ],
  reports: [
    ...(
      [
        ['Sent', 'SENT'],
        ['Submitted', 'SENT'],
        ['Buffered', 'SENT'],
        ['Success', 'DELIVERED'],
        ['AbsentSubscriber', 'ERROR'],
        ['Expired', 'ERROR'],
      ] as const
    ).map(([status, state]) => ({
      label: `a report: ${status}`,
      path: 'status',
      headers: FORM,
      body: `id=ATXid_1&status=${status}&phoneNumber=%2B254711000001&networkCode=63902`,
      status: 200,
      answer: '',
      reports: [
        {
          ...{ externalId: 'ATXid_1', code: status, state, ...(status === 'Expired' ? { expired: true } : {}) },
          ...{ identity: '+254711000001', fields: { networkCode: '63902' } },
        },
      ],
    })),
    ...['Rejected', 'Failed'].map((status) => ({
      label: `a report: ${status}, with its reason`,
      path: 'status',
      headers: FORM,
      body: `id=ATXid_1&status=${status}&phoneNumber=%2B254711000001&failureReason=UserInBlackList&retryCount=2`,
      status: 200,
      reports: [
        {
          externalId: 'ATXid_1',
          code: 'UserInBlackList',
          state: 'ERROR' as const,
          identity: '+254711000001',
          text: 'UserInBlackList',
          fields: { retryCount: '2' },
        },
      ],
    })),
    {
      label: 'a report with a word nobody knows',
      path: 'status',
      headers: FORM,
      body: 'id=ATXid_1&status=Vanished&failureReason=x',
      status: 200,
      reports: [{ externalId: 'ATXid_1', code: 'Vanished', text: 'x', fields: {} }],
    },
    { label: 'a report on nothing', path: 'status', headers: FORM, body: 'status=Success', status: 400 },
  ],
  outgoing: [
    {
      label: 'sends in bulk',
      send: {},
      answers: taken,
      requests: [
        {
          method: 'POST',
          target: '/version1/messaging',
          headers: { apikey: 'atsk-s3cret-key', accept: 'application/json', ...FORM },
          body: BULK,
        },
      ],
      result,
    },
    {
      label: 'sends without a plus sign in the number, from an address, in any script',
      send: { to: '254700000001', from: 'SHOP', text: 'café € ሰላም 😀' },
      answers: taken,
      requests: [
        {
          body: `username=shop&to=${TO}&message=caf%C3%A9+%E2%82%AC+%E1%88%B0%E1%88%8B%E1%88%9D+%F0%9F%98%80&from=SHOP&bulkSMSMode=1`,
        },
      ],
      result,
    },
    {
      label: 'sends from the sender asked for, with parameters as they are',
      send: { from: 'SHOP', options: { senderId: 'SALE', validity: 90 }, params: { enqueue: 1 } },
      answers: taken,
      requests: [{ body: `username=shop&to=${TO}&message=hello&from=SALE&bulkSMSMode=1&enqueue=1` }],
    },
    {
      label: 'sends premium with the link of what came in',
      send: { from: '28901', fields: { linkId: 'Link1' }, options: { validity: 90 } },
      answers: taken,
      requests: [
        {
          target: '/premium/version1/messaging',
          body: `username=shop&to=${TO}&message=hello&from=28901&bulkSMSMode=0&linkId=Link1&retryDurationInHours=2`,
        },
      ],
      result,
    },
    {
      label: 'sends premium to subscribers of a keyword',
      send: { from: '28901', params: { keyword: 'jokes' } },
      answers: taken,
      requests: [
        {
          target: '/premium/version1/messaging',
          body: `username=shop&to=${TO}&message=hello&from=28901&bulkSMSMode=0&keyword=jokes`,
        },
      ],
    },
    {
      label: 'sends premium to who has subscribed',
      send: { from: '28901', fields: { notice: 'subscription', keyword: 'jokes', updateType: 'addition' } },
      answers: taken,
      requests: [
        {
          target: '/premium/version1/messaging',
          body: `username=shop&to=${TO}&message=hello&from=28901&bulkSMSMode=0&keyword=jokes`,
        },
      ],
    },
    ...[
      { label: 'no text for a link', fields: { linkId: { a: 1 } } },
      { label: 'a keyword of another kind', fields: { keyword: 'jokes' } },
      { label: 'an ended subscription', fields: { notice: 'subscription', keyword: 'jokes', updateType: 'deletion' } },
    ].map(({ label, fields }) => ({
      label: `sends in bulk with ${label}`,
      send: { fields },
      answers: taken,
      requests: [{ target: '/version1/messaging', body: BULK }],
    })),
    {
      label: 'takes 200, a code as a text, parts, and no price',
      send: {},
      answers: [{ body: recipients({ ...sent(), statusCode: '100', cost: '0', messageParts: 2 }) }],
      requests: [{}],
      result: { externalIds: result.externalIds, parts: 2 },
    },
    ...[{ messageParts: 0 }, { messageParts: '1' }, { cost: null }, { status: null }].map((odd) => ({
      label: `takes a recipient with ${JSON.stringify(odd)}`,
      send: {},
      answers: [{ body: recipients({ ...sent(), ...odd }) }],
      requests: [{}],
      state: 'SENT',
    })),
    {
      label: 'takes a recipient without a code',
      send: {},
      answers: [{ body: recipients({ number: '+254700000001', status: 'Success', messageId: 'None' }) }],
      requests: [{}],
      result: {},
    },
    ...codes.map(([code, status, expected]) => ({
      label: `a recipient refused: ${code} ${status}`,
      send: {},
      answers: [
        {
          status: 201,
          body: recipients({ ...sent(), statusCode: Number(code), status, cost: '0', messageId: 'None' }),
        },
      ],
      requests: [{}],
      error: { code: expected, providerCode: code, text: new RegExp(status) },
    })),
    {
      label: 'nothing sent, for a reason of the table',
      send: {},
      answers: [nobody('InvalidSenderId')],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '402', text: /InvalidSenderId/ },
    },
    {
      label: 'nothing sent, for no known reason',
      send: {},
      answers: [nobody('No reason, atsk-s3cret-key')],
      requests: [{}],
      error: { code: 'MESSAGE_SEND', text: /No reason, \[secret\]/ },
    },
    {
      label: 'a key that is not valid',
      send: {},
      answers: [{ status: 401, body: 'The supplied authentication is invalid' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '401', text: /authentication is invalid/ },
    },
    {
      label: 'too fast',
      send: {},
      answers: [{ status: 429, body: 'slow down' }],
      requests: [{}],
      error: { code: 'LIMITS', providerCode: '429' },
    },
    {
      label: 'a request that is not understood',
      send: {},
      answers: [{ status: 400, body: 'Request is missing required form field' }],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '400' },
    },
    {
      label: 'an XML answer',
      send: {},
      answers: [{ status: 201, body: '<AfricasTalkingResponse/>' }],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true },
    },
    {
      label: 'several numbers in one identity',
      send: { to: '+254700000001,+254700000002' },
      answers: [],
      requests: [],
      error: { code: 'REQUEST', text: /comma/ },
    },
    {
      label: 'a USSD text when nobody waits for it',
      send: { from: '*384*7#' },
      answers: [],
      requests: [],
      error: { code: 'UNSUPPORTED', text: /only in the answer/ },
    },
  ],
  batches: [
    {
      label: 'gives all recipients of a text in one request, matched by their numbers',
      messages: [{ to: '+254700000001' }, { to: '254700000002' }, { to: '+254700000003' }, { to: '+254700000004' }],
      answers: [
        {
          status: 201,
          body: recipients(
            { ...sent('+254700000003', 'None'), statusCode: 406, status: 'UserInBlacklist' },
            sent('+254700000001', 'ATXid_1'),
          ),
        },
        { status: 201, body: recipients(sent('+254700000002', 'ATXid_2')) },
      ],
      requests: [
        { body: `username=shop&to=${TO}%2C%2B254700000003%2C%2B254700000004&message=hello&bulkSMSMode=1` },
        { body: 'username=shop&to=%2B254700000002&message=hello&bulkSMSMode=1' },
      ],
      outcomes: [
        { result: { ...result, externalIds: ['ATXid_1'] } },
        { result: { ...result, externalIds: ['ATXid_2'] } },
        { error: { code: 'MESSAGE_SEND', providerCode: '406' } },
        { error: { code: 'CONNECTION', unknown: true, text: /without a word about this recipient/ } },
      ],
    },
    {
      label: 'gives each text and each link in a request of its own; one that fails is its own failure',
      messages: [
        { text: 'a' },
        { text: 'b', to: '+254700000002' },
        { text: 'a', to: '+1,+2' },
        { text: 'a', from: '28901', fields: { linkId: 'L' } },
        { text: 'a' },
      ],
      answers: [
        { status: 201, body: recipients(sent()) },
        { status: 500, body: 'down' },
        { status: 201, body: recipients(sent(undefined, 'ATXid_5')) },
        { status: 201, body: recipients(sent()) },
      ],
      requests: [
        { target: '/version1/messaging', body: `username=shop&to=${TO}&message=a&bulkSMSMode=1` },
        { target: '/version1/messaging', body: 'username=shop&to=%2B254700000002&message=b&bulkSMSMode=1' },
        { target: '/premium/version1/messaging' },
        { body: `username=shop&to=${TO}&message=a&bulkSMSMode=1` },
      ],
      outcomes: [
        { result },
        { error: { code: 'SERVER', providerCode: '500' } },
        { error: { code: 'REQUEST' } },
        { result: { ...result, externalIds: ['ATXid_5'] } },
        { result },
      ],
    },
  ],
  polls: [
    {
      label: 'polls page after page, in the order of the ids, and leaves out what cannot be read',
      answers: [
        polled(
          { ...fetched, id: '15072', text: 'second', linkId: null },
          { ...fetched, id: 15073, text: 7.5 },
          fetched,
        ),
        polled(),
      ],
      requests: [
        {
          method: 'GET',
          target: '/version1/messaging?username=shop&lastReceivedId=0',
          headers: { apikey: 'atsk-s3cret-key' },
        },
        { target: '/version1/messaging?username=shop&lastReceivedId=15073' },
      ],
      messages: [
        asMessage,
        { ...asMessage, text: 'second', externalId: '15072', fields: { date: '2018-03-19T08:34:18.445Z' } },
      ],
      memory: { lastReceivedId: '15073' },
    },
    {
      label: 'polls from where it got to, and ends where the service repeats itself',
      remembered: { lastReceivedId: '15080' },
      answers: [polled({ ...fetched, id: 15080, text: 'again' })],
      requests: [{ target: '/version1/messaging?username=shop&lastReceivedId=15080' }],
      messages: [{ ...asMessage, text: 'again', externalId: '15080' }],
      memory: { lastReceivedId: '15080' },
    },
    {
      label: 'a poll that is refused',
      answers: [{ status: 401, body: 'The supplied authentication is invalid' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '401' },
      memory: { lastReceivedId: '15080' },
    },
  ],
  calls: [
    {
      label: 'tells the balance',
      method: 'balance',
      answers: [{ body: '{"UserData":{"balance":"KES 1785.50"}}' }],
      requests: [{ method: 'GET', target: '/version1/user?username=shop', headers: { apikey: 'atsk-s3cret-key' } }],
      result: { amount: 1785.5, currency: 'KES' },
    },
    {
      label: 'a balance that is no amount',
      method: 'balance',
      answers: [{ body: '{"UserData":{"balance":"plenty"}}' }],
      requests: [{}],
      error: { code: 'MESSAGE_SEND', unknown: true, text: /plenty/ },
    },
  ],
}

describe('the hosts of africasTalking', () => {
  const hosts = (values: object) =>
    hostsOf(africasTalkingSettings.parse({ username: 'shop', apiKey: 'key', ...values }))

  it("are the service's own, the sandbox by its name, or those of the settings", () => {
    expect(hosts({})).to.deep.equal({
      bulk: 'https://api.africastalking.com',
      premium: 'https://content.africastalking.com',
    })
    const sandbox = 'https://api.sandbox.africastalking.com'
    expect(hosts({ username: 'sandbox' })).to.deep.equal({ bulk: sandbox, premium: sandbox })
    const proxy = 'http://proxy.example'
    expect(hosts({ baseUrl: proxy })).to.deep.equal({ bulk: proxy, premium: proxy })
  })
})

describeBackend(table)
fuzzViews(table)
