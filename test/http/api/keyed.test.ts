import { expect } from 'chai'
import { keyOf } from '../../../src/http/api/keyed-answers.ts'
import { StoreUnavailableError } from '../../../src/store/errors.ts'
import { type Asking, askApi, serveApi } from '../../support/api.ts'
import type { Web } from '../../support/web.ts'

const CONTACTS = '/api/v1/contacts.json'
const GROUPS = '/api/v1/groups.json'
const CALLBACKS = '/api/v1/account/callbacks.json'
const withKey = (json: unknown, key = 'k'): Asking => ({ json, headers: { 'Idempotency-Key': key } })

/** Something that others wait for. */
function gate() {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open: () => open() }
}

describe('a key of a request that makes something', () => {
  let web: Web

  beforeEach(async () => {
    web = await serveApi()
  })

  afterEach(() => web.stop())

  const ask = (path: string, asking: Asking) => askApi(web, path, asking)
  const people = async () => (await ask(CONTACTS, {})).body.contacts.map(({ name }: { name: string }) => name)
  const replayed = ({ headers }: { readonly headers: Headers }) => headers.get('idempotency-replayed')

  it('makes one contact, however often it comes, and gives the first answer again', async () => {
    const person = { name: 'Amina', connections: [{ backend: 'opera', identity: '27123456780' }] }
    const first = await ask(CONTACTS, withKey(person))
    const again = await ask(CONTACTS, withKey({ connections: person.connections, name: 'Amina' }))
    expect([first.status, replayed(first), again.status, replayed(again)]).to.deep.equal([201, null, 201, 'true'])
    expect(again.body).to.deep.equal(first.body)
    expect(await people()).to.deep.equal(['Amina'])
  })

  it('stands for one request of one user', async () => {
    await ask(CONTACTS, withKey({ name: 'Amina' }))
    const others = [
      await ask(CONTACTS, withKey({ name: 'Ben' })),
      await ask(CALLBACKS, withKey({ name: 'sms_received', url: 'http://1.1.1.1/' })),
      await ask('/api/v1/sms/opera/send.json', withKey({ to_msisdn: '1', message: 'a' })),
    ]
    for (const { status, body } of others)
      expect([status, body.error.code]).to.deep.equal([422, 'IDEMPOTENCY_MISMATCH'])
    expect((await ask(CONTACTS, { ...withKey({ name: 'Ben' }), as: 'olu' })).status).to.equal(201)
    expect(await people()).to.deep.equal(['Amina', 'Ben'])
    await ask('/api/v1/sms/opera/send.json', withKey({ to_msisdn: '1', message: 'a' }, 'sent'))
    expect((await ask(CONTACTS, withKey({ name: 'Cy' }, 'sent'))).status).to.equal(422)
  })

  it('makes one callback, whose secret is kept in no second place', async () => {
    const callback = { name: 'sms_received', url: 'http://1.1.1.1/in' }
    const first = await ask(CALLBACKS, withKey(callback))
    const again = await ask(CALLBACKS, withKey(callback))
    expect([first.status, again.status, replayed(again)]).to.deep.equal([200, 200, 'true'])
    expect(again.body).to.deep.equal(first.body)
    expect(first.body.secret).to.match(/^whsec_/)
    expect((await ask(CALLBACKS, {})).body).to.have.length(1)
    const { store, clock } = web.switchboard.parts
    const key = keyOf({ name: 'ann', role: 'admin' } as Parameters<typeof keyOf>[0], 'k')
    const outcome = await store.keyed.find(`${key}:outcome`, clock.now())
    expect(outcome?.result).to.deep.equal({ kept: first.body.id })
  })

  it('makes one group, puts people in once, and links once', async () => {
    const { body: amina } = await ask(CONTACTS, { json: { name: 'Amina' } })
    const { body: ben } = await ask(CONTACTS, { json: { name: 'Ben' } })
    const asked: readonly (readonly [path: string, json: unknown, status: number, body: object])[] = [
      [GROUPS, { name: 'nurses', ids: [amina.id] }, 201, { name: 'nurses', members: 1 }],
      ['/api/v1/groups/nurses/members.json', { ids: [amina.id, ben.id] }, 200, { changed: 1 }],
      [
        `/api/v1/contacts/${ben.id}/connections.json`,
        { backend: 'opera', identity: '27123456780' },
        200,
        { name: 'Ben', groups: ['nurses'] },
      ],
    ]
    for (const [path, json, status, body] of asked) {
      for (const again of [null, 'true']) {
        const answer = await ask(path, withKey(json, path))
        expect([answer.status, replayed(answer)], path).to.deep.equal([status, again])
        expect(answer.body).to.deep.include(body)
      }
    }
  })

  it('is refused again where it was refused', async () => {
    const connections = [{ backend: 'opera', identity: '27123456780' }]
    await ask(CONTACTS, { json: { name: 'Amina', connections } })
    const first = await ask(CONTACTS, withKey({ name: 'Ben', connections }))
    const again = await ask(CONTACTS, withKey({ name: 'Ben', connections }))
    expect([first.status, again.status, again.body]).to.deep.equal([400, 400, first.body])
    expect(await people()).to.deep.equal(['Amina'])
  })

  it('is refused again where the group was there already', async () => {
    const { body: amina } = await ask(CONTACTS, { json: { name: 'Amina' } })
    const group = { name: 'nurses', ids: [amina.id] }
    await ask(GROUPS, { json: group })
    const [first, again] = [await ask(GROUPS, withKey(group)), await ask(GROUPS, withKey(group))]
    expect([first.status, first.body.error.message]).to.deep.equal([409, 'There is a group of this name already.'])
    expect([again.status, again.body]).to.deep.equal([409, first.body])
  })

  it('is free again where the database was away and certainly nothing was made', async () => {
    const { contacts } = web.switchboard.router
    const { keyed } = web.switchboard.parts.store
    const create = contacts.create.bind(contacts)
    const failing = async (error: Error, key: string) => {
      contacts.create = () => Promise.reject(error)
      const first = await ask(CONTACTS, withKey({ name: 'Amina' }, key))
      contacts.create = create
      const again = await ask(CONTACTS, withKey({ name: 'Amina' }, key))
      return [first.status, first.headers.has('retry-after'), again.status]
    }
    expect(await failing(new StoreUnavailableError('none left', { nothingWritten: true }), 'a')).to.deep.equal([
      503,
      true,
      201,
    ])
    expect(await failing(new StoreUnavailableError('cut off'), 'b')).to.deep.equal([409, false, 409])
    keyed.forget = () => Promise.reject(new StoreUnavailableError('still away'))
    expect(await failing(new StoreUnavailableError('none left', { nothingWritten: true }), 'c')).to.deep.equal([
      409,
      false,
      409,
    ])
  })

  it('is taken again after a request that could not be read', async () => {
    expect((await ask(CONTACTS, withKey({ name: '' }))).status).to.equal(400)
    expect((await ask(CONTACTS, withKey({ name: 'Amina' }))).status).to.equal(201)
  })

  it('makes nothing twice while the first request is under way, or where it was broken off', async () => {
    const { contacts } = web.switchboard.router
    const create = contacts.create.bind(contacts)
    const opened = gate()
    const begun = gate()
    contacts.create = async (person) => {
      begun.open()
      await opened.passed
      return create(person)
    }
    const first = ask(CONTACTS, withKey({ name: 'Amina' }))
    await begun.passed
    const second = await ask(CONTACTS, withKey({ name: 'Amina' }))
    expect([second.status, second.body.error.code]).to.deep.equal([409, 'CONFLICT'])
    opened.open()
    const { body } = await first
    expect((await ask(CONTACTS, withKey({ name: 'Amina' }))).body).to.deep.equal(body)
    contacts.create = () => Promise.reject(new Error('broken off'))
    const found = [
      await ask(CONTACTS, withKey({ name: 'Ben' }, 'b')),
      await ask(CONTACTS, withKey({ name: 'Ben' }, 'b')),
    ]
    expect(found.map(({ status }) => status)).to.deep.equal([500, 409])
  })

  it('is as if it had never been used when its time is over', async () => {
    const { clock } = web.switchboard.parts
    const { store } = web.switchboard.parts
    const kept: number[] = []
    const record = store.keyed.record.bind(store.keyed)
    store.keyed.record = (send) => {
      kept.push(send.expiresAt)
      return record({ ...send, expiresAt: clock.now() })
    }
    for (const name of ['Amina', 'Ben']) expect((await ask(CONTACTS, withKey({ name }))).status).to.equal(201)
    expect(kept).to.have.length(4)
    expect([kept[0], kept[2]], 'the outcome goes with its key').to.deep.equal([kept[1], kept[3]])
  })

  it('is answered 404 where what was made is there no more', async () => {
    const { body } = await ask(CONTACTS, withKey({ name: 'Amina' }))
    await ask(`/api/v1/contacts/${body.id}.json`, { method: 'DELETE' })
    expect((await ask(CONTACTS, withKey({ name: 'Amina' }))).status).to.equal(404)
  })
})
