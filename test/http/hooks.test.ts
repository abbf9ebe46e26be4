import { expect } from 'chai'
import { httpBackend, kannel, twilio, vonage } from '../../src/backends/index.ts'
import type { Hook, ReceiveEvent, StatusEvent } from '../../src/index.ts'
import { signed, TOKEN } from '../support/twilio-peer.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const ACCOUNT = `AC${'0'.repeat(32)}`

/** What a service asks, and how it is answered when it is taken. */
interface Row {
  readonly backend: string
  readonly path?: string
  /** In the query where it is asked by GET, else in a form. */
  readonly values: Readonly<Record<string, string>>
  readonly method?: 'GET' | 'POST'
  readonly status?: number
  readonly body: string | RegExp
}

const EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'

const incoming: readonly Row[] = [
  { backend: 'http', values: { identity: '254711000001', text: 'hi' }, body: 'OK' },
  { backend: 'kannel', values: { id: '254711000001', text: 'hi', sms_id: 'k1' }, method: 'GET', body: /^/ },
  {
    backend: 'twilio',
    values: {
      MessageSid: `SM${'0'.repeat(31)}1`,
      AccountSid: ACCOUNT,
      From: '+15005550006',
      To: '+15005550001',
      Body: 'hi',
    },
    body: EMPTY_TWIML,
  },
  {
    backend: 'vonage',
    values: { msisdn: '447700900001', to: '447700900000', messageId: '0A1', text: 'hi', type: 'text' },
    method: 'GET',
    body: 'OK',
  },
]

const reports: readonly Row[] = [
  { backend: 'kannel', path: 'status', values: { message_id: 'x', status: '1' }, method: 'GET', body: /^/ },
  {
    backend: 'twilio',
    path: 'status',
    values: { MessageSid: `SM${'0'.repeat(31)}2`, MessageStatus: 'delivered' },
    body: /^/,
  },
  {
    backend: 'vonage',
    path: 'status',
    values: { msisdn: '447700900001', messageId: '0A2', status: 'delivered', 'err-code': '0' },
    method: 'GET',
    body: 'OK',
  },
]

describe('hooks that run before, at the views', () => {
  let web: Web
  before(async () => {
    web = await serveWeb({
      backends: {
        http: httpBackend(),
        kannel: kannel({}),
        twilio: twilio({ accountSid: ACCOUNT, authToken: TOKEN, from: '+15005550001' }),
        vonage: vonage({ apiKey: 'k', apiSecret: 'secret-1' }),
      },
    })
  })
  after(() => web.stop())

  const ask = ({ backend, path = '', values, method = 'POST' }: Row) => {
    const query = new URLSearchParams(values).toString()
    const url = `${web.url}/backends/${backend}/${path}`
    const signature = backend === 'twilio' ? { 'x-twilio-signature': signed(url, values) } : {}
    const headers = { ...(method === 'GET' ? {} : FORM), ...signature }
    return method === 'GET' ? fetch(`${url}?${query}`, { headers }) : fetch(url, { method, headers, body: query })
  }
  const counts = async () => {
    const { incoming, outgoing } = await web.switchboard.parts.store.log.counts()
    return { incoming, outgoing }
  }

  for (const row of incoming) {
    it(`have ${row.backend} send a message again, of which nothing was recorded`, async () => {
      const before = await counts()
      const closed: Hook<'receive'> = () => {
        throw new Error('the books are closed')
      }
      const remove: () => void = web.switchboard.router.on('receive', closed, { before: true })
      const refused = await ask(row)
      expect(refused.status).to.equal(503)
      expect(refused.headers.get('retry-after')).to.equal('5')
      expect(await refused.text()).to.equal('Service Unavailable')
      expect(await counts()).to.deep.equal(before)
      remove()
      const taken = await ask(row)
      expect(taken.status).to.equal(row.status ?? 200)
      expect(await taken.text()).to.match(row.body instanceof RegExp ? row.body : new RegExp(`^${escaped(row.body)}$`))
      expect(await counts()).to.deep.equal({ ...before, incoming: before.incoming + 1 })
    })
  }

  for (const row of reports) {
    it(`have ${row.backend} send a report again`, async () => {
      const seen: StatusEvent[] = []
      const remove = web.switchboard.router.on(
        'status',
        (event) => {
          seen.push(event)
          throw new Error('not now')
        },
        { before: true },
      )
      const refused = await ask(row)
      expect([refused.status, refused.headers.get('retry-after')]).to.deep.equal([503, '5'])
      expect(seen[0]).to.deep.include({ backend: row.backend, messageId: null, classes: ['accepted', 'delivered'] })
      remove()
      expect((await ask(row)).status).to.be.within(200, 204)
    })
  }

  it('are not asked of what no view takes', async () => {
    const seen: ReceiveEvent[] = []
    const remove = web.switchboard.router.on('receive', (event) => seen.push(event), { before: true })
    const answer = await ask({ backend: 'http', values: { text: 'no identity' }, body: '' })
    remove()
    expect([answer.status, seen]).to.deep.equal([400, []])
  })

  it('answer before those that run after have begun', async () => {
    let release = () => {}
    const remove = web.switchboard.router.on('receive', () => new Promise<void>((resolve) => (release = resolve)))
    const answer = await ask({ backend: 'http', values: { identity: '254711000009', text: 'hi' }, body: 'OK' })
    expect(answer.status).to.equal(200)
    await until('the hook', () => web.switchboard.router.hooks.running.length === 1)
    release()
    await web.switchboard.router.hooks.idle()
    remove()
  })
})

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
