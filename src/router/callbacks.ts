import { createHash, randomBytes } from 'node:crypto'
import { InvalidInputError } from '../messages/errors.ts'
import {
  type CallbackDelivery,
  type CallbackStore,
  type CallbackValues,
  callbackFormats,
  callbackNames,
  type StoredCallback,
} from '../store/callback-store.ts'
import { DocumentConflictError } from '../store/errors.ts'
import type { CallbackClient } from './callback-client.ts'
import type {
  Callback,
  CallbackChange,
  CallbackInput,
  CallbackOwner,
  CallbackStanding,
  CallbackWithSecret,
  DeadCallback,
} from './callback-request.ts'

export interface CallbacksParts {
  readonly store: { readonly callbacks: CallbackStore }
  readonly client: Pick<CallbackClient, 'check'>
  /** The names of the backends. */
  readonly backends: { has(name: string): boolean }
  /** Callbacks that one user may have. */
  readonly most: number
  readonly now: () => number
  /** Something may be due now. */
  readonly wake: () => void
}

const HIDDEN = '***'
const PAGE = 100
const LARGEST_PAGE = 1_000
const SECRET_BYTES = 24
const MOST_TRIES = 20

/** Who is told, over HTTP, of what happens to messages. */
export class Callbacks {
  readonly #parts: CallbacksParts

  constructor(parts: CallbacksParts) {
    this.#parts = parts
  }

  /** @throws InvalidInputError naming what is wrong */
  async create(input: CallbackInput, owner: CallbackOwner = { user: null }): Promise<CallbackWithSecret> {
    const { store, most, now, wake } = this.#parts
    const { name, format = 'json' } = input
    refuseUnknown('name', name, callbackNames)
    refuseUnknown('format', format, callbackFormats)
    const backends = this.#backendsOf(input.backends ?? null, owner)
    const url = await this.#checked(input.url)
    const secret = newSecret()
    const at = now()
    const target = targetOf(owner.user, url)
    const added = await store.callbacks.add(
      {
        ...{ user: owner.user, name, url, target, format, backends, secret },
        ...{ createdAt: at, updatedAt: at },
      },
      most,
    )
    if (added === undefined)
      throw new InvalidInputError(`There are ${most} callbacks already; http.callbacks.most allows no more.`)
    wake()
    return { ...shown(added), secret }
  }

  /** In the order they were made; everybody's where no owner is given. */
  async list(owner?: CallbackOwner): Promise<readonly CallbackStanding[]> {
    const { callbacks } = this.#parts.store
    const stored = await callbacks.list(owner?.user)
    const counts = new Map((await callbacks.counts(stored.map(({ id }) => id))).map((each) => [each.callback, each]))
    return stored.map((callback) => {
      const { waiting = 0, dead = 0 } = counts.get(callback.id) ?? {}
      return { ...shown(callback), waiting, dead }
    })
  }

  /** @returns undefined where there is none, or it is somebody else's */
  async get(id: number, owner?: CallbackOwner): Promise<Callback | undefined> {
    const stored = await this.#find(id, owner)
    return stored === undefined ? undefined : shown(stored)
  }

  /** With its secret, for who has made it and did not get the answer. */
  async made(id: number, owner: CallbackOwner): Promise<CallbackWithSecret | undefined> {
    const stored = await this.#find(id, owner)
    return stored === undefined ? undefined : { ...shown(stored), secret: stored.secret }
  }

  /**
   * Changes a callback; one that was disabled is told again, and what waits for it goes to the new URL. Changes at the
   * same time come one after another, each upon what the other has left.
   * @returns it as it is now, with its secret where that is new; undefined where there is none
   * @throws InvalidInputError naming what is wrong; DocumentConflictError where a new secret was asked for and somebody
   *   else has got one meanwhile
   */
  async change(
    id: number,
    change: CallbackChange,
    owner?: CallbackOwner,
  ): Promise<(Callback & { readonly secret?: string }) | undefined> {
    let secret: string | undefined
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      const stored = await this.#find(id, owner)
      if (stored === undefined) return undefined
      secret ??= stored.secret
      if (change.newSecret === true && stored.secret !== secret)
        throw new DocumentConflictError(`The callback ${id} has got another new secret at the same time.`)
      const values = await this.#changed(stored, change, owner)
      const changed = await this.#parts.store.callbacks.change(id, stored.revision, values, this.#parts.now())
      if (changed === undefined) continue
      this.#parts.wake()
      return { ...shown(changed), ...(change.newSecret === true ? { secret: values.secret } : {}) }
    }
    throw new DocumentConflictError(`The callback ${id} is being changed by others all the time.`)
  }

  async #changed(
    stored: StoredCallback,
    change: CallbackChange,
    owner: CallbackOwner | undefined,
  ): Promise<CallbackValues> {
    const { name = stored.name, format = stored.format } = change
    refuseUnknown('name', name, callbackNames)
    refuseUnknown('format', format, callbackFormats)
    // What is not given stays, also where it could not be given now.
    const backends =
      change.backends === undefined
        ? stored.backends
        : this.#backendsOf(change.backends, owner ?? { user: stored.user })
    const url = change.url === undefined ? stored.url : await this.#checked(change.url, stored.url)
    const secret = change.newSecret === true ? newSecret() : stored.secret
    return { name, format, backends, secret, url, target: targetOf(stored.user, url) }
  }

  /**
   * A URL as it is kept.
   * @param stored that of before: as it is shown, its password hidden, it is the one that is there
   */
  async #checked(given: string, stored?: string): Promise<string> {
    const isShown = stored !== undefined && URL.canParse(given) && new URL(given).href === withoutPassword(stored)
    const url = isShown ? stored : given
    await this.#parts.client.check(url)
    const { href, password } = new URL(url)
    if (!isShown && password === HIDDEN)
      throw new InvalidInputError('url: the password is hidden here; it is to be given with another URL')
    return href
  }

  /** Removes a callback with all that waits for it; returns whether there was one. */
  async delete(id: number, owner?: CallbackOwner): Promise<boolean> {
    if ((await this.#find(id, owner)) === undefined) return false
    return this.#parts.store.callbacks.remove(id)
  }

  /**
   * What was given up, the newest first.
   * @param query `before` is the `seq` of the last one of the page before; `limit` is 1,000 at the most
   */
  async dead(
    query: { readonly callback?: number; readonly before?: number; readonly limit?: number } = {},
  ): Promise<readonly DeadCallback[]> {
    const limit = Math.max(1, Math.min(query.limit ?? PAGE, LARGEST_PAGE))
    return (await this.#parts.store.callbacks.dead({ ...query, limit })).map(toDead)
  }

  /**
   * Has what was given up told again, for a day from now on.
   * @param which the ids of events, all of a callback, or both; nothing for all there are
   * @returns how many there were
   */
  async replay(which: { readonly callback?: number; readonly ids?: readonly string[] } = {}): Promise<number> {
    const { store, now, wake } = this.#parts
    const replayed = await store.callbacks.replay(which.callback, which.ids, now())
    wake()
    return replayed
  }

  async #find(id: number, owner: CallbackOwner | undefined): Promise<StoredCallback | undefined> {
    if (!Number.isSafeInteger(id) || id < 1) return undefined
    const stored = await this.#parts.store.callbacks.find(id)
    return stored !== undefined && (owner === undefined || stored.user === owner.user) ? stored : undefined
  }

  #backendsOf(given: readonly string[] | null, { backends: seen }: CallbackOwner): readonly string[] | null {
    if (given === null) return seen ?? null
    const names = [...new Set(given)]
    if (names.length === 0) throw new InvalidInputError('backends: at least one is expected')
    for (const name of names) {
      const isSeen = this.#parts.backends.has(name) && (seen?.includes(name) ?? true)
      if (!isSeen) throw new InvalidInputError(`backends: there is no backend "${name.slice(0, 100)}"`)
    }
    return names
  }
}

function refuseUnknown(field: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) throw new InvalidInputError(`${field}: one of ${known.join(', ')} is expected`)
}

function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
}

/**
 * What stands for all that is told together, and left alone together. One owner's wrong password, or a 429 meant for
 * one owner, holds up nobody else who is told at the same URL.
 */
function targetOf(user: string | null, given: string): string {
  const url = new URL(given)
  url.hash = ''
  return createHash('sha256')
    .update(JSON.stringify([user, url.href]))
    .digest('hex')
    .slice(0, 32)
}

function withoutPassword(given: string): string {
  const url = new URL(given)
  if (url.password !== '') url.password = HIDDEN
  return url.href
}

function shown(stored: StoredCallback): Callback {
  const { id, user, name, url, format, backends, createdAt, updatedAt, disabledAt, disabledReason } = stored
  return {
    ...{ id, user, name, url: withoutPassword(url), format, backends, disabledReason },
    ...{ createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) },
    disabledAt: disabledAt === null ? null : new Date(disabledAt),
  }
}

function toDead(delivery: CallbackDelivery): DeadCallback {
  const { id, seq, callback, name, at, messageId, backend, identity, state, tries, status, failure, deadAt } = delivery
  return {
    ...{ id, seq, callback, name, messageId, backend, identity, state, tries, status, failure },
    ...{ at: new Date(at), deadAt: new Date(deadAt ?? at) },
  }
}
