import { createHmac, randomBytes } from 'node:crypto'
import { keep } from '../../messages/bounded-map.ts'
import type { Clock } from '../../messages/clock.ts'
import { clientKey } from '../client-address.ts'
import type { Limit, Limiter } from '../limits.ts'
import { hashKey, hashOfNobody, LONGEST_PASSWORD } from './password-hash.ts'
import type { User, UsersSettings } from './settings.ts'
import { Standing } from './standing.ts'
import { Verifications } from './verifications.ts'

/** Milliseconds for which a password that was found right, or was used again, is not checked again. */
const KNOWN_FOR_MS = 120_000
const MOST_KNOWN = 10_000
const MOST_BLOCKED = 10_000
const LONGEST_HEADER = 2_000

/** Who asks, or why that is not known; `retryAfter` in milliseconds. */
export type SignIn =
  | { readonly kind: 'user'; readonly user: User }
  | { readonly kind: 'refused' }
  | { readonly kind: 'limited'; readonly retryAfter: number }
  | { readonly kind: 'busy' }

export interface SignInParts {
  readonly users: UsersSettings
  readonly limiter: Pick<Limiter, 'take'>
  readonly clock: Clock
  /** Failed tries of one client. */
  readonly failures: Limit
}

interface Basic {
  readonly name: string
  readonly password: string
}

/**
 * Tells who asks by the header Authorization: Basic (RFC 7617) or Bearer (RFC 6750). Who is not known takes as long as
 * who is; what was found right is remembered until two minutes after its last use, as a digest under a key of this
 * process.
 */
export class SignIns {
  readonly #parts: SignInParts
  readonly #byName: ReadonlyMap<string, { readonly user: User; readonly password: string | undefined }>
  readonly #byKey: ReadonlyMap<string, User>
  readonly #nobody: string
  readonly #digestKey = randomBytes(32)
  readonly #known = new Map<string, number>()
  readonly #blocked = new Map<string, number>()
  readonly #verifications = new Verifications()
  readonly #standing: Standing

  constructor(parts: SignInParts) {
    this.#parts = parts
    this.#standing = new Standing(parts.clock, parts.failures.per)
    const users = Object.entries(parts.users).map(([name, { password, keys, role, backends }]) => ({
      user: { name, role, backends },
      password,
      keys,
    }))
    this.#byName = new Map(users.map(({ user, password }) => [user.name, { user, password }]))
    this.#byKey = new Map(users.flatMap(({ user, keys }) => keys.map((key) => [key, user] as const)))
    this.#nobody = hashOfNobody(users.find(({ password }) => password !== undefined)?.password)
  }

  /** @param ip as `Proxies` gives it */
  async of(authorization: string | undefined, ip: string): Promise<SignIn> {
    if (authorization === undefined || authorization.length > LONGEST_HEADER) return { kind: 'refused' }
    const client = clientKey(ip)
    const [, bearer] = /^bearer +([\w.~+/=-]+)$/i.exec(authorization) ?? []
    const basic = bearer === undefined ? basicOf(authorization) : undefined
    if (bearer === undefined && basic === undefined) return { kind: 'refused' }
    // Neither costs anything, and neither can be guessed: who is known is not held up by others at the same address.
    const known = basic === undefined ? this.#byKey.get(hashKey(bearer ?? '')) : this.#knownUser(basic)
    if (known !== undefined) return { kind: 'user', user: known }
    const wait = (this.#blocked.get(client) ?? 0) - this.#parts.clock.now()
    if (wait > 0) return { kind: 'limited', retryAfter: wait }
    return basic === undefined ? this.#failed(client) : this.#byPassword(basic, client)
  }

  async #byPassword(basic: Basic, client: string): Promise<SignIn> {
    const found = this.#byName.get(basic.name)
    const id = this.#digest(basic)
    const { name, password } = basic
    const rank = this.#standing.rankOf(client, name)
    const hash = found?.password ?? this.#nobody
    const verdict = await this.#verifications.check({ id, client, rank, password, hash })
    if (verdict === 'busy') return { kind: 'busy' }
    if (verdict === 'wrong' || found?.password === undefined) return this.#failed(client)
    this.#remember(id)
    this.#standing.succeeded(client, name)
    return { kind: 'user', user: found.user }
  }

  #knownUser(basic: Basic): User | undefined {
    if (this.#known.size === 0) return undefined
    const id = this.#digest(basic)
    const until = this.#known.get(id)
    if (until === undefined) return undefined
    if (until <= this.#parts.clock.now()) {
      this.#known.delete(id)
      return undefined
    }
    this.#remember(id)
    return this.#byName.get(basic.name)?.user
  }

  #remember(id: string): void {
    keep(this.#known, MOST_KNOWN, id, this.#parts.clock.now() + KNOWN_FOR_MS)
  }

  /** Counted only when it has failed. */
  async #failed(client: string): Promise<SignIn> {
    const { limiter, failures, clock } = this.#parts
    this.#standing.failed(client)
    const taken = await limiter.take([{ limit: failures, key: client }])
    if (taken.taken) return { kind: 'refused' }
    keep(this.#blocked, MOST_BLOCKED, client, clock.now() + taken.retryAfter)
    return { kind: 'limited', retryAfter: taken.retryAfter }
  }

  #digest({ name, password }: Basic): string {
    return createHmac('sha256', this.#digestKey).update(`${name}:${password}`, 'utf8').digest('base64')
  }
}

/** A name has no colon, so that the first one divides. */
function basicOf(authorization: string): Basic | undefined {
  const [, encoded] = /^basic +([A-Za-z\d+/_=-]+)$/i.exec(authorization) ?? []
  if (encoded === undefined) return undefined
  const given = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = given.indexOf(':')
  const password = given.slice(colon + 1)
  return colon < 0 || password.length > LONGEST_PASSWORD ? undefined : { name: given.slice(0, colon), password }
}
