import type { Clock } from '../messages/clock.ts'
import { errorText, InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Fields } from '../messages/incoming.ts'
import { canonicalJson } from '../messages/plain-json.ts'
import type { Signals } from '../queue/signals.ts'
import type { BroadcastFault, BroadcastRow, BroadcastState } from '../store/broadcast-store.ts'
import type { Store } from '../store/store.ts'
import {
  type Broadcast,
  type BroadcastProgress,
  type BroadcastRecipients,
  type BroadcastRequest,
  keptRequest,
  sendRequestOf,
  toBroadcast,
} from './broadcast-request.ts'
import { BROADCASTS_CHANNEL, BROADCASTS_LANE } from './broadcast-runner.ts'
import type { BroadcastSource } from './broadcast-source.ts'
import { type BroadcastTaking, TAKING_LEASE_MS } from './broadcast-taking.ts'
import { filledIn } from './broadcast-text.ts'
import { IdempotencyMismatchError } from './errors.ts'
import { checkRequest, refuseExpired } from './send-checks.ts'
import type { TemplateEngine } from './template-engine.ts'
import type { Templates } from './templates.ts'

export interface BroadcastsParts {
  /** Fills in what a text leaves open. */
  readonly texts: TemplateEngine
  readonly store: Pick<Store, 'broadcasts' | 'nudge'>
  readonly source: BroadcastSource
  readonly taking: BroadcastTaking
  readonly templates: Templates
  readonly signals: Signals
  readonly clock: Clock
  readonly newId: NewId
}

const MOST_LISTED = 1_000

/** Sends one text, or one template, to very many people. */
export class Broadcasts {
  readonly #parts: BroadcastsParts

  constructor(parts: BroadcastsParts) {
    this.#parts = parts
  }

  /** See `Router.broadcast`. */
  async start(recipients: BroadcastRecipients, request: BroadcastRequest): Promise<Broadcast> {
    const { store, source, taking, templates, newId } = this.#parts
    const { name, rate, cap, strict = false, ...send } = request
    checkRequest({ ...send, to: [] })
    const kept = keptRequest(request)
    const iterator = source.read(recipients)
    source.checkBackend(request.backend)
    if (request.template !== undefined && !(await templates.needed(request.template.slug)).active)
      throw new InvalidInputError(`template: "${request.template.slug}" is not active`)
    const id = newId()
    const holder = newId()
    const { row, isNew } = await this.#created(request, { id, holder, request: { ...kept } })
    if (!isNew) return toBroadcast(row)
    await this.#refuseOver(request, id)
    const check = (params: Fields | null) => void filledIn(this.#parts.texts, sendRequestOf(kept), params)
    await taking.take(iterator, { id, holder, backend: request.backend, strict, ...(strict ? { check } : {}) })
    await this.#tell()
    return toBroadcast((await store.broadcasts.find(id)) ?? row)
  }

  /** @returns undefined when there is no such broadcast */
  async find(id: string): Promise<BroadcastProgress | undefined> {
    const { broadcasts } = this.#parts.store
    const row = await broadcasts.find(id)
    if (row === undefined) return undefined
    const counts = await broadcasts.states(id)
    return {
      ...toBroadcast(row),
      waiting: counts.WAITING ?? 0,
      sending: counts.SENDING ?? 0,
      sent: counts.SENT ?? 0,
      delivered: counts.DELIVERED ?? 0,
      failed: counts.ERROR ?? 0,
      unknown: counts.UNKNOWN ?? 0,
      cancelled: counts.CANCELLED ?? 0,
      debug: counts.DEBUG ?? 0,
    }
  }

  /**
   * The newest first.
   * @param query `limit` at the most 1,000; `before` is the id of the last one of the page before
   */
  async list({
    limit = 100,
    before,
  }: {
    readonly limit?: number
    readonly before?: string
  } = {}): Promise<readonly Broadcast[]> {
    const most = Math.max(0, Math.min(MOST_LISTED, Math.trunc(limit)))
    const query = { limit: most, ...(before === undefined ? {} : { before }) }
    return (await this.#parts.store.broadcasts.list(query)).map(toBroadcast)
  }

  /** Which recipients got no message, and why: the first thousand, by where they stand in their source. */
  faults(id: string): Promise<readonly BroadcastFault[]> {
    return this.#parts.store.broadcasts.faults(id, { after: 0, limit: MOST_LISTED })
  }

  /**
   * Makes no more messages, and holds back those that no service was given yet.
   * @throws InvalidInputError when there is no such broadcast, or it is not running
   */
  pause(id: string): Promise<Broadcast> {
    return this.#change(id, ['RUNNING'], 'PAUSED')
  }

  /** @throws InvalidInputError when there is no such broadcast, or it is not paused */
  resume(id: string): Promise<Broadcast> {
    return this.#change(id, ['PAUSED'], 'RUNNING')
  }

  /**
   * Makes no more messages, and cancels those that no service was given yet: soon, not at once.
   * @throws InvalidInputError when there is no such broadcast, or it has ended
   */
  cancel(id: string): Promise<Broadcast> {
    return this.#change(id, ['TAKING', 'RUNNING', 'PAUSED', 'CANCELLING'], 'CANCELLING')
  }

  async #change(id: string, from: readonly BroadcastState[], to: BroadcastState): Promise<Broadcast> {
    const { store, clock } = this.#parts
    const isChanged = await store.broadcasts.change({ id, from, to, at: clock.now() })
    const row = await store.broadcasts.find(id)
    if (row === undefined) throw new InvalidInputError(`There is no broadcast ${id}.`)
    if (!isChanged && row.state !== to) {
      throw new InvalidInputError(`The broadcast ${id} is ${row.state}; ${to} needs it to be ${from.join(' or ')}.`)
    }
    await this.#tell()
    return toBroadcast(row)
  }

  /** The one that has the key already, or a new one. One whose taking-in broke off gives its key up. */
  async #created(
    { name, tag, idempotencyKey, at }: BroadcastRequest,
    {
      id,
      holder,
      request,
    }: { readonly id: string; readonly holder: string; readonly request: BroadcastRow['request'] },
  ): Promise<{ readonly row: BroadcastRow; readonly isNew: boolean }> {
    const { store, clock } = this.#parts
    const now = clock.now()
    const times = { startAt: at?.getTime() ?? 0, createdAt: now, heldUntil: now + TAKING_LEASE_MS }
    const named = { name: name ?? null, tag: tag ?? null, key: idempotencyKey ?? null }
    const broadcast = { id, ...named, request, holder, ...times }
    const created = await store.broadcasts.create(broadcast)
    const { row, isNew } = created
    if (isNew) return created
    if (canonicalJson(row.request) !== canonicalJson(JSON.parse(JSON.stringify(request)))) {
      throw new IdempotencyMismatchError(`idempotencyKey: it was used for another broadcast, ${row.id}`)
    }
    if (row.state !== 'TAKING' || row.heldUntil >= now) return created
    const reason = 'its taking-in broke off, and was begun anew'
    await store.broadcasts.change({ id: row.id, from: ['TAKING'], to: 'FAILED', reason, heldBefore: now, at: now })
    return store.broadcasts.create(broadcast)
  }

  /** Known only when it is begun: a repeat under its key is given the first one, however late it comes. */
  async #refuseOver(request: BroadcastRequest, id: string): Promise<void> {
    const { store, clock } = this.#parts
    try {
      refuseExpired(request, clock.now())
    } catch (error) {
      const end = { id, from: ['TAKING'], to: 'FAILED', reason: errorText(error), at: clock.now() } as const
      await store.broadcasts.change(end)
      throw error
    }
  }

  /** Nothing depends on it: whoever runs broadcasts looks by himself, a minute later. */
  async #tell(): Promise<void> {
    const { signals, store } = this.#parts
    await Promise.allSettled([signals.publish(BROADCASTS_CHANNEL, null), store.nudge([BROADCASTS_LANE])])
  }
}
