import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import {
  isSignedBySns,
  keyOfCertificate,
  SnsCertificates,
  snsEnvelope,
  snsSignedTexts,
} from '../../src/backends/aws-sns-signature.ts'
import { awsSns } from '../../src/backends/index.ts'
import { createSwitchboard, SettingsError } from '../../src/index.ts'
import { errorText } from '../../src/messages/errors.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import type { HttpClient, HttpRequest } from '../../src/router/backend.ts'
import { ConnectionError } from '../../src/router/errors.ts'
import { type Harness, startHarness } from '../../src/testing/backend-harness.ts'
import { rejection } from '../support/rejection.ts'
import { snsPeer } from '../support/sns-peer.ts'

interface Vectors {
  readonly certificate: string
  readonly cases: readonly {
    readonly name: string
    readonly valid: boolean
    readonly message: Readonly<Record<string, string>>
    readonly stringToSign: string
  }[]
}

const file = new URL('./fixtures/aws-sns-signatures.json', import.meta.url)
const { certificate, cases } = JSON.parse(readFileSync(file, 'utf8')) as Vectors
const CERTIFICATE = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-test.pem'
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:sms-inbound'
const peer = snsPeer()

const notification = {
  Type: 'Notification',
  MessageId: 'n1',
  TopicArn: TOPIC,
  Timestamp: '2026-01-02T03:04:05.678Z',
  SigningCertURL: CERTIFICATE,
  Message: '{"originationNumber":"+1","messageBody":"x"}',
}
const confirmation = {
  ...notification,
  Type: 'SubscriptionConfirmation',
  Token: 'a token+1',
  SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription',
}

describe('signatures of SNS', () => {
  const key = keyOfCertificate(certificate)
  if (key === undefined) throw new TypeError('the certificate of the fixtures cannot be read')
  for (const { name, valid, message, stringToSign } of cases) {
    it(`${name} is ${valid ? 'taken' : 'refused'}`, () => {
      const envelope = snsEnvelope.parse(message)
      expect(isSignedBySns(envelope, key)).to.equal(valid)
      expect(snsSignedTexts(envelope)[0] === stringToSign).to.equal(valid)
    })
  }

  it('have rows of both versions', () => {
    expect(new Set(cases.map(({ message }) => message['SignatureVersion']))).to.deep.equal(new Set(['1', '2']))
  })

  it('cover the token of the end of a subscription, or leave it out', () => {
    const { Token: token, ...rest } = { ...confirmation, Type: 'UnsubscribeConfirmation' }
    const own = keyOfCertificate(peer.certificate)
    if (own === undefined) throw new TypeError('the certificate cannot be read')
    const signed = snsEnvelope.parse(JSON.parse(peer.post({ ...rest, Token: token })))
    expect(isSignedBySns(signed, own)).to.equal(true)
    const without = { ...JSON.parse(peer.post(rest)), Token: token }
    expect(isSignedBySns(snsEnvelope.parse(without), own)).to.equal(true)
    expect(isSignedBySns(snsEnvelope.parse({ ...without, Message: 'y' }), own)).to.equal(false)
  })
})

type Answers = readonly ({ readonly status: number; readonly body: string } | Error)[]

/** A client that answers what it is told to; the last again and again. */
function client(asked: HttpRequest[], answers: Answers): HttpClient {
  return {
    async request(request) {
      asked.push(request)
      const answer = answers[Math.min(asked.length, answers.length) - 1]
      if (answer === undefined || answer instanceof Error) throw answer ?? new TypeError('no answer was given')
      const { status, body } = answer
      return { status, headers: {}, body: Buffer.from(body), text: () => body }
    },
  }
}

describe('certificates of SNS', () => {
  const envelopeOf = (changes: object = {}) => {
    return snsEnvelope.parse({ ...JSON.parse(peer.post(notification)), ...changes })
  }
  const pem = { status: 200, body: peer.certificate }

  it('are fetched once, with a time limit', async () => {
    const asked: HttpRequest[] = []
    const certificates = new SnsCertificates()
    const http = client(asked, [pem])
    const keys = await Promise.all([1, 2, 3].map(() => certificates.keyOf(envelopeOf(), http, undefined)))
    expect(keys.map((each) => each?.asymmetricKeyType)).to.deep.equal(['rsa', 'rsa', 'rsa'])
    await certificates.keyOf(envelopeOf(), http, undefined)
    expect(asked).to.deep.equal([{ url: CERTIFICATE, timeLimit: 5_000 }])
  })

  it('are fetched again when they could not be', async () => {
    const asked: HttpRequest[] = []
    const certificates = new SnsCertificates()
    const http = client(asked, [new ConnectionError('gone'), { status: 503, body: '' }, { status: 404, body: '' }, pem])
    const keyOf = () => certificates.keyOf(envelopeOf(), http, undefined)
    expect(errorText(await rejection(keyOf()))).to.equal('gone')
    expect(errorText(await rejection(keyOf()))).to.match(/503/)
    expect(await keyOf()).to.equal(undefined)
    expect(await keyOf()).to.include({ asymmetricKeyType: 'rsa' })
    expect(asked).to.have.length(4)
  })

  it('are not kept without end', async () => {
    const asked: HttpRequest[] = []
    const certificates = new SnsCertificates()
    const http = client(asked, [pem])
    const urlOf = (index: number) => CERTIFICATE.replace('test', `test${index}`)
    for (let index = 0; index <= 20; index++) {
      await certificates.keyOf(envelopeOf({ SigningCertURL: urlOf(index) }), http, undefined)
    }
    await certificates.keyOf(envelopeOf({ SigningCertURL: urlOf(20) }), http, undefined)
    await certificates.keyOf(envelopeOf({ SigningCertURL: urlOf(0) }), http, undefined)
    expect(asked).to.have.length(22)
  })

  it('are not fetched where they are given', async () => {
    const asked: HttpRequest[] = []
    const keyOf = (given: Readonly<Record<string, string>>) => {
      return new SnsCertificates().keyOf(envelopeOf(), client(asked, [pem]), given)
    }
    expect(await keyOf({ [CERTIFICATE]: peer.certificate })).to.include({ asymmetricKeyType: 'rsa' })
    expect(await keyOf({})).to.equal(undefined)
    expect(asked).to.deep.equal([])
  })

  for (const url of [
    'http://sns.eu-west-1.amazonaws.com/x.pem',
    'https://sns.us-east-1.amazonaws.com/x.pem',
    'https://sns.eu-west-1.amazonaws.com.example.org/x.pem',
    'https://sns.eu-west-1.amazonaws.com@example.org/x.pem',
    'https://example.org/sns.eu-west-1.amazonaws.com/x.pem',
    'https://sns.eu-west-1.amazonaws.com:8443/x.pem',
    'https://s3.eu-west-1.amazonaws.com/bucket/x.pem',
    'https://sns.eu-west-1.amazonaws.com/x.pem?a=1',
    'https://sns.eu-west-1.amazonaws.com/x.pem#.pem',
    'https://sns.eu-west-1.amazonaws.com/x.exe',
    'https://sns.eu-west-1.amazonaws.com/\nx.pem',
    'https://evil\\@sns.eu-west-1.amazonaws.com/x.pem',
    'file:///etc/ssl/x.pem',
    '',
  ]) {
    it(`are not fetched from ${JSON.stringify(url)}`, async () => {
      const asked: HttpRequest[] = []
      const found = new SnsCertificates().keyOf(envelopeOf({ SigningCertURL: url }), client(asked, [pem]), undefined)
      expect(await found).to.equal(undefined)
      expect(asked).to.deep.equal([])
    })
  }

  it('are fetched in China', async () => {
    const asked: HttpRequest[] = []
    const url = 'https://sns.cn-north-1.amazonaws.com.cn/x.pem'
    const envelope = envelopeOf({ SigningCertURL: url, TopicArn: 'arn:aws-cn:sns:cn-north-1:123456789012:in' })
    await new SnsCertificates().keyOf(envelope, client(asked, [pem]), undefined)
    expect(asked.map((each) => each.url)).to.deep.equal([url])
  })

  it('have to be certificates', async () => {
    const http = client([], [{ status: 200, body: '<html>' }])
    expect(await new SnsCertificates().keyOf(envelopeOf(), http, undefined)).to.equal(undefined)
  })
})

describe('subscriptions of SNS', () => {
  let harness: Harness
  before(async () => {
    harness = await startHarness('sns', (endpoint) =>
      awsSns({ region: 'eu-west-1', endpoint, topics: [TOPIC], certificates: { [CERTIFICATE]: peer.certificate } }),
    )
  })
  after(() => harness.stop())
  beforeEach(() => harness.far.reset())

  const post = (body: string, view = '') => fetch(`${harness.url}/backends/sns/${view}`, { method: 'POST', body })

  for (const view of ['', 'status']) {
    it(`are confirmed by the view "${view}"`, async () => {
      expect((await post(peer.post(confirmation), view)).status).to.equal(200)
      expect(harness.far.requests.map(({ method, target }) => `${method} ${target}`)).to.deep.equal([
        `GET /?Action=ConfirmSubscription&TopicArn=${encodeURIComponent(TOPIC)}&Token=a+token%2B1`,
      ])
      expect(harness.seen.messages).to.deep.equal([])
    })
  }

  for (const { label, body } of [
    { label: 'of a topic that the settings do not name', body: peer.post({ ...confirmation, TopicArn: `${TOPIC}x` }) },
    { label: 'that SNS has not signed', body: snsPeer().post(confirmation) },
    { label: 'whose token was changed', body: peer.post(confirmation).replace('a token', 'another') },
  ]) {
    it(`are not confirmed: one ${label}`, async () => {
      expect((await post(body)).status).to.equal(403)
      expect(harness.far.requests).to.deep.equal([])
    })
  }

  it('lead nowhere else, whatever URL is signed', async () => {
    const elsewhere = { ...confirmation, SubscribeURL: 'http://169.254.169.254/latest/meta-data' }
    expect((await post(peer.post(elsewhere))).status).to.equal(200)
    expect(harness.far.requests).to.have.length(1)
    expect(harness.seen.strangers).to.deep.equal([])
  })

  for (const { label, canned } of [
    { label: 'does not answer', canned: 'cut' as const },
    { label: 'fails', canned: { status: 500 } },
  ]) {
    it(`are asked for again when SNS ${label}`, async () => {
      harness.far.answer(canned)
      const answer = await post(peer.post(confirmation))
      const told = { status: answer.status, retry: answer.headers.get('retry-after') }
      expect(told).to.deep.equal({ status: 503, retry: '5' })
    })
  }

  it('may be refused by SNS, which is logged', async () => {
    harness.far.answer({ status: 400, body: 'Invalid token' })
    expect((await post(peer.post(confirmation))).status).to.equal(200)
    expect(harness.seen.log.join('\n')).to.include('a subscription could not be confirmed')
  })
})

describe('the settings of awsSns', () => {
  it('refuse what is no topic, no certificate, no region', () => {
    const sns = awsSns({ region: 'EU', topics: ['sms'], certificates: { [CERTIFICATE]: 'x' } })
    expect(() => createSwitchboard({ backends: { sns }, apps: [] }, { logger: silentLogger }))
      .to.throw(SettingsError)
      .with.property('message')
      .that.matches(/a region is expected/)
      .and.matches(/the ARN of a topic is expected/)
      .and.matches(/a certificate in PEM is expected/)
  })
})
