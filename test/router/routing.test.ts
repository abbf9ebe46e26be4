import { expect } from 'chai'
import { defineBackend, type RoutedMessage, RoutingError, SettingsError, type TextRequest } from 'sms-switchboard'
import { forwardServer } from 'sms-switchboard/backends'
import { fakeBackend, type TestOptions, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { rejection } from '../support/rejection.ts'

type Routing = NonNullable<TestOptions['settings']>['routing']

const ear = defineBackend({ kind: 'ear', settings: z.strictObject({}) })
const copier = () => forwardServer({ clients: ['http://127.0.0.1:9/'] })

describe('routing', () => {
  let t: TestSwitchboard
  afterEach(() => t?.stop())

  const begin = async (routing: Routing, names: readonly string[] = ['a', 'b', 'c']) => {
    t = await testSwitchboard({
      apps: [],
      backends: {
        ear: ear(),
        ...Object.fromEntries(names.map((name) => [name, fakeBackend({ numbers: { region: 'KE' } })])),
      },
      settings: routing === undefined ? {} : { routing },
    })
  }
  const send = async (request: Partial<TextRequest> = {}) => {
    const sent = await t.send({ to: '254712345678', text: 'hi', ...request })
    return sent.map(({ backend }) => backend).join(' ')
  }

  it('is asked after the backend that the sender names, and before the default', async () => {
    await begin((_, module) => (module === 'billing' ? 'b' : undefined))
    expect(await send()).to.equal('a')
    expect(await send({ route: ['billing'] })).to.equal('b')
    expect(await send({ route: ['billing'], backend: 'c' })).to.equal('c')
    expect(await send({ route: ['billing'], to: { backend: 'c', identity: '254712345678' } })).to.equal('c')
    expect(t.sent.map(({ backend }) => backend)).to.deep.equal(['a', 'b', 'c', 'c'])
  })

  it('has a default that can be set', async () => {
    await begin({ default: 'c' })
    expect(await send()).to.equal('c')
  })

  it('shows the function the message, the number in its one form', async () => {
    const seen: unknown[] = []
    await begin((message: RoutedMessage, ...values) => {
      seen.push([message.identity, message.country, message.network, message.text, message.class, message.from, values])
    })
    await send({ to: '0712 345678', route: ['billing', 'reminder'], class: 'bulk', from: '2020' })
    await send({ to: 'somebody', fields: { networkCode: '63902' } })
    expect(seen).to.deep.equal([
      ['+254712345678', 'KE', null, 'hi', 'bulk', '2020', ['billing', 'reminder']],
      ['somebody', null, '63902', 'hi', 'normal', null, [undefined, undefined]],
    ])
  })

  it('takes options and an address from the function, under those of the sender', async () => {
    await begin(() => ({ backend: 'b', options: { senderId: 'SHOP', validity: 5 }, from: '3030' }))
    await send({ options: { validity: 9 } })
    await send({ from: '2020' })
    expect(t.sent.map(({ address, options }) => [address, options])).to.deep.equal([
      ['3030', { senderId: 'SHOP', validity: 9 }],
      ['2020', { senderId: 'SHOP', validity: 5 }],
    ])
  })

  it('leaves responses with the backend that the message came in by', async () => {
    t = await testSwitchboard({
      apps: [{ name: 'echo', handle: (message) => message.respond(message.text) }],
      backends: { a: fakeBackend(), b: fakeBackend() },
      settings: { routing: () => 'b' },
    })
    await t.script('254712345678 > hello\n254712345678 < hello')
    expect(t.sent.map(({ backend }) => backend)).to.deep.equal(['a'])
  })

  const nonsense: readonly (readonly [string, () => unknown, RegExp])[] = [
    [
      'throws',
      () => {
        throw new Error('no idea')
      },
      /^routing: the function of the settings threw: no idea$/,
    ],
    ['chooses an unknown backend', () => 'd', /chose "d", which is no backend; there are ear, a, b, c/],
    ['chooses an unknown backend to fall back on', () => ({ backend: 'a', failover: ['d'] }), /chose "d"/],
    ['chooses one that only receives', () => 'ear', /chose "ear", which only receives/],
    ['chooses one for programs', () => 'copier', /chose "copier", which hands copies on/],
    ['answers a number', () => 7, /answered a number/],
    ['answers true', () => true, /answered a boolean/],
    ['answers a list', () => ['a'], /without the name of a backend/],
    ['answers a promise', async () => 'a', /answered a promise/],
    ['answers wrong options', () => ({ backend: 'a', options: 'x' }), /"options" that are no object/],
    ['answers a wrong address', () => ({ backend: 'a', from: 7 }), /"from" that is no text/],
    ['answers a wrong failover', () => ({ backend: 'a', failover: 'b' }), /"failover" that is no list/],
  ]
  for (const [what, choose, expected] of nonsense) {
    it(`names a function that ${what}, and records nothing`, async () => {
      t = await testSwitchboard({
        apps: [],
        backends: {
          ear: ear(),
          a: fakeBackend(),
          b: fakeBackend(),
          c: fakeBackend(),
          ...(what.includes('programs') ? { copier: copier() } : {}),
        },
        settings: { routing: choose as unknown as Routing & object },
      })
      const error = await rejection(t.send({ to: ['254712345678', '254712345679'], text: 'hi' }))
      expect(error).to.be.instanceOf(RoutingError)
      expect((error as Error).message).to.match(expected)
      expect((await t.store.log.counts()).outgoing).to.equal(0)
    })
  }

  for (const route of ['billing', ['a', 'b', 'c'], [7], [null], {}, ['x'.repeat(101)]]) {
    it(`refuses ${JSON.stringify(route).slice(0, 30)} for a route, and records nothing`, async () => {
      await begin(() => 'b')
      const error = await rejection(send({ route: route as unknown as TextRequest['route'] & object }))
      expect(error).to.include({ code: 'INVALID_INPUT' })
      expect((await t.store.log.counts()).outgoing).to.equal(0)
    })
  }

  describe('by a table', () => {
    const rows: readonly (readonly [string, Partial<TextRequest>, string])[] = [
      ['a prefix', { to: '254799000001' }, 'b'],
      ['another prefix, with a plus in the settings', { to: '254788000001' }, 'b'],
      [
        'the code of a network that the message tells, before its prefix',
        { to: '254700000001', fields: { networkCode: '63903' } },
        'c',
      ],
      ['an operator by its prefix', { to: '254711000001' }, 'b'],
      ['an operator, whose network is another one’s', { to: '254711000001', fields: { network: '63907' } }, 'a'],
      ['a country', { to: '+256772000001' }, 'c'],
      ['a class and a country together', { to: '+4917612345678', class: 'urgent' }, 'b'],
      ['one of the two alone, which is not enough', { to: '+4917612345678' }, 'a'],
      ['a module', { route: ['billing'] }, 'c'],
      ['a module and a type', { route: ['alerts', 'flood'] }, 'b'],
      ['a module with another type', { route: ['alerts', 'fire'] }, 'a'],
      ['nothing', {}, 'a'],
      ['nothing, as no number', { to: 'somebody' }, 'a'],
    ]
    for (const [what, request, backend] of rows) {
      it(`finds the rule by ${what}`, async () => {
        await begin({
          operators: {
            blue: { networks: ['63903'], prefixes: ['25470'] },
            red: { networks: ['63902'], prefixes: ['25471'] },
          },
          rules: [
            { when: { prefix: ['254799', '+254788'] }, to: 'b' },
            { when: { module: ['billing'] }, to: 'c' },
            { when: { module: ['alerts'], type: ['flood'] }, to: 'b' },
            { when: { module: ['alerts'] }, to: 'a' },
            { when: { class: ['urgent'], country: ['DE'] }, to: 'b' },
            { when: { operator: ['blue'] }, to: 'c' },
            { when: { operator: ['red'], prefix: ['2547110'] }, to: 'b' },
            { when: { country: ['UG'] }, to: 'c' },
          ],
        })
        expect(await send(request)).to.equal(backend)
      })
    }

    it('takes what the function says first', async () => {
      await begin({ choose: (_, module) => (module === 'x' ? 'c' : undefined), rules: [{ to: 'b' }] })
      expect(await send({ route: ['x'] })).to.equal('c')
      expect(await send()).to.equal('b')
    })

    it('has an address for each backend', async () => {
      await begin({ rules: [{ to: 'b', from: { b: '3030', c: '4040' } }] })
      await send()
      await send({ from: '2020' })
      expect(t.sent.map(({ address }) => address)).to.deep.equal(['3030', '2020'])
    })

    it('learns networks from what services say', async () => {
      const knowing = defineBackend({
        kind: 'knowing',
        settings: z.strictObject({}),
        send: async () => ({ network: '63907' }),
      })
      t = await testSwitchboard({
        apps: [],
        backends: { a: knowing(), b: fakeBackend() },
        settings: {
          routing: { operators: { blue: { networks: ['63907'] } }, rules: [{ when: { operator: ['blue'] }, to: 'b' }] },
        },
      })
      expect(await send()).to.equal('a')
      expect(await send()).to.equal('b')
      expect(await send({ to: '254712345679' })).to.equal('a')
    })
  })

  it('tells all faults of the settings with their paths', async () => {
    const routing = {
      choose: 7,
      default: 'nobody',
      attempts: 0,
    }
    const tabled = {
      operators: { empty: {} },
      default: 'ear',
      rules: [
        { to: 'nobody' },
        { share: { a: 1, ear: 2 }, failover: ['a', 'copier'] },
        { when: { operator: ['green'] }, to: 'a', from: { nobody: '1' } },
      ],
    }
    const shapes = {
      rules: [
        {},
        { to: 'a', share: { b: 1 } },
        { share: {} },
        { to: 'a', when: { prefix: ['07'], country: ['XX'], class: ['slow'], operators: ['x'] } },
        { share: { a: 0 } },
      ],
    }
    const faultsOf = async (given: unknown) => {
      const error = await rejection(
        testSwitchboard({
          apps: [],
          backends: { ear: ear(), a: fakeBackend(), b: fakeBackend(), copier: copier() },
          settings: { routing: given as Routing & object },
        }),
      )
      if (!(error instanceof SettingsError)) throw error
      return error.faults.map(({ path, message }) => `${path}: ${message}`)
    }
    expect(await faultsOf(7)).to.deep.equal(['routing: a function, or an object with rules, is expected'])
    expect(await faultsOf(routing)).to.deep.equal([
      'routing.choose: a function is expected',
      'routing.attempts: at least 1 is expected',
    ])
    expect(await faultsOf(tabled)).to.deep.equal([
      'routing.default: "ear" only receives',
      'routing.rules.0.to: there is no backend "nobody"; there are ear, a, b, copier',
      'routing.rules.1.share.ear: "ear" only receives',
      'routing.rules.1.failover.1: "copier" hands copies on to programs, and sends nothing to people',
      'routing.rules.1.failover.0: "a" is in this route already',
      'routing.rules.2.from.nobody: there is no backend "nobody"; there are ear, a, b, copier',
      'routing.operators.empty: networks or prefixes are expected',
      'routing.rules.2.when.operator.0: there is no operator "green"; there are empty',
    ])
    expect(await faultsOf(shapes)).to.deep.equal([
      'routing.rules.0: either `to` or `share` is expected',
      'routing.rules.1: either `to` or `share` is expected',
      'routing.rules.2.share: at least one backend is expected',
      'routing.rules.3.when.prefix.0: the first digits of numbers are expected, country code included, such as 2547',
      'routing.rules.3.when.country.0: a country of ISO 3166-1 is expected, such as KE',
      'routing.rules.3.when.class.0: one of "urgent", "reply", "normal", "bulk" is expected',
      'routing.rules.3.when.operators: there is no such setting; did you mean "operator"?',
      'routing.rules.4.share.a: more than 0 is expected',
    ])
  })
})
