import { expect } from 'chai'
import { africasTalking } from '../../src/backends/index.ts'
import type { SettingsInput } from '../../src/index.ts'
import { type FarSide, farSide } from '../support/far-side.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

type Apps = SettingsInput['apps']
type Ussd = { readonly wait?: number; readonly fallback?: string; readonly late?: 'refuse' | 'sms' }

const PERSON = '+254711000001'
const CODE = '*384*7#'
const taken = {
  status: 201,
  body: JSON.stringify({
    SMSMessageData: { Message: '', Recipients: [{ statusCode: 101, number: PERSON, messageId: 'ATXid_1' }] },
  }),
}

describe('africasTalking, with apps that respond', () => {
  let far: FarSide
  let web: Web | undefined
  before(async () => {
    far = await farSide()
  })
  after(() => far.stop())
  afterEach(async () => {
    await web?.stop()
    web = undefined
    far.reset()
  })

  async function serve(apps: Apps, ussd: Ussd = {}): Promise<Web> {
    const at = africasTalking({ username: 'shop', apiKey: 's3cret-key', baseUrl: far.url, from: 'SHOP', ussd })
    web = await serveWeb({ backends: { at }, apps })
    return web
  }

  async function post(view: string, values: Readonly<Record<string, string>>): Promise<string> {
    const body = new URLSearchParams(values)
    const answer = await fetch(`${web?.url}/backends/at/${view}`, { method: 'POST', body })
    expect(answer.status).to.equal(200)
    return answer.text()
  }

  const enter = (text: string) => post('ussd', { sessionId: 'S1', phoneNumber: PERSON, serviceCode: CODE, text })

  async function outgoing() {
    const { store } = (web ?? expect.fail('nothing is served')).switchboard.parts
    const messages = await store.log.conversation({ backend: 'at', identity: PERSON, limit: 10 })
    return messages.filter(({ direction }) => direction === 'out')
  }

  const settled = (state: string) =>
    until(`a message in ${state}`, async () => (await outgoing()).find((message) => message.state === state))

  it('goes through a session: new, resume, end', async () => {
    await serve([
      {
        name: 'menu',
        handle(message) {
          if (message.text === '') return message.respond('Your name?')
          return message.respond(`Hello ${message.text}\nBye`, { end: true })
        },
      },
    ])
    expect(await enter('')).to.equal('CON Your name?')
    expect(await enter('Zoë')).to.equal('END Hello Zoë\nBye')
    expect(web?.messages.map(({ fields }) => fields['session'])).to.deep.equal([
      { id: 'S1', event: 'new' },
      { id: 'S1', event: 'resume' },
    ])
    expect((await outgoing()).map(({ state }) => state)).to.deep.equal(['SENT', 'SENT'])
    expect(far.requests).to.have.length(0)
  })

  it('answers a repeated request like the first, and asks the apps once', async () => {
    await serve([{ name: 'count', handle: (message) => message.respond(`step ${web?.messages.length}`) }])
    expect([await enter('1'), await enter('1'), await enter('1*1')]).to.deep.equal([
      'CON step 1',
      'CON step 1',
      'CON step 2',
    ])
  })

  it('joins several responses, and tells of a text that is too long for operators', async () => {
    await serve([
      {
        name: 'twice',
        handle(message) {
          message.respond('a'.repeat(100), { end: true })
          return message.respond('b'.repeat(100))
        },
      },
    ])
    expect(await enter('')).to.equal(`END ${'a'.repeat(100)}\n${'b'.repeat(100)}`)
    expect(web?.log()).to.include('a USSD text that operators may cut or refuse')
  })

  it('answers the fallback when no app responds', async () => {
    await serve([], { fallback: 'Nobody is here.' })
    expect(await enter('')).to.equal('END Nobody is here.')
  })

  describe('when the apps are too late', () => {
    async function tooLate(late: 'refuse' | 'sms'): Promise<void> {
      let goOn = () => {}
      const wait = new Promise<void>((resolve) => {
        goOn = resolve
      })
      const slow = {
        name: 'slow',
        async handle(message: { respond(text: string): true }) {
          await wait
          return message.respond('late')
        },
      }
      await serve([slow], { wait: 100, late })
      expect(await enter('')).to.equal('END Please try again later.')
      goOn()
    }

    it('answers the fallback, and refuses what they respond', async () => {
      await tooLate('refuse')
      expect((await settled('ERROR')).text).to.equal('late')
      expect(far.requests).to.have.length(0)
    })

    it('sends what they respond as an SMS, where settings say so', async () => {
      far.answer(taken)
      await tooLate('sms')
      await settled('SENT')
      expect(far.requests.map(({ body }) => body)).to.deep.equal([
        'username=shop&to=%2B254711000001&message=late&from=SHOP&bulkSMSMode=1',
      ])
    })
  })

  it('sends nothing to a session that is over', async () => {
    await serve([{ name: 'eager', handle: (message) => message.respond('one more thing') }], { late: 'sms' })
    await post('session', { sessionId: 'S1', phoneNumber: PERSON, serviceCode: CODE, status: 'Incomplete' })
    await settled('ERROR')
    expect(far.requests).to.have.length(0)
  })

  it('sends an SMS beside the session where an app sends one', async () => {
    far.answer(taken)
    await serve([
      {
        name: 'receipt',
        async handle(message, context) {
          await context.send({ to: message.connection, text: 'Your receipt' })
          return message.respond('Done', { end: true })
        },
      },
    ])
    expect(await enter('1')).to.equal('END Done')
    await until('the receipt', () => far.requests[0])
    expect(far.requests[0]?.body).to.include('message=Your+receipt&from=SHOP&bulkSMSMode=1')
  })

  it('takes the link of a premium message along to the response, and not to anybody else', async () => {
    far.answer(taken, taken)
    await serve([
      {
        name: 'answer',
        handle(message) {
          message.respond('yours')
          return message.respond('theirs', { to: { backend: 'at', identity: '+254711000002' } })
        },
      },
    ])
    await post('', { from: PERSON, to: '28901', text: 'joke', linkId: 'Link1', id: '1' })
    await until('both', () => far.requests.length === 2)
    expect(far.requests.map(({ body }) => body)).to.have.members([
      'username=shop&to=%2B254711000001&message=yours&from=28901&bulkSMSMode=0&linkId=Link1',
      'username=shop&to=%2B254711000002&message=theirs&from=SHOP&bulkSMSMode=1',
    ])
  })
})
