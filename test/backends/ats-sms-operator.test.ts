import { expect } from 'chai'
import { atsSmsOperator } from '../../src/backends/index.ts'
import { createSwitchboard, SettingsError } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import type { ExpectedError } from '../../src/testing/backend-rows.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'
import { farSide } from '../support/far-side.ts'
import { until } from '../support/until.ts'

const XML = { 'content-type': 'text/xml' }
const PASSWORD = 's3cret&pass'
const HEAD = '<?xml version="1.0" encoding="UTF-8" ?>'
const AUTH = '<auth><name>ann</name><password>s3cret&amp;pass</password></auth>'

const asked = (content: string) => `${HEAD}\n<messages>\n${AUTH}\n${content}\n</messages>`
const sms = (id: string, text: string, attributes = 'dlr="1" validity="60" kw="22222EEEEE"') =>
  `<sms type="text" uniq="${id}" sender="22222" recipient="+420731545945" opmid="" ${attributes}>` +
  `<body order="0" billing="0">${text}</body></sms>`
const answered = (...codes: readonly string[]) => ({ body: `${HEAD}\n<status>${codes.join('')}<d></d></status>` })
const code = (value: number | string, id?: string) => `<code${id === undefined ? '' : ` uniq="${id}"`}>${value}</code>`

const to = '+420731545945'
const fixed = (id: string) => ({ params: { uniq: id } })
const texts = [
  'café €',
  'Příliš žluťoučký kůň',
  'مرحبا بالعالم',
  'ሰላም ለዓለም',
  '你好，世界',
  'emoji 😀👍🏽',
  '1 < 2 & "3" > \'0\'',
]

const incomingSms = (id: string, text: string, from = '+420731545945') =>
  `<sms uniq="${id}" sender="${from}" recipient="9001103" okey="T2" opid="tmsms" opmid="" ts="2006-04-10 09:32:18">${text}</sms>`
const posted = (...messages: readonly string[]) => ({
  headers: XML,
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<messages>${messages.join('\n')}</messages>`,
  status: 200,
  answerHeaders: { 'content-type': 'text/xml; charset=utf-8' },
})
const codes = (...given: readonly (readonly [string, number])[]) =>
  `${HEAD}\n<status>\n${given.map(([id, value]) => code(value, id)).join('\n')}\n</status>`
const came = {
  identity: '+420731545945',
  address: '9001103',
  fields: { okey: 'T2', opid: 'tmsms', ts: '2006-04-10 09:32:18' },
}
const escaped = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' })[char] ?? '',
  )

const incoming: BackendTable['incoming'] = [
  {
    label: 'a message',
    ...posted(incomingSms('2', 'test2')),
    answer: codes(['2', 23]),
    message: { ...came, text: 'test2', externalId: '2' },
  },
  { label: 'the same again', ...posted(incomingSms('2', 'test2')), answer: codes(['2', 23]) },
  { label: 'another one under its id', ...posted(incomingSms('2', 'other')), answer: codes(['2', 24]) },
  {
    label: 'several, one of them without a sender, one without a text',
    ...posted(incomingSms('3', 'one'), incomingSms('4', 'two', ''), incomingSms('5', '')),
    answer: codes(['3', 23], ['4', 24], ['5', 23]),
    messages: [
      { ...came, text: 'one', externalId: '3' },
      { ...came, text: '', externalId: '5' },
    ],
  },
  ...texts.map((text, index) => ({
    label: `the text ${text}`,
    ...posted(incomingSms(`t${index}`, escaped(text))),
    answer: codes([`t${index}`, 23]),
    message: { ...came, text, externalId: `t${index}` },
  })),
  {
    label: 'a charset that the XML names',
    ...posted(),
    body: Buffer.from(
      `<?xml version="1.0" encoding="windows-1250"?><messages>${incomingSms('w', '\u009elut\u00fd')}</messages>`,
      'latin1',
    ),
    answer: codes(['w', 23]),
    message: { ...came, text: 'žlutý', externalId: 'w' },
  },
  {
    label: 'no id',
    ...posted('<sms sender="+420731545945" recipient="1">x</sms>'),
    answer: codes(['', 24]),
  },
  {
    label: 'an id that has to be escaped',
    ...posted(incomingSms('a&amp;&quot;b', 'x')),
    answer: codes(['a&amp;&quot;b', 23]),
    message: { ...came, text: 'x', externalId: 'a&"b' },
  },
  { label: 'NUL', ...posted(incomingSms('nul', 'a&#0;b')), answer: codes(['nul', 24]) },
  { label: 'no messages', headers: XML, body: '<messages/>', status: 400, answer: /No sms element/ },
  { label: 'no XML', headers: XML, body: 'hello', status: 400, answer: /not valid XML/ },
  { label: 'a document type', headers: XML, body: '<!DOCTYPE a><messages/>', status: 400, answer: /document type/ },
]

const classes: Readonly<Record<string, string>> = {
  MESSAGE_SEND: '1 20 24',
  AUTH: '100',
  SERVER: '200',
  LIMITS: '334 335',
  UNSUPPORTED: '332 333 336 337 338 341 342 362',
  REQUEST: '300 310 320 321 330 331 339 340 343 350 360 361 701 702 703 705',
}
const refusals = Object.entries(classes).flatMap(([error, values]) =>
  values.split(' ').map((value) => ({
    label: `the code ${value} of a message`,
    send: { to, ...fixed('p-1') },
    answers: [answered(code(value, 'p-1'))],
    requests: [{}],
    error: { code: error, providerCode: value },
  })),
)
const requestRefusals: readonly (readonly [string, ExpectedError])[] = [
  ['100', { code: 'AUTH', providerCode: '100', text: /authentication failed/ }],
  ['200', { code: 'SERVER', providerCode: '200' }],
  ['705', { code: 'REQUEST', providerCode: '705' }],
  ['999', { code: 'MESSAGE_SEND', providerCode: '999' }],
]

const table: BackendTable = {
  name: 'ats',
  backend: (url) =>
    atsSmsOperator({
      url: `${url}/gwfcgi/XMLServerWrapper.fcgi`,
      username: 'ann',
      password: PASSWORD,
      from: '22 222',
      keyword: '22222EEEEE',
      prefix: 'app1',
      sources: ['127.0.0.1'],
    }),
  secrets: [PASSWORD, 's3cret&amp;pass'],
  incoming,
  outgoing: [
    {
      label: 'a message',
      send: { to: '420731545945', text: 'TEXT1', ...fixed('app1-245') },
      answers: [answered(code(0, 'app1-245'))],
      requests: [
        {
          method: 'POST',
          target: '/gwfcgi/XMLServerWrapper.fcgi',
          headers: XML,
          body: asked(sms('app1-245', 'TEXT1')),
        },
      ],
      result: { externalIds: ['app1-245'], state: 'SENT' },
    },
    ...texts.map((text) => ({
      label: `sends ${text}`,
      send: { to, text, ...fixed('p-2') },
      answers: [answered(code(0, 'p-2'))],
      requests: [{ body: asked(sms('p-2', escaped(text))) }],
    })),
    {
      label: 'options and parameters',
      send: {
        to,
        options: { validity: 5, statusReport: false, senderId: '90 011' },
        params: { uniq: 'p-3', textid: 'a"b', billing: 1, 'not a name': 1 },
      },
      answers: [answered(code(22, 'p-3'))],
      requests: [
        {
          body: asked(
            `<sms type="text" uniq="p-3" sender="90011" recipient="+420731545945" opmid="" dlr="0" validity="5" kw="22222EEEEE" textid="a&quot;b"><body order="0" billing="1">hello</body></sms>`,
          ),
        },
      ],
    },
    {
      label: 'delivered at once',
      send: { to, ...fixed('p-4') },
      answers: [answered(code(23, 'p-4'))],
      requests: [{}],
      state: 'DELIVERED',
    },
    ...refusals,
    {
      label: 'a code that is not known',
      send: { to, ...fixed('p-5') },
      answers: [answered(code(123456, 'p-5'))],
      requests: [{}],
      error: { code: 'MESSAGE_SEND', providerCode: '123456' },
    },
    ...requestRefusals.map(([value, error]) => ({
      label: `the code ${value} of a request`,
      send: { to },
      answers: [{ body: `<status><code>${value}</code></status>` }],
      requests: [{}],
      error,
    })),
    {
      label: 'an answer that repeats the password',
      send: { to },
      answers: [{ body: `<error>${PASSWORD.replace('&', '&amp;')}</error>` }],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true, text: /\[secret\]/ },
    },
    {
      label: 'status 403',
      send: { to },
      answers: [{ status: 403, body: 'no' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '403' },
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
      answers: [answered(code(0, 'app1-message-0'), code(341, 'app1-message-1'), code(0, 'app1-message-99'))],
      requests: [{ body: asked(['a', 'b', 'c'].map((text, index) => sms(`app1-message-${index}`, text)).join('\n')) }],
      outcomes: [
        { result: { externalIds: ['app1-message-0'], state: 'SENT' } },
        { error: { code: 'UNSUPPORTED', providerCode: '341' } },
        { error: { code: 'CONNECTION', unknown: true } },
      ],
    },
    {
      label: 'the request is refused',
      messages: [{ to }, { to }],
      answers: [{ body: '<status><code>100</code></status>' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '100' },
    },
  ],
  checks: [
    {
      label: 'all states, in one request',
      messages: ['0', '20', '21', '22', '23', '24', '25', '310', '777', 'x', 'gone'].map((id) => ({
        externalIds: [`app1-${id}`],
      })),
      answers: [
        answered(
          ...['0', '20', '21', '22', '23', '24', '25', '310', '777', 'x'].map((value) => code(value, `app1-${value}`)),
        ),
      ],
      requests: [
        {
          method: 'POST',
          body: asked(
            ['0', '20', '21', '22', '23', '24', '25', '310', '777', 'x', 'gone']
              .map((id) => `<dlr uniq="app1-${id}">app1-${id}</dlr>`)
              .join('\n'),
          ),
        },
      ],
      reports: [
        { externalId: 'app1-0', state: 'SENT', code: '0' },
        { externalId: 'app1-20', state: 'ERROR', code: '20', text: 'not found' },
        { externalId: 'app1-21', state: 'SENT', code: '21' },
        { externalId: 'app1-22', state: 'SENT', code: '22' },
        { externalId: 'app1-23', state: 'DELIVERED', code: '23' },
        { externalId: 'app1-24', state: 'ERROR', code: '24', text: 'not delivered' },
        { externalId: 'app1-25', state: 'UNKNOWN', code: '25' },
        { externalId: 'app1-310', state: 'ERROR', code: '310', text: 'the id was used before' },
        { externalId: 'app1-777', code: '777' },
      ],
    },
    { label: 'nothing to ask', messages: [{ externalIds: [] }], answers: [], requests: [], reports: [] },
    {
      label: 'more than a hundred, in two requests',
      messages: Array.from({ length: 101 }, (_, index) => ({ externalIds: [`n-${index}`] })),
      answers: [answered(code(23, 'n-0')), answered(code(22, 'n-100'))],
      requests: [{}, { body: asked('<dlr uniq="n-100">n-100</dlr>') }],
      reports: [
        { externalId: 'n-0', state: 'DELIVERED', code: '23' },
        { externalId: 'n-100', state: 'SENT', code: '22' },
      ],
    },
    {
      label: 'a question that is refused',
      messages: [{ externalIds: ['1'] }],
      answers: [{ body: '<status><code>200</code></status>' }],
      requests: [{}],
      error: { code: 'SERVER', providerCode: '200' },
    },
  ],
}

describeBackend(table)
fuzzViews(table)

describeBackend({
  name: 'ats-of-ats-alone',
  backend: (url) =>
    atsSmsOperator({
      url,
      username: 'a',
      password: 'pass-word',
      from: '1',
      keyword: 'k',
      removeAccents: true,
      textId: 'T',
      operatorId: 'O',
    }),
  incoming: [{ label: 'another address', ...posted(incomingSms('1', 'x')), answerHeaders: {}, status: 403 }],
  outgoing: [
    {
      label: 'letters without their accents; marks of other scripts stay',
      send: { to, text: 'Příliš žluťoučký kůň, café, นี้', ...fixed('1') },
      answers: [answered(code(0, '1'))],
      requests: [
        {
          body:
            `${HEAD}\n<messages>\n<auth><name>a</name><password>pass-word</password></auth>\n` +
            '<sms type="text" uniq="1" sender="1" recipient="+420731545945" opmid="O" dlr="1" validity="60" kw="k" textid="T">' +
            '<body order="0" billing="0">Prilis zlutoucky kun, cafe, นี้</body></sms>\n</messages>',
        },
      ],
    },
  ],
})

describe('an attempt of atsSmsOperator whose answer never came', () => {
  it('is made again under the same id, and has arrived where ATS knows the id', async () => {
    const far = await farSide()
    const switchboard = createSwitchboard(
      {
        databaseUrl: 'sqlite::memory:',
        backends: {
          ats: atsSmsOperator({
            url: far.url,
            username: 'a',
            password: 'pass-word',
            from: '1',
            keyword: 'k',
            sending: { firstDelay: 1 },
          }),
        },
        apps: [],
        console: { enabled: false },
      },
      { logger: silentLogger },
    )
    await switchboard.start()
    try {
      far.answer('cut', answered(code(310, 'same-id')))
      await switchboard.router.send({ to, backend: 'ats', text: 'hello', ...fixed('same-id') })
      const query = { backend: 'ats', identity: to, limit: 1 }
      const settled = await until('the message to be settled', async () => {
        const [message] = await switchboard.parts.store.log.conversation(query)
        return message !== undefined && !['WAITING', 'SENDING'].includes(message.state) && message
      })
      expect(settled.state).to.equal('SENT')
      expect(far.requests.map(({ body }) => body.includes('uniq="same-id"'))).to.deep.equal([true, true])
    } finally {
      await switchboard.stop()
      await far.stop()
    }
  })
})

describe('the settings of atsSmsOperator', () => {
  it('take addresses, and no networks, which would let nobody in', () => {
    const load = (...sources: readonly string[]) => {
      const ats = atsSmsOperator({
        username: 'a',
        password: 'pass-word',
        from: '1',
        keyword: 'k',
        sources: [...sources],
      })
      return () => createSwitchboard({ backends: { ats }, apps: [] }, { logger: silentLogger })
    }
    expect(load('80.188.94.234', '2001:db8::1')).not.to.throw()
    expect(load('80.188.94.0/24')).to.throw(SettingsError, /backends\.ats\.sources/)
    expect(load('atspraha.cz')).to.throw(SettingsError, /backends\.ats\.sources/)
  })
})
