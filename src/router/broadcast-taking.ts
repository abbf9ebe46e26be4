import { type Clock, sleep } from '../messages/clock.ts'
import { errorText } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Fields } from '../messages/incoming.ts'
import type { Logger } from '../messages/logger.ts'
import type { BroadcastFault, NewRecipient } from '../store/broadcast-store.ts'
import type { Store } from '../store/store.ts'
import type { BroadcastTo } from './broadcast-request.ts'
import { type BroadcastSource, type GivenRecipient, LONGEST_ERROR, type ResolvedRecipient } from './broadcast-source.ts'
import { NotRunningError } from './errors.ts'

export interface BroadcastTakingParts {
  readonly store: Pick<Store, 'broadcasts'>
  readonly source: BroadcastSource
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  /** Aborted when the process stops waiting for what is in hand. */
  readonly stopping: () => AbortSignal
}

/** A taking-in of recipients by this process. */
export interface Taker {
  readonly id: string
  readonly holder: string
  /** For numbers. */
  readonly backend: string | undefined
  readonly strict: boolean
  /** Where a single fault fails the broadcast: throws for values that its text cannot be made of. */
  readonly check?: (params: Fields | null) => void
}

/** How long nobody may say that a taking-in broke off, since somebody was last heard of. */
export const TAKING_LEASE_MS = 30_000
const BEAT_MS = 10_000
const BATCH = 500

type Source = Iterator<BroadcastTo> | AsyncIterator<BroadcastTo>

/** Takes the recipients of a broadcast into the store, a bounded number at a time. */
export class BroadcastTaking {
  readonly #parts: BroadcastTakingParts

  constructor(parts: BroadcastTakingParts) {
    this.#parts = parts
  }

  /**
   * Reads the source to its end; only then may anything be sent.
   * @throws whatever the source throws; NotRunningError when the process stops first. The broadcast is FAILED then
   */
  async take(source: Source, taker: Taker): Promise<void> {
    const ended = new AbortController()
    const beating = this.#beat(taker, ended.signal)
    try {
      await this.#takeAll(source, taker)
    } catch (error) {
      await this.#end(taker, `its recipients could not be taken in: ${errorText(error)}`)
      throw error
    } finally {
      ended.abort()
      await beating
    }
    await this.#finish(taker)
  }

  async #takeAll(source: Source, taker: Taker): Promise<void> {
    const stopping = this.#parts.stopping()
    let batch: GivenRecipient[] = []
    let last = 0
    const add = async (given: BroadcastTo) => {
      last = positionOf(given, last)
      batch.push({ position: last, to: given })
      if (batch.length < BATCH) return
      await this.#store(batch, taker)
      batch = []
    }
    try {
      for (;;) {
        const next = await nextOf(source, stopping)
        if (next.done === true) break
        const group = groupOf(next.value)
        if (group === undefined) await add(next.value)
        else for await (const member of this.#parts.source.members({ group })) await add(member)
      }
    } catch (error) {
      // What it stands on may be closed; one that hangs is not waited for.
      void Promise.resolve(source.return?.()).catch(() => {})
      throw error
    }
    await this.#store(batch, taker)
  }

  async #store(batch: readonly GivenRecipient[], taker: Taker): Promise<void> {
    const { source, store } = this.#parts
    if (this.#parts.stopping().aborted) throw stopped()
    const resolved = await Promise.all(batch.map((given) => source.resolved(given, taker.backend)))
    const recipients: NewRecipient[] = []
    const faults: BroadcastFault[] = []
    for (const one of resolved.map((each) => checkedBy(taker, each))) {
      if ('fault' in one) faults.push(one.fault)
      else recipients.push(one.recipient)
    }
    await store.broadcasts.take({ id: taker.id, holder: taker.holder, heldUntil: this.#leaseEnd(), recipients, faults })
  }

  /** The source may take its time: while this process lives, nobody says that the taking-in broke off. */
  async #beat({ id, holder }: Taker, ended: AbortSignal): Promise<void> {
    const { clock, store, logger } = this.#parts
    while (!ended.aborted) {
      await sleep(clock, BEAT_MS, ended)
      if (ended.aborted) return
      try {
        await store.broadcasts.take({ id, holder, heldUntil: this.#leaseEnd(), recipients: [], faults: [] })
      } catch (err) {
        logger.warn({ broadcast: id, err }, 'it could not be noted that recipients are still taken in')
      }
    }
  }

  async #finish(taker: Taker): Promise<void> {
    const { store, clock } = this.#parts
    const { id, holder, strict } = taker
    const row = await store.broadcasts.find(id)
    if (row === undefined) return
    if (row.recipients === 0)
      return this.#end(taker, row.faults === 0 ? 'it has no recipients' : 'none of its recipients is good')
    if (strict && row.faults > 0) return this.#end(taker, `${row.faults} of its recipients cannot be taken in`)
    await store.broadcasts.change({ id, from: ['TAKING'], to: 'RUNNING', holder, at: clock.now() })
  }

  async #end({ id, holder }: Taker, reason: string): Promise<void> {
    const { store, clock, logger } = this.#parts
    try {
      await store.broadcasts.change({ id, from: ['TAKING'], to: 'FAILED', reason, holder, at: clock.now() })
    } catch (err) {
      // When its lease is over, whoever runs broadcasts says so.
      logger.warn({ broadcast: id, err }, 'a broadcast whose recipients could not be taken in could not be marked')
    }
  }

  #leaseEnd(): number {
    return this.#parts.clock.now() + TAKING_LEASE_MS
  }
}

function checkedBy({ check }: Taker, resolved: ResolvedRecipient): ResolvedRecipient {
  if ('fault' in resolved) return resolved
  const { position, params } = resolved.recipient
  try {
    check?.(params)
    return resolved
  } catch (error) {
    return { fault: { position, error: errorText(error).slice(0, LONGEST_ERROR) } }
  }
}

function groupOf(given: BroadcastTo): string | undefined {
  const isGroup = typeof given === 'object' && given !== null && 'group' in given && !('to' in given)
  return isGroup && typeof given.group === 'string' ? given.group : undefined
}

/** As it says, where it goes forward; else the next one. */
function positionOf(given: unknown, last: number): number {
  if (typeof given !== 'object' || given === null || !('position' in given)) return last + 1
  const { position } = given
  return typeof position === 'number' && Number.isSafeInteger(position) && position > last ? position : last + 1
}

/** @throws NotRunningError when the process stops before the source gives its next one */
async function nextOf(source: Source, stopping: AbortSignal): Promise<IteratorResult<BroadcastTo>> {
  const next = source.next()
  if (!(next instanceof Promise)) return next
  if (stopping.aborted) throw stopped()
  return new Promise((resolve, reject) => {
    const stop = () => reject(stopped())
    stopping.addEventListener('abort', stop, { once: true })
    void next.then(resolve, reject).finally(() => stopping.removeEventListener('abort', stop))
  })
}

function stopped(): NotRunningError {
  return new NotRunningError('Stopped before all recipients of the broadcast were taken in.')
}
