import { expect } from 'chai'
import { givenValues } from '../../src/cli/proxy-options.ts'
import { proxyProject } from '../../src/cli/proxy-settings.ts'
import { SettingsError } from '../../src/index.ts'
import { parseSettings } from '../../src/settings/parse.ts'

const ACCOUNT = {
  NEXMO_API_KEY: 'abcd1234',
  NEXMO_API_SECRET: 'hush-7f3kQ',
  SENDER: 'Awesome Sender',
  MESSAGE: 'Welcome to Example',
}

/** The settings that these flags and variables mean. */
function settingsOf(env: Readonly<Record<string, string>>, flags: Readonly<Record<string, unknown>> = {}) {
  const all = { ...ACCOUNT, ...env }
  const project = proxyProject(givenValues(flags, all), all)
  return { ...parseSettings(project.settings, project.env), notes: project.notes }
}

describe('the options of switchboard proxy', () => {
  it('have the defaults that the guide tells', () => {
    const { http, databaseUrl, proxy, retention, redisUrl } = settingsOf({})
    expect({ http, databaseUrl, redisUrl }).to.deep.include({
      databaseUrl: 'sqlite:data/proxy-8000.db',
      redisUrl: undefined,
    })
    expect([http.port, http.host, http.trustedProxies, retention.days]).to.deep.equal([8000, '127.0.0.1', [], 30])
    expect(proxy?.country).to.deep.equal({ parameter: true, address: true, language: true, default: 'DE' })
    expect(proxy?.limits.perClient).to.deep.equal({ amount: 10, per: 3_600_000 })
    expect([proxy?.compat, proxy?.jsonp, proxy?.handlers['message']?.path]).to.deep.equal([true, true, '/message/'])
  })

  const vonageOf = (env: Readonly<Record<string, string>>) => settingsOf(env).backends.get('vonage')?.settings
  const rows: readonly (readonly [
    env: Readonly<Record<string, string>>,
    read: (env: Readonly<Record<string, string>>) => unknown,
    expected: unknown,
  ])[] = [
    [{ REQUEST_PATH: '/link/' }, (env) => settingsOf(env).proxy?.handlers['message']?.path, '/link/'],
    [{ PORT: '8888' }, (env) => settingsOf(env).http.port, 8888],
    [{ LOCALHOSTONLY: 'False' }, (env) => settingsOf(env).http.host, '0.0.0.0'],
    [{ LOCALHOSTONLY: 'True' }, (env) => settingsOf(env).http.host, '127.0.0.1'],
    [{ HOST: '::', LOCALHOSTONLY: 'True' }, (env) => settingsOf(env).http.host, '::'],
    [{ GUESS_COUNTRY: 'false' }, (env) => settingsOf(env).proxy?.country.address, false],
    [{ DEFAULT_COUNTRY: 'ke' }, (env) => settingsOf(env).proxy?.country.default, 'KE'],
    [
      { LIMIT_AMOUNT: '0', LIMIT_EXPIRES: '60' },
      (env) => settingsOf(env).proxy?.limits.perClient,
      { amount: 0, per: 60_000 },
    ],
    [
      { NEXMO_DOMAIN: 'api.example.org', NEXMO_ENDPOINT: '/v1/sms/json' },
      (env) => vonageOf(env),
      { baseUrl: 'https://api.example.org/v1' },
    ],
    [{ NEXMO_SSL: 'False' }, (env) => vonageOf(env), { baseUrl: 'http://rest.nexmo.com' }],
    [
      { NEXMO_LONG_VIRTUAL_NUMBER: '12025550123' },
      (env) => settingsOf(env).proxy?.handlers['message']?.northAmericaFrom,
      '12025550123',
    ],
    [{ DEVELOPMENT_MODE: 'True' }, (env) => settingsOf(env).backends.get('vonage')?.common.debug, true],
    [
      { REDIS_PASSWORD: 'p@ss/word', REDIS_DB: '3' },
      (env) => settingsOf(env).proxy?.limits.redisUrl,
      'redis://:p%40ss%2Fword@localhost:6379/3',
    ],
    [{ REDIS_URL: 'redis://cache:6379' }, (env) => settingsOf(env).proxy?.limits.redisUrl, 'redis://cache:6379'],
    [{ REDIS_URL: 'redis://cache:6379' }, (env) => settingsOf(env).redisUrl, undefined],
    [
      { REDIS_URL: 'redis://cache:6379', DATABASE_URL: 'postgres://db/sms' },
      (env) => settingsOf(env).redisUrl,
      'redis://cache:6379',
    ],
    [{ LOGGING: 'none' }, (env) => settingsOf(env).log.level, 'silent'],
    [{ LOG_FILE_PREFIX: '/var/log/x' }, (env) => settingsOf(env).notes.length, 1],
    [
      { TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8' },
      (env) => settingsOf(env).http.trustedProxies,
      ['127.0.0.1', '10.0.0.0/8'],
    ],
    [
      { ORIGINS: 'https://a.example https://b.example' },
      (env) => settingsOf(env).proxy?.origins,
      ['https://a.example', 'https://b.example'],
    ],
    [
      { COMPAT: 'false', JSONP: 'false' },
      (env) => [settingsOf(env).proxy?.compat, settingsOf(env).proxy?.jsonp],
      [false, false],
    ],
  ]
  for (const [env, read, expected] of rows) {
    it(
      Object.entries(env)
        .map((pair) => pair.join('='))
        .join(' '),
      () => {
        const found = read(env)
        if (typeof expected === 'object' && !Array.isArray(expected)) expect(found).to.deep.include(expected)
        else expect(found).to.deep.equal(expected)
      },
    )
  }

  it('are flags as well, with dashes or without, over the environment', () => {
    expect(settingsOf({ SENDER: 'Env' }, { sender: 'Flag', requestPath: '/x/' }).proxy?.handlers['message']).to.include(
      { from: 'Flag', path: '/x/' },
    )
    expect(settingsOf({}, { request_path: '/y/', localhostonly: true }).proxy?.handlers['message']?.path).to.equal(
      '/y/',
    )
  })

  const wrong: readonly (readonly [env: Readonly<Record<string, string>>, says: RegExp])[] = [
    [{ PORT: '99999' }, /PORT: a whole number from 0 to 65535/],
    [{ GUESS_COUNTRY: 'perhaps' }, /GUESS_COUNTRY: true or false/],
    [{ NEXMO_ENDPOINT: 'sms/xml' }, /NEXMO_ENDPOINT: a path that ends with sms\/json/],
    [{ NEXMO_DLR_URL: 'dlr' }, /NEXMO_DLR_URL: a URL/],
    [{ LOGGING: 'loud' }, /LOGGING: one of debug/],
    [{ MESSAGE: '' }, /MESSAGE: is required/],
    [{ DEFAULT_COUNTRY: 'Germany' }, /proxy\.country\.default: a country/],
  ]
  for (const [env, says] of wrong) {
    it(`refuse ${Object.entries(env)
      .map((pair) => pair.join('='))
      .join(' ')}`, () => {
      expect(() => settingsOf(env)).to.throw(SettingsError, says)
    })
  }
})
