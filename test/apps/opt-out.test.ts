import { expect } from 'chai'
import type { App } from 'sms-switchboard'
import { defaultReply, keyword, type OptOutOptions, optOut, ping } from 'sms-switchboard/apps'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { folded, optOutTexts, optOutWords } from '../../src/apps/opt-out-words.ts'
import { change } from '../support/store-rows.ts'

const person = { backend: 'fake', identity: '8005551212' }
const texts = { stop: 'bye', start: 'welcome back', help: 'send STOP or START' }
const sorry = defaultReply({ text: 'sorry' })

describe('optOut', () => {
  let t: TestSwitchboard
  const begin = async (options: OptOutOptions = { texts }, ...apps: App[]) => {
    const backends = { fake: fakeBackend(), other: fakeBackend() }
    t = await testSwitchboard({ apps: [optOut(options), ...apps, sorry], backends })
  }
  const isOut = async () => ((await t.store.contacts.ofConnection(person))?.optedOutAt ?? null) !== null
  const said = async (text: string) => {
    const before = t.sent.length
    await t.receive(text)
    return t.sent.slice(before).map((message) => message.text)
  }
  /** What became of the responses and of what was sent, in their order. */
  const states = async () => {
    const ids = t.logs.flatMap(({ message, fields }) => {
      if (message === 'processed') return fields['answers'] as string[]
      return message === 'to be sent' ? [String(fields['id'])] : []
    })
    const found = await Promise.all(ids.map((id) => t.store.log.find(id)))
    return found.map((each) => ({ text: each?.text, state: each?.state, error: each?.error }))
  }
  afterEach(() => t?.stop())

  describe('heeds', () => {
    const stops = [
      ...[
        'STOP',
        ' stop ',
        'Stop.',
        'stop!!!',
        '"STOP"',
        'sto\u200bp',
        'STOP 🙏',
        'stop  all',
        'Opt-Out',
        'UNSUBSCRIBE',
      ],
      ...['Arrêt', 'ARRET', 'arre\u0302t', 'BAJA', 'SAIR', 'Kündigen', 'sitisha', 'إلغاء', 'الغاء', 'रोकें।', 'አቁም።'],
    ]
    for (const text of stops) {
      it(`${JSON.stringify(text)} as STOP`, async () => {
        await begin()
        expect(await said(text)).to.deep.equal(['bye'])
        expect(await isOut()).to.equal(true)
      })
    }

    for (const text of [
      'stop it',
      'please stop',
      'stopped',
      'the end',
      '',
      '?',
      '!'.repeat(100_000),
      'बंदर',
      'toString',
    ]) {
      it(`${JSON.stringify(text.slice(0, 20))} as no wish`, async () => {
        await begin()
        expect(await said(text)).to.deep.equal(['sorry'])
        expect(await isOut()).to.equal(false)
      })
    }

    it('each word of its lists, and no word for two wishes', async () => {
      const wishOf = new Map<string, string>()
      for (const list of Object.values(optOutWords)) {
        for (const [wish, words] of Object.entries(list)) {
          for (const word of words) {
            expect(folded(word), word).to.not.equal('')
            expect(wishOf.get(folded(word)) ?? wish, word).to.equal(wish)
            wishOf.set(folded(word), wish)
          }
        }
      }
      const answers = { stop: 'bye', help: 'send STOP or START', start: 'sorry' }
      await begin()
      for (const [index, [word, wish]] of [...wishOf].entries()) {
        await t.receive({ identity: String(1_000_000_000 + index), text: word })
        expect(t.sent.at(-1)?.text, word).to.equal(answers[wish as keyof typeof answers])
      }
    })

    it('words of its options, but not those taken away', async () => {
      await begin({ texts, languages: ['es'], words: { stop: ['no más'] }, without: ['Baja', 'stop'] })
      expect(await said('baja')).to.deep.equal(['sorry'])
      expect(await said('arret')).to.deep.equal(['sorry'])
      expect(await said('NO MAS')).to.deep.equal(['bye'])
      expect(await said('START')).to.deep.equal(['welcome back'])
      expect(await said('stop')).to.deep.equal(['bye'])
    })

    it('only languages that it has words for', () => {
      expect(() => optOut({ languages: ['tlh'] })).to.throw(
        TypeError,
        'optOut: there are no words for the language "tlh"',
      )
      expect(() => optOut({ languages: ['constructor'] })).to.throw(TypeError, 'constructor')
    })
  })

  it('sends the confirmation although the opt-out is committed, also after a retry and days later', async () => {
    await begin()
    t.fake.failNext(1)
    await t.receive('stop')
    expect(await isOut()).to.equal(true)
    expect(t.sent).to.have.length(0)
    await t.advance('1h')
    expect(t.sent.map(({ text }) => text)).to.deep.equal(['bye'])
  })

  it('confirms once: a machine that says STOP again gets no answer', async () => {
    await begin()
    expect(await said('stop')).to.deep.equal(['bye'])
    expect(await said('stop')).to.deep.equal([])
    expect(await said('unsubscribe')).to.deep.equal([])
  })

  it('keeps everything else from who has opted out, with the reason, and lets the apps work on it', async () => {
    const seen: string[] = []
    await begin({ texts }, { name: 'note', parse: (message) => void seen.push(message.text) }, ping())
    await t.receive('stop')
    expect(await said('ping')).to.deep.equal([])
    await t.send({ to: person.identity, text: 'news' })
    expect(seen).to.deep.equal(['ping'])
    const reason = { state: 'CANCELLED', error: 'the recipient has opted out' }
    expect(await states()).to.deep.equal([
      { text: 'bye', state: 'SENT', error: null },
      { text: 'pong', ...reason },
      { text: 'news', ...reason },
    ])
  })

  it('keeps it out of the answer to the request too, but gives the confirmation there', async () => {
    await begin({ texts }, ping())
    const { responses } = await t.receive({ text: 'stop', wait: '1s' })
    expect(responses).to.deep.equal([{ text: 'bye', end: false }])
    expect((await t.receive({ text: 'ping', wait: '1s' })).responses).to.deep.equal([])
  })

  it('answers a session that was dialled in spite of the opt-out', async () => {
    await begin({ texts }, ping())
    await t.receive('stop')
    const fields = { session: { id: 's', event: 'new' } }
    expect((await t.receive({ text: 'ping', wait: '1s', fields })).responses).to.deep.equal([
      { text: 'pong', end: false },
    ])
    await t.receive({ text: 'ping', fields })
    expect(t.sent.at(-1)?.text).to.equal('pong')
  })

  it('takes it back by START, and answers HELP throughout', async () => {
    await begin()
    expect(await said('help')).to.deep.equal(['send STOP or START'])
    await t.receive('stop')
    expect(await said('INFO?')).to.deep.equal(['send STOP or START'])
    expect(await said('Start')).to.deep.equal(['welcome back'])
    expect(await isOut()).to.equal(false)
    expect(await said('what')).to.deep.equal(['sorry'])
  })

  it('leaves START to other apps, unless the person has opted out', async () => {
    await begin(
      { texts },
      keyword('start', (message) => message.respond('joined')),
    )
    expect(await said('start')).to.deep.equal(['joined'])
    await t.receive('stop')
    expect(await said('start')).to.deep.equal(['welcome back'])
  })

  it('leaves HELP to other apps where it has no text, and says nothing where there is none', async () => {
    await begin(
      { texts: { stop: null, start: null, help: null } },
      keyword('help', (message) => message.respond('mine')),
    )
    expect(await said('help')).to.deep.equal(['mine'])
    expect(await said('stop')).to.deep.equal([])
    expect(await isOut()).to.equal(true)
    expect(await said('start')).to.deep.equal([])
    expect(await isOut()).to.equal(false)
    expect(t.logs.filter(({ level }) => level === 'warn')).to.deep.equal([])
  })

  it('warns of an app that claims one of its words', async () => {
    await begin(
      { texts },
      keyword('end', () => undefined),
    )
    expect(t.logs.some(({ message }) => message.includes('two apps claim the keyword "end"'))).to.equal(true)
  })

  describe('speaks', () => {
    const join = keyword('join', (_, context) => context.contacts.create({ name: 'Asha', language: 'sw' }))

    it('the language of the word, where the person has none', async () => {
      await begin({ projectName: 'Duka' })
      expect(await said('ARRET')).to.deep.equal([
        'Duka : vous ne recevrez plus de messages. Envoyez START pour en recevoir à nouveau.',
      ])
    })

    it('the language of the person', async () => {
      await begin({ projectName: 'Duka' }, join)
      await t.receive('join')
      for (const word of ['stop', 'anza', 'arret'])
        expect((await said(word))[0]).to.match(/^Duka: (hutap|utap)okea ujumbe/)
    })

    it('English else', async () => {
      await begin({})
      expect(await said('iniciar')).to.deep.equal(['sorry'])
      expect((await said('STOP'))[0]).to.equal(
        'Switchboard: you will get no more messages from us. Send START to get them again.',
      )
    })

    it('each language that it has words of', () => {
      for (const list of Object.values(optOutTexts)) expect(list).to.have.all.keys(Object.keys(optOutWords))
    })
  })

  describe('holds', () => {
    const both = async (per: 'person' | 'backend') => {
      const join = keyword('join', (_, { contacts }) => contacts.create({ name: 'Ann' }))
      const backends = { fake: fakeBackend(), other: fakeBackend() }
      t = await testSwitchboard({
        apps: [optOut({ texts }), join, sorry],
        backends,
        settings: { optOut: { per } },
      })
    }
    const linked = async () => {
      const contactId = (await t.store.contacts.ofConnection(person))?.id ?? ''
      const connection = { ...person, backend: 'other' }
      await change(t.store, [{ kind: 'connection-linked', connection, contactId }])
    }
    const reaches = async (backend: string) => {
      const [sent] = await t.send({ to: { backend, identity: person.identity }, text: 'news' })
      return (await t.store.log.find(sent?.id ?? ''))?.state === 'SENT'
    }

    it('over all connections of a person', async () => {
      await both('person')
      await t.receive('join')
      await linked()
      await t.receive('stop')
      expect([await reaches('fake'), await reaches('other')]).to.deep.equal([false, false])
      await t.receive({ ...person, backend: 'other', text: 'start' })
      expect([await reaches('fake'), await reaches('other')]).to.deep.equal([true, true])
    })

    it('for one backend, by setting, between two attempts too', async () => {
      await both('backend')
      await t.receive('join')
      await linked()
      t.fake.failNext(1)
      const [waiting] = await t.send({ to: { ...person }, text: 'news' })
      expect(await said('stop')).to.deep.equal(['bye'])
      await t.advance('1m')
      expect(await t.store.log.find(waiting?.id ?? '')).to.include({
        state: 'CANCELLED',
        error: 'the recipient has opted out',
      })
      expect(await said('what')).to.deep.equal([])
      expect([await reaches('fake'), await reaches('other')]).to.deep.equal([false, true])
      expect(await said('start')).to.deep.equal(['welcome back'])
      expect(await reaches('fake')).to.equal(true)
      expect(await said('stop')).to.deep.equal(['bye'])
      expect(await reaches('fake')).to.equal(false)
    })

    it('for one backend of who has no contact, and makes none', async () => {
      await both('backend')
      await t.receive('stop')
      expect([await reaches('fake'), await reaches('other')]).to.deep.equal([false, true])
      expect(await t.store.contacts.ofConnection(person)).to.equal(undefined)
    })
  })
})
