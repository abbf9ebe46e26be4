import { expect } from 'chai'
import {
  type AppContext,
  AuthError,
  ConnectionError,
  CreditError,
  defineBackend,
  LimitsError,
  MessageSendError,
  type OutgoingMessage,
  RequestError,
  type SendRequest,
  ServerError,
  UnsupportedError,
} from 'sms-switchboard'
import { fakeBackend, type TestOptions, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { rejection } from '../support/rejection.ts'

const join = (language: string) => ({
  name: `join-${language}`,
  async handle(message: { readonly text: string }, context: AppContext) {
    if (message.text !== `join ${language}`) return
    await context.contacts.create({ name: language, language })
    await context.groups.add('everybody')
  },
})

const receiveOnly = defineBackend({ kind: 'ear', settings: z.strictObject({}) })

describe('sending', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const begin = async (options: Partial<TestOptions> = {}) => {
    t = await testSwitchboard({ apps: [], ...options })
  }
  const left = () => t.sent.map(({ backend, identity, text }) => `${backend}:${identity} ${text}`)
  const logged = (id: string | undefined) => t.store.log.find(id ?? '')

  describe('to whom', () => {
    beforeEach(async () => {
      await begin({
        apps: [join('en'), join('sw')],
        backends: { ear: receiveOnly(), fake: fakeBackend(), other: fakeBackend() },
      })
      await t.receive({ backend: 'fake', identity: '1', text: 'join en' })
      await t.receive({ backend: 'other', identity: '2', text: 'join sw' })
    })
    const contactOf = async (backend: string, identity: string) =>
      (await t.store.contacts.ofConnection({ backend, identity }))?.id ?? ''

    const rows: readonly (readonly [string, SendRequest, readonly string[]])[] = [
      ['a number, over the first backend that sends', { to: '9', text: 'hi' }, ['fake:9 hi']],
      ['a number, over the backend named', { to: '9', backend: 'other', text: 'hi' }, ['other:9 hi']],
      ['a number with blanks around it', { to: ' +254 ', text: 'hi' }, ['fake:+254 hi']],
      ['a connection', { to: { backend: 'other', identity: '9' }, text: 'hi' }, ['other:9 hi']],
      ['many numbers, in their order', { to: ['3', '1', '2'], text: 'hi' }, ['fake:3 hi', 'fake:1 hi', 'fake:2 hi']],
      ['one number twice, once', { to: ['3', '2', ' 3'], text: 'hi' }, ['fake:3 hi', 'fake:2 hi']],
      ['nobody', { to: [], text: 'hi' }, []],
      ['a group', { to: { group: 'everybody' }, text: 'hi' }, ['fake:1 hi', 'other:2 hi']],
      ['a group without members', { to: { group: 'nobody' }, text: 'hi' }, []],
      [
        'each in their language',
        { to: [{ group: 'everybody' }, '9'], text: { en: 'Hello', sw: 'Habari' } },
        ['fake:1 Hello', 'other:2 Habari', 'fake:9 Hello'],
      ],
    ]
    for (const [name, request, expected] of rows) {
      it(`sends to ${name}, one message for each`, async () => {
        const messages = await t.send(request)
        expect(left()).to.have.members([...expected])
        expect(messages.map(({ backend, identity }) => `${backend}:${identity}`)).to.deep.equal(
          expected.map((line) => line.split(' ')[0]),
        )
        expect(new Set(messages.map(({ id }) => id)).size).to.equal(expected.length)
      })
    }

    it('sends to a contact', async () => {
      await t.send({ to: { contact: await contactOf('other', '2') }, text: 'hi' })
      expect(left()).to.deep.equal(['other:2 hi'])
    })

    it('sends once to a person who is named as a number, as a contact and as a member', async () => {
      const contact = await contactOf('other', '2')
      const to = [{ contact }, { group: 'everybody' }, { backend: 'other', identity: '2' }, { contact }, '1']
      expect(await t.send({ to, text: 'hi' })).to.have.length(2)
      expect(left()).to.have.members(['other:2 hi', 'fake:1 hi'])
    })

    it('leaves out members who cannot be sent to, and tells who they are', async () => {
      const contact = await contactOf('fake', '1')
      await t.receive({ backend: 'ear', identity: '5', text: 'join en' })
      const deaf = await contactOf('ear', '5')
      const { messages, leftOut } = await t.router.submit({ to: { group: 'everybody' }, text: 'hi' })
      expect(messages.map(({ backend, identity }) => `${backend}:${identity}`)).to.have.members(['fake:1', 'other:2'])
      expect(leftOut).to.deep.equal([{ contact: deaf, reason: 'has no connection that can be sent to' }])
      expect(t.logs.filter(({ message }) => message === 'a member of a group was left out')).to.have.length(1)
      const error = await rejection(t.router.send({ to: [{ contact }, { contact: deaf }], text: 'hi' }))
      expect(error).to.have.property('message', `to: the contact ${deaf} has no connection that can be sent to`)
    })

    const refused: readonly (readonly [string, SendRequest, string])[] = [
      ['an empty number', { to: ' ', text: 'hi' }, 'to: a number or identity is expected, not an empty text'],
      [
        'a backend that there is not',
        { to: { backend: 'fax', identity: '1' }, text: 'hi' },
        'backend: there is no backend "fax"; there are ear, fake, other',
      ],
      ['a backend that only receives', { to: '1', backend: 'ear', text: 'hi' }, 'backend: "ear" only receives'],
      ['a contact that there is not', { to: { contact: 'nobody' }, text: 'hi' }, 'to: there is no contact "nobody"'],
      ['an empty text', { to: '1', text: '' }, 'text: a text is expected, not an empty one'],
      [
        'too many',
        { to: Array.from({ length: 10_001 }, String), text: 'hi' },
        'to: at most 10000 recipients in one call, not 10001',
      ],
      [
        'one wrong among many',
        { to: ['1', ''], text: 'hi' },
        'to: a number or identity is expected, not an empty text',
      ],
    ]
    for (const [name, request, text] of refused) {
      it(`refuses ${name}, and records nothing`, async () => {
        const error = await rejection(t.send(request))
        expect(error).to.have.property('code', 'INVALID_INPUT')
        expect(error).to.have.property('message', text)
        expect((await t.store.log.counts()).outgoing).to.equal(0)
      })
    }

    it('sends to the connection of a contact that was last heard from', async () => {
      const contact = await contactOf('fake', '1')
      const second = { backend: 'other', identity: '1b' }
      await linkTo(t, contact, second)
      await t.advance('1m')
      await t.receive({ ...second, text: 'here' })
      await t.send({ to: { contact }, text: 'to the second' })
      await t.advance('1m')
      await t.receive({ backend: 'fake', identity: '1', text: 'back' })
      await t.send({ to: { contact }, text: 'to the first' })
      expect(left()).to.deep.equal(['other:1b to the second', 'fake:1 to the first'])
    })
  })

  it('sends once to a number that is written in several ways', async () => {
    await begin({ backends: { fake: fakeBackend({ numbers: { region: 'KE' } }) } })
    await t.send({ to: ['0711000001', '+254711000001', '00254711000001', '+254 711 000 001'], text: 'hi' })
    expect(left()).to.have.length(1)
  })

  it('carries options, parameters, fields and the address along', async () => {
    await begin()
    const options = { senderId: 'ACME', validity: 60, statusReport: true }
    await t.send({ to: '1', text: 'hi', from: '1234', fields: { a: 1 }, params: { p: 'x' }, options, class: 'bulk' })
    expect(t.sent[0]).to.deep.include({
      address: '1234',
      fields: { a: 1 },
      params: { p: 'x' },
      options,
      class: 'bulk',
      inResponseTo: null,
    })
  })

  it('passes the outgoing phase when its time has come, not before', async () => {
    const times: number[] = []
    await begin({ apps: [{ name: 'watch', outgoing: () => void times.push(t.clock.now()) }] })
    const at = t.clock.now() + 60_000
    await t.send({ to: '1', text: 'hi', at: new Date(at) })
    expect(times).to.deep.equal([])
    await t.advance('2m')
    expect(times).to.deep.equal([at])
  })

  it('keeps the text that the outgoing phase made of it', async () => {
    const sign = {
      name: 'sign',
      outgoing(message: OutgoingMessage) {
        message.text += '!'
      },
    }
    await begin({ apps: [sign] })
    t.fake.failNext(1)
    const [message] = await t.send({ to: '1', text: 'hi' })
    expect((await logged(message?.id))?.text).to.equal('hi!')
    await t.advance('1s')
    expect(left()).to.deep.equal(['fake:1 hi!'])
  })

  it('is cancelled by an app that answers false', async () => {
    await begin({ apps: [{ name: 'censor', outgoing: () => false }] })
    const [message] = await t.send({ to: '1', text: 'hi' })
    expect(await logged(message?.id)).to.include({ state: 'CANCELLED', error: 'cancelled by the app "censor"' })
    expect(t.fake.attempts).to.deep.equal([])
  })

  it('is tried again with growing delays when outgoing throws, then in ERROR; nothing is sent', async () => {
    let calls = 0
    const broken = () => {
      calls++
      throw new Error('boom')
    }
    await begin({
      apps: [{ name: 'broken', outgoing: broken }],
      backends: { fake: fakeBackend({ sending: { attempts: 4 } }) },
    })
    const [message] = await t.send({ to: '1', text: 'hi' })
    await t.advance('1h')
    expect(calls).to.equal(4)
    expect(await logged(message?.id)).to.include({ state: 'ERROR', error: 'boom' })
    expect(t.fake.attempts).to.deep.equal([])
  })

  it('sends nothing while debug is on', async () => {
    await begin({ backends: { fake: fakeBackend({ debug: true }) } })
    const [message] = await t.send({ to: '1', text: 'hi' })
    expect((await logged(message?.id))?.state).to.equal('DEBUG')
    expect(t.fake.attempts).to.deep.equal([])
  })

  describe('sendNow', () => {
    it('resolves with the state once the service has taken the message', async () => {
      await begin()
      const message = await t.router.sendNow({ to: '1', text: 'hi' })
      expect(message).to.include({ backend: 'fake', identity: '1', state: 'SENT' })
      expect((await logged(message.id))?.state).to.equal('SENT')
    })

    it('goes before what waits for the same person', async () => {
      await begin({ backends: { fake: fakeBackend({ sending: { partsPerSecond: 1, concurrency: 1 } }) } })
      await t.send({ to: '1', text: 'bulk 1', class: 'bulk' })
      await t.send({ to: '1', text: 'bulk 2', class: 'bulk' })
      const now = t.router.sendNow({ to: '1', text: 'urgent' })
      await t.advance('3s')
      await now
      expect(t.sent.map(({ text }) => text)).to.deep.equal(['bulk 1', 'urgent', 'bulk 2'])
    })

    const errors = [
      ServerError,
      ConnectionError,
      LimitsError,
      RequestError,
      AuthError,
      CreditError,
      UnsupportedError,
      MessageSendError,
    ] as const
    for (const ErrorClass of errors) {
      it(`throws the ${ErrorClass.name} of the service after one attempt`, async () => {
        await begin()
        t.fake.failAlways(new ErrorClass('no', { providerCode: '42' }))
        const error = await rejection(t.router.sendNow({ to: '1', text: 'hi' }))
        expect(error).to.be.instanceOf(ErrorClass)
        expect(error).to.include({ message: 'no', providerCode: '42', outcomeUnknown: false })
        await t.advance('1d')
        expect(t.fake.attempts).to.have.length(1)
      })
    }

    it('throws a ConnectionError that says so when the outcome cannot be known', async () => {
      await begin()
      t.fake.hang()
      const sending = rejection(t.router.sendNow({ to: '1', text: 'hi' }))
      await t.advance('30s')
      const error = await sending
      expect(error).to.be.instanceOf(ConnectionError)
      expect(error).to.include({ outcomeUnknown: true })
    })

    it('throws a MessageSendError for what a backend throws by mistake', async () => {
      await begin()
      t.fake.failAlways(new TypeError('x is not a function'))
      const error = await rejection(t.router.sendNow({ to: '1', text: 'hi' }))
      expect(error).to.be.instanceOf(MessageSendError)
      expect(error).to.have.property('message', 'x is not a function')
    })

    it('throws a CancelledError when an app vetoes', async () => {
      await begin({ apps: [{ name: 'censor', outgoing: () => false }] })
      const error = await rejection(t.router.sendNow({ to: '1', text: 'hi' }))
      expect(error).to.include({ code: 'CANCELLED', message: 'cancelled by the app "censor"' })
    })

    it('takes exactly one recipient', async () => {
      await begin()
      for (const to of [[], ['1', '2']]) {
        expect(await rejection(t.router.sendNow({ to, text: 'hi' }))).to.be.instanceOf(MessageSendError)
      }
      expect((await t.store.log.counts()).outgoing).to.equal(0)
    })

    it('does not wait for ever when the switchboard stops', async () => {
      await begin()
      const sending = rejection(t.router.sendNow({ to: '1', text: 'hi', at: new Date(t.clock.now() + 60_000) }))
      await t.idle()
      await t.stop()
      expect(await sending).to.have.property('code', 'NOT_RUNNING')
    })
  })
})

/** Gives a contact one more connection. */
async function linkTo(t: TestSwitchboard, contactId: string, connection: { backend: string; identity: string }) {
  const lane = { kind: 'incoming', owner: connection.backend, identity: connection.identity } as const
  const now = t.clock.now()
  const { store } = t
  const id = `link-${now}`
  await store.recordIncoming([
    { id, ...connection, address: null, text: '', fields: {}, externalId: null, receivedAt: now },
  ])
  const { fence, messages } = await store.claimIncoming(lane, 1)
  const [message] = messages
  if (message === undefined) throw new Error('nothing to claim')
  const changes = [{ kind: 'connection-linked', connection, contactId } as const]
  await store.finishIncoming([
    { fence, message, outcome: { kind: 'processed', handledBy: null }, outgoing: [], changes, at: now },
  ])
}
