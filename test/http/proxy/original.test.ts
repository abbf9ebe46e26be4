import { expect } from 'chai'
import { SettingsError } from '../../../src/index.ts'
import { ask, from, network, serveProxy } from '../../support/proxy.ts'
import { serveWeb, type Web } from '../../support/web.ts'

/** The headers of the example in the README of https://github.com/nellessen/nexmo-download-link, as they stand there. */
const HEADERS = {
  Accept: 'application/json',
  'Accept-Language': 'en-US,en;q=0.8,de;q=0.6',
  'Content-Type': 'application/json',
}

describe('the examples of the Nexmo messaging proxy, as typed', () => {
  it('send a download link', async () => {
    const { sent, backend } = network()
    const web = await serveProxy({}, { backend })
    const answer = await ask(`${web.url}/message/?receiver=017612345678`, { headers: HEADERS })
    await web.stop()
    expect(answer).to.deep.equal({
      status: 200,
      type: 'application/json; charset=UTF-8',
      body: { status: 'ok', message: 'Message sent', number: '+49 176 12345678' },
    })
    expect(sent.map(({ identity, text, address }) => ({ identity, text, address }))).to.deep.equal([
      { identity: '+4917612345678', text: 'Welcome to Example', address: 'Awesome' },
    ])
  })

  it('allow ten requests an hour of one address, and count those that are wrong', async () => {
    const web = await serveProxy({})
    const one = from('192.0.2.1')
    for (let time = 0; time < 10; time++) {
      expect((await ask(`${web.url}/message/`, one)).body).to.deep.include({ error: 'receiver_missing' })
    }
    expect((await ask(`${web.url}/message/`, one)).body).to.deep.include({ error: 'limit_acceded' })
    // Each path has a count of its own, as the README has it; in the original all messages shared one.
    expect((await ask(`${web.url}/validate_number/?number=017612345678`, one)).body).to.include({ status: 'ok' })
    expect((await ask(`${web.url}/message/`, from('192.0.2.2'))).body).to.deep.include({ error: 'receiver_missing' })
    await web.stop()
  })
})

describe('the handlers of the public proxy', () => {
  it('each have their own text, sender, limit, backend and path', async () => {
    const networks = { one: network(), two: network() }
    const web = await serveWeb({
      backends: { one: networks.one.backend, two: networks.two.backend },
      proxy: {
        country: { default: 'DE' },
        handlers: {
          message: { text: 'First', from: 'Shop' },
          link: { text: 'Second', backend: 'two', path: '/get/link', limit: { amount: 1 } },
        },
      },
    })
    const bodies = []
    for (const path of ['/message/', '/get/link/', '/get/link']) {
      bodies.push((await ask(`${web.url}${path}?receiver=017612345678`)).body)
    }
    await web.stop()
    expect(bodies.map((body) => Object.values(body as object)[1])).to.deep.equal([
      'Message sent',
      'Message sent',
      'limit_acceded',
    ])
    expect(networks.one.sent.map(({ text, address }) => [text, address])).to.deep.equal([['First', 'Shop']])
    expect(networks.two.sent.map(({ text, address }) => [text, address])).to.deep.equal([['Second', null]])
  })

  it('have another sender for North America, over any backend', async () => {
    const { sent, backend } = network()
    const handlers = { message: { text: 'Hi', from: 'Awesome', northAmericaFrom: '12025550123' } }
    const web = await serveProxy({ handlers }, { backend })
    for (const number of ['+12125551234', '+18682911234', '+4917612345678']) {
      await ask(`${web.url}/message/?receiver=${encodeURIComponent(number)}`)
    }
    await web.stop()
    expect(sent.map(({ address }) => address)).to.deep.equal(['12025550123', '12025550123', 'Awesome'])
  })

  it('speak the language of whoever asks', async () => {
    const { sent, backend } = network()
    const handlers = { message: { text: { en: 'Hello', de: 'Hallo', fr: 'Salut' } } }
    const web = await serveProxy({ handlers }, { backend })
    for (const language of ['de-AT', 'it, fr;q=0.5', 'it', '']) {
      await ask(`${web.url}/message/?receiver=017612345678`, { headers: { 'Accept-Language': language } })
    }
    await web.stop()
    expect(sent.map(({ text }) => text)).to.deep.equal(['Hallo', 'Salut', 'Hello', 'Hello'])
  })

  it('send a text in several messages where settings have that', async () => {
    const { sent, backend } = network()
    const handlers = { message: { text: 'word '.repeat(100) } }
    const web = await serveProxy({ handlers }, { backend, text: { tooLong: 'split', maxParts: 1 } })
    const { body } = await ask(`${web.url}/message/?receiver=017612345678`)
    await web.switchboard.stop()
    await web.stop()
    expect(body).to.include({ status: 'ok' })
    expect(sent.length).to.be.greaterThan(2)
  })
})

describe('settings of the proxy that cannot be meant', () => {
  const wrong = [
    {
      what: 'a backend that is not there',
      proxy: { handlers: { message: { text: 'x', backend: 'sms' } } },
      says: /proxy\.handlers\.message\.backend: there is no such backend; there are network/,
    },
    {
      what: 'a text that is too long',
      proxy: { handlers: { message: { text: { en: 'x'.repeat(1_000) } } } },
      says: /proxy\.handlers\.message\.text\.en: its 7 parts/,
    },
    {
      what: 'two on one path',
      proxy: { handlers: { a: { text: 'x', path: '/x' }, b: { text: 'y', path: '/x/' } } },
      says: /proxy\.handlers\.b\.path: the path \/x\/ is claimed by proxy\.handlers\.a\.path/,
    },
    {
      what: 'a path of the server',
      proxy: { handlers: { console: { text: 'x' } } },
      says: /proxy\.handlers\.console: the path \/console\/ is the server's own/,
    },
    {
      what: 'a path that is none',
      proxy: { handlers: { a: { text: 'x', path: '/:id' } } },
      says: /proxy\.handlers\.a\.path: a path that begins with \//,
    },
    {
      what: 'an origin with a path',
      proxy: { origins: ['https://example.org/'] },
      says: /proxy\.origins\.0: an origin is expected/,
    },
    {
      what: 'a challenge that is none',
      proxy: { challenge: 'recaptcha' as never },
      says: /proxy\.challenge: a function is expected/,
    },
    {
      what: 'a field for programs that people fill',
      proxy: { honeypot: 'receiver' },
      says: /proxy\.honeypot: people fill this field/,
    },
    {
      what: 'a country that is none',
      proxy: { country: { default: 'Germany' } },
      says: /proxy\.country\.default: a country of ISO 3166-1/,
    },
  ]
  for (const { what, proxy, says } of wrong) {
    it(what, async () => {
      let web: Web | undefined
      let error: unknown
      try {
        web = await serveProxy(proxy)
      } catch (caught) {
        error = caught
      }
      await web?.stop()
      expect(error).to.be.instanceOf(SettingsError)
      expect(String(error)).to.match(says)
    })
  }
})
