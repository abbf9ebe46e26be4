import { expect } from 'chai'
import { opera } from '../../src/backends/index.ts'
import { operaCall } from '../../src/backends/opera.ts'
import type { IncomingMessage } from '../../src/index.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'
import { serveWeb } from '../support/web.ts'

const PASSWORD = 'opera<pass>word'
const PLAIN = { 'content-type': 'text/plain; charset=utf-8' }
const XML = { 'content-type': 'text/xml' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** As it was seen on the wire, without most of the fields that are empty. */
function posted(values: Readonly<Record<string, string>> = {}, more = '') {
  const fields = {
    MOReference: '282341913',
    IsReceipt: 'NO',
    RemoteNetwork: 'mtn-za',
    'BSDate-today': '20100604',
    ReceiveDate: '2010-06-04 15:51:25 +0000',
    Local: '*32323',
    MessageID: '373736741',
    ReceiptStatus: '',
    MobileNetwork: 'mtn-za',
    Remote: '+27831234567',
    Text: 'Hello World',
    ...values,
  }
  const elements = Object.entries(fields).map(
    ([name, value]) => `  <field name="${name}" type = "string">${value}</field>`,
  )
  return `<?xml version="1.0"?>\n<!DOCTYPE bspostevent>\n<bspostevent>\n${elements.join('\n')}${more}\n</bspostevent>`
}

const received = {
  identity: '+27831234567',
  text: 'Hello World',
  address: '*32323',
  externalId: '373736741',
  fields: {
    MOReference: '282341913',
    IsReceipt: 'NO',
    RemoteNetwork: 'mtn-za',
    'BSDate-today': '20100604',
    ReceiveDate: '2010-06-04 15:51:25 +0000',
    MobileNetwork: 'mtn-za',
  },
}

function echoed(body: string, headers: Readonly<Record<string, string>> = PLAIN) {
  return { headers, body, status: 200, answer: body, answerHeaders: { 'content-type': 'text/xml; charset=utf8' } }
}

function receipt(status: string, msisdn = '+27123456789') {
  return `<receipt><msgid>26567958</msgid><reference>001efc31</reference><msisdn>${msisdn}</msisdn><status>${status}</status><timestamp>20080831T15:59:24</timestamp><billed>NO</billed></receipt>`
}

function receipts(...all: readonly string[]) {
  return `<?xml version="1.0"?>\n<!DOCTYPE receipts>\n<receipts>\n${all.join('\n')}\n</receipts>`
}

function reported(code: string, state: 'SENT' | 'DELIVERED' | 'ERROR', number = '27123456789') {
  return {
    externalId: `001efc31 ${number}`,
    state,
    code,
    identity: `+${number}`,
    fields: { msgid: '26567958', timestamp: '20080831T15:59:24', billed: 'NO' },
  }
}

const response = (inner: string) => ({ body: `<?xml version="1.0"?><methodResponse>${inner}</methodResponse>` })
const taken = response(
  '<params><param><value><struct><member><name>Identifier</name><value><string>001efc31</string></value></member></struct></value></param></params>',
)
const fault = response(
  '<fault><value><struct><member><name>faultCode</name><value><int>7</int></value></member><member><name>faultString</name><value>busy, opera&lt;pass&gt;word</value></member></struct></value></fault>',
)

const texts = ['café €', 'السلام عليكم', 'ሰላም ነው', '你好', 'emoji 😀']

const table: BackendTable = {
  name: 'opera',
  backend: (url) => opera({ url: `${url}/Gateway`, service: '111', password: PASSWORD, channel: '7' }),
  secrets: [PASSWORD, 'opera&lt;pass&gt;word'],
  incoming: [
    { label: 'a message is answered with itself', ...echoed(posted()), message: received },
    { label: 'the same again', ...echoed(posted()) },
    {
      label: 'in a form',
      ...echoed(posted({ MessageID: '2' }), FORM),
      body: `XmlMsg=${encodeURIComponent(posted({ MessageID: '2' }))}`,
      message: { ...received, externalId: '2' },
    },
    ...texts.map((text, index) => ({
      label: text,
      ...echoed(posted({ Text: text, MessageID: `t${index}` })),
      message: { ...received, text, externalId: `t${index}` },
    })),
    {
      label: 'in a charset of its own, answered in UTF-8',
      headers: PLAIN,
      body: Buffer.from(
        posted({ Text: 'café', MessageID: 'l1' }).replace('1.0"', '1.0" encoding="ISO-8859-1"'),
        'latin1',
      ),
      status: 200,
      answer: posted({ Text: 'café', MessageID: 'l1' }).replace('1.0"', '1.0" encoding="utf-8"'),
      message: { ...received, text: 'café', externalId: 'l1' },
    },
    {
      label: 'an empty text',
      ...echoed(posted({ Text: '', MessageID: '3' })),
      message: { ...received, text: '', externalId: '3' },
    },
    ...['Local', 'Remote', 'Text', 'MessageID', 'MobileNetwork'].map((name) => ({
      label: `without ${name}`,
      headers: PLAIN,
      body: posted({ [name]: 'x' }).replace(`"${name}"`, '"Other"'),
      status: 400,
      answer: `Missing field: ${name}`,
    })),
    { label: 'a form without XML', headers: FORM, body: 'x=1', status: 400, answer: 'XmlMsg missing.' },
    { label: 'no XML', headers: PLAIN, body: '<bspostevent>', status: 400, answer: /not valid XML/ },
    {
      label: 'a document type that says more',
      headers: PLAIN,
      body: posted().replace('<!DOCTYPE bspostevent>', '<!DOCTYPE bspostevent [<!ENTITY a "b">]>'),
      status: 400,
      answer: /document type/,
    },
  ],
  reports: [
    ...(
      [
        ['D', 'DELIVERED'],
        ['d', 'DELIVERED'],
        ['R', 'DELIVERED'],
        ['Q', 'SENT'],
        ['P', 'SENT'],
        ['B', 'SENT'],
        ['a', 'SENT'],
        ['u', 'SENT'],
        ['F', 'ERROR'],
        ['toString', 'ERROR'],
      ] as const
    ).map(([letter, state]) => ({
      label: letter,
      path: 'status',
      headers: XML,
      body: receipts(receipt(letter)),
      status: 200,
      answer: '',
      reports: [reported(letter, state)],
    })),
    {
      label: 'several, in a form',
      path: 'status',
      headers: FORM,
      body: `XmlMsg=${encodeURIComponent(receipts(receipt('D'), receipt('Q', '+27000')))}`,
      status: 200,
      reports: [reported('D', 'DELIVERED'), reported('Q', 'SENT', '27000')],
    },
    {
      label: 'one that names no message',
      path: 'status',
      headers: XML,
      body: receipts('<receipt><status>D</status></receipt>'),
      status: 200,
    },
    { label: 'none', path: 'status', headers: XML, body: '<a/>', status: 200 },
    { label: 'no XML', path: 'status', headers: XML, body: '', status: 400, answer: 'XmlMsg missing.' },
  ],
  outgoing: [
    {
      label: 'a message',
      send: {},
      answers: [taken],
      requests: [{ method: 'POST', target: '/Gateway', headers: XML }],
      result: { externalIds: ['001efc31 254700000001'] },
    },
    {
      label: 'a fault is temporary',
      send: {},
      answers: [fault],
      requests: [{}],
      error: { code: 'SERVER', providerCode: '7', text: /busy, \[secret\]/ },
    },
    {
      label: 'no identifier',
      send: {},
      answers: [response('<params/>')],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true, text: /something else than expected/ },
    },
    {
      label: '404',
      send: {},
      answers: [{ status: 404 }],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '404' },
    },
  ],
  batches: [
    {
      label: 'one call for a text',
      messages: [{ to: '+27001' }, { to: '+27002', text: 'other' }, { to: '+27003' }],
      answers: [taken, fault],
      requests: [{}, {}],
      outcomes: [
        { result: { externalIds: ['001efc31 27001'] } },
        { error: { code: 'SERVER', providerCode: '7' } },
        { result: { externalIds: ['001efc31 27003'] } },
      ],
    },
    {
      label: 'a number that is written in two ways has two calls, and two ids',
      messages: [{ to: '+27001' }, { to: '27001' }],
      answers: [taken, { body: String(taken.body).replace('001efc31', '001efc32') }],
      requests: [{}, {}],
      outcomes: [{ result: { externalIds: ['001efc31 27001'] } }, { result: { externalIds: ['001efc32 27001'] } }],
    },
    {
      label: 'a number that would be two goes to nobody',
      messages: [{ to: '+27001' }, { to: '+27001,27002' }],
      answers: [taken],
      requests: [{}],
      outcomes: [{ result: { externalIds: ['001efc31 27001'] } }, { error: { code: 'REQUEST', text: /comma/ } }],
    },
  ],
}

describeBackend(table)
fuzzViews(table)

describe('the call of opera', () => {
  const own = { service: '111', password: 'a<b', channel: '7', maxSegments: 9 }
  const now = new Date('2010-06-04T15:51:25.123Z')
  const member = (name: string, type: string, value: string | number) =>
    `<member><name>${name}</name><value><${type}>${value}</${type}></value></member>`

  it('is XML-RPC with one struct', () => {
    const call = operaCall({ text: 'Hi & "bye"', options: {}, params: {} }, own, ['27001', '27002'], now)
    const members = [
      member('Service', 'string', '111'),
      member('Password', 'string', 'a&lt;b'),
      member('Channel', 'string', '7'),
      member('Numbers', 'string', '27001,27002'),
      member('SMSText', 'string', 'Hi &amp; &quot;bye&quot;'),
      member('Delivery', 'dateTime.iso8601', '20100604T15:51:25'),
      member('Expiry', 'dateTime.iso8601', '20100605T15:51:25'),
      member('Priority', 'string', 'standard'),
      member('Receipt', 'string', 'Y'),
      member('MaxSegments', 'int', 9),
    ]
    expect(call).to.equal(
      `<?xml version="1.0" encoding="UTF-8"?><methodCall><methodName>EAPIGateway.SendSMS</methodName><params><param><value><struct>${members.join('')}</struct></value></param></params></methodCall>`,
    )
  })

  it('has options and parameters in it', () => {
    const options = { validity: 90, escalate: true, statusReport: false }
    const call = operaCall({ text: 'x', options, params: { MaxSegments: 2, Extra: 'e' } }, own, ['1'], now)
    expect(call).to.include(member('Expiry', 'dateTime.iso8601', '20100604T17:21:25'))
    expect(call)
      .to.include(member('Priority', 'string', 'high'))
      .and.to.include(member('Receipt', 'string', 'N'))
    expect(call)
      .to.include(member('MaxSegments', 'int', 2))
      .and.to.include(member('Extra', 'string', 'e'))
  })

  for (const text of texts) {
    it(`has ${text} as base64 of UTF-8`, () => {
      const call = operaCall({ text, options: {}, params: {} }, own, ['1'], now)
      expect(call).to.include(member('SMSText', 'base64', Buffer.from(text).toString('base64')))
    })
  }
})

describe('opera with answerWithin', () => {
  it('gives the responses in its answer', async () => {
    const echo = { name: 'echo', handle: (message: IncomingMessage) => message.respond(`You said <${message.text}>`) }
    const backend = opera({ service: '1', password: PASSWORD, channel: '7', answerWithin: 5_000 })
    const web = await serveWeb({ backends: { o: backend }, apps: [echo] })
    try {
      const answer = await fetch(`${web.url}/backends/o/`, { method: 'POST', headers: PLAIN, body: posted() })
      expect(await answer.text()).to.equal(
        '<?xml version="1.0"?><!DOCTYPE bspostevent><bspostevent><field name="Result" type="string">You said &lt;Hello World&gt;</field></bspostevent>',
      )
    } finally {
      await web.stop()
    }
  })
})
