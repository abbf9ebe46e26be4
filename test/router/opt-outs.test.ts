import { expect } from 'chai'
import { MessageSendError } from 'sms-switchboard'
import { keyword, optOut } from 'sms-switchboard/apps'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { clickatellErrors } from '../../src/backends/clickatell-codes.ts'
import { errorOfCode } from '../../src/backends/provider-codes.ts'
import { twilioErrors } from '../../src/backends/twilio-codes.ts'

const person = { backend: 'fake', identity: '8005551212' }

describe('a service that refuses who has opted out', () => {
  let t: TestSwitchboard
  const begin = async (optOutSettings: { per?: 'person' | 'backend'; fromServices?: boolean } = {}) => {
    const join = keyword('join', (_, { contacts }) => contacts.create({ name: 'Ann' }))
    const apps = [optOut({ texts: { stop: 'bye', start: 'welcome back' } }), join]
    const backends = { fake: fakeBackend(), other: fakeBackend() }
    t = await testSwitchboard({ apps, backends, settings: { optOut: optOutSettings } })
  }
  const refused = (details = { optedOut: true }) =>
    new MessageSendError('opted out', { providerCode: '21610', ...details })
  const send = async (backend = 'fake') => {
    const [sent] = await t.send({ to: { ...person, backend }, text: 'news' })
    return t.store.log.find(sent?.id ?? '')
  }
  const blocked = { state: 'CANCELLED', error: 'the recipient has opted out' }
  afterEach(() => t.stop())

  for (const isKnown of [true, false]) {
    it(`marks a person ${isKnown ? 'with' : 'without'} a contact, together with the attempt`, async () => {
      await begin()
      if (isKnown) await t.receive('join')
      t.fake.failNext(1, refused())
      expect(await send()).to.include({ state: 'ERROR', error: 'opted out', tries: 1 })
      const contact = await t.store.contacts.ofConnection(person)
      expect(contact).to.include({ name: isKnown ? 'Ann' : person.identity, optedOutAt: t.clock.now() })
      expect(await send()).to.include(blocked)
      expect(t.fake.attempts).to.have.length(1)
    })
  }

  it('marks nobody twice, so that the first time stays', async () => {
    await begin()
    t.fake.failNext(1)
    await t.receive('stop')
    const before = await t.store.contacts.ofConnection(person)
    t.fake.failNext(1, refused())
    await t.advance('1m')
    expect(t.fake.attempts).to.have.length(2)
    expect(await t.store.contacts.ofConnection(person)).to.deep.equal(before)
  })

  it('is forgotten by START', async () => {
    await begin()
    t.fake.failNext(1, refused())
    await send()
    await t.receive('start')
    expect(t.sent.map(({ text }) => text)).to.deep.equal(['welcome back'])
    expect(await send()).to.include({ state: 'SENT' })
  })

  it('marks for its backend alone, by setting', async () => {
    await begin({ per: 'backend' })
    t.fake.failNext(1, refused())
    await send()
    expect(await send()).to.include(blocked)
    expect(await send('other')).to.include({ state: 'SENT' })
    expect(await t.store.contacts.ofConnection(person)).to.equal(undefined)
  })

  it('marks nobody where settings say so, nor for another refusal', async () => {
    await begin({ fromServices: false })
    t.fake.failNext(1, refused())
    await send()
    expect(await send()).to.include({ state: 'SENT' })
    await t.stop()
    await begin()
    t.fake.failNext(1, refused({ optedOut: false }))
    await send()
    expect(await send()).to.include({ state: 'SENT' })
  })

  it('is settled all the same when the person says STOP at the same time', async () => {
    await begin({ per: 'backend' })
    t.fake.failNext(1, refused())
    const { documents } = t.store
    const get = documents.get.bind(documents)
    let isRaced = false
    // What is read to make the mark is old by the time the mark is written.
    documents.get = async (scope, key) => {
      const found = await get(scope, key)
      if (isRaced || t.fake.attempts.length === 0) return found
      isRaced = true
      await t.router.receive('fake', { identity: person.identity, text: 'stop' })
      while ((await get(scope, key)) === undefined) await new Promise(setImmediate)
      return found
    }
    const message = await send()
    documents.get = get
    expect(isRaced).to.equal(true)
    expect(message).to.include({ state: 'ERROR', error: 'opted out' })
    expect(await send()).to.include(blocked)
  })

  it('is known by the codes of Twilio and Clickatell', () => {
    const says = (table: typeof twilioErrors | typeof clickatellErrors, code: string) =>
      errorOfCode(table, code, { what: 'it' }).optedOut
    expect(says(twilioErrors, '21610')).to.equal(true)
    expect(says(twilioErrors, '21614')).to.equal(false)
    for (const code of ['121', '122', '128']) expect(says(clickatellErrors, code), code).to.equal(true)
    expect(says(clickatellErrors, '105')).to.equal(false)
  })
})
