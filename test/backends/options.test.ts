import { expect } from 'chai'
import type { BackendInput } from '../../src/backends/define.ts'
import {
  africasTalking,
  atsSmsOperator,
  awsSns,
  clickatell,
  clickatellPlatform,
  eScape,
  forwardClient,
  httpBackend,
  kannel,
  loopback,
  opera,
  smsOperator,
  techsys,
  twilio,
  vianett,
  vonage,
  vumi,
} from '../../src/backends/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { OutgoingMessage, type SendOptions } from '../../src/messages/outgoing.ts'
import type { HttpRequest, SendTools } from '../../src/router/backend.ts'

const URL_OF_SERVICE = 'http://127.0.0.1:9/service'
const account = { user: 'u', password: 'p' }

const message = (options: SendOptions, params: OutgoingMessage['params'] = {}) =>
  new OutgoingMessage({
    ...{ id: '019b8d62-7a80-7001-8000-000000000000', backend: 'b', identity: '+254700000001', address: null },
    ...{ text: 'hello', class: 'normal', fields: {}, inResponseTo: null, createdAt: 0, options, params },
  })

const noRequest = async () => {
  throw new Error('nobody answers')
}

/** What a backend needs of its tools to write a request. */
function toolsFor({ definition, input }: BackendInput, request: (one: HttpRequest) => Promise<never>) {
  return {
    ...{ backend: 'b', settings: definition.settings.parse(input), http: { request }, logger: silentLogger },
    ...{ urls: { status: 'https://sms.example.org/status' }, signal: new AbortController().signal },
  } as unknown as SendTools<unknown>
}

/** What the first request says, as `name=value`; the wire forms are told apart by their beginning. */
async function asked(backend: BackendInput, sent: OutgoingMessage): Promise<readonly string[]> {
  const { definition } = backend
  const requests: HttpRequest[] = []
  const tools = toolsFor(backend, (one) => {
    requests.push(one)
    return noRequest()
  })
  const sending = definition.send?.(sent, tools) ?? definition.sendBatch?.([sent], tools)
  await Promise.resolve(sending).catch(() => undefined)
  const [first] = requests
  if (first === undefined) throw new Error('nothing was asked')
  return valuesOf(first)
}

function valuesOf({ url, body = '' }: HttpRequest): readonly string[] {
  const query = [...new URL(url).searchParams].map((pair) => pair.join('='))
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8')
  if (text.startsWith('{')) return [...query, ...flat('', JSON.parse(text))]
  if (text.startsWith('<')) return [...query, ...tokens(text)]
  if (text.startsWith('--')) return [...query, ...parts(text)]
  const values = new URLSearchParams(text)
  return [...query, ...(text.startsWith('Action=') ? attributes(values) : [...values].map((pair) => pair.join('=')))]
}

function flat(name: string, value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [`${name}=${value}`]
  return Object.entries(value).flatMap(([key, inner]) => flat(name === '' ? key : `${name}.${key}`, inner))
}

/** The values of a multipart form. */
function parts(body: string): readonly string[] {
  return [...body.matchAll(/ name="(\w+)"\r\n\r\n([^\r]*)/g)].map(([, name, value]) => `${name}=${value}`)
}

/** The message attributes of SNS, which are numbered. */
function attributes(values: URLSearchParams): readonly string[] {
  const names = [...values].filter(([name]) => name.endsWith('.Name'))
  return names.map(([name, value]) => `${value}=${values.get(name.replace(/Name$/, 'Value.StringValue'))}`)
}

/** Attributes, elements with a text, and members of XML-RPC. Of times, how far they lie apart. */
function tokens(xml: string): readonly string[] {
  const attributes = [...xml.matchAll(/ (\w+)="([^"]*)"/g)].map(([, name, value]) => `${name}=${value}`)
  const members = [...xml.matchAll(/<name>(\w+)<\/name><value><(?:string|int)>([^<]*)</g)]
  const elements = [...xml.matchAll(/<(\w+)>([^<]+)<\/\1>/g)].filter(
    ([, name = '']) => !/^(name|string|int)$/.test(name),
  )
  const pairs = [...members, ...elements].map(([, name, value]) => `${name}=${value}`)
  const [from, to] = [...xml.matchAll(/<dateTime\.iso8601>(\d{4})(\d\d)(\d\d)T([\d:]+)/g)].map(
    ([, year, month, day, time]) => Date.parse(`${year}-${month}-${day}T${time}Z`),
  )
  const apart = from === undefined || to === undefined ? [] : [`minutes=${(to - from) / 60_000}`]
  return [...attributes, ...pairs, ...apart]
}

const OPTIONS = 'message.?.1.provider_options.?.1'

type Column = 'senderId' | 'validity' | 'escalate' | 'allowReply' | 'noReply' | 'noReport' | 'params'

/** What each option adds to the request, and with a minus sign takes from it; nothing where a column is left out. */
type Row = readonly [name: string, backend: BackendInput, Partial<Record<Column, string>>]

const KANNEL_REPORT = [
  'https://sms.example.org/status?message_id=019b8d62-7a80-7001-8000-000000000000&status=%d&status_text=%A',
  'smsc=%i&foreign_id=%F&sms_id=%I&date_sent=%t&identity=%p',
].join('&')
const names = {
  ...{ identity: 'to', text: 'text', senderId: 'from', validity: 'ttl' },
  ...{ escalate: 'fast', allowReply: 'reply', statusReport: 'dlr' },
}
const url = URL_OF_SERVICE
const secret = { username: 'u', password: 'p' }

const rows: readonly Row[] = [
  ['africasTalking', africasTalking({ username: 'u', apiKey: 'k' }), { senderId: 'from=ACME', params: 'own=x' }],
  [
    'atsSmsOperator',
    atsSmsOperator({ ...secret, url, from: '1', keyword: 'KEY' }),
    {
      senderId: 'sender=ACME -sender=1',
      validity: 'validity=90 -validity=60',
      noReport: 'dlr=0 -dlr=1',
      params: 'own=x',
    },
  ],
  [
    'awsSns',
    awsSns({ region: 'eu-west-1', endpoint: url, credentials: { accessKeyId: 'a', secretAccessKey: 's' } }),
    {
      senderId: 'AWS.SNS.SMS.SenderID=ACME',
      escalate: 'AWS.SNS.SMS.SMSType=Transactional',
      params: 'own=x',
    },
  ],
  [
    'clickatell',
    clickatell({ baseUrl: url, apiId: '1', ...account }),
    {
      ...{
        senderId: 'from=ACME',
        validity: 'validity=90',
        escalate: 'escalate=1',
        allowReply: 'mo=1',
        noReply: 'mo=0',
      },
      ...{ noReport: '-deliv_ack=1 -callback=7', params: 'own=x' },
    },
  ],
  [
    'clickatellPlatform, platform',
    clickatellPlatform({ baseUrl: url, apiKey: 'k' }),
    { senderId: 'from=ACME', validity: 'validityPeriod=90', params: 'own=x' },
  ],
  [
    'clickatellPlatform, one',
    clickatellPlatform({ baseUrl: url, apiKey: 'k', api: 'one', from: '1' }),
    {
      senderId: 'messages.0.from=ACME -messages.0.from=1',
      validity: 'messages.0.validityPeriod=90',
      params: 'messages.0.own=x',
    },
  ],
  ['eScape', eScape({ url, apiId: 'a', smsc: 'yo', from: '1' }), { senderId: 's=ACME -s=1', params: 'own=x' }],
  [
    'forwardClient',
    forwardClient({ serverUrl: url }),
    {
      ...{
        senderId: `${OPTIONS}.senderId=ACME`,
        validity: `${OPTIONS}.expires=90`,
        escalate: `${OPTIONS}.escalate=true`,
      },
      ...{ allowReply: `${OPTIONS}.allow_reply=true`, noReply: `${OPTIONS}.allow_reply=false` },
      ...{ noReport: `${OPTIONS}.status_report=false`, params: 'message.?.1.provider_params.own=x' },
    },
  ],
  [
    'httpBackend',
    httpBackend({ send: { url, params: names } }),
    {
      ...{ senderId: 'from=ACME', validity: 'ttl=90', escalate: 'fast=true', allowReply: 'reply=true' },
      ...{ noReply: 'reply=false', noReport: 'dlr=false', params: 'own=x' },
    },
  ],
  [
    'kannel',
    kannel({ sendsmsUrl: url, ...secret }),
    {
      ...{ senderId: 'from=ACME', validity: 'validity=90', escalate: 'priority=3' },
      ...{ noReport: `-dlr-url=${KANNEL_REPORT} -dlr-mask=31`, params: 'own=x' },
    },
  ],
  [
    'opera',
    opera({ url, service: '1', password: 'p', channel: '7' }),
    {
      ...{ validity: 'minutes=90 -minutes=1440', escalate: 'Priority=high -Priority=standard' },
      ...{ noReport: 'Receipt=N -Receipt=Y', params: 'own=x' },
    },
  ],
  ['smsOperator', smsOperator({ url, ...secret }), { params: 'own=x' }],
  ['techsys', techsys({ url, bind: 'b' }), { params: 'own=x' }],
  [
    'twilio',
    twilio({ baseUrl: url, accountSid: `AC${'0'.repeat(32)}`, authToken: 't', from: '+1555' }),
    {
      ...{ senderId: 'From=ACME -From=+1555', validity: 'ValidityPeriod=5400' },
      ...{ noReport: '-StatusCallback=https://sms.example.org/status', params: 'own=x' },
    },
  ],
  [
    'vianett',
    vianett(secret),
    {
      ...{ senderId: 'SenderAddress=ACME SenderAddressType=5', escalate: 'Priority=1' },
      ...{ noReply: '-ReplyPathValue=1440', noReport: '-nrq=1', params: 'own=x' },
    },
  ],
  [
    'vonage',
    vonage({ baseUrl: url, apiKey: 'abcd1234', apiSecret: 's', from: 'Clinic' }),
    {
      ...{ senderId: 'from=ACME -from=Clinic', validity: 'ttl=5400000', params: 'own=x' },
      noReport: 'status-report-req=0 -status-report-req=1 -callback=https://sms.example.org/status',
    },
  ],
  ['vumi, go', vumi({ api: 'go', baseUrl: url, account: 'a', token: 't', conversation: 'c' }), { params: 'own=x' }],
  [
    'vumi, junebug',
    vumi({ api: 'junebug', baseUrl: url, channel: 'c', from: '1' }),
    {
      ...{ senderId: 'from=ACME -from=1', escalate: 'priority=5', params: 'own=x' },
      noReport: '-event_url=https://sms.example.org/status',
    },
  ],
  ['vumi, relay', vumi({ api: 'relay', url, auth: account }), { senderId: 'from_addr=ACME', params: 'own=x' }],
]

const given: readonly (readonly [Column, SendOptions, OutgoingMessage['params']?])[] = [
  ['senderId', { senderId: 'ACME' }],
  ['validity', { validity: 90 }],
  ['escalate', { escalate: true }],
  ['allowReply', { allowReply: true }],
  ['noReply', { allowReply: false }],
  ['noReport', { statusReport: false }],
  ['params', {}, { own: 'x' }],
]

describe('what options become', () => {
  for (const [name, backend, expected] of rows) {
    for (const [column, options, params] of given) {
      it(`${name}: ${column}: ${expected[column] ?? 'nothing'}`, async () => {
        const plain = await asked(backend, message({}))
        expect(await difference(plain, backend, message(options, params))).to.equal(expected[column] ?? '')
      })
    }

    it(`${name}: nothing that only we go by`, async () => {
      const plain = await asked(backend, message({}))
      const ours = message({ despiteOptOut: true, despiteQuietHours: true })
      expect(await difference(plain, backend, ours)).to.equal('')
    })
  }

  it('africasTalking: validity of a premium message, in hours', async () => {
    const backend = africasTalking({ username: 'u', apiKey: 'k' })
    const plain = await asked(backend, message({}, { linkId: '7' }))
    const changed = message({ validity: 90 }, { linkId: '7' })
    expect(await difference(plain, backend, changed)).to.equal('retryDurationInHours=2')
  })

  it('loopback: a reply or none, a report or none', async () => {
    const backend = loopback()
    backend.subscribe('+254700000001', ({ reply }) => reply('yes'))
    const state = async (options: SendOptions) => {
      const result = await backend.definition.send?.(message(options), toolsFor(backend, noRequest))
      return [result?.state, backend.traffic().map(({ direction }) => direction)]
    }
    expect(await state({ statusReport: true, allowReply: false })).to.deep.equal(['DELIVERED', ['out']])
    expect(await state({ allowReply: false })).to.deep.equal(['SENT', ['out']])
  })
})

async function difference(plain: readonly string[], backend: BackendInput, sent: OutgoingMessage): Promise<string> {
  const changed = await asked(backend, sent)
  const more = changed.filter((one) => !plain.includes(one))
  const less = plain.filter((one) => !changed.includes(one)).map((one) => `-${one}`)
  return [...more, ...less].join(' ')
}
