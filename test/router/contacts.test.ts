import { expect } from 'chai'
import { defineApp, InvalidInputError } from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { whyNoPostgres } from '../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../support/postgres-store.ts'
import { rejection } from '../support/rejection.ts'
import { skip } from '../support/skip.ts'

const ONE = '+254712345678'
const LIMIT_MS = 30_000

/** Opens when it is told to, and tells when somebody waits at it. */
function gate() {
  let open = () => {}
  let arrive = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const reached = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const pass = () => {
    arrive()
    return opened
  }
  return { open: () => open(), reached, pass }
}

describe('contacts', () => {
  let t: TestSwitchboard
  const begin = async () => {
    t = await testSwitchboard({
      apps: [],
      backends: { fake: fakeBackend(), names: fakeBackend({ numbers: false }) },
      settings: { numbers: { region: 'KE' } },
    })
    return t.switchboard.router
  }
  const fake = (identity: string) => ({ backend: 'fake', identity })

  afterEach(() => t.stop())

  it('are made, found by any form of a number, changed, linked and deleted', async () => {
    const { contacts } = await begin()
    const ann = await contacts.create({
      name: ' Ann ',
      language: 'PT_br',
      connections: [fake('0712345678')],
      groups: ['g'],
    })
    expect(ann).to.deep.include({ name: 'Ann', language: 'pt-BR', connections: [fake(ONE)], groups: ['g'] })
    expect((await contacts.ofConnection(fake('254712345678')))?.id).to.equal(ann.id)
    const changed = await contacts.change(ann.id, { timeZone: 'africa/nairobi', language: null })
    expect(changed).to.include({ name: 'Ann', timeZone: 'Africa/Nairobi', language: null })
    const linked = await contacts.link(ann.id, { backend: 'names', identity: 'ann' })
    expect(linked.connections).to.have.length(2)
    expect((await contacts.unlink(ann.id, fake('0712345678'))).connections).to.have.length(1)
    await contacts.delete(ann.id)
    expect(await contacts.find(ann.id)).to.equal(null)
  })

  it('are listed by pages and filters, numbers in any form', async () => {
    const { contacts, groups } = await begin()
    const names = ['Ann', 'Bob', 'Cid']
    for (const [index, name] of names.entries()) {
      await contacts.create({ name, connections: [fake(`071234567${index}`)], groups: ['all', name] })
    }
    const pages: string[][] = []
    let after: string | undefined
    do {
      const page = await contacts.list({}, { limit: 2, ...(after === undefined ? {} : { after }) })
      pages.push(page.items.map(({ name }) => name))
      after = page.next
    } while (after !== undefined)
    expect(pages).to.deep.equal([['Ann', 'Bob'], ['Cid']])
    const found = async (text: string) => (await contacts.list({ text })).items.map(({ name }) => name)
    for (const text of ['0712 345-671', '254712345671', '+254712345671', '5671', 'BOB']) {
      expect(await found(text), text).to.deep.equal(['Bob'])
    }
    expect(await groups.list({ limit: 1 })).to.deep.equal({ items: [{ name: 'Ann', members: 1 }], next: 'Ann' })
    expect(await groups.rename('all', 'everybody')).to.equal(3)
    const ids = (await contacts.list()).items.map(({ id }) => id)
    expect(await groups.add('new', [...ids, ...ids])).to.equal(3)
    expect(await groups.remove('new', ids.slice(1))).to.equal(2)
    expect(await groups.create('new', ids)).to.equal(undefined)
    expect(await groups.delete('new')).to.equal(1)
    expect(await groups.create('new', [...ids, ...ids])).to.deep.equal({ name: 'new', members: 3 })
    expect(await groups.delete('new')).to.equal(3)
  })

  it('name the field that is wrong, and change nothing', async () => {
    const { contacts, groups } = await begin()
    const ann = await contacts.create({ name: 'Ann', connections: [fake(ONE)] })
    const out = await contacts.create({ name: 'Out', optedOut: true })
    const wrong: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
      [() => contacts.create({ name: '' }), /^name: /],
      [() => contacts.create({ name: 'B', language: 'english' }), /^language: /],
      [() => contacts.create({ name: 'B', connections: [{ backend: 'nope', identity: '1' }] }), /^backend: .*"nope"/],
      [() => contacts.create({ name: 'B', connections: [fake('2.54E+11')] }), /^identity: .*spreadsheet/],
      [() => contacts.create({ name: 'B', connections: [fake(' ')] }), /^identity: /],
      [() => contacts.create({ name: 'B', connections: [fake('0712345678')] }), new RegExp(`^connection: .*${ann.id}`)],
      [() => contacts.create({ name: 'B', groups: ['\n'] }), /^groups: /],
      [() => contacts.change(ann.id, { timeZone: 'Mars' }), /^timeZone: /],
      [() => contacts.change('nobody', { name: 'B' }), /^id: there is no contact nobody/],
      [() => contacts.delete(out.id), /^forgetOptOut: .*has opted out/],
      [() => contacts.unlink(ann.id, fake('1')), /^connection: /],
      [() => contacts.list({}, { limit: 0 }), /^limit: /],
      [() => contacts.list({}, { limit: 1_001 }), /^limit: /],
      [() => contacts.list({ text: ' ' }), /^text: /],
      [() => contacts.list({}, { after: 'x'.repeat(10_000) }), /^after: /],
      [() => groups.add('', [ann.id]), /^group: /],
      [() => groups.add('g', ['nobody']), /^id: /],
      [() => groups.create('g', ['nobody']), /^id: /],
      [() => groups.create('g', []), /^ids: at least one/],
      [() => groups.create(' ', [ann.id]), /^group: /],
      [() => groups.rename('none', 'x'), /^group: there is no such group/],
      [() => groups.delete('none'), /^group: /],
    ]
    for (const [call, says] of wrong) {
      const error = await rejection(Promise.resolve().then(call))
      expect(error).to.be.instanceOf(InvalidInputError)
      expect((error as Error).message).to.match(says)
    }
    expect((await contacts.list()).items).to.deep.equal([ann, out])
    expect((await groups.list()).items).to.deep.equal([])
  })
})

for (const engine of ['SQLite', 'PostgreSQL'] as const) {
  describe(`an import on ${engine}, while an app works on the same person`, function () {
    this.timeout(LIMIT_MS)
    let t: TestSwitchboard
    let database: PostgresTestDatabase | undefined

    before(function () {
      const why = engine === 'PostgreSQL' ? whyNoPostgres() : undefined
      if (why !== undefined) skip(this, why)
    })

    afterEach(async () => {
      await t.stop()
      await database?.remove()
      database = undefined
    })

    const begin = async (app: Parameters<typeof defineApp>[0]) => {
      database = engine === 'PostgreSQL' ? await postgresDatabase() : undefined
      const url = database === undefined ? {} : { databaseUrl: database.url }
      const settings = { numbers: { region: 'KE' }, ...url }
      t = await testSwitchboard({ apps: [defineApp(app)], settings, patience: LIMIT_MS })
      return t.switchboard.router.contacts
    }
    const take = (csv: string) =>
      t.switchboard.router.contacts.import(
        (async function* () {
          yield Buffer.from(csv)
        })(),
      )

    it('makes nobody twice, and neither loses what the other has said', async () => {
      const between = gate()
      const contacts = await begin({
        name: 'registration',
        async handle(_message, context) {
          if (context.contact !== null) return context.contacts.update(context.contact.id, { name: 'by the app' })
          await between.pass()
          await context.contacts.create({ name: 'by the app' })
        },
      })
      const receiving = t.receive({ identity: '0712345678', text: 'register' })
      await between.reached
      expect(await take(`name,number,language,groups\nby the file,${ONE},sw,g\n`)).to.include({ created: 1 })
      between.open()
      await receiving
      const { items } = await contacts.list()
      expect(items).to.have.length(1)
      expect(items[0]).to.deep.include({ name: 'by the app', language: 'sw', groups: ['g'] })
    })

    it('keeps what the app has changed of somebody who is there', async () => {
      const between = gate()
      const contacts = await begin({
        name: 'stop',
        async handle(_message, context) {
          await between.pass()
          await context.optOut.set(true)
        },
      })
      const { id } = await contacts.create({ name: 'Ann', connections: [{ backend: 'fake', identity: ONE }] })
      const receiving = t.receive({ identity: ONE, text: 'stop' })
      await between.reached
      expect(await take(`name,number,opted_out\nAnna,${ONE},no\n`)).to.include({ updated: 1 })
      between.open()
      await receiving
      const ann = await contacts.find(id)
      expect(ann?.name).to.equal('Anna')
      expect(ann?.optedOutAt).not.to.equal(null)
    })
  })
}
