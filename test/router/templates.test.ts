import { expect } from 'chai'
import fc from 'fast-check'
import { type App, CancelledError, InvalidInputError, type SendRequest } from 'sms-switchboard'
import { keyword } from 'sms-switchboard/apps'
import { fakeBackend, type TestOptions, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { rejection } from '../support/rejection.ts'

const welcome = {
  en: 'Welcome, {{ contact.name | default: "friend" }}: {{ code }}',
  sw: 'Karibu {{ contact.name }}: {{ code }}',
}
const language = keyword('language', async (_, { rest, contacts }) => {
  await contacts.create({ name: 'Asha', language: rest })
})

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise)
  expect(error).to.be.instanceOf(InvalidInputError)
  return (error as Error).message
}

describe('templates', () => {
  let t: TestSwitchboard
  const begin = async (settings: TestOptions['settings'] = {}, ...apps: App[]) => {
    t = await testSwitchboard({ apps: [language, ...apps], settings: { languages: ['en', 'sw'], ...settings } })
  }
  const texts = () => t.sent.map(({ text }) => text)
  const use = (slug: string, values: Partial<SendRequest> = {}, context = {}) =>
    t.router.submit({ to: '1', ...values, text: undefined, template: { slug, context } })
  afterEach(() => t.stop())

  describe('that are sent', () => {
    it('are written for each recipient, in the recipient’s language', async () => {
      await begin({ templates: { welcome } })
      await t.receive({ identity: '111', text: 'language sw' })
      await t.receive({ identity: '333', text: 'language fr' })
      const sent = await t.send({ to: ['111', '222', '333'], template: { slug: 'welcome', context: { code: 7 } } })
      expect(sent).to.have.length(3)
      expect(texts()).to.have.members(['Karibu Asha: 7', 'Welcome, friend: 7', 'Welcome, Asha: 7'])
    })

    it('are kept with their message, by slug and text, when they are gone', async () => {
      await begin()
      await t.router.templates.save({ slug: 'gone', body: 'Hello {{ name }}' })
      const [sent] = await t.send({
        to: '1',
        template: { slug: 'gone', context: { name: 'Ann' } },
        at: new Date(t.clock.now() + 60_000),
      })
      expect(await t.router.templates.remove('gone')).to.equal(true)
      await t.advance('2m')
      expect(texts()).to.deep.equal(['Hello Ann'])
      expect(await t.store.log.find(sent?.id ?? '')).to.deep.include({
        text: 'Hello Ann',
        template: 'gone',
        state: 'SENT',
      })
    })

    it('are split where they are long', async () => {
      await begin({
        templates: { long: { body: '{{ word }}', allowDuplicates: false } },
        text: { maxParts: 1, tooLong: 'split' },
      })
      await t.send({ to: '1', template: { slug: 'long', context: { word: 'word '.repeat(60) } } })
      expect(texts().length).to.be.greaterThan(1)
      expect(await use('long', {}, { word: 'another' })).to.deep.include({ messages: [] })
    })

    it('answer a message, and are sent by apps', async () => {
      await begin(
        { templates: { welcome, note: 'A note for {{ who }}' } },
        keyword('hello', async (message, { send }) => {
          await send({ to: '9', template: { slug: 'note', context: { who: 'nine' } } })
          message.respond({ template: 'welcome', context: { code: 'x' } })
        }),
      )
      await t.script(`
        8005551212 > hello
        8005551212 < Welcome, friend: x
        9 < A note for nine
        8005551212 > language sw
        8005551212 > hello
        8005551212 < Karibu Asha: x
        9 < A note for nine
      `)
    })

    it('go at once by sendNow, or throw why not', async () => {
      await begin({ templates: { once: { body: 'Hi', allowDuplicates: false } } })
      const now = () => t.router.sendNow({ to: '1', template: { slug: 'once' } })
      expect((await now()).state).to.equal('SENT')
      expect(await rejection(now())).to.be.instanceOf(CancelledError)
      const both = await Promise.allSettled(
        [1, 2, 3].map(() => t.router.sendNow({ to: '2', template: { slug: 'once' } })),
      )
      expect(both.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected', 'rejected'])
    })

    const refused: [what: string, request: object, message: RegExp][] = [
      [
        'a text beside it',
        { text: 'a', template: { slug: 'known', context: { a: 1 } } },
        /^text: not beside a template/,
      ],
      ['neither', {}, /^text: a text is expected/],
      ['a slug nobody knows', { template: { slug: 'nobody' } }, /no template "nobody"/],
      ['a slug that is none', { template: { slug: { a: 1 } } }, /no template/],
      ['no slug', { template: {} }, /no template/],
      ['nothing for a template', { template: null }, /^template: \{ slug, context \} is expected/],
      [
        'a value that is missing',
        { template: { slug: 'known' } },
        /^template "known" \(en\): there is no value for "a", line:1, col:4$/,
      ],
      ['a contact of the sender’s own', { template: { slug: 'known', context: { contact: 1 } } }, /^context.contact/],
      ['a function', { template: { slug: 'known', context: { a: () => 1 } } }, /^context\.a: plain JSON/],
      ['a class', { template: { slug: 'known', context: { a: new Map() } } }, /^context\.a: plain JSON/],
      ['a list for values', { template: { slug: 'known', context: [] } }, /^context: an object/],
      ['too much', { template: { slug: 'known', context: { a: 'x'.repeat(100_001) } } }, /^context: at most/],
      ['what comes out empty', { template: { slug: 'known', context: { a: ' ' } } }, /is empty/],
    ]
    for (const [what, request, message] of refused) {
      it(`are refused with ${what}, and nothing is recorded`, async () => {
        await begin({ templates: { known: { en: '{{ a }}' } } })
        expect(await messageOf(t.router.submit({ to: ['1', '2'], ...request } as unknown as SendRequest))).to.match(
          message,
        )
        expect((await t.store.log.counts()).outgoing).to.equal(0)
      })
    }

    it('fail the phases of a message where they cannot be written', async () => {
      await begin(
        { templates: { known: '{{ a }}' }, retry: { attempts: 1 } },
        keyword('hi', (message) => message.respond({ template: 'known' })),
      )
      await t.receive('hi')
      const [failed] = await t.store.log.failed({ direction: 'in', limit: 1 })
      expect(failed?.error).to.contain('template "known": there is no value for "a"')
    })
  })

  describe('that somebody may not get', () => {
    const leftOut = (identity: string, reason: string) => ({ connection: { backend: 'fake', identity }, reason })

    it('are left out by a rule, and the others get them', async () => {
      const asked: unknown[] = []
      await begin({
        templates: { welcome, free: 'Free' },
        templateRules: {
          welcome: async (recipient, context, about) => {
            asked.push([recipient.identity, recipient.contact?.name ?? null, context, about])
            return recipient.identity !== '222'
          },
        },
      })
      await t.receive({ identity: '111', text: 'language sw' })
      const submission = await use('welcome', { to: ['111', '222'], relatedTo: 'order:1' }, { code: 1 })
      expect(submission.messages.map(({ identity }) => identity)).to.deep.equal(['111'])
      expect(submission.leftOut).to.deep.equal([leftOut('222', 'may not get the template "welcome", by its rule')])
      const about = { slug: 'welcome', relatedTo: 'order:1' }
      expect(asked).to.have.deep.members([
        ['111', 'Asha', { code: 1 }, about],
        ['222', null, { code: 1 }, about],
      ])
      expect((await use('free', { to: '222' })).messages).to.have.length(1)
    })

    it('are left out by the one rule for all, also of answers', async () => {
      await begin(
        { templates: { a: 'A', b: 'B' }, templateRules: (_, __, { slug }) => slug === 'b' },
        keyword('hi', (message) => {
          message.respond({ template: 'a' })
          message.respond({ template: 'b' })
        }),
      )
      await t.script(`
        8005551212 > hi
        8005551212 < B
      `)
    })

    it('need a rule that says yes or no', async () => {
      await begin({ templates: { a: 'A' }, templateRules: { a: () => undefined as unknown as boolean } })
      expect(await rejection(use('a'))).to.be.instanceOf(TypeError)
      expect((await t.store.log.counts()).outgoing).to.equal(0)
    })

    it('are not sent at all where they are not active', async () => {
      await begin({ templates: { off: { body: 'Off', active: false } } })
      const submission = await use('off')
      expect(submission.leftOut).to.deep.equal([
        leftOut('1', 'gets nothing of the template "off", which is not active'),
      ])
    })
  })

  describe('that nobody gets twice', () => {
    const once = { once: { body: 'Your order', allowDuplicates: false } }
    const got = async (values: Partial<SendRequest>) =>
      (await use('once', values)).messages.map(({ identity }) => identity)

    it('count by recipient and by what they are related to', async () => {
      await begin({ templates: once, numbers: { region: 'KE' } })
      expect(await got({ to: ['0712345678', '0712345679'], relatedTo: 'order:1' })).to.have.length(2)
      expect(await got({ to: ['+254712345678', '0712345670'], relatedTo: 'order:1' })).to.deep.equal(['+254712345670'])
      expect(await got({ to: '0712345678', relatedTo: 'order:2' })).to.have.length(1)
      expect(await got({ to: '0712345678' })).to.have.length(1)
      expect(await got({ to: '0712345678' })).to.have.length(0)
    })

    it('are one and the same over all backends', async () => {
      const backends = { one: fakeBackend(), two: fakeBackend() }
      t = await testSwitchboard({ apps: [], backends, settings: { templates: once, numbers: { region: 'KE' } } })
      expect(await got({ to: '0712345678', backend: 'one' })).to.have.length(1)
      const again = await use('once', { to: '0712345678', backend: 'two' })
      expect(again.leftOut).to.deep.equal([
        {
          connection: { backend: 'two', identity: '+254712345678' },
          reason: 'has got the template "once" about this already',
        },
      ])
    })

    it('are sent once where many ask at the same time', async () => {
      await begin({ templates: once })
      const all = await Promise.all(Array.from({ length: 20 }, () => use('once', { to: ['1', '2'], relatedTo: 'x' })))
      await t.idle()
      expect(all.flatMap(({ messages }) => messages)).to.have.length(2)
      expect(all.flatMap((submission) => submission.leftOut)).to.have.length(38)
      expect(t.sent).to.have.length(2)
    })

    it('are answered with once, also within one message', async () => {
      const answer = { template: 'once', relatedTo: 'order:1' }
      await begin(
        { templates: once },
        keyword('hi', (message) => {
          message.respond(answer)
          message.respond(answer)
          message.respond('done')
        }),
      )
      await t.script(`
        8005551212 > hi
        8005551212 < Your order
        8005551212 < done
        8005551212 > hi
        8005551212 < done
      `)
      expect(await got({ to: '8005551212', relatedTo: 'order:1' })).to.deep.equal([])
    })

    it('may be sent again when the phases failed that sent them', async () => {
      let runs = 0
      await begin(
        { templates: once },
        {
          name: 'fails at first',
          async handle(message, { send }) {
            await send({ to: '5', template: { slug: 'once' } })
            if (runs++ === 0) throw new Error('not now')
            return message.respond({ template: 'once' })
          },
        },
      )
      await t.receive('hi')
      expect(t.sent).to.have.length(0)
      await t.advance('1m')
      expect(t.sent.map(({ identity }) => identity)).to.have.members(['5', '8005551212'])
    })
  })

  describe('of the store', () => {
    it('are saved, changed in part, and removed', async () => {
      await begin()
      const { templates } = t.router
      const made = await templates.save({ slug: 'a', body: 'A' })
      const times = { createdAt: new Date(t.clock.now()), changedAt: new Date(t.clock.now()) }
      const flags = { active: true, locked: false, allowDuplicates: true }
      expect(made).to.deep.equal({ slug: 'a', body: 'A', ...flags, source: 'store', ...times })
      await t.advance('1m')
      const changed = await templates.save({ slug: 'a', active: false, allowDuplicates: false })
      expect(changed).to.deep.equal({
        ...made,
        active: false,
        allowDuplicates: false,
        changedAt: new Date(t.clock.now()),
      })
      expect(await templates.get('a')).to.deep.equal(changed)
      expect(await templates.remove('a')).to.equal(true)
      expect(await templates.remove('a')).to.equal(false)
      expect(await templates.get('a')).to.equal(undefined)
    })

    it('take no change while they are locked', async () => {
      await begin()
      const { templates } = t.router
      await templates.save({ slug: 'a', body: 'A', locked: true })
      expect(await messageOf(templates.save({ slug: 'a', body: 'B' }))).to.contain('locked')
      expect(await messageOf(templates.remove('a'))).to.contain('locked')
      await templates.save({ slug: 'a', body: 'B', locked: false })
      expect(await templates.remove('a')).to.equal(true)
    })

    it('are hidden by those of the settings, which they cannot change', async () => {
      await begin({ templates: { fixed: 'of the settings' } })
      const { templates } = t.router
      await t.store.templates.put({
        slug: 'fixed',
        body: 'x',
        active: true,
        locked: false,
        allowDuplicates: true,
        createdAt: 0,
        changedAt: 0,
        version: 1,
      })
      expect(await templates.get('fixed')).to.deep.include({
        body: 'of the settings',
        locked: true,
        source: 'settings',
        createdAt: null,
      })
      expect(await messageOf(templates.save({ slug: 'fixed', body: 'B', locked: false }))).to.contain(
        'stands in the settings',
      )
      expect(await messageOf(templates.remove('fixed'))).to.contain('stands in the settings')
      expect((await templates.list()).templates.map(({ body }) => body)).to.deep.equal(['of the settings'])
    })

    const unfit: [what: string, input: object, message: RegExp][] = [
      ['a slug with a blank', { slug: 'a b', body: 'A' }, /^slug:/],
      ['an empty slug', { slug: '', body: 'A' }, /^slug:/],
      ['a slug that is too long', { slug: 'a'.repeat(101), body: 'A' }, /^slug:/],
      ['no body', { slug: 'a' }, /a new one needs a body/],
      ['a body that is none', { slug: 'a', body: 3 }, /a text is expected, or one for each language/],
      ['no languages', { slug: 'a', body: {} }, /a text is expected, or one for each language/],
      ['a language that is none', { slug: 'a', body: { 'not a tag': 'A' } }, /not a tag: the tag of a language/],
      [
        'too much in all languages',
        { slug: 'a', body: Object.fromEntries([...'abcdefghijk'].map((c) => [`x${c}`, 'a'.repeat(9_999)])) },
        /at most 100000 characters/,
      ],
      ['wrong syntax', { slug: 'a', body: { en: 'A', sw: '\n{% if %}' } }, /^template "a": sw: .*line:2/],
      ['faults in two languages', { slug: 'a', body: { en: '{{', sw: '{%' } }, /en: .*; sw: /s],
      ['a text in place of a flag', { slug: 'a', body: 'A', active: 'no' }, /^active: true or false/],
    ]
    for (const [what, input, message] of unfit) {
      it(`are not saved with ${what}`, async () => {
        await begin()
        expect(await messageOf(t.router.templates.save(input as { slug: string }))).to.match(message)
        expect((await t.router.templates.list()).templates).to.deep.equal([])
      })
    }

    it('keep the changes of all who save at the same time', async () => {
      await begin()
      const { templates } = t.router
      await templates.save({ slug: 'a', body: 'A' })
      await Promise.all([
        templates.save({ slug: 'a', active: false }),
        templates.save({ slug: 'a', allowDuplicates: false }),
        templates.save({ slug: 'a', body: 'B' }),
      ])
      expect(await templates.get('a')).to.deep.include({ active: false, allowDuplicates: false, body: 'B' })
    })

    it('are listed page by page with those of the settings, each once', async function () {
      this.timeout(20_000)
      const slug = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'B', 'a-1', 'z_9', '0')
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(slug),
          fc.uniqueArray(slug),
          fc.integer({ min: 1, max: 4 }),
          async (fixed, stored, limit) => {
            await begin({ templates: Object.fromEntries(fixed.map((each) => [each, 'fixed'])) })
            for (const each of stored)
              if (!fixed.includes(each)) await t.router.templates.save({ slug: each, body: 'stored' })
            const seen: string[] = []
            let after: string | null = ''
            while (after !== null) {
              const page: Awaited<ReturnType<typeof t.router.templates.list>> = await t.router.templates.list({
                after,
                limit,
              })
              expect(page.templates.length).to.be.at.most(limit)
              seen.push(...page.templates.map((template) => template.slug))
              after = page.next
            }
            expect(seen).to.deep.equal([...new Set([...fixed, ...stored])].sort())
            await t.stop()
          },
        ),
        { numRuns: 15 },
      )
    })

    it('are rendered without being sent', async () => {
      await begin({ templates: { welcome } })
      const { templates } = t.router
      const values = { code: 1, contact: { name: 'Bo' } }
      expect(await templates.render('welcome', 'sw-KE', values)).to.equal('Karibu Bo: 1')
      expect(await templates.render('welcome', null, values)).to.equal('Welcome, Bo: 1')
      expect(await messageOf(templates.render('welcome', 'sw', {}))).to.contain(
        'template "welcome" (sw): there is no value for "contact.name"'.replace('contact.name', 'contact'),
      )
      expect(await messageOf(templates.render('nobody', 'sw'))).to.contain('nobody')
    })
  })
})
