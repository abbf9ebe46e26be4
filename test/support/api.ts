import { scryptSync } from 'node:crypto'
import { nullBackend } from '../../src/backends/index.ts'
import { hashKey } from '../../src/http/users/password-hash.ts'
import type { UsersSettings } from '../../src/http/users/settings.ts'
import type { SettingsInput } from '../../src/index.ts'
import { serveWeb, type Web, type WebOptions } from './web.ts'

/** A hash of the least cost, so that tests need not wait for it. */
export function cheapHash(password: string): string {
  const salt = Buffer.alloc(16, 7)
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 1, p: 1 })
  return `$scrypt$ln=10,r=1,p=1$${salt.toString('base64url')}$${hash.toString('base64url')}`
}

export const KEY = 'swb_a-key-of-a-program'

const user = (name: string, role: 'admin' | 'operator' | 'sender' | 'reader', backends?: readonly string[]) => [
  name,
  { role, password: cheapHash(`${name}-password`), ...(backends === undefined ? {} : { backends: [...backends] }) },
]

/** One user of each role, one who may use `opera` alone, and a program with a key. */
export const users = {
  ...(Object.fromEntries([
    user('ann', 'admin'),
    user('olu', 'operator'),
    user('sam', 'sender'),
    user('rea', 'reader'),
    user('ofo', 'operator', ['opera']),
  ]) as UsersSettings),
  program: { role: 'sender' as const, keys: [hashKey(KEY)] },
}

type HttpInput = NonNullable<SettingsInput['http']>

/** Serves the API over the backends `clickatell` and `opera`, which send to nobody. */
export function serveApi(
  { api, http, ...settings }: Partial<SettingsInput> & { readonly api?: HttpInput['api'] } = {},
  options: WebOptions = {},
): Promise<Web> {
  return serveWeb(
    {
      backends: { clickatell: nullBackend({}), opera: nullBackend({}) },
      ...settings,
      http: { users, ...(api === undefined ? {} : { api }), ...http },
    },
    options,
  )
}

export function basic(name: string, password = `${name}-password`): { readonly Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(`${name}:${password}`, 'utf8').toString('base64')}` }
}

export interface Asking {
  readonly as?: string | null
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly form?: readonly (readonly [string, string])[]
  readonly body?: string
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: what came over the wire, for a test to look into
  readonly body: any
}

/** Asks as a user, `ann` unless told; with a body it is a POST unless told. */
export async function askApi({ url }: { readonly url: string }, path: string, asking: Asking = {}): Promise<Answered> {
  const { as = 'ann', json, form, headers } = asking
  const body = json !== undefined ? JSON.stringify(json) : form !== undefined ? form.map(pairOf).join('&') : asking.body
  const type =
    json !== undefined ? 'application/json' : form !== undefined ? 'application/x-www-form-urlencoded' : undefined
  const answer = await fetch(`${url}${path}`, {
    method: asking.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(as === null ? {} : basic(as)), ...(type === undefined ? {} : { 'Content-Type': type }), ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true
  return { status: answer.status, headers: answer.headers, body: isJson && text !== '' ? JSON.parse(text) : text }
}

function pairOf([name, value]: readonly [string, string]): string {
  return `${encodeURIComponent(name)}=${encodeURIComponent(value)}`
}
