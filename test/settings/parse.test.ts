import { expect } from 'chai'
import { z } from 'zod'
import { defineBackend, httptester, nullBackend } from '../../src/backends/index.ts'
import { secret } from '../../src/backends/secret.ts'
import { SettingsError } from '../../src/settings/errors.ts'
import { parseSettings } from '../../src/settings/parse.ts'

const kannel = defineBackend({
  kind: 'kannel',
  settings: z.object({
    sendsmsUrl: z.url(),
    password: secret(z.string()).optional(),
    headers: secret(z.record(z.string(), z.string())).optional(),
  }),
  async send() {
    return {}
  },
})

/** A settings file as a slip of the pen leaves it: what the types would not let through. */
type Loose = Readonly<Record<string, unknown>>

const complete = (over: Loose = {}): Loose => ({ backends: { tester: httptester() }, apps: [], ...over })
const withTester = (input: Loose) => complete({ backends: { tester: httptester(input as object) } })
const withKannel = (input: Loose) => complete({ backends: { kannel: kannel(input as { sendsmsUrl: string }) } })
const withApps = (...apps: readonly unknown[]) => complete({ apps })

function faultsOf(input: unknown, env: Readonly<Record<string, string>> = {}): readonly string[] {
  try {
    parseSettings(input, env)
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

interface Row {
  readonly what: string
  readonly input: unknown
  readonly env?: Readonly<Record<string, string>>
  readonly faults: readonly string[]
}

const rows: readonly Row[] = [
  { what: 'the least there may be', input: complete(), faults: [] },
  {
    what: 'no object',
    input: 'settings',
    faults: [': the default export of a settings file has to be defineSettings({ … })'],
  },
  {
    what: 'nothing at all',
    input: {},
    faults: [
      'backends: an object of backends by their names is expected',
      'apps: a list of apps is expected, in the order in which they are asked',
    ],
  },
  {
    what: 'proxies by addresses and networks',
    input: complete({ http: { trustedProxies: ['10.0.0.7', '10.0.0.0/8', '::1', 'fd00::/128'] } }),
    faults: [],
  },
  {
    what: 'proxies that are neither',
    input: complete({
      http: { trustedProxies: ['10.0.0.0/99', 'proxy.local', '10.0.0.0/', '::1/129', '10.0.0.0/8/8'] },
    }),
    faults: [0, 1, 2, 3, 4].map(
      (index) => `http.trustedProxies.${index}: an address or a network is expected, such as 10.0.0.7 or 10.0.0.0/8`,
    ),
  },
  { what: 'no backend', input: complete({ backends: {} }), faults: ['backends: at least one backend is expected'] },
  {
    what: 'an unknown name, with the one that was meant',
    input: complete({ htpp: {} }),
    faults: ['htpp: there is no such setting; did you mean "http"?'],
  },
  {
    what: 'an unknown name that is near to none',
    input: complete({ colour: 'red' }),
    faults: ['colour: there is no such setting'],
  },
  {
    what: 'an unknown name inside',
    input: complete({ http: { bodyLimti: 5_000 } }),
    faults: ['http.bodyLimti: there is no such setting; did you mean "bodyLimit"?'],
  },
  {
    what: 'a value of another kind',
    input: complete({ http: { port: '80' } }),
    faults: ['http.port: a number is expected'],
  },
  {
    what: 'a number out of bounds',
    input: complete({ http: { port: 70_000 }, retry: { attempts: 0 } }),
    faults: ['http.port: at most 65535 is expected', 'retry.attempts: at least 1 is expected'],
  },
  {
    what: 'a word that is none of the known ones',
    input: complete({ log: { level: 'loud' } }),
    faults: ['log.level: one of "debug", "info", "warn", "error", "silent" is expected'],
  },
  { what: 'no language', input: complete({ languages: [] }), faults: ['languages: at least 1 is expected'] },
  {
    what: 'a database of another make',
    input: complete({ databaseUrl: 'mysql://db' }),
    faults: [
      'databaseUrl: sqlite:<file> or postgres://… is expected, such as sqlite:data/switchboard.db or postgres://sms:password@db/sms',
    ],
  },
  {
    what: 'a database file that looks like a host',
    input: complete({ databaseUrl: 'sqlite://data/switchboard.db' }),
    faults: [
      'databaseUrl: sqlite:<file> or postgres://… is expected, such as sqlite:data/switchboard.db or postgres://sms:password@db/sms',
    ],
  },
  { what: 'an absolute file as some write it', input: complete({ databaseUrl: 'sqlite:///var/sms.db' }), faults: [] },
  {
    what: 'a public URL below which nothing would be found',
    input: complete({ http: { publicUrl: 'https://example.org/sms' } }),
    faults: ['http.publicUrl: a URL without path, query or password is expected, such as https://sms.example.org'],
  },
  {
    what: 'a first delay longer than the longest',
    input: complete({ retry: { firstDelay: 10, longestDelay: 5 } }),
    faults: ['retry.firstDelay: may not be more than longestDelay'],
  },
  {
    what: 'a longest delay shorter than the first by default',
    input: complete({ retry: { longestDelay: 5 } }),
    faults: [],
  },
  {
    what: 'a share that is more than all',
    input: complete({ appCalls: { share: 9, mostWaiting: 8 } }),
    faults: ['appCalls.share: may not be more than mostWaiting'],
  },
  {
    what: 'the environment, under the names of its variables',
    input: complete(),
    env: { PORT: 'eighty', LOG_LEVEL: 'noisy', PUBLIC_URL: 'example.org', DATABASE_URL: 'data.db' },
    faults: [
      'DATABASE_URL: sqlite:<file> or postgres://… is expected, such as sqlite:data/switchboard.db or postgres://sms:password@db/sms',
      'PORT: a number is expected',
      'PUBLIC_URL: a URL is expected, such as https://sms.example.org',
      'LOG_LEVEL: one of "debug", "info", "warn", "error", "silent" is expected',
    ],
  },
  {
    what: 'a name no path could have',
    input: complete({ backends: { 'my phone': httptester() } }),
    faults: ['backends.my phone: a name of up to 50 letters, digits, - or _ is expected'],
  },
  {
    what: 'a factory that was not called',
    input: complete({ backends: { tester: httptester } }),
    faults: [
      'backends.tester: a backend is expected, such as httptester(); the function that makes one has to be called',
    ],
  },
  { what: 'a missing setting', input: withKannel({}), faults: ['backends.kannel.sendsmsUrl: is required'] },
  {
    what: 'a setting of a backend that is no URL',
    input: withKannel({ sendsmsUrl: 'kannel' }),
    faults: ['backends.kannel.sendsmsUrl: a URL is expected, such as https://example.org/'],
  },
  {
    what: 'an unknown name in a backend whose schema would drop it',
    input: withKannel({ sendsmsUrl: 'http://127.0.0.1/', pasword: 'x' }),
    faults: ['backends.kannel.pasword: there is no such setting; did you mean "password"?'],
  },
  {
    what: 'an unknown name beside a missing setting',
    input: withKannel({ sendsmsURl: 'http://127.0.0.1/' }),
    faults: [
      'backends.kannel.sendsmsUrl: is required',
      'backends.kannel.sendsmsURl: there is no such setting; did you mean "sendsmsUrl"?',
    ],
  },
  {
    what: 'an unknown name near to one that every backend has',
    input: withTester({ sendig: {} }),
    faults: ['backends.tester.sendig: there is no such setting; did you mean "sending"?'],
  },
  {
    what: 'an unknown name deep in what every backend has',
    input: withTester({ sending: { atempts: 3 } }),
    faults: ['backends.tester.sending.atempts: there is no such setting; did you mean "attempts"?'],
  },
  {
    what: 'an unknown name in one form of a secret',
    input: withTester({ secret: { in: 'header', nam: 'x-key', value: 'longenough' } }),
    faults: [
      'backends.tester.secret.name: is required',
      'backends.tester.secret.nam: there is no such setting; did you mean "name"?',
    ],
  },
  {
    what: 'a form of secret that is not known',
    input: withTester({ secret: { in: 'cookie' } }),
    faults: ['backends.tester.secret.in: one of "path", "header", "basic" is expected'],
  },
  {
    what: 'one of two kinds of value, with the fault of the kind that was given',
    input: withTester({ sending: { unknownOutcome: { bulk: 'sometimes' } } }),
    faults: ['backends.tester.sending.unknownOutcome.bulk: one of "settle", "retry" is expected'],
  },
  {
    what: 'neither of two kinds of value',
    input: withTester({ sending: { unknownOutcome: 3 } }),
    faults: ['backends.tester.sending.unknownOutcome: one of "settle", "retry", or an object is expected'],
  },
  {
    what: 'a path of a view that is not there',
    input: withTester({ paths: { status: '/dlr/' } }),
    faults: ['backends.tester.paths.status: there is no such view; there are "", "messages.json"'],
  },
  {
    what: 'a path of its own for a view whose path holds the secret',
    input: withTester({ secret: { in: 'path', value: 'longenough' }, paths: { '': '/in/' } }),
    faults: ['backends.tester.paths.: a path of its own would leave out the secret, which stands in the path'],
  },
  {
    what: 'a path and a secret for what has no views',
    input: complete({
      backends: { sink: nullBackend({ path: '/sink/', secret: { in: 'path', value: 'longenough' } }) },
    }),
    faults: ['backends.sink.path: the kind "null" has no views', 'backends.sink.secret: the kind "null" has no views'],
  },
  {
    what: 'how to send, for what only receives',
    input: complete({
      backends: { in: defineBackend({ kind: 'in', settings: z.strictObject({}) })({ sending: { attempts: 2 } }) },
    }),
    faults: ['backends.in.sending: this backend only receives'],
  },
  {
    what: 'a setting of a kind that every backend has already',
    input: complete({
      backends: { odd: defineBackend({ kind: 'odd', settings: z.strictObject({ path: z.string().optional() }) })() },
    }),
    faults: [
      'backends.odd.path: the kind "odd" has a setting of its own of this name, which every backend has already',
    ],
  },
  {
    what: 'a path that two backends claim',
    input: complete({ backends: { one: httptester({ path: '/in/' }), two: httptester({ paths: { '': '/in/' } }) } }),
    faults: ['backends.two: its view "" claims the path /in/, which is the backend "one"\'s'],
  },
  {
    what: "a path that is the server's own",
    input: withTester({ paths: { '': '/healthz' } }),
    faults: ['backends.tester: its view "" claims the path /healthz, which is the server\'s own'],
  },
  {
    what: 'no app',
    input: withApps(3),
    faults: ['apps.0: an app is expected: an object with a name and phases, or a class of one'],
  },
  {
    what: 'a phase that is no function',
    input: withApps({ name: 'a', handle: 'x' }),
    faults: ['apps.0.handle: a function is expected'],
  },
  {
    what: 'a class that cannot be made',
    input: withApps(
      class {
        constructor() {
          throw new Error('no such dictionary')
        }
      },
    ),
    faults: [
      'apps.0: could not be made: no such dictionary (a class of an app is made without arguments; a function that makes one has to be called)',
    ],
  },
  {
    what: 'two apps of one name',
    input: withApps({ name: 'a' }, { name: 'a' }),
    faults: ['apps.1: another app has the name "a" already; give one of them another name'],
  },
  {
    what: 'an app for a backend that is not there',
    input: withApps({ name: 'a', only: { backends: ['tester', 'testr'] } }),
    faults: ['apps.0.only.backends: there is no backend "testr"'],
  },
]

describe('parseSettings', () => {
  for (const { what, input, env, faults } of rows) {
    it(`${faults.length === 0 ? 'takes' : 'refuses'} ${what}`, () => {
      expect(faultsOf(input, env)).to.deep.equal(faults)
    })
  }

  it('reports every fault of the whole file at once', () => {
    const input = {
      log: { level: 'loud' },
      http: { prot: 80 },
      backends: {
        kannel: kannel({ sendsmsUrl: 'x', path: '/k/' }),
        'a b': httptester(),
        tester: httptester({ window: -1 }),
      },
      apps: [{ name: 'a', parse: true }, 7],
    }
    expect(faultsOf(input, { PORT: 'x' }).map((fault) => fault.split(':')[0])).to.deep.equal([
      'PORT',
      'http.prot',
      'log.level',
      'backends.kannel.sendsmsUrl',
      'backends.kannel.path',
      'backends.a b',
      'backends.tester.window',
      'apps.0.parse',
      'apps.1',
    ])
  })

  it('tells one fault on one line, and several below each other', () => {
    expect(() => parseSettings(complete({ languages: [] }))).to.throw(
      SettingsError,
      /^The settings cannot be used: languages: at least 1 is expected$/,
    )
    expect(() => parseSettings({})).to.throw(
      SettingsError,
      /^The settings cannot be used:\n {2}backends: .*\n {2}apps: .*$/,
    )
  })

  it('never says what was given, which may be a secret', () => {
    const faults = faultsOf(withTester({ secret: { in: 'header', name: 'x-key', value: 'hunter2' } }))
    expect(faults).to.deep.equal(['backends.tester.secret.value: 8 or more characters are expected'])
  })

  it('puts the environment over the settings, and leaves alone what it does not say', () => {
    const file = complete({ http: { port: 1, host: '0.0.0.0' }, log: { texts: true, level: 'error' } })
    const env = {
      PORT: '8080',
      HOST: '',
      PUBLIC_URL: 'https://sms.example.org',
      DATABASE_URL: 'sqlite:x.db',
      LOG_LEVEL: 'warn',
    }
    const { http, log, databaseUrl } = parseSettings(file, env)
    expect(http).to.include({ port: 8080, host: '0.0.0.0', publicUrl: 'https://sms.example.org' })
    expect(log).to.include({ texts: true, level: 'warn' })
    expect(databaseUrl).to.equal('sqlite:x.db')
    expect(file).to.have.nested.property('http.port', 1)
  })

  it('is frozen throughout, but for the apps', () => {
    const app = { name: 'counter', seen: 0 }
    const settings = parseSettings(complete({ apps: [app], languages: ['en'] }))
    const tester = settings.backends.get('tester')
    const frozen = [
      settings,
      settings.http,
      settings.languages,
      settings.apps,
      settings.printable,
      tester,
      tester?.common,
    ]
    for (const part of [...frozen, tester?.common.sending, tester?.settings]) expect(part).to.be.frozen
    expect(() => (settings.backends as Map<string, unknown>).set('other', tester)).to.throw(TypeError, 'frozen')
    app.seen++
    expect(settings.apps[0]).to.equal(app)
  })

  it('makes classes of apps into objects', () => {
    class Counter {
      readonly name = 'counter'
    }
    expect(parseSettings(withApps(Counter)).apps[0]).to.be.instanceOf(Counter)
  })
})

describe('what may be printed of the settings', () => {
  const parsed = parseSettings({
    backends: {
      kannel: kannel({
        sendsmsUrl: 'http://joe:pass%20word@kannel/cgi-bin/sendsms?password=querypass&to=1',
        password: 'geheimnis',
        headers: { authorization: 'Bearer abcdefgh', accept: 'text/plain' },
      }),
      basic: httptester({ secret: { in: 'basic', user: 'ann', password: 'basicpass' } }),
      path: httptester({ secret: { in: 'path', value: 'pathsecret' } }),
      header: httptester({ secret: { in: 'header', name: 'x-key', value: 'headersecret' } }),
    },
    apps: [{ name: 'a' }],
  })
  const printed = JSON.stringify(parsed.printable)
  const secrets = ['geheimnis', 'abcdefgh', 'basicpass', 'pathsecret', 'headersecret', 'querypass', 'pass%20word']

  for (const text of secrets) {
    it(`holds no ${text}`, () => {
      expect(printed).not.to.contain(text)
      expect([...parsed.secrets]).to.contain(text)
    })
  }

  it('holds the rest', () => {
    expect(parsed.printable).to.have.nested.property(
      'backends.kannel.sendsmsUrl',
      'http://joe:[secret]@kannel/cgi-bin/sendsms?password=[secret]&to=1',
    )
    expect(parsed.printable).to.have.deep.nested.property('backends.header.secret', {
      in: 'header',
      name: 'x-key',
      value: '[secret]',
    })
    expect(parsed.printable).to.have.nested.property('http.port', 8000)
    expect(parsed.printable['apps']).to.deep.equal(['a'])
  })

  it('says nothing when the settings themselves are written out', () => {
    expect(JSON.stringify({ secrets: parsed.secrets })).to.equal('{"secrets":{}}')
  })
})
