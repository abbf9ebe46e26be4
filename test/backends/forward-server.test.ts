import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { forwardServer } from '../../src/backends/index.ts'
import {
  AuthError,
  CreditError,
  createSwitchboard,
  type IncomingMessage,
  LimitsError,
  type ProviderError,
  RequestError,
  ServerError,
  type Switchboard,
  UnsupportedError,
} from '../../src/index.ts'
import { type FakeBackend, type FarSide, fakeBackend, farSide } from '../../src/testing/index.ts'
import { describeBackend, fuzzViews } from '../support/backend-table.ts'
import { until } from '../support/until.ts'

const JSON_BODY = { 'content-type': 'application/json' }
const MORNING = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/

/** As py-smsframework's own client writes it. */
const sample =
  '{"message": {"?": ["OutgoingMessage", {"src": null, "dst": "1234", "body": "Hi man!", "provider": "fwd", "provider_options": {"?": ["OutgoingMessageOptions", {"senderId": "me"}]}, "provider_params": {"a": 1}, "routing_values": [1, 2, 3]}]}}'

const alone = {
  name: 'fwd',
  backend: (url: string) =>
    forwardServer({ clients: [`${url.replace('//', '//ann:s3cret-pass@')}/sms/fwd`], wait: 500 }),
  secrets: ['s3cret-pass'],
  failures: false as const,
  incoming: [
    {
      label: 'a message, where nothing can send it',
      path: 'im',
      headers: JSON_BODY,
      body: sample,
      status: 400,
      answer: /^\{"error":\{"\?E":\["RequestError",\["backend: no backend of the settings can send"\]\]\}\}$/,
    },
    {
      label: 'no text',
      path: 'im',
      headers: JSON_BODY,
      body: '{"message": {"?": ["OutgoingMessage", {"dst": "1234", "body": ""}]}}',
      status: 400,
      answer: /RequestError.*body: may not be empty/,
    },
    { label: 'another class', path: 'im', headers: JSON_BODY, body: '{"message": {"?": ["Popen", {}]}}', status: 400 },
    { label: 'no class', path: 'im', headers: JSON_BODY, body: '{"message": 7}', status: 400 },
    { label: 'no JSON', path: 'im', headers: { 'content-type': 'text/plain' }, body: sample, status: 415 },
  ],
  outgoing: [
    {
      label: 'a message to a person',
      send: {},
      answers: [],
      requests: [],
      error: { code: 'UNSUPPORTED', text: /only to its clients/ },
    },
  ],
}

describeBackend(alone)
fuzzViews(alone)

describe('a forward server', () => {
  let phone: FakeBackend
  let one: FarSide
  let other: FarSide
  let switchboard: Switchboard
  let server: Server
  let url: string
  let log: string[]

  const begin = async (options: (one: string, other: string) => NonNullable<Parameters<typeof forwardServer>[0]>) => {
    phone = fakeBackend()
    log = []
    const note = (fields: object, message: string) => log.push(`${message} ${JSON.stringify(fields)}`)
    switchboard = createSwitchboard(
      {
        databaseUrl: 'sqlite::memory:',
        backends: {
          fwd: forwardServer({
            sending: { firstDelay: 1, longestDelay: 20, attempts: 100 },
            ...options(one.url, other.url),
          }),
          phone,
          second: fakeBackend(),
        },
        apps: [
          {
            name: 'broken',
            handle(message: IncomingMessage) {
              if (message.text === 'broken') throw new Error('broken')
            },
          },
        ],
        retry: { attempts: 1 },
      },
      { logger: { debug: note, info: note, warn: note, error: note } },
    )
    await switchboard.start()
    server = createServer(switchboard.callback())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/backends/fwd/im`
  }

  beforeEach(async () => {
    one = await farSide()
    other = await farSide()
  })

  afterEach(async () => {
    // What hangs there is not waited for.
    await one.stop()
    server.closeAllConnections()
    server.close()
    await switchboard.stop()
    await other.stop()
  })

  const taken = (count: number) =>
    Array.from({ length: count }, () => ({ headers: JSON_BODY, body: '{"message": {}}' }))
  const post = async (body: string) => {
    const answer = await fetch(url, { method: 'POST', headers: JSON_BODY, body })
    return { status: answer.status, body: (await answer.json()) as { error?: unknown; message?: { '?': unknown[] } } }
  }
  const outgoing = (attributes: object) =>
    JSON.stringify({ message: { '?': ['OutgoingMessage', { dst: '1234', body: 'hi', ...attributes }] } })
  const idIn = ({ message }: { readonly message?: { '?': unknown[] } }) =>
    Reflect.get(Object(message?.['?'][1]), 'msgid')
  const got = (far: FarSide, count: number) =>
    until(`${count} requests`, () => far.requests.length >= count && far.requests.map((each) => each))
  const bodies = async (far: FarSide, count: number) =>
    (await got(far, count)).map(
      ({ body }) => JSON.parse(body) as Record<string, { '?': [string, Record<string, unknown>] }>,
    )
  const texts = async (far: FarSide, count: number) =>
    (await bodies(far, count)).map(({ message }) => message?.['?'][1]['body'])
  const receive = (text: string, backend = 'phone', identity = '254712345678') =>
    switchboard.router.receive(backend, { identity, text, address: '2345' })

  it("sends a client's message by another backend, and answers as Python's server", async () => {
    await begin(() => ({}))
    const { status, body } = await post(sample)
    const [sent] = phone.sent
    expect(status).to.equal(200)
    expect(sent).to.include({ identity: '1234', text: 'Hi man!', class: 'urgent' })
    expect(sent?.options).to.deep.equal({ senderId: 'me' })
    expect(sent?.params).to.deep.equal({ a: 1 })
    const { message } = JSON.parse(sample) as { message: { '?': [string, object] } }
    const id = sent?.id ?? ''
    const meta = { external_ids: ['phone:fake-1'] }
    expect(body.message?.['?']).to.deep.equal([
      'OutgoingMessage',
      { ...message['?'][1], provider: 'phone', msgid: id, meta },
    ])
  })

  const failures: readonly [ProviderError, string, object | undefined][] = [
    [new ServerError('Offline'), 'ServerError', undefined],
    [new AuthError('Offline', { providerCode: 'E001' }), 'AuthError', { code: 'E001' }],
    [new LimitsError('Offline'), 'LimitsError', undefined],
    [new CreditError('Offline'), 'CreditError', undefined],
    [new RequestError('Offline'), 'RequestError', undefined],
    [new UnsupportedError('Offline'), 'UnsupportedError', undefined],
  ]
  for (const [error, name, details] of failures) {
    it(`answers ${name} where its service says so`, async () => {
      await begin(() => ({}))
      phone.failNext(1, error)
      const { status, body } = await post(sample)
      expect({ status, body }).to.deep.equal({
        status: 500,
        body: { error: { '?E': [name, ['Offline']] }, ...(details === undefined ? {} : { details }) },
      })
      expect(phone.attempts).to.have.lengthOf(1)
    })
  }

  it('chooses the backend by a function of the settings, which gets the routing values', async () => {
    await begin(() => ({ backend: ({ routingValues: [, second] }) => (second === 2 ? 'second' : undefined) }))
    const { body } = await post(sample)
    expect(body.message?.['?'][1]).to.include({ provider: 'second' })
  })

  it('sends an answer by where the message came in', async () => {
    await begin(() => ({ backend: 'phone' }))
    const { id } = await receive('hello', 'second', '+1234')
    const { body } = await post(outgoing({ in_reply_to: id }))
    expect(body.message?.['?'][1]).to.include({ provider: 'second' })
  })

  it('refuses what has been here before', async () => {
    await begin(() => ({}))
    const { id } = await receive('hello')
    const { status, body } = await post(outgoing({ via: ['elsewhere', id] }))
    expect({ status, error: body.error }).to.deep.equal({
      status: 400,
      error: { '?E': ['UnsupportedError', ['The message has been here before: it goes in a circle.']] },
    })
    expect(phone.attempts).to.deep.equal([])
  })

  it('answers before it is known what became of a message, and tells it later', async () => {
    await begin((client) => ({ clients: [{ url: client, only: [{ kind: 'status' }] }], wait: 100 }))
    one.answer({ headers: JSON_BODY, body: '{"status": {}}' })
    phone.hang()
    const { status, body } = await post(sample)
    expect(status).to.equal(200)
    phone.recover()
    const [told] = await bodies(one, 1)
    expect(told?.['status']?.['?'][0]).to.equal('MessageAccepted')
    expect(told?.['status']?.['?'][1]).to.include({
      msgid: idIn(body),
      provider: 'phone',
    })
  })

  it('forwards a message to every client, and with it its credentials', async () => {
    await begin((a, b) => ({
      clients: [`${a.replace('//', '//ann:p%3Ass%20word@')}/x`, { name: 'b', url: `${b}/y/` }],
    }))
    one.answer(...taken(1))
    other.answer(...taken(1))
    const { id } = await receive('café €')
    const [first] = await got(one, 1)
    const [second] = await got(other, 1)
    expect(first).to.include({ method: 'POST', target: '/x/im' })
    expect(second).to.include({ method: 'POST', target: '/y/im', body: first?.body })
    expect(first?.headers['authorization']).to.equal(`Basic ${Buffer.from('ann:p:ss word').toString('base64')}`)
    expect(second?.headers['authorization']).to.equal(undefined)
    const { message } = JSON.parse(first?.body ?? '') as { message: { '?': [string, Record<string, unknown>] } }
    const { rtime, ...rest } = message['?'][1]
    expect(message['?'][0]).to.equal('IncomingMessage')
    expect(rest).to.deep.equal({
      msgid: id,
      src: '254712345678',
      body: 'café €',
      dst: '2345',
      meta: {},
      provider: 'phone',
      via: [id],
    })
    expect((rtime as { '?': [string, string] })['?'][1]).to.match(MORNING)
    expect(log.join('\n')).not.to.match(/p%3Ass|p:ss/)
  })

  it('forwards what a service says of a message', async () => {
    await begin((a) => ({ clients: [{ url: a, only: [{ kind: 'status' }] }] }))
    one.answer(...taken(2))
    const [message] = await switchboard.router.send({ to: { backend: 'phone', identity: '1' }, text: 'x' })
    await until('it is sent', () => phone.sent.length === 1)
    await phone.report('DELIVERED', { code: '8', text: 'there' })
    const [told] = await bodies(one, 1)
    expect(told?.['status']?.['?'][0]).to.equal('MessageDelivered')
    expect(told?.['status']?.['?'][1]).to.include({ status: 'there', status_code: '8', provider: 'phone' })
    expect(told?.['status']?.['?'][1]['msgid']).to.satisfy((msgid: string) =>
      // The report may be faster than the answer to the sending.
      [message?.id, 'phone:fake-1'].includes(msgid),
    )
  })

  it('repeats for the one client that fails, and for no other, in the order', async () => {
    await begin((a, b) => ({ clients: [a, b] }))
    one.answer({ status: 401 }, 'cut', { status: 503 }, ...taken(3))
    other.answer(...taken(3))
    for (const text of ['1', '2', '3']) await receive(text)
    expect(await texts(one, 6)).to.deep.equal(['1', '1', '1', '1', '2', '3'])
    expect(await texts(other, 3)).to.deep.equal(['1', '2', '3'])
    await until(
      'all is done',
      async () => (await switchboard.parts.store.log.failed({ direction: 'out', limit: 9 })).length === 0,
    )
    expect(other.requests).to.have.lengthOf(3)
  })

  it('holds up no client because of one that hangs', async () => {
    const people = Array.from({ length: 150 }, (_, index) => `25471234${index + 1000}`)
    await begin((a, b) => ({ clients: [a, b], sending: { timeLimit: 8_000, attempts: 1 } }))
    one.answer(...people.map(() => 'hang' as const))
    other.answer(...taken(people.length))
    for (const person of people) await receive('1', 'phone', person)
    expect(await texts(other, people.length)).to.have.lengthOf(people.length)
    expect(one.requests.length).to.be.greaterThan(0).and.lessThan(people.length)
  })

  it('repeats for a client of Python whose own code failed', async () => {
    await begin((a) => ({ clients: [a] }))
    one.answer({ status: 500, headers: JSON_BODY, body: '{"error": {"?E": ["RuntimeError", ["x"]]}}' }, ...taken(1))
    await receive('1')
    expect(await texts(one, 2)).to.deep.equal(['1', '1'])
  })

  it('forwards a message whose apps failed', async () => {
    await begin((a) => ({ clients: [a] }))
    one.answer(...taken(1))
    await receive('broken')
    expect(await texts(one, 1)).to.deep.equal(['broken'])
  })

  it('gives each client what its rules say', async () => {
    await begin((a, b) => ({
      clients: [
        { url: a, only: [{ backends: ['second'] }, { text: /^reg\b/gi, addresses: ['2345'] }] },
        { url: b, only: [{ kind: 'incoming', text: /^other/ }] },
      ],
    }))
    one.answer(...taken(3))
    other.answer(...taken(1))
    for (const text of ['reg 1', 'no', 'REG 2', 'other']) await receive(text)
    await receive('by the second', 'second')
    expect((await texts(one, 3)).sort()).to.deep.equal(['REG 2', 'by the second', 'reg 1'])
    expect(await texts(other, 1)).to.deep.equal(['other'])
  })

  it('gives each client what a function says', async () => {
    await begin((a, b) => ({
      clients: [
        { name: 'a', url: a },
        { name: 'b', url: b },
      ],
      choose: (subject) => [subject.kind === 'incoming' && subject.text.startsWith('a') ? 'a' : 'b'],
    }))
    one.answer(...taken(1))
    other.answer(...taken(1))
    await receive('a1')
    await receive('b1')
    expect(await texts(one, 1)).to.deep.equal(['a1'])
    expect(await texts(other, 1)).to.deep.equal(['b1'])
  })

  it('keeps a message as failed where the function names nobody it knows', async () => {
    await begin((a) => ({ clients: [a], choose: () => ['nobody'] }))
    const { id } = await receive('1')
    const failed = await until('it has failed', async () => {
      const message = await switchboard.parts.store.log.find(id)
      return message?.state === 'FAILED' && message
    })
    expect(failed.error).to.match(/there is no client "nobody"/)
    expect(one.requests).to.deep.equal([])
  })

  it('prints no password of its settings', async () => {
    await begin((a) => ({
      clients: [`${a.replace('//', '//ann:p%3Ass%20word@')}/x`, { name: 'b', url: 'http://b:s3cret-pass@b.example' }],
    }))
    const printed = JSON.stringify(switchboard.settings.printable)
    expect(printed).to.include('b.example')
    expect(printed).not.to.match(/p%3Ass|p:ss|s3cret/)
  })

  it('refuses two clients of one name', () => {
    const fwd = forwardServer({ clients: ['http://ann:secret@a.example/x', 'http://a.example/y'] })
    expect(() => createSwitchboard({ backends: { fwd }, apps: [] })).to.throw(/two clients are called "a.example"/)
  })
})
