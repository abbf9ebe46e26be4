import { expect } from 'chai'
import { type Asking, askApi, serveApi, users } from '../../support/api.ts'
import { type CallbackReceiver, startReceiver } from '../../support/callback-receiver.ts'
import { until } from '../../support/until.ts'
import type { Web } from '../../support/web.ts'

const PATH = '/api/v1/account/callbacks'
const DATE = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/
const COUNT = 3

describe('dead letters over the API', () => {
  let web: Web
  let receiver: CallbackReceiver
  let status: number
  let id: number

  beforeEach(async () => {
    status = 410
    receiver = await startReceiver((response) => {
      response.statusCode = status
    })
    web = await serveApi({ http: { users, callbacks: { allow: ['127.0.0.1'], ports: 'any' } } })
    id = (await ask('.json', { json: { name: 'sms_received', url: receiver.url } })).body.id
    for (let index = 0; index < COUNT; index++) {
      await web.switchboard.router.receive('clickatell', { identity: `2712345678${index}`, text: 'hello' })
    }
    await until('all are given up', async () => (await dead()).length === COUNT)
  })

  afterEach(async () => {
    await web.stop()
    await receiver.close()
  })

  const ask = (path: string, asking: Asking = {}) => askApi(web, `${PATH}${path}`, asking)
  const dead = async (query = '') => (await ask(`/${id}/dead.json${query}`)).body.dead
  const told = (from: number) => receiver.got.slice(from).map((each) => each.id)
  /** It answers again, and is told again. */
  const mend = async () => {
    status = 200
    await ask(`/${id}.json`, { method: 'PUT', json: {} })
    return receiver.got.length
  }

  it('are shown with why, the newest first, page by page', async () => {
    const all = await dead()
    const messages = (await askApi(web, '/api/v1/messages.json')).body.messages as readonly { readonly id: string }[]
    for (const { at, dead_at: deadAt } of all) for (const date of [at, deadAt]) expect(date).to.match(DATE)
    expect(all.map((each: { message_id: string }) => each.message_id)).to.have.members(messages.map((each) => each.id))
    expect(all[COUNT - 1]).to.deep.include({ name: 'sms_received', state: null, tries: 1, status: 410 })
    expect(all[COUNT - 1].error).to.match(/410/)
    const first = await ask(`/${id}/dead.json?limit=2`)
    const second = await ask(`/${id}/dead.json?limit=2&after=${first.body.next}`)
    expect([...first.body.dead, ...second.body.dead]).to.deep.equal(all)
    expect([first.body.dead.length, second.body.next]).to.deep.equal([2, null])
  })

  it('are told again, those that are named or all', async () => {
    const [{ id: one }] = await dead()
    const before = await mend()
    const named = await ask(`/${id}/replay.json`, { json: { ids: one } })
    expect([named.status, named.body]).to.deep.equal([200, { replayed: 1 }])
    await until('the one is told', () => receiver.got.length > before)
    expect(told(before)).to.deep.equal([one])
    expect((await ask(`/${id}/replay.json`, { json: { ids: ['none'] } })).body).to.deep.equal({ replayed: 0 })
    const rest = await ask(`/${id}/replay.json`, { method: 'POST' })
    expect([rest.status, rest.body]).to.deep.equal([200, { replayed: COUNT - 1 }])
    await until('the rest is told', () => receiver.got.length === before + COUNT)
    expect(await dead()).to.deep.equal([])
  })

  it('are told again once for a key', async () => {
    const before = await mend()
    const asking = { json: {}, headers: { 'Idempotency-Key': 'k' } }
    const answers = [await ask(`/${id}/replay.json`, asking), await ask(`/${id}/replay.json`, asking)]
    expect(answers.map(({ body }) => body)).to.deep.equal([{ replayed: COUNT }, { replayed: COUNT }])
    await until('all are told', () => receiver.got.length === before + COUNT)
  })

  it('are nobody else’s', async () => {
    const [{ id: event }] = await dead()
    const { body: other } = await ask('.json', { as: 'olu', json: { name: 'sms_received', url: receiver.url } })
    for (const as of ['olu', 'ofo', 'sam']) {
      expect((await ask(`/${id}/dead.json`, { as })).status, as).to.equal(404)
      expect((await ask(`/${id}/replay.json`, { as, json: {} })).status, as).to.equal(404)
    }
    const ofAnother = await ask(`/${other.id}/replay.json`, { as: 'olu', json: { ids: [event] } })
    expect(ofAnother.body).to.deep.equal({ replayed: 0 })
    expect((await ask(`/${id}/replay.json`, { as: 'rea', json: {} })).status).to.equal(403)
    expect(await dead()).to.have.length(COUNT)
  })
})
