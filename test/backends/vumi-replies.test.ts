import { expect } from 'chai'
import { vumi } from '../../src/backends/index.ts'
import type { IncomingMessage } from '../../src/index.ts'
import { type Canned, type FarRequest, type FarSide, farSide } from '../../src/testing/far-side.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

const PERSON = '+27831112222'
const OTHER = '+27830000000'

/** Answers what people write by what they wrote. */
const menu = {
  name: 'menu',
  handle(message: IncomingMessage) {
    if (message.text === 'tell') return message.respond('hi', { to: { backend: message.backend, identity: OTHER } })
    return message.respond('Choose', message.text === 'bye' ? { end: true } : {})
  },
}

describe('replies by vumi', () => {
  let far: FarSide
  let web: Web
  before(async () => {
    far = await farSide()
    web = await serveWeb({
      http: { publicUrl: 'https://sms.example.org' },
      backends: {
        go: vumi({ api: 'go', baseUrl: far.url, account: 'a', token: 'tttt', conversation: 'c' }),
        junebug: vumi({ api: 'junebug', baseUrl: far.url, channel: 'c', token: 'secret-token' }),
        relay: vumi({ api: 'relay', url: far.url }),
      },
      apps: [menu],
    })
  })
  after(async () => {
    await web.stop()
    await far.stop()
  })
  afterEach(() => far.reset())

  /** What the service is asked when the person has written. */
  async function asked(path: string, incoming: object, ...answers: readonly Canned[]): Promise<readonly FarRequest[]> {
    far.answer(...answers)
    const posted = await fetch(`${web.url}/backends/${path}`, {
      method: 'POST',
      body: JSON.stringify(incoming),
      headers: { authorization: 'Token secret-token' },
    })
    expect(posted.status, await posted.clone().text()).to.equal(200)
    await until('the answers to be used up', () => far.unused === 0)
    await until('the message to be settled', isSettled)
    return far.requests
  }

  async function said(identity: string) {
    const backends = ['go', 'junebug', 'relay']
    const { log } = web.switchboard.parts.store
    const found = await Promise.all(backends.map((backend) => log.conversation({ backend, identity, limit: 10 })))
    return found.flat()
  }

  async function isSettled(): Promise<boolean> {
    const messages = [...(await said(PERSON)), ...(await said(OTHER))]
    return messages.every(({ state }) => state !== 'RECEIVED' && state !== 'WAITING' && state !== 'SENDING')
  }

  const bodies = (requests: readonly FarRequest[]) => requests.map(({ body }) => JSON.parse(body) as unknown)
  let count = 0
  const vumiMessage = (content: string | null, more: object = {}) => ({
    message_id: `m${++count}`,
    from_addr: PERSON,
    to_addr: '*120#',
    transport_name: 't',
    transport_type: 'ussd',
    content,
    ...more,
  })
  const junebugMessage = (content: string | null, session_event: string | null) => ({
    message_id: `j${++count}`,
    from: PERSON,
    to: '*120#',
    content,
    channel_data: { session_event },
  })

  it('keep a session open, by Vumi Go', async () => {
    const first = vumiMessage(null, { session_event: 'new' })
    expect(bodies(await asked('go/', first, { body: '{"message_id":"1"}' }))).to.deep.equal([
      { to_addr: PERSON, content: 'Choose', in_reply_to: first.message_id, session_event: 'resume' },
    ])
  })

  it('close a session with { end: true }, by Vumi Go', async () => {
    const last = vumiMessage('bye', { session_event: 'resume' })
    expect(bodies(await asked('go/', last, { body: '{"message_id":"1"}' }))).to.deep.equal([
      { to_addr: PERSON, content: 'Choose', in_reply_to: last.message_id, session_event: 'close' },
    ])
  })

  it('keep open and close a session, by Junebug', async () => {
    const first = junebugMessage(null, 'new')
    const created = { status: 201, body: '{"result":{"message_id":"1"}}' }
    const events = { event_url: 'https://sms.example.org/backends/junebug/status', event_auth_token: 'secret-token' }
    expect(bodies(await asked('junebug/', first, created))).to.deep.equal([
      { reply_to: first.message_id, content: 'Choose', ...events, channel_data: { continue_session: true } },
    ])
    far.reset()
    const last = junebugMessage('bye', 'resume')
    expect(bodies(await asked('junebug/', last, created))).to.deep.equal([
      { reply_to: last.message_id, content: 'Choose', ...events, channel_data: { continue_session: false } },
    ])
  })

  it('name the message, by the relay', async () => {
    const first = vumiMessage('x')
    const [body] = bodies(
      await asked('relay/', first, { body: JSON.stringify([{ to_addr: PERSON, message_id: '1' }]) }),
    )
    expect(body).to.deep.include({ to_addr: [PERSON], content: 'Choose', in_reply_to: first.message_id })
  })

  it('to somebody else are no replies', async () => {
    const [body] = bodies(await asked('go/', vumiMessage('tell'), { body: '{"message_id":"1"}' }))
    expect(body).to.deep.equal({ to_addr: OTHER, content: 'hi', in_reply_to: null, session_event: null })
    far.reset()
    const [other] = bodies(
      await asked('junebug/', junebugMessage('tell', 'resume'), { status: 201, body: '{"result":{"message_id":"1"}}' }),
    )
    expect(other).to.include({ to: OTHER, content: 'hi' }).and.not.to.have.any.keys('reply_to', 'channel_data')
  })

  it('that come too late go as messages of their own', async () => {
    const sms = { transport_type: 'sms' }
    const invalid = { status: 400, body: '{"success":false,"reason":"Invalid in_reply_to value"}' }
    const requests = await asked('go/', vumiMessage('x', sms), invalid, { body: '{"message_id":"1"}' })
    expect(bodies(requests)[1]).to.deep.include({ to_addr: PERSON, in_reply_to: null })
    far.reset()
    const gone = {
      status: 404,
      body: '{"result":{"errors":[{"type":"MessageNotFound","message":"Inbound message with id j not found"}]}}',
    }
    const again = await asked('junebug/', junebugMessage('x', null), gone, {
      status: 201,
      body: '{"result":{"message_id":"1"}}',
    })
    expect(bodies(again)[1]).to.deep.include({ to: PERSON }).and.not.to.have.property('reply_to')
    far.reset()
    const lost = { status: 400, body: "Original message u'm9' not found." }
    const third = await asked('relay/', vumiMessage('x', sms), lost, {
      body: JSON.stringify([{ to_addr: PERSON, message_id: '1' }]),
    })
    expect(bodies(third)[1]).to.not.have.property('in_reply_to')
  })

  it('that come too late for a session are errors: nobody would see them', async () => {
    const gone = {
      status: 404,
      body: '{"result":{"errors":[{"type":"MessageNotFound","message":"Inbound message with id j not found"}]}}',
    }
    expect(await asked('junebug/', junebugMessage('x', 'resume'), gone)).to.have.length(1)
  })

  it('are written beside how the channel is', async () => {
    const down = { component: 'smpp', status: 'down', type: 'connection_lost', message: 'Connection lost' }
    await fetch(`${web.url}/backends/junebug/channel`, { method: 'POST', body: JSON.stringify(down) })
    expect(web.log()).to.match(/warn the channel changed .*"smpp","status":"down".*"reason":"Connection lost"/)
  })

  it('to the end of a session are not sent', async () => {
    expect(await asked('go/', vumiMessage(null, { session_event: 'close' }))).to.deep.equal([])
    const last = (await said(PERSON)).filter(({ backend, direction }) => backend === 'go' && direction === 'out').at(-1)
    expect(last).to.include({ state: 'ERROR' })
    expect(last?.error).to.match(/session is over/)
  })
})
