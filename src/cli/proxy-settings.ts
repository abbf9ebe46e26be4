import { createHash } from 'node:crypto'
import { vonage } from '../backends/vonage.ts'
import type { Environment } from '../settings/env.ts'
import { SettingsError, type SettingsFault } from '../settings/errors.ts'
import type { SettingsInput } from '../settings/schema.ts'
import { type ProxyValues, proxyOptions } from './proxy-options.ts'

/** What `switchboard proxy` serves: settings and what stands over them. */
export interface ProxyProject {
  readonly settings: SettingsInput
  readonly env: Environment
  /** What was given and does nothing, a line each. */
  readonly notes: readonly string[]
}

const USUAL_PORT = 8_000
const KEPT_DAYS = 30
const LEVELS: Readonly<Record<string, 'debug' | 'info' | 'warn' | 'error' | 'silent'>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'error',
  none: 'silent',
}

/**
 * Builds the settings of a proxy from what was given by flags and variables.
 * @throws SettingsError with everything that is wrong or missing, under the names of the variables
 */
export function proxyProject(values: ProxyValues, env: Environment): ProxyProject {
  const faults: SettingsFault[] = []
  const read = new Values(values, faults)
  const port = read.number('port', 0, 65_535) ?? USUAL_PORT
  const dlrUrl = read.url('nexmo_dlr_url')
  const settings: SettingsInput = {
    projectName: 'Messaging proxy',
    backends: { vonage: backendOf(read, dlrUrl) },
    apps: [],
    console: { enabled: false },
    databaseUrl: `sqlite:data/proxy-${port}.db`,
    retention: { days: KEPT_DAYS },
    http: {
      port,
      host: read.text('host') ?? (read.flag('localhostonly') === false ? '0.0.0.0' : '127.0.0.1'),
      trustedProxies: read.list('trusted_proxies'),
      ...(dlrUrl === undefined ? {} : { publicUrl: dlrUrl.origin }),
    },
    log: { level: read.level() },
    proxy: proxyOf(read, env),
  }
  if (faults.length > 0) throw new SettingsError(faults)
  return { settings, env: environmentOf(env), notes: notesOf(values) }
}

function backendOf(read: Values, dlrUrl: URL | undefined): SettingsInput['backends'][string] {
  const apiSecret = read.needed('nexmo_api_secret')
  const longNumber = read.text('nexmo_long_virtual_number')
  const scheme = read.flag('nexmo_ssl') === false ? 'http' : 'https'
  return vonage({
    apiKey: read.needed('nexmo_api_key'),
    apiSecret,
    baseUrl: `${scheme}://${read.text('nexmo_domain') ?? 'rest.nexmo.com'}${read.endpoint()}`,
    ...(longNumber === undefined ? {} : { northAmericaFrom: longNumber }),
    debug: read.flag('development_mode') ?? false,
    // Nobody else should hand us messages; the same after each start, since reports come to it as well.
    ...(dlrUrl === undefined
      ? { secret: { in: 'path', value: hidden(apiSecret) } }
      : { path: `/${hidden(apiSecret)}/`, paths: { status: dlrUrl.pathname } }),
  })
}

function proxyOf(read: Values, env: Environment): NonNullable<SettingsInput['proxy']> {
  const guesses = read.flag('guess_country') ?? true
  const amount = read.number('limit_amount', 0, 1_000_000_000)
  const seconds = read.number('limit_expires', 1, 31_536_000)
  const redisUrl = redisUrlOf(read, env)
  const longNumber = read.text('nexmo_long_virtual_number')
  return {
    handlers: {
      message: {
        text: read.needed('message'),
        from: read.needed('sender'),
        path: read.text('request_path') ?? '/message/',
        ...(longNumber === undefined ? {} : { northAmericaFrom: longNumber }),
      },
    },
    compat: read.flag('compat') ?? true,
    limits: {
      perClient: {
        ...(amount === undefined ? {} : { amount }),
        ...(seconds === undefined ? {} : { per: seconds * 1_000 }),
      },
      ...(redisUrl === undefined ? {} : { redisUrl }),
    },
    country: {
      parameter: true,
      address: guesses,
      language: guesses,
      default: (read.text('default_country') ?? 'DE').toUpperCase(),
    },
    origins: read.list('origins'),
    jsonp: read.flag('jsonp') ?? true,
  }
}

/** Without any of its variables, this process counts. */
function redisUrlOf(read: Values, env: Environment): string | undefined {
  const [host, port, db, password] = [
    read.text('redis_host'),
    read.number('redis_port', 1, 65_535),
    read.number('redis_db', 0, 1_000),
    read.text('redis_password'),
  ]
  if (host === undefined && port === undefined && db === undefined && password === undefined) {
    return env['REDIS_URL'] || undefined
  }
  const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`
  return `redis://${user}${host ?? 'localhost'}:${port ?? 6_379}/${db ?? 0}`
}

/** A Redis counts for a proxy on SQLite too; as what carries the work it would need PostgreSQL. */
function environmentOf(env: Environment): Environment {
  const { HOST: _host, PORT: _port, REDIS_URL, ...rest } = env
  return /^postgres/.test(env['DATABASE_URL'] ?? '') ? { ...rest, REDIS_URL } : rest
}

function notesOf(values: ProxyValues): readonly string[] {
  return proxyOptions.flatMap(({ name, instead }) => {
    return instead === undefined || values[name] === undefined ? [] : [`${name} does nothing: ${instead}.`]
  })
}

function hidden(secret: string): string {
  return createHash('sha256').update(`switchboard proxy ${secret}`).digest('base64url').slice(0, 32)
}

/** Reads values and notes what is wrong with them. */
class Values {
  readonly #values: ProxyValues
  readonly #faults: SettingsFault[]

  constructor(values: ProxyValues, faults: SettingsFault[]) {
    this.#values = values
    this.#faults = faults
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return value === undefined ? undefined : String(value)
  }

  needed(name: string): string {
    const value = this.text(name)
    if (value === undefined) this.#fault(name, 'is required')
    return value ?? ''
  }

  /** Python's `True` and `False` are understood too. */
  flag(name: string): boolean | undefined {
    const value = this.#values[name]
    if (value === undefined || typeof value === 'boolean') return value
    if (/^(true|1|yes|on)$/i.test(value)) return true
    if (!/^(false|0|no|off)$/i.test(value)) this.#fault(name, 'true or false is expected')
    return false
  }

  number(name: string, least: number, most: number): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
    if (!(number >= least && number <= most)) this.#fault(name, `a whole number from ${least} to ${most} is expected`)
    return number
  }

  list(name: string): string[] {
    const entries = this.text(name)?.split(/[\s,]+/) ?? []
    return entries.filter((entry) => entry !== '')
  }

  url(name: string): URL | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (URL.canParse(value) && /^https?:/.test(value)) return new URL(value)
    this.#fault(name, 'a URL is expected, such as https://sms.example.org/dlr/')
    return undefined
  }

  /** What stands before `sms/json`, which is what our backend speaks. */
  endpoint(): string {
    const path = (this.text('nexmo_endpoint') ?? 'sms/json').replace(/^\/+|\/+$/g, '')
    if (!/^([\w.~-]+\/)*sms\/json$/.test(path))
      this.#fault('nexmo_endpoint', 'a path that ends with sms/json is expected')
    return `/${path.replace(/\/?sms\/json$/, '')}`.replace(/\/$/, '')
  }

  level(): (typeof LEVELS)[string] {
    const value = this.text('logging') ?? 'info'
    const level = LEVELS[value.toLowerCase()]
    if (level === undefined) this.#fault('logging', `one of ${Object.keys(LEVELS).join(', ')} is expected`)
    return level ?? 'info'
  }

  #fault(name: string, message: string): void {
    this.#faults.push({ path: name.toUpperCase(), message })
  }
}
