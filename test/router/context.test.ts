import { expect } from 'chai'
import type { App, AppContext, IncomingMessage } from 'sms-switchboard'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

type Work = (context: AppContext, message: IncomingMessage) => Promise<unknown>

/** An app with one piece of work for each text. */
const works = (byText: Readonly<Record<string, Work>>, name = 'works'): App => ({
  name,
  async handle(message, context) {
    const work = byText[message.text]
    if (work !== undefined) await work(context, message)
  },
})

describe('the context of an app', () => {
  let t: TestSwitchboard
  const begin = async (...apps: App[]) => {
    t = await testSwitchboard({ apps, backends: { fake: fakeBackend(), other: fakeBackend() } })
  }
  afterEach(() => t.stop())

  const state = async (id: string) => (await t.store.log.find(id))?.state

  describe('contacts', () => {
    it('knows nobody at first', async () => {
      let contact: unknown = 'nothing'
      await begin(works({ look: async (context) => (contact = context.contact) }))
      await t.receive('look')
      expect(contact).to.equal(null)
    })

    it('reads back at once what it creates and updates, and keeps it', async () => {
      const seen: unknown[] = []
      const own = { backend: 'fake', identity: '8005551212' }
      await begin(
        works({
          async join(context) {
            const { id } = await context.contacts.create({ name: 'Ann', language: 'en' })
            seen.push(context.contact?.name, (await context.contacts.find(id))?.name)
            seen.push((await context.contacts.find(own))?.id === id)
            await context.contacts.update(id, { name: 'Anna', timeZone: 'Africa/Nairobi' })
            seen.push(context.contact?.name, (await context.contacts.find(id))?.timeZone)
          },
          look: async (context) => seen.push(context.contact?.name, context.contact?.language),
        }),
      )
      await t.receive('join')
      await t.receive('look')
      expect(seen).to.deep.equal(['Ann', 'Ann', true, 'Anna', 'Africa/Nairobi', 'Anna', 'en'])
      expect(await t.store.contacts.ofConnection(own)).to.include({ name: 'Anna', timeZone: 'Africa/Nairobi' })
    })

    it('creates one for another connection, found by it at once', async () => {
      const seen: unknown[] = []
      const ben = { backend: 'other', identity: 'ben' }
      await begin(
        works({
          async add(context) {
            await context.contacts.create({ name: 'Ben' }, ben)
            seen.push(context.contact, (await context.contacts.find(ben))?.name)
          },
        }),
      )
      await t.receive('add')
      expect(seen).to.deep.equal([null, 'Ben'])
      expect((await t.store.contacts.ofConnection(ben))?.name).to.equal('Ben')
    })

    it('shows one app what an earlier one did', async () => {
      const names: unknown[] = []
      await begin(
        { name: 'first', parse: async (_, context) => void (await context.contacts.create({ name: 'Ann' })) },
        { name: 'second', handle: (_, context) => void names.push(context.contact?.name) },
      )
      await t.receive('hello')
      expect(names).to.deep.equal(['Ann'])
    })

    it('finds nobody who is not there', async () => {
      const seen: unknown[] = []
      await begin(
        works({
          look: async ({ contacts }) =>
            seen.push(await contacts.find('nobody'), await contacts.find({ backend: 'other', identity: 'x' })),
        }),
      )
      await t.receive('look')
      expect(seen).to.deep.equal([null, null])
    })
  })

  describe('groups', () => {
    it('are read back at once, and kept', async () => {
      const seen: unknown[] = []
      await begin(
        works({
          async join(context) {
            await context.contacts.create({ name: 'Ann' })
            await context.groups.add('nurses')
            await context.groups.add('staff')
            await context.groups.add('staff')
            seen.push(await context.groups.of())
            await context.groups.remove('staff')
            seen.push(await context.groups.of())
          },
          look: async (context) => seen.push(await context.groups.of()),
        }),
      )
      await t.receive('join')
      await t.receive('look')
      expect(seen).to.deep.equal([['nurses', 'staff'], ['nurses'], ['nurses']])
    })

    it('need a contact', async () => {
      await begin(works({ join: (context) => context.groups.add('nurses') }))
      const { id } = await t.receive('join')
      expect((await t.store.log.find(id))?.error).to.match(/^No contact owns this connection/)
    })

    it('of nobody are none', async () => {
      const seen: unknown[] = []
      await begin(works({ look: async (context) => seen.push(await context.groups.of()) }))
      await t.receive('look')
      expect(seen).to.deep.equal([[]])
    })
  })

  describe('documents', () => {
    it('are read back at once, kept, changed and removed', async () => {
      const seen: unknown[] = []
      await begin(
        works({
          async put({ documents }) {
            seen.push(await documents.get('s', 'k'))
            await documents.put('s', 'k', { n: 1, at: new Date(0) })
            seen.push(await documents.get('s', 'k'))
            await documents.put('s', 'k', { n: 2 })
          },
          look: async ({ documents }) => seen.push(await documents.get('s', 'k')),
          remove: ({ documents }) => documents.put('s', 'k', undefined),
        }),
      )
      for (const text of ['put', 'look', 'remove', 'look', 'put']) await t.receive(text)
      const written = { n: 1, at: '1970-01-01T00:00:00.000Z' }
      expect(seen).to.deep.equal([undefined, written, { n: 2 }, undefined, undefined, written])
    })

    it('do not change by what is done to a value that was read', async () => {
      await begin(
        works({
          put: ({ documents }) => documents.put('s', 'k', { list: [1] }),
          async spoil({ documents }) {
            const value = (await documents.get('s', 'k')) as { list: number[] }
            value.list.push(2)
            await documents.put('s', 'other', true)
          },
        }),
      )
      await t.receive('put')
      await t.receive('spoil')
      expect((await t.store.documents.get('s', 'k'))?.value).to.deep.equal({ list: [1] })
    })

    it('run the phases again when somebody else changed them meanwhile; no response of the first run is sent', async () => {
      let open = () => {}
      const gate = new Promise<void>((resolve) => {
        open = resolve
      })
      let runs = 0
      const increment: Work = async ({ documents }, message) => {
        const count = ((await documents.get('counter', 'all')) as number | undefined) ?? 0
        if (message.text === 'slow' && runs++ === 0) await gate
        await documents.put('counter', 'all', count + 1)
        message.respond(`${message.text} ${count + 1}`)
      }
      await begin(works({ slow: increment, quick: increment }))
      const slow = t.router.receive('fake', { identity: '1', text: 'slow' })
      await slow
      const quick = await t.router.receive('fake', { identity: '2', text: 'quick' })
      while ((await state(quick.id)) !== 'PROCESSED') await new Promise((resolve) => setImmediate(resolve))
      open()
      await t.idle()
      expect(runs).to.equal(2)
      expect(t.sent.map(({ text }) => text)).to.deep.equal(['quick 1', 'slow 2'])
      expect((await t.store.documents.get('counter', 'all'))?.value).to.equal(2)
    })

    it('are given up when every run meets a conflict', async () => {
      let version = 0
      await begin(
        works({
          async clash({ documents }) {
            await documents.get('s', 'k')
            await t.router.receive('other', { identity: `${version}`, text: 'change' })
            while (((await t.store.documents.get('s', 'k'))?.version ?? 0) <= version) {
              await new Promise((resolve) => setImmediate(resolve))
            }
            version++
            await documents.put('s', 'k', 'mine')
          },
          change: ({ documents }) => documents.put('s', 'k', version),
        }),
      )
      const { id } = await t.receive('clash')
      expect(await t.store.log.find(id)).to.include({ state: 'RECEIVED', tries: 1 })
      expect((await t.store.log.find(id))?.error).to.match(/^The document s\/k changed/)
    })
  })

  describe('once', () => {
    it('does an outside effect once, however often the phases run, and gives its result again', async () => {
      const results: unknown[] = []
      let effects = 0
      let failures = 2
      await begin(
        works({
          async pay(context) {
            results.push(await context.once('pay', async () => ({ receipt: ++effects })))
            await context.once('nothing', async () => undefined)
            if (failures-- > 0) throw new Error('printer on fire')
          },
        }),
      )
      await t.receive('pay')
      await t.advance('1m')
      expect(results).to.deep.equal([{ receipt: 1 }, { receipt: 1 }, { receipt: 1 }])
      expect(effects).to.equal(1)
      await t.receive('pay')
      expect(effects).to.equal(2)
    })

    it('tries an effect again that failed', async () => {
      let calls = 0
      await begin(
        works({
          pay: (context) =>
            context.once('pay', async () => {
              if (++calls === 1) throw new Error('line busy')
            }),
        }),
      )
      const { id } = await t.receive('pay')
      await t.advance('1m')
      expect(calls).to.equal(2)
      expect(await state(id)).to.equal('PROCESSED')
    })
  })

  describe('send', () => {
    it('sends to anybody, after the phases are done', async () => {
      await begin(
        works({
          async tell(context, message) {
            const sent = await context.send({ to: ['1', { backend: 'other', identity: '2' }], text: 'news' })
            expect(sent.map(({ identity }) => identity)).to.deep.equal(['1', '2'])
            expect(t.sent).to.deep.equal([])
            message.respond('told')
          },
        }),
      )
      await t.script('9 > tell\n9 < told\n1 < news\nother:2 < news')
    })

    it('sends nothing when the phases fail', async () => {
      await begin(
        works({
          async tell(context) {
            await context.send({ to: '1', text: 'news' })
            throw new Error('boom')
          },
        }),
      )
      await t.receive('tell')
      await t.advance('1d')
      expect(t.sent).to.deep.equal([])
    })

    it('passes the outgoing phase', async () => {
      await begin(works({ tell: (context) => context.send({ to: '1', text: 'news' }) }), {
        name: 'sign',
        outgoing(message) {
          message.text += ' -- the office'
        },
      })
      await t.script('9 > tell\n1 < news -- the office')
    })

    it('reaches a contact and a group made just before, in the language set just before', async () => {
      const news = { en: 'news', sw: 'habari' }
      await begin(
        works({
          async join(context) {
            const { id } = await context.contacts.create({ name: 'Ann' })
            await context.contacts.update(id, { language: 'sw' })
            await context.groups.add('nurses')
            await context.send({ to: { contact: id }, text: news })
            await context.send({ to: { group: 'nurses' }, text: news })
            await context.groups.remove('nurses')
            await context.send({ to: { group: 'nurses' }, text: news })
          },
        }),
      )
      await t.script('1 > join\n1 < habari\n1 < habari')
    })
  })

  it('takes no changes after the phases are over', async () => {
    let late: AppContext | undefined
    await begin(works({ keep: async (context) => (late = context) }))
    await t.receive('keep')
    const attempts = [
      late?.contacts.create({ name: 'Ann' }),
      late?.documents.put('s', 'k', 1),
      late?.send({ to: '1', text: 'late' }),
    ]
    for (const attempt of await Promise.allSettled(attempts)) {
      expect(attempt).to.have.nested.property('reason.code', 'NOT_RUNNING')
    }
    expect(t.sent).to.deep.equal([])
  })

  describe('in the outgoing phase of a message sent directly', () => {
    it('knows the contact who gets it', async () => {
      const names: unknown[] = []
      await begin(works({ join: (context) => context.contacts.create({ name: 'Ann' }) }), {
        name: 'watch',
        outgoing: (_, context) => void names.push(context.contact?.name ?? null),
      })
      await t.receive({ identity: '1', text: 'join' })
      await t.send({ to: ['1', '2'], text: 'news' })
      expect(names).to.have.members(['Ann', null])
    })

    it('keeps what an app changes and sends, also when it cancels the message', async () => {
      await begin({
        name: 'censor',
        async outgoing(message, context) {
          if (message.identity === 'chief') return undefined
          await context.documents.put('censor', message.identity, message.text)
          await context.send({ to: 'chief', text: `${message.identity}: ${message.text}` })
          return message.text !== 'secret'
        },
      })
      await t.send({ to: '1', text: 'news' })
      await t.send({ to: '2', text: 'secret' })
      expect(t.sent.map(({ text }) => text)).to.have.members(['1: news', 'news', '2: secret'])
      expect((await t.store.documents.get('censor', '1'))?.value).to.equal('news')
      expect((await t.store.documents.get('censor', '2'))?.value).to.equal('secret')
    })
  })
})
