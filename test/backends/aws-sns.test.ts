import { expect } from 'chai'
import { awsSns } from '../../src/backends/index.ts'
import { startHarness } from '../../src/testing/backend-harness.ts'
import { describeBackend, fuzzViews } from '../support/backend-table.ts'
import { snsPeer } from '../support/sns-peer.ts'

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:sms-inbound'
const CERTIFICATE = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-test.pem'
const HEADERS = { 'content-type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': 'Notification' }
const peer = snsPeer()
const stranger = snsPeer()

const envelope = {
  Type: 'Notification',
  MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
  TopicArn: TOPIC,
  Timestamp: '2026-01-02T03:04:05.678Z',
  SigningCertURL: CERTIFICATE,
}
const confirmation = {
  ...envelope,
  Type: 'SubscriptionConfirmation',
  Message: 'You have chosen to subscribe to the topic.',
  Token: '2336412f37fb687f',
  SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription',
}

/** AWS End User Messaging, "Two-way SMS messaging", the example payload. */
const sms = {
  originationNumber: '+14255550182',
  destinationNumber: '+12125550101',
  messageKeyword: 'JOIN',
  messageBody: 'EXAMPLE',
  inboundMessageId: 'cae173d2-66b9-564c-8309-21f858e9fb84',
  previousPublishedMessageId: 'wJalrXUtnFEMI',
}
const fields = { messageKeyword: 'JOIN', previousPublishedMessageId: 'wJalrXUtnFEMI' }

let serial = 0
/** A message of its own each time: repeats are recorded once. */
function incoming(label: string, text: string, version: '1' | '2' = '1') {
  const externalId = `in-${++serial}`
  const Message = JSON.stringify({ ...sms, messageBody: text, inboundMessageId: externalId })
  const message = { identity: '+14255550182', address: '+12125550101', text, externalId, fields }
  return {
    label,
    headers: HEADERS,
    body: peer.post({ ...envelope, Message }, version),
    status: 200,
    answer: 'OK',
    message,
  }
}

function refused(label: string, body: string, status = 403, answer: string | RegExp = 'Forbidden') {
  return { label, headers: HEADERS, body, status, answer }
}

const signed = peer.post({ ...envelope, Message: JSON.stringify(sms) })
const wrong = (changes: object) => JSON.stringify({ ...JSON.parse(signed), ...changes })

/** AWS End User Messaging, "Event types for SMS". */
const event = {
  eventType: 'TEXT_DELIVERED',
  eventVersion: '1.0',
  isFinal: true,
  destinationPhoneNumber: '+14255550156',
  messageId: '862a8790-60c7-4430-9b2b-658bdd27e404',
  messageStatus: 'DELIVERED',
  messageStatusDescription: 'Message has been accepted by phone',
  context: {},
  totalMessagePrice: 0.09582,
}
const {
  eventType: _,
  destinationPhoneNumber: __,
  messageId,
  messageStatusDescription: ___,
  context: ____,
  ...kept
} = event

function reported(label: string, changes: object, report: object) {
  const body = peer.post({ ...envelope, Message: JSON.stringify({ ...event, ...changes }) }, '2')
  const reports = [
    {
      externalId: messageId,
      identity: '+14255550156',
      text: 'Message has been accepted by phone',
      fields: kept,
      ...report,
    },
  ]
  return { label, path: 'status', headers: HEADERS, body, status: 200, answer: '', reports }
}

/** Amazon SNS, "Viewing CloudWatch logs for SMS deliveries". */
const delivery = { mnc: 270, destination: '+1XXX5550100', priceInUSD: 0.00645, mcc: 310, dwellTimeMs: 599 }
function logged(label: string, status: string, changes: object, report: object) {
  const notification = { messageId: '34d9b400-c6dd-5444-820d-fbeb0f1f54cf', timestamp: '2016-06-28 00:40:34.558' }
  const Message = JSON.stringify({ notification, delivery: { ...delivery, ...changes }, status })
  const { destination: identity, ...others } = delivery
  const reports = [{ externalId: notification.messageId, identity, code: status, fields: others, ...report }]
  return { label, path: 'status', headers: HEADERS, body: peer.post({ ...envelope, Message }), status: 200, reports }
}

const TAKEN = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult><ResponseMetadata><RequestId>d74b8436</RequestId></ResponseMetadata></PublishResponse>`
const PUBLISH = 'Action=Publish&Version=2010-03-31'
const attribute = (place: number, name: string, value: string, type = 'String') => {
  const entry = `MessageAttributes.entry.${place}`
  return `&${entry}.Name=${name}&${entry}.Value.DataType=${type}&${entry}.Value.StringValue=${value}`
}

function sent(label: string, send: object, body: string) {
  const answers = [{ body: TAKEN, headers: { 'content-type': 'text/xml' } }]
  return { label, send, answers, requests: [{ method: 'POST', target: '/', body: PUBLISH + body }] }
}

function failed(label: string, code: string, status: number, error: object) {
  const body = `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>No: s3cret-access-key</Message></Error><RequestId>r1</RequestId></ErrorResponse>`
  return { label, send: {}, answers: [{ status, body }], requests: [{}], error: { code: '', ...error } }
}

const table = {
  name: 'sns',
  backend: (url: string) =>
    awsSns({
      region: 'eu-west-1',
      endpoint: url,
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 's3cret-access-key', sessionToken: 's3cret-token' },
      topics: [TOPIC],
      certificates: { [CERTIFICATE]: peer.certificate },
    }),
  secrets: ['s3cret-access-key', 's3cret-token'],
  incoming: [
    incoming('takes a message', 'EXAMPLE'),
    incoming('takes a message signed by version 2', 'EXAMPLE', '2'),
    incoming('takes accents and the euro', 'café €'),
    incoming('takes Arabic', 'مرحبا بالعالم'),
    incoming('takes Amharic', 'ሰላም ለዓለም'),
    incoming('takes Chinese', '你好，世界'),
    incoming('takes an emoji', 'fine 😀'),
    incoming('takes an empty text', ''),
    {
      label: 'takes the id of the notification where the message has none',
      headers: HEADERS,
      body: peer.post({
        ...envelope,
        MessageId: 'n-1',
        Message: '{"originationNumber":"+1","destinationNumber":"12345","messageBody":"x"}',
      }),
      status: 200,
      message: { identity: '+1', address: '12345', text: 'x', externalId: 'n-1' },
    },
    refused('refuses what another has signed', stranger.post({ ...envelope, Message: JSON.stringify(sms) })),
    refused('refuses a text that was changed', wrong({ Message: JSON.stringify({ ...sms, messageBody: 'STOP' }) })),
    refused('refuses a subject that was added', wrong({ Subject: 'x' })),
    refused('refuses another version of signatures', wrong({ SignatureVersion: '3' })),
    refused('refuses version 2 over a signature of version 1', wrong({ SignatureVersion: '2' })),
    refused('refuses a signature that is none', wrong({ Signature: '????' })),
    refused('refuses an empty signature', wrong({ Signature: '' })),
    refused('refuses a version that every object has', wrong({ SignatureVersion: 'constructor' })),
    refused('refuses a certificate from elsewhere', wrong({ SigningCertURL: 'https://example.org/x.pem' })),
    refused(
      'refuses a topic that the settings do not name',
      peer.post({ ...envelope, TopicArn: `${TOPIC}-2`, Message: JSON.stringify(sms) }),
    ),
    refused('refuses a message delivered raw', JSON.stringify(sms), 400, /"TopicArn"/),
    refused('refuses what is not JSON', 'hello', 400, /valid JSON is expected/),
    refused('refuses a list', '[]', 400, /a JSON object is expected/),
    refused(
      'refuses a notification that is no SMS',
      peer.post({ ...envelope, Message: 'line1\nline2', Subject: 'My subject' }),
      400,
      /"Message":\["valid JSON is expected"\]/,
    ),
    refused(
      'refuses a message without a sender',
      peer.post({ ...envelope, Message: '{"messageBody":"x"}' }),
      400,
      /"originationNumber":\["is required"\]/,
    ),
    {
      label: 'takes the end of a subscription',
      headers: HEADERS,
      body: peer.post({ ...confirmation, Type: 'UnsubscribeConfirmation' }),
      status: 200,
      answer: '',
    },
  ],
  reports: [
    reported('the phone has it', {}, { state: 'DELIVERED', code: 'TEXT_DELIVERED' }),
    reported('the carrier has it', { eventType: 'TEXT_SUCCESSFUL' }, { state: 'SENT', code: 'TEXT_SUCCESSFUL' }),
    reported('it waits', { eventType: 'TEXT_PENDING' }, { state: 'SENT', code: 'TEXT_PENDING' }),
    reported(
      'its time was over',
      { eventType: 'TEXT_TTL_EXPIRED' },
      { state: 'ERROR', expired: true, code: 'TEXT_TTL_EXPIRED' },
    ),
    reported(
      'the carrier blocked it',
      { eventType: 'TEXT_CARRIER_BLOCKED' },
      { state: 'ERROR', code: 'TEXT_CARRIER_BLOCKED' },
    ),
    reported('nobody knows any more', { eventType: 'TEXT_UNKNOWN' }, { state: 'UNKNOWN', code: 'TEXT_UNKNOWN' }),
    reported('an event that is not known', { eventType: 'TEXT_TELEPORTED' }, { code: 'TEXT_TELEPORTED' }),
    reported('an event that every object has', { eventType: 'constructor' }, { code: 'constructor' }),
    logged(
      'the log says that the carrier has it',
      'SUCCESS',
      { providerResponse: 'Message has been accepted by phone carrier' },
      { state: 'SENT', text: 'Message has been accepted by phone carrier' },
    ),
    logged(
      'the log says that the phone has it',
      'SUCCESS',
      { dwellTimeMsUntilDeviceAck: 1344 },
      {
        state: 'DELIVERED',
        fields: { mnc: 270, priceInUSD: 0.00645, mcc: 310, dwellTimeMs: 599, dwellTimeMsUntilDeviceAck: 1344 },
      },
    ),
    logged(
      'the log says that it failed',
      'FAILURE',
      { providerResponse: 'Unknown error attempting to reach phone' },
      { state: 'ERROR', text: 'Unknown error attempting to reach phone' },
    ),
    logged('the log says what is not known', 'HALF', {}, {}),
    {
      label: 'something else in the topic is no report',
      path: 'status',
      headers: HEADERS,
      body: peer.post({ ...envelope, Message: '{"AlarmName":"x"}' }),
      status: 200,
      reports: [],
    },
    {
      label: 'a wrong signature reports nothing',
      path: 'status',
      headers: HEADERS,
      body: wrong({ Signature: 'AAAA' }),
      status: 403,
      reports: [],
    },
  ],
  outgoing: [
    {
      ...sent(
        'gives a message to a number',
        { text: 'Ahoj & ěš' },
        '&Message=Ahoj%20%26%20%C4%9B%C5%A1&PhoneNumber=%2B254700000001',
      ),
      result: { externalIds: ['567910cd-659e-55d4-8ccb-5aaf14679dc0'] },
    },
    sent('adds the plus sign', { to: '420777111222', text: 'x' }, '&Message=x&PhoneNumber=%2B420777111222'),
    sent('leaves what is no international number', { to: '12345', text: 'x' }, '&Message=x&PhoneNumber=12345'),
    sent(
      'gives accents and the euro',
      { text: 'café €' },
      `&Message=${encodeURIComponent('café €')}&PhoneNumber=%2B254700000001`,
    ),
    sent('gives Arabic', { text: 'مرحبا' }, `&Message=${encodeURIComponent('مرحبا')}&PhoneNumber=%2B254700000001`),
    sent('gives Amharic', { text: 'ሰላም' }, `&Message=${encodeURIComponent('ሰላም')}&PhoneNumber=%2B254700000001`),
    sent(
      'gives Chinese and an emoji',
      { text: '你好😀' },
      `&Message=${encodeURIComponent('你好😀')}&PhoneNumber=%2B254700000001`,
    ),
    sent(
      'names a sender',
      { text: 'x', options: { senderId: 'MyApp', escalate: true } },
      `&Message=x&PhoneNumber=%2B254700000001${attribute(1, 'AWS.SNS.SMS.SenderID', 'MyApp')}${attribute(2, 'AWS.SNS.SMS.SMSType', 'Transactional')}`,
    ),
    sent(
      'leaves from a number',
      { text: 'x', from: '12125550101' },
      `&Message=x&PhoneNumber=%2B254700000001${attribute(1, 'AWS.MM.SMS.OriginationNumber', '%2B12125550101')}`,
    ),
    sent(
      'hands parameters on as attributes',
      { text: 'x', params: { 'AWS.SNS.SMS.MaxPrice': '0.5', own: { a: 1 } } },
      `&Message=x&PhoneNumber=%2B254700000001${attribute(1, 'AWS.SNS.SMS.MaxPrice', '0.5', 'Number')}${attribute(2, 'own', '%7B%22a%22%3A1%7D')}`,
    ),
    failed('a number that has opted out', 'OptedOut', 400, {
      code: 'MESSAGE_SEND',
      providerCode: 'OptedOut',
      text: /opted out/,
    }),
    failed('a parameter', 'InvalidParameter', 400, { code: 'REQUEST', providerCode: 'InvalidParameter' }),
    failed('a parameter, by another name', 'ValidationException', 400, { code: 'REQUEST', providerCode: 'Validation' }),
    failed('an account that may not', 'AuthorizationError', 403, { code: 'AUTH', providerCode: 'AuthorizationError' }),
    failed('a key that is not known', 'InvalidClientTokenId', 403, {
      code: 'AUTH',
      providerCode: 'InvalidClientTokenId',
    }),
    failed('a wrong secret', 'SignatureDoesNotMatch', 403, { code: 'AUTH', providerCode: 'SignatureDoesNotMatch' }),
    failed('too fast', 'Throttled', 429, { code: 'LIMITS', providerCode: 'Throttled' }),
    failed('too fast, by another name', 'Throttling', 400, { code: 'LIMITS', providerCode: 'Throttling' }),
    failed('an error of the service', 'InternalError', 500, { code: 'SERVER', providerCode: 'InternalError' }),
    failed('a code that is not known', 'TeapotException', 418, { code: 'MESSAGE_SEND', providerCode: 'Teapot' }),
    {
      label: 'no code at all',
      send: {},
      answers: [{ status: 403, body: 'no' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '403' },
    },
    {
      label: 'an answer without an id',
      send: {},
      answers: [{ body: '<PublishResponse/>' }],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true },
    },
  ],
  calls: [
    {
      label: 'asks whether a number has opted out',
      method: 'isOptedOut',
      values: ['254700000001'],
      answers: [
        {
          body: '<CheckIfPhoneNumberIsOptedOutResponse><CheckIfPhoneNumberIsOptedOutResult><isOptedOut>true</isOptedOut></CheckIfPhoneNumberIsOptedOutResult></CheckIfPhoneNumberIsOptedOutResponse>',
        },
      ],
      requests: [{ body: 'Action=CheckIfPhoneNumberIsOptedOut&Version=2010-03-31&phoneNumber=%2B254700000001' }],
      result: true,
    },
    {
      label: 'lists who has opted out, page after page',
      method: 'optedOut',
      answers: [
        {
          body: '<R><ListPhoneNumbersOptedOutResult><phoneNumbers><member>+1</member><member>+2</member></phoneNumbers><nextToken>t1</nextToken></ListPhoneNumbersOptedOutResult></R>',
        },
        {
          body: '<R><ListPhoneNumbersOptedOutResult><phoneNumbers><member>+3</member></phoneNumbers></ListPhoneNumbersOptedOutResult></R>',
        },
      ],
      requests: [
        { body: 'Action=ListPhoneNumbersOptedOut&Version=2010-03-31' },
        { body: 'Action=ListPhoneNumbersOptedOut&Version=2010-03-31&nextToken=t1' },
      ],
      result: ['+1', '+2', '+3'],
    },
    {
      label: 'takes an opt-out back',
      method: 'optIn',
      values: ['254700000001'],
      answers: [{ body: '<OptInPhoneNumberResponse><OptInPhoneNumberResult/></OptInPhoneNumberResponse>' }],
      requests: [{ body: 'Action=OptInPhoneNumber&Version=2010-03-31&phoneNumber=%2B254700000001' }],
    },
  ],
}
describeBackend(table)
fuzzViews(table)

describe('awsSns without credentials in its settings', () => {
  const surroundings = { AWS_ACCESS_KEY_ID: 'AKIDOFENV', AWS_SECRET_ACCESS_KEY: 'secret', AWS_PROFILE: undefined }
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'] as const
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]))
  const set = (values: Readonly<Record<string, string | undefined>>) => {
    for (const name of names) {
      if (values[name] === undefined) delete process.env[name]
      else process.env[name] = values[name]
    }
  }
  afterEach(() => set(before))

  it('takes those of its surroundings, and keeps them', async () => {
    set(surroundings)
    const harness = await startHarness('sns', (endpoint) => awsSns({ region: 'eu-west-1', endpoint }))
    try {
      harness.far.answer({ body: TAKEN }, { body: TAKEN })
      await harness.switchboard.router.sendNow({ to: '254700000001', text: 'x', backend: 'sns' })
      set({ ...surroundings, AWS_ACCESS_KEY_ID: 'AKIDANOTHER' })
      await harness.switchboard.router.sendNow({ to: '254700000001', text: 'x', backend: 'sns' })
      const keys = harness.far.requests.map(
        ({ headers }) => /Credential=(\w+)/.exec(String(headers['authorization']))?.[1],
      )
      expect(keys).to.deep.equal(['AKIDOFENV', 'AKIDOFENV'])
    } finally {
      await harness.stop()
    }
  })
})
