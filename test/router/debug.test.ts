import { expect } from 'chai'
import { type BackendInput, defineBackend } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import {
  africasTalking,
  atsSmsOperator,
  forwardClient,
  forwardServer,
  httpBackend,
  kannel,
  twilio,
  vonage,
} from 'sms-switchboard/backends'
import { type FarSide, fakeBackend, farSide, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { parseSettings } from '../../src/settings/parse.ts'
import { rejection } from '../support/rejection.ts'
import { tempFolder } from '../support/temp-folder.ts'

const PERSON = '+254711000001'

describe('debug', () => {
  let service: FarSide
  let t: TestSwitchboard | undefined
  beforeEach(async () => {
    service = await farSide()
  })
  afterEach(async () => {
    await t?.stop()
    t = undefined
    await service.stop()
  })

  const begin = async (backends: Readonly<Record<string, BackendInput>>, settings: object = { debug: true }) => {
    t = await testSwitchboard({ apps: [echo()], backends, settings })
    return t
  }
  /** One way to send each; all of them at the far side. */
  const senders = (): Record<string, BackendInput> => ({
    http: httpBackend({ send: { url: `${service.url}/send` } } as never),
    kannel: kannel({ sendsmsUrl: `${service.url}/sendsms` }),
    twilio: twilio({ baseUrl: service.url, accountSid: 'AC1', authToken: 'token-1', from: '+15005550001' }),
    vonage: vonage({ baseUrl: service.url, apiKey: 'k', apiSecret: 'secret-1', from: '4477' }),
    at: africasTalking({ baseUrl: service.url, username: 'shop', apiKey: 'key-of-at', pollInterval: 1_000 }),
    ats: atsSmsOperator({ url: service.url, username: 'u', password: 'password-1', from: '1', keyword: 'K' }),
    client: forwardClient({ serverUrl: `${service.url}/` } as never),
    server: forwardServer({ clients: [`${service.url}/client`] }),
  })

  it('sends nothing, one by one, in batches or now', async () => {
    const backends = senders()
    const { server: _, ...sending } = backends
    const test = await begin(backends)
    for (const backend of Object.keys(sending)) {
      const sent = await test.send({ to: [PERSON, '+254711000002', '+254711000003'], text: 'hi', backend })
      for (const { id } of sent) expect(await test.store.log.find(id)).to.include({ state: 'DEBUG', backend, tries: 0 })
      const now = await test.router.sendNow({ to: PERSON, text: 'now', backend })
      expect(now).to.include({ state: 'DEBUG' })
    }
    expect(service.requests).to.deep.equal([])
  })

  it('off, all of them ask the far side', async () => {
    const backends = senders()
    const test = await begin(backends, { debug: false })
    for (const backend of Object.keys(backends).filter((name) => name !== 'server')) {
      service.reset()
      await test.send({ to: PERSON, text: 'hi', backend })
      expect(service.requests.length, backend).to.be.greaterThan(0)
    }
    service.reset()
    await test.advance('2s')
    expect(service.requests.map(({ target }) => target)).to.include(
      '/version1/messaging?username=shop&lastReceivedId=0',
    )
  })

  for (const debug of [false, true]) {
    it(`${debug ? 'on' : 'off'} after a restart, ${debug ? 'no' : 'its'} service is asked of messages sent before`, async () => {
      const folder = tempFolder()
      const databaseUrl = `sqlite:${folder.path}/test.db`
      const asking = defineBackend({
        kind: 'asking',
        settings: z.strictObject({}),
        reports: 'handset',
        send: async ({ id }) => ({ externalIds: [id] }),
        checkStates: async (_, { http }) => {
          await http.request({ url: service.url })
          return []
        },
      })
      const first = await begin({ asking: asking() }, { databaseUrl })
      await first.send({ to: PERSON, text: 'hi' })
      await first.stop()
      const later = new Date(first.clock.now() + 3_600_000)
      t = await testSwitchboard({
        apps: [],
        backends: { asking: asking() },
        settings: { databaseUrl, debug },
        now: later,
      })
      await t.router.checkStates(new AbortController().signal)
      await t.stop()
      folder.remove()
      expect(service.requests).to.have.length(debug ? 0 : 1)
    })
  }

  it('asks services nothing, be it for states, messages or what a method wants', async () => {
    const test = await begin(senders(), {
      ...{ debug: true, stateChecks: { interval: 60_000, askAfter: 1_000 } },
    })
    await test.advance('10m')
    expect(await test.router.checkStates(new AbortController().signal)).to.deep.equal([])
    for (const backend of ['vonage', 'at', 'twilio']) {
      const [method = ''] = Object.keys(test.router.backends.get(backend)?.methods ?? {})
      expect(await rejection(test.router.call(backend, method, '1'))).to.include({ code: 'UNSUPPORTED' })
    }
    expect(service.requests).to.deep.equal([])
  })

  it('hands nothing on to the clients of the forward pair', async () => {
    const test = await begin({ fake: fakeBackend(), ...senders() })
    await test.receive({ text: 'echo hi', backend: 'fake' })
    await test.router.report('fake', { externalId: 'x', state: 'DELIVERED' })
    await test.idle()
    expect(service.requests).to.deep.equal([])
    expect((await test.store.log.counts()).outgoing).to.be.greaterThan(1)
  })

  it('gives no responses in an answer', async () => {
    const test = await begin({ fake: fakeBackend() })
    const received = await test.receive({ text: 'echo hi', wait: '5s' })
    expect(received).not.to.have.property('responses')
    expect(test.sent).to.deep.equal([])
  })

  it('tells hooks as usual, with the state DEBUG', async () => {
    const test = await begin({ fake: fakeBackend() })
    const seen: unknown[] = []
    test.router.on('receive', ({ message }) => seen.push(`receive ${message.text}`))
    test.router.on('send', ({ message }) => seen.push(`before ${message.state}`), { before: true })
    test.router.on('send', ({ message }) =>
      seen.push([message.state, message.text, message.externalIds, message.sentAt]),
    )
    await test.receive('echo hi')
    expect(seen).to.deep.equal(['receive echo hi', 'before WAITING', ['DEBUG', 'hi', [], null]])
    expect(test.fake.attempts).to.deep.equal([])
  })

  it('of one backend leaves the others alone', async () => {
    const test = await begin({ quiet: fakeBackend({ debug: true }), loud: fakeBackend() }, {})
    await test.receive({ text: 'echo a', backend: 'quiet' })
    await test.receive({ text: 'echo b', backend: 'loud' })
    expect(test.sent.map(({ text }) => text)).to.deep.equal(['b'])
  })

  it('is told of in the log', async () => {
    const test = await begin({ fake: fakeBackend() })
    expect(test.logs.map(({ message }) => message)).to.include('debug is on: nothing leaves')
  })

  const variables: [value: string, file: boolean, debug: boolean | string][] = [
    ['1', false, true],
    ['true', false, true],
    ['ON', false, true],
    ['0', true, false],
    ['off', true, false],
    ['', true, true],
    ['maybe', false, 'SWITCHBOARD_DEBUG'],
  ]
  for (const [value, file, debug] of variables) {
    it(`SWITCHBOARD_DEBUG=${value} over ${file}: ${debug}`, () => {
      const settings = { apps: [], backends: { fake: fakeBackend() }, debug: file }
      const parse = () => parseSettings(settings, { SWITCHBOARD_DEBUG: value })
      if (typeof debug === 'string') expect(parse).to.throw(debug)
      else expect(parse().backends.get('fake')?.common.debug).to.equal(debug)
    })
  }
})
