import { expect } from 'chai'
import { httpBackend, nullBackend } from '../../../src/backends/index.ts'
import { type Asking, askApi, serveApi } from '../../support/api.ts'
import { network } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import type { Web } from '../../support/web.ts'

const SEND = '/api/v1/sms/clickatell/send.json'
const TEMPLATE = '/api/v1/sms/clickatell/template_send.json'
const STATUS = '/api/v1/sms/clickatell/status.json'
const good = { to_msisdn: '27123456789', message: 'hi' }
const withKey = (key: string, json: unknown = good): Asking => ({ json, headers: { 'Idempotency-Key': key } })

interface Sms {
  readonly id: string
  readonly message: string
  readonly to_msisdn: string
}
const texts = (list: readonly Sms[]) => list.map(({ message }) => message)

describe('sending by the API', () => {
  let web: Web

  beforeEach(async () => {
    web = await serveApi({
      templates: {
        welcome: { body: { en: 'Welcome {{name}}', sw: 'Karibu {{name}}' } },
        off: { body: 'x', active: false },
      },
    })
  })

  afterEach(() => web.stop())

  const count = async () => (await web.switchboard.parts.store.log.counts()).outgoing

  it('hands over what was said beside the text', async () => {
    const { sent, backend } = network()
    const other = await serveApi({ backends: { clickatell: backend, opera: nullBackend({}) } })
    const said = {
      from_msisdn: '2020',
      class: 'urgent',
      tag: 'reminder',
      related_to: 'visit 7',
      expires_at: '2090-01-01',
    }
    const { body } = await askApi(other, SEND, { json: { ...good, ...said } })
    const message = await until('the message', () => sent[0])
    const kept = await askApi(other, '/api/v1/messages.json')
    await other.stop()
    expect(message).to.deep.include({ id: body[0].id, text: 'hi', class: 'urgent', address: '2020' })
    expect(message.expiresAt?.toISOString()).to.equal('2090-01-01T00:00:00.000Z')
    expect(kept.body.messages[0]).to.deep.include({
      tag: 'reminder',
      relatedTo: 'visit 7',
      identity: body[0].to_msisdn,
    })
  })

  it('puts off what is for later', async () => {
    const { body } = await askApi(web, SEND, { json: { ...good, send_at: '2090-01-01T00:00:00Z' } })
    const { body: status } = await askApi(web, `/api/v1/sms/clickatell/status/${body[0].id}.json`)
    expect(status).to.deep.include({ state: 'WAITING', transport_status: 0, transport_status_display: '' })
  })

  it('sends one who is named twice one message, and one who is in two pairs two', async () => {
    const twice = await askApi(web, SEND, { json: { ...good, to_msisdn: ['27123456789', '27123456789'] } })
    expect(twice.body).to.have.length(1)
    const pairs = { to_msisdn: ['27123456789', '27123456789'], template: '{{n}}', template_n: ['a', 2] }
    expect(texts((await askApi(web, TEMPLATE, { json: pairs })).body)).to.deep.equal(['a', '2'])
  })

  it('fills a stored template in the language of each', async () => {
    await askApi(web, '/api/v1/contacts.json', {
      json: { name: 'A', language: 'sw', connections: [{ backend: 'clickatell', identity: '27123456780' }] },
    })
    const pairs = { to_msisdn: ['27123456780', '27123456781'], slug: 'welcome', template_name: ['Amina', 'Ben'] }
    const { body } = await askApi(web, TEMPLATE, { json: pairs })
    expect(texts(body)).to.deep.equal(['Karibu Amina', 'Welcome Ben'])
  })

  it('tells how many a template is not for', async () => {
    const { body, headers } = await askApi(web, TEMPLATE, { json: { to_msisdn: ['1', '2'], slug: 'off' } })
    expect(body).to.deep.equal([])
    expect(headers.get('switchboard-left-out')).to.equal('2')
  })

  it('records all of a request or nothing', async () => {
    const bad = { to_msisdn: ['27123456780', '27123456781'], template: '{{ n }}', template_n: ['good', ''] }
    expect((await askApi(web, TEMPLATE, { json: bad })).status).to.equal(400)
    expect((await askApi(web, SEND, { json: { ...good, to_msisdn: ['27123456780', '2.7E+10'] } })).status).to.equal(400)
    expect(await count()).to.equal(0)
  })

  it('does a request with a key once, however often it comes at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => askApi(web, SEND, withKey('k'))))
    expect(new Set(answers.map(({ body }) => body[0].id)).size).to.equal(1)
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).to.have.length(19)
    expect(await count()).to.equal(1)
    const pairs = { to_msisdn: ['1', '2'], template: '{{n}}', template_n: ['a', 'b'] }
    const first = await askApi(web, TEMPLATE, withKey('p', pairs))
    const second = await askApi(web, TEMPLATE, withKey('p', pairs))
    expect(second.body.map(({ id }: Sms) => id)).to.deep.equal(first.body.map(({ id }: Sms) => id))
    expect(await count()).to.equal(3)
  })

  it('knows a request with a key again whose template tells the time, and makes its texts once', async () => {
    const { templates } = web.switchboard.router
    let filled = 0
    templates.fill = (body) => `${body} ${++filled}`
    const pairs = { to_msisdn: ['1', '2'], template: 'at {{ "now" | date: "%H:%M:%S" }}{{n}}', template_n: ['a', 'b'] }
    const first = await askApi(web, TEMPLATE, withKey('p', pairs))
    const second = await askApi(web, TEMPLATE, withKey('p', { ...pairs }))
    expect([second.status, second.headers.get('idempotency-replayed'), filled]).to.deep.equal([200, 'true', 2])
    expect(texts(second.body)).to.deep.equal(texts(first.body))
    const changes = [{ template: 'at {{n}}' }, { template_n: ['a', 'c'] }, { to_msisdn: ['1', '3'] }, { tag: 'x' }]
    for (const change of [...changes, { template: '', slug: 'welcome' }]) {
      const { status } = await askApi(web, TEMPLATE, withKey('p', { ...pairs, ...change }))
      expect(status, JSON.stringify(change)).to.equal(422)
    }
    expect([filled, await count()]).to.deep.equal([2, 2])
  })

  it('refuses a key that was used for something else, and knows one user’s from another’s', async () => {
    await askApi(web, SEND, withKey('k'))
    const other = await askApi(web, SEND, withKey('k', { ...good, message: 'else' }))
    expect([other.status, other.body.error.code]).to.deep.equal([422, 'IDEMPOTENCY_MISMATCH'])
    const ofAnother = await askApi(web, SEND, { ...withKey('k', { ...good, message: 'else' }), as: 'olu' })
    expect([ofAnother.status, ofAnother.headers.get('idempotency-replayed')]).to.deep.equal([200, null])
    expect(await count()).to.equal(2)
  })

  it('shows nobody what went by a backend that is not theirs', async () => {
    const mine = await askApi(web, '/api/v1/sms/opera/send.json', { json: good })
    const others = await askApi(web, SEND, { json: { ...good, message: 'secret' } })
    const [{ id: open }] = mine.body
    const [{ id: hidden }] = others.body
    const paths = [
      `/api/v1/sms/opera/status/${hidden}.json`,
      `/api/v1/sms/opera/status.json?id=${hidden}&id=${open}`,
      '/api/v1/sms/opera/status.json?since=2000-01-01',
      `/api/v1/sms/clickatell/status/${hidden}.json`,
      '/api/v1/messages.json',
      '/api/v1/messages.json?backend=clickatell',
      '/api/v1/messages.json?backend=clickatell&backend=opera',
      '/api/v1/messages.json?text=secret',
    ]
    for (const path of paths) {
      const { body } = await askApi(web, path, { as: 'ofo' })
      expect(JSON.stringify(body), path).to.not.include(hidden).and.not.include('secret')
    }
    const seen = await askApi(web, '/api/v1/messages.json', { as: 'ofo' })
    expect(seen.body.messages.map(({ id }: Sms) => id)).to.deep.equal([open])
    expect((await askApi(web, `/api/v1/sms/opera/status/${open}.json`, { as: 'ofo' })).status).to.equal(200)
  })

  it('pages through what was sent, the newest first', async () => {
    for (let index = 0; index < 105; index++) await askApi(web, SEND, { json: { ...good, message: `m${index}` } })
    await askApi(web, '/api/v1/sms/opera/send.json', { json: good })
    const first = await askApi(web, STATUS)
    expect(texts(first.body)).to.deep.equal(Array.from({ length: 100 }, (_, index) => `m${104 - index}`))
    const [, next = ''] = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? []
    const second = await askApi(web, `${STATUS}${next}`)
    expect(texts(second.body)).to.deep.equal(['m4', 'm3', 'm2', 'm1', 'm0'])
    expect(second.headers.get('link')).to.equal(null)
    expect(texts((await askApi(web, `${STATUS}?since=2009-01-01&start=100`)).body)).to.deep.equal(texts(second.body))
    expect((await askApi(web, `${STATUS}?since=2090-01-01`)).body).to.deep.equal([])
  })

  it('gives all messages in their order, with a place to go on from', async () => {
    await web.switchboard.router.receive('clickatell', { identity: '27123456789', text: 'in' })
    await askApi(web, SEND, { json: good })
    const first = await askApi(web, '/api/v1/messages.json?limit=1')
    expect(first.body.messages).to.have.length(1)
    expect(first.body.messages[0]).to.deep.include({ direction: 'in', text: 'in', backend: 'clickatell' })
    expect(first.body.more).to.equal(true)
    const second = await askApi(web, `/api/v1/messages.json?after=${first.body.next}`)
    expect(second.body.messages.map(({ text }: { text: string }) => text)).to.deep.equal(['hi'])
    const third = await askApi(web, `/api/v1/messages.json?after=${second.body.next}`)
    expect(third.body).to.deep.equal({ messages: [], next: second.body.next, more: false })
  })

  it('finds a number however it is written', async () => {
    const own = await serveApi({ numbers: { region: 'KE' } })
    await askApi(own, SEND, { json: { ...good, to_msisdn: '0712 345678' } })
    const found = await askApi(own, '/api/v1/messages.json?identity=254712345678')
    const none = await askApi(own, '/api/v1/messages.json?identity=254712345679')
    await own.stop()
    expect([found.body.messages.length, none.body.messages.length]).to.deep.equal([1, 0])
  })
})

describe('people by the API', () => {
  let web: Web
  const numbers = { backend: 'clickatell', identity: '27123456780' }

  beforeEach(async () => {
    web = await serveApi()
  })

  afterEach(() => web.stop())

  it('are made, changed, found and forgotten', async () => {
    const made = await askApi(web, '/api/v1/contacts.json', {
      json: { name: 'Amina', connections: [numbers], groups: ['nurses'] },
    })
    const { id } = made.body
    expect(made.status).to.equal(201)
    expect(made.body).to.deep.include({
      name: 'Amina',
      language: null,
      optedOut: false,
      connections: [numbers],
      groups: ['nurses'],
    })
    const changed = await askApi(web, `/api/v1/contacts/${id}.json`, { method: 'PATCH', json: { language: 'sw' } })
    expect(changed.body).to.deep.equal({ ...made.body, language: 'sw' })
    expect((await askApi(web, `/api/v1/contacts/${id}.json`, { as: 'rea' })).body).to.deep.equal(changed.body)
    for (const query of ['?group=nurses', '?text=min', '?language=sw', '?optedOut=false', '']) {
      const { body } = await askApi(web, `/api/v1/contacts.json${query}`)
      expect(body, query).to.deep.equal({ contacts: [changed.body], next: null })
    }
    expect((await askApi(web, '/api/v1/contacts.json?group=others')).body.contacts).to.deep.equal([])
    expect((await askApi(web, `/api/v1/contacts/${id}.json`, { method: 'DELETE' })).status).to.equal(204)
    expect((await askApi(web, `/api/v1/contacts/${id}.json`)).status).to.equal(404)
  })

  it('keep an opt-out unless it is said that it may be forgotten', async () => {
    const { body } = await askApi(web, '/api/v1/contacts.json', { json: { name: 'A', optedOut: true } })
    const path = `/api/v1/contacts/${body.id}.json`
    const kept = await askApi(web, path, { method: 'DELETE' })
    expect([kept.status, Object.keys(kept.body.error.fields)]).to.deep.equal([400, ['forgetOptOut']])
    expect((await askApi(web, `${path}?forgetOptOut=true`, { method: 'DELETE' })).status).to.equal(204)
  })

  it('are given connections, which one person has at a time', async () => {
    const a = (await askApi(web, '/api/v1/contacts.json', { json: { name: 'A' } })).body.id
    const b = (await askApi(web, '/api/v1/contacts.json', { json: { name: 'B', connections: [numbers] } })).body.id
    const path = `/api/v1/contacts/${a}/connections.json`
    expect((await askApi(web, path, { json: numbers })).status).to.equal(400)
    expect((await askApi(web, path, { json: { ...numbers, move: true } })).body.connections).to.deep.equal([numbers])
    expect((await askApi(web, `/api/v1/contacts/${b}.json`)).body.connections).to.deep.equal([])
    const query = new URLSearchParams(numbers)
    expect((await askApi(web, `${path}?${query}`, { method: 'DELETE' })).body.connections).to.deep.equal([])
  })

  it('are in groups, which are there while somebody is', async () => {
    const ids = await Promise.all(
      ['A', 'B'].map(
        async (name) => (await askApi(web, '/api/v1/contacts.json', { json: { name } })).body.id as string,
      ),
    )
    const members = '/api/v1/groups/night%20shift/members.json'
    expect((await askApi(web, members, { json: { ids } })).body).to.deep.equal({ changed: 2 })
    expect((await askApi(web, '/api/v1/groups.json')).body).to.deep.equal({
      groups: [{ name: 'night shift', members: 2 }],
      next: null,
    })
    expect((await askApi(web, `${members}?id=${ids[0]}`, { method: 'DELETE' })).body).to.deep.equal({ changed: 1 })
    const renamed = await askApi(web, '/api/v1/groups/night%20shift.json', {
      method: 'PATCH',
      json: { name: 'nights' },
    })
    expect(renamed.body).to.deep.equal({ changed: 1 })
    expect((await askApi(web, '/api/v1/groups/nights.json', { method: 'DELETE' })).body).to.deep.equal({ changed: 1 })
    expect((await askApi(web, '/api/v1/groups.json')).body.groups).to.deep.equal([])
  })
})

describe('the endpoints for services', () => {
  const incoming = { params: { identity: 'phone', text: 'message' } } as const
  const form: Asking = {
    as: null,
    form: [
      ['phone', '27123456789'],
      ['message', 'hello'],
    ],
  }

  it('take messages as the view of the backend does', async () => {
    const web = await serveApi({ backends: { clickatell: httpBackend(incoming), opera: nullBackend({}) } })
    const found = await Promise.all(
      ['receive.json', 'receive.xml', 'receipt.json'].map((name) =>
        askApi(web, `/api/v1/sms/clickatell/${name}`, form),
      ),
    )
    await web.stop()
    // There is no view for reports; what is not an alias is the API's, which wants to know who asks.
    expect(found.map(({ status }) => status)).to.deep.equal([200, 200, 401])
    expect(web.messages.map(({ text }) => text)).to.deep.equal(['hello', 'hello'])
  })

  it('are protected by the backend’s secret, and by no user', async () => {
    const header = { in: 'header', name: 'X-Secret', value: 'hard-to-guess-1' } as const
    const path = { in: 'path', value: 'hard-to-guess-2' } as const
    const guarded = await serveApi({
      backends: {
        clickatell: httpBackend({ ...incoming, secret: header }),
        opera: httpBackend({ ...incoming, secret: path }),
      },
    })
    const ask = async (name: string, asking: Asking) => (await askApi(guarded, `/api/v1/sms/${name}`, asking)).status
    const found = [
      await ask('clickatell/receive.json', form),
      await ask('clickatell/receive.json', { ...form, as: 'ann' }),
      await ask('clickatell/receive.json', { ...form, headers: { 'X-Secret': 'hard-to-guess-1' } }),
      await ask('opera/receive.json', form),
      await ask('opera/receive.json', { ...form, as: 'ann' }),
      await ask('opera/hard-to-guess-2/receive.json', form),
    ]
    const log = guarded.log()
    await guarded.stop()
    expect(found).to.deep.equal([403, 403, 200, 401, 404, 200])
    expect(log).to.not.include('hard-to-guess-2')
  })

  it('are not there where settings have put the views elsewhere', async () => {
    const web = await serveApi({
      backends: { clickatell: httpBackend({ ...incoming, path: '/hidden-9/' }), opera: nullBackend({}) },
    })
    const { status } = await askApi(web, '/api/v1/sms/clickatell/receive.json', form)
    await web.stop()
    expect(status).to.equal(401)
  })
})
